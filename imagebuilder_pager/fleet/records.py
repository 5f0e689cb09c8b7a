"""The items of a page as rows of the database: plain data, to be sent anywhere.

A value of a wrong type, which ``on_invalid_response="warn"`` lets through, is NULL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..lifecycle_walk.records import has_ended, location_of
from ..models.shapes import Shape
from .schema import format_time

if TYPE_CHECKING:
    from ..models.lifecycle import LifecycleExecutionResource
    from ..models.lifecycle_executions import LifecycleExecution
    from ..models.lifecycle_policies import LifecyclePolicySummary

#: A row, with its values in the order of the table's columns.
Row = tuple[str | int | None, ...]


class ExecutionRow(NamedTuple):
    """The row of an execution, and two facts that decide about its listing."""

    execution_id: str
    values: Row
    has_ended: bool
    has_no_resources: bool


@dataclass(slots=True)
class Rows:
    """The rows of a listing, of each table."""

    policies: list[Row] = field(default_factory=list)
    executions: list[ExecutionRow] = field(default_factory=list)
    resources: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        """Add the rows of another part."""
        self.policies.extend(rows.policies)
        self.executions.extend(rows.executions)
        self.resources.extend(rows.resources)
        self.snapshots.extend(rows.snapshots)

    def add_policies(self, policies: Iterable[LifecyclePolicySummary | None]) -> None:
        """Add the policies of a page that have an ARN."""
        for policy in policies:
            if isinstance(policy, Shape) and (arn := _text(policy.arn)):
                name = _text(policy.name) or arn.rpartition("/")[2]
                kind = _texts(policy, "status", "resource_type")
                self.policies.append((arn, *location_of(arn), name, *kind))

    def add_executions(
        self, executions: Iterable[LifecycleExecution | None], policy_arn: str
    ) -> None:
        """Add executions that have an id."""
        for execution in executions:
            if not isinstance(execution, Shape):
                continue
            execution_id = _text(execution.lifecycle_execution_id)
            arn = policy_arn or _text(execution.lifecycle_policy_arn) or ""
            if not execution_id:
                continue
            summary = execution.resources_impacted_summary
            impacted = getattr(summary, "has_impacted_resources", None)
            values = (
                *location_of(arn),
                arn,
                *_texts(execution.state, "status", "reason"),
                int(impacted) if isinstance(impacted, bool) else None,
                format_time(execution.start_time),
                format_time(execution.end_time),
            )
            row = ExecutionRow(execution_id, values, has_ended(execution), impacted is False)
            self.executions.append(row)

    def add_resources(
        self,
        resources: Iterable[LifecycleExecutionResource | None],
        params: Mapping[str, str],
        policy_arn: str,
    ) -> None:
        """Add the resources of a page of the listing with these parameters."""
        account, region = location_of(policy_arn)
        listed = params["lifecycleExecutionId"], params.get("parentResourceId", "")
        for resource in resources:
            if not isinstance(resource, Shape):
                continue
            key = (
                *listed,
                _text(resource.resource_id) or "",
                _text(resource.account_id) or account,
                _text(resource.region) or region,
            )
            image_uris = [uri for uri in resource.image_uris if isinstance(uri, str)]
            values = (
                *_texts(resource.state, "status", "reason"),
                *_texts(resource.action, "name", "reason"),
                json.dumps(image_uris) if image_uris else None,
                format_time(resource.start_time),
                format_time(resource.end_time),
            )
            self.resources.append((*key, *values))
            for snapshot in resource.snapshots:
                if isinstance(snapshot, Shape):
                    snapshot_id = _text(snapshot.snapshot_id) or ""
                    values = _texts(snapshot.state, "status", "reason")
                    self.snapshots.append((*key, snapshot_id, *values))


#: The index of the status in a row of resources.
STATUS = 5


def _texts(structure: Any, *members: str) -> Row:
    """Return the members of a structure that are text, NULL for any other."""
    return tuple(_text(getattr(structure, member, None)) for member in members)


def _text(value: Any) -> str | None:
    # An enum's member becomes its value.
    return str(value) if isinstance(value, str) else None
