"""The rows of the database that a record of the walk becomes: plain data, to be sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..lifecycle_walk import LifecycleRecord
    from ..models.lifecycle import LifecycleExecutionResource

#: A row, with its values in the order of the table's columns.
Row = tuple[str | int | None, ...]


class Rows(NamedTuple):
    """The rows of each table; ``records`` is the number of records that they are made of."""

    policies: list[Row]
    executions: list[Row]
    resources: list[Row]
    snapshots: list[Row]
    records: int


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
                arn = record.policy.arn or ""
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
                state = snapshot.state
                values = (None, None) if state is None else (_text(state.status), state.reason)
                self._snapshots.append((*key, snapshot.snapshot_id or "", *values))

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
    if time is None:
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
    return (arn, account, region, policy.name or arn.rpartition("/")[2], status, resource_type)


def _execution_row(record: LifecycleRecord, execution_id: str, arn: str) -> Row:
    execution, state = record.execution, record.execution.state
    summary = execution.resources_impacted_summary
    impacted = None if summary is None else summary.has_impacted_resources
    return (
        execution_id,
        *location_of(arn),
        arn,
        None if state is None else _text(state.status),
        None if state is None else state.reason,
        None if impacted is None else int(impacted),
        format_time(execution.start_time),
        format_time(execution.end_time),
    )


def _resource_values(resource: LifecycleExecutionResource) -> Row:
    state, action = resource.state, resource.action
    return (
        None if state is None else _text(state.status),
        None if state is None else state.reason,
        None if action is None else _text(action.name),
        None if action is None else action.reason,
        json.dumps(list(resource.image_uris)) if resource.image_uris else None,
        format_time(resource.start_time),
        format_time(resource.end_time),
    )


def location_of(arn: str) -> tuple[str, str]:
    """Return the account and the region of an ARN, "" for what it has not."""
    _, _, _, region, account, *_ = *arn.split(":", 5), "", "", "", "", ""
    return account, region


def _text(value: str | None) -> str | None:
    # An enum's member, of whatever class it is, as its value.
    return None if value is None else str(value)
