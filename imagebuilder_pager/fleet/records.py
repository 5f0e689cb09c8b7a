"""The rows of the database that the items of a page become: plain data, to be sent anywhere.

A value not of its member's type, which ``on_invalid_response="warn"`` lets through, is NULL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..lifecycle_walk.records import has_ended, location_of
from ..models.shapes import Shape, of_type
from .times import format_time

if TYPE_CHECKING:
    from ..models.lifecycle import (
        LifecycleExecutionResource,
        LifecycleExecutionResourceState,
        LifecycleExecutionState,
    )
    from ..models.lifecycle_executions import LifecycleExecution
    from ..models.lifecycle_policies import LifecyclePolicySummary

#: A row, with its values in the order of the table's columns.
Row = tuple[str | int | None, ...]

_NOTHING = (None, None)


class ExecutionRow(NamedTuple):
    """The row of an execution, and what decides about its listing."""

    execution_id: str
    values: Row
    has_ended: bool
    has_no_resources: bool


class Rows(NamedTuple):
    """The rows of a listing, of each table."""

    policies: list[Row]
    executions: list[ExecutionRow]
    resources: list[Row]
    snapshots: list[Row]

    def add(self, rows: Rows) -> None:
        """Add the rows of another part."""
        self.policies.extend(rows.policies)
        self.executions.extend(rows.executions)
        self.resources.extend(rows.resources)
        self.snapshots.extend(rows.snapshots)

    def add_policies(self, policies: Iterable[LifecyclePolicySummary | None]) -> None:
        """Add the policies of a page; one without an ARN cannot be asked for, and is left out."""
        for policy in policies:
            if isinstance(policy, Shape) and (arn := of_type(policy.arn, str)):
                name = _text(policy.name) or arn.rpartition("/")[2]
                kind = _text(policy.status), _text(policy.resource_type)
                self.policies.append((arn, *location_of(arn), name, *kind))

    def add_executions(
        self, executions: Iterable[LifecycleExecution | None], policy_arn: str
    ) -> None:
        """Add executions; one without an id cannot be asked for, and is left out."""
        for execution in executions:
            if not isinstance(execution, Shape):
                continue
            execution_id = of_type(execution.lifecycle_execution_id, str)
            arn = policy_arn or _text(execution.lifecycle_policy_arn) or ""
            if not execution_id:
                continue
            summary = execution.resources_impacted_summary
            impacted = summary.has_impacted_resources if isinstance(summary, Shape) else None
            values = (
                *location_of(arn),
                arn,
                *_state_values(execution.state),
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
                of_type(resource.resource_id, str) or "",
                of_type(resource.account_id, str) or account,
                of_type(resource.region, str) or region,
            )
            self.resources.append((*key, *_resource_values(resource)))
            for snapshot in resource.snapshots:
                if isinstance(snapshot, Shape):
                    snapshot_id = _text(snapshot.snapshot_id) or ""
                    self.snapshots.append((*key, snapshot_id, *_state_values(snapshot.state)))


#: The index of the status in a row of resources.
STATUS = 5


def empty_rows() -> Rows:
    """Return rows to add to."""
    return Rows([], [], [], [])


def _resource_values(resource: LifecycleExecutionResource) -> Row:
    action = resource.action
    image_uris = [uri for uri in resource.image_uris if isinstance(uri, str)]
    return (
        *_state_values(resource.state),
        *((_text(action.name), _text(action.reason)) if isinstance(action, Shape) else _NOTHING),
        json.dumps(image_uris) if image_uris else None,
        format_time(resource.start_time),
        format_time(resource.end_time),
    )


def _state_values(state: LifecycleExecutionState | LifecycleExecutionResourceState | None) -> Row:
    return (_text(state.status), _text(state.reason)) if isinstance(state, Shape) else _NOTHING


def _text(value: Any) -> str | None:
    # An enum's member, of whatever class it is, as its value.
    return str(value) if isinstance(value, str) else None
