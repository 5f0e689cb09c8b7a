"""The rows of the database that a record of the walk becomes: plain data, to be sent anywhere.

A value not of its member's type, which ``on_invalid_response="warn"`` lets through, is NULL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ..models.shapes import Shape, of_type

if TYPE_CHECKING:
    from ..lifecycle_walk import LifecycleRecord
    from ..models.lifecycle import (
        LifecycleExecutionResource,
        LifecycleExecutionResourceState,
        LifecycleExecutionState,
    )

#: A row, with its values in the order of the table's columns.
Row = tuple[str | int | None, ...]


class Rows(NamedTuple):
    """The rows of each table; ``records`` is the number of records that they are made of."""

    policies: list[Row]
    executions: list[Row]
    resources: list[Row]
    snapshots: list[Row]
    records: int


NOTHING = (None, None)
NO_ROWS = Rows([], [], [], [], 0)


class RowCollector:
    """The rows of records that come page by page."""

    def __init__(self) -> None:
        self._policies: dict[str, Row] = {}
        self._executions: dict[str, Row] = {}
        self._resources: list[Row] = []
        self._snapshots: list[Row] = []
        self._count = 0

    def add(self, records: Iterable[LifecycleRecord]) -> None:
        """Add the rows of the records."""
        for record in records:
            self._count += 1
            account, region, key_id, parent_id, resource_id = record.key
            execution_id = key_id or ""
            # Each record repeats its policy and its execution.
            if execution_id not in self._executions:
                arn = of_type(record.policy.arn, str) or ""
                if arn not in self._policies:
                    self._policies[arn] = _policy_row(record, arn)
                self._executions[execution_id] = _execution_row(record, execution_id, arn)
            resource = record.resource
            if resource is None:
                continue
            place = (account or "", region or "")
            key = (execution_id, parent_id or "", resource_id or "", *place)
            self._resources.append((*key, *_resource_values(resource)))
            for snapshot in resource.snapshots:
                if isinstance(snapshot, Shape):
                    snapshot_id = _text(snapshot.snapshot_id) or ""
                    self._snapshots.append((*key, snapshot_id, *_state_values(snapshot.state)))

    def rows(self) -> Rows:
        """Return the rows of all records."""
        return Rows(
            [*self._policies.values()],
            [*self._executions.values()],
            self._resources,
            self._snapshots,
            self._count,
        )


def format_time(time: datetime | None) -> str | None:
    """Return a time as the database has it: UTC, to the millisecond."""
    if not isinstance(time, datetime):
        return None
    # A time of the service is in UTC already; strftime would take ten times as long.
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"


def parse_time(text: str | None) -> datetime | None:
    """Return the time of a text that :func:`format_time` has made."""
    return None if text is None else datetime.fromisoformat(text)


def _policy_row(record: LifecycleRecord, arn: str) -> Row:
    policy = record.policy
    account, region = location_of(arn)
    status, resource_type = _text(policy.status), _text(policy.resource_type)
    name = _text(policy.name) or arn.rpartition("/")[2]
    return (arn, account, region, name, status, resource_type)


def _execution_row(record: LifecycleRecord, execution_id: str, arn: str) -> Row:
    execution = record.execution
    summary = execution.resources_impacted_summary
    impacted = summary.has_impacted_resources if isinstance(summary, Shape) else None
    return (
        execution_id,
        *location_of(arn),
        arn,
        *_state_values(execution.state),
        int(impacted) if isinstance(impacted, bool) else None,
        format_time(execution.start_time),
        format_time(execution.end_time),
    )


def _resource_values(resource: LifecycleExecutionResource) -> Row:
    action = resource.action
    image_uris = [uri for uri in resource.image_uris if isinstance(uri, str)]
    return (
        *_state_values(resource.state),
        *((_text(action.name), _text(action.reason)) if isinstance(action, Shape) else NOTHING),
        json.dumps(image_uris) if image_uris else None,
        format_time(resource.start_time),
        format_time(resource.end_time),
    )


def _state_values(
    state: LifecycleExecutionState | LifecycleExecutionResourceState | None,
) -> Row:
    return (_text(state.status), _text(state.reason)) if isinstance(state, Shape) else NOTHING


def location_of(arn: str) -> tuple[str, str]:
    """Return the account and the region of an ARN, "" for what it has not."""
    _, _, _, region, account, *_ = *arn.split(":", 5), "", "", "", "", ""
    return account, region


def _text(value: str | None) -> str | None:
    # An enum's member, of whatever class it is, as its value.
    return str(value) if isinstance(value, str) else None
