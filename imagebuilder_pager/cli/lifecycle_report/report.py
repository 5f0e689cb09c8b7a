"""What a fleet's database says: its records one by one, and their counts.

Each function takes a :class:`Selection` and reads row by row, so that memory does not grow with the
number of records.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...fleet import FleetDatabase
from ...fleet.records import format_time

#: What the counts can be grouped by, as expressions of SQL. A week begins on its Monday.
GROUPINGS = {
    "week": "date(coalesce(e.end_time, e.start_time), 'weekday 0', '-6 days')",
    "policy": "coalesce(p.name, e.policy_arn)",
    "region": "e.region",
    "account": "e.account",
}

_EXECUTIONS = "executions AS e LEFT JOIN policies AS p USING (policy_arn)"
_RESOURCES = f"{_EXECUTIONS} JOIN resources AS r USING (execution_id)"


@dataclass(frozen=True, slots=True)
class Selection:
    """The executions of a report.

    ``policies``: ARNs or names of policies, () for all. ``since`` and ``until``: bounds of the
    times at which executions ended, as those of the walk; one that has not ended is left out only
    if it started at ``until`` or later.
    """

    policies: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition in SQL, and its parameters."""
        conditions, parameters = ["1"], list[Any]()
        if self.policies:
            marks = ", ".join("?" * len(self.policies))
            conditions.append(f"(e.policy_arn IN ({marks}) OR p.name IN ({marks}))")
            parameters += [*self.policies, *self.policies]
        if self.since is not None:
            conditions.append("(e.end_time IS NULL OR e.end_time >= ?)")
            parameters.append(format_time(self.since))
        if self.until is not None:
            conditions.append("coalesce(e.end_time, e.start_time, '') < ?")
            parameters.append(format_time(self.until))
        return " AND ".join(conditions), parameters


def iter_records(database: FleetDatabase, selection: Selection) -> Iterator[dict[str, Any]]:
    """Yield a dictionary for each resource, and for each execution without any.

    The order is that of accounts, regions and policies, of executions from the newest on, and of
    images, each followed by what was made from it.
    """
    condition, parameters = selection.where()
    rows = database.query(
        "SELECT e.account, e.region, e.policy_arn, p.name AS policy, e.execution_id,"  # noqa: S608 - parts of this file
        " e.status AS execution_status, e.reason AS execution_reason,"
        " e.start_time AS execution_start_time, e.end_time AS execution_end_time,"
        " r.parent_id, r.resource_id, r.account AS resource_account,"
        " r.region AS resource_region, r.status, r.reason, r.action, r.action_reason,"
        " r.image_uris, r.start_time, r.end_time, ("
        "  SELECT json_group_array(json_object('snapshot_id', s.snapshot_id, 'status', s.status,"
        "   'reason', s.reason)) FROM snapshots AS s WHERE s.execution_id = r.execution_id"
        "   AND s.parent_id = r.parent_id AND s.resource_id = r.resource_id"
        "   AND s.account = r.account AND s.region = r.region) AS snapshots "
        f"FROM {_EXECUTIONS} LEFT JOIN resources AS r USING (execution_id) WHERE {condition} "
        "ORDER BY e.account, e.region, policy, e.start_time DESC, e.execution_id,"
        " CASE r.parent_id WHEN '' THEN r.resource_id ELSE r.parent_id END,"
        " r.parent_id <> '', r.resource_id",
        parameters,
    )
    for row in rows:
        record = dict(row)
        for name in ("image_uris", "snapshots"):
            record[name] = json.loads(record[name] or "[]")
        record["parent_id"] = record["parent_id"] or None
        yield record


def count_by(
    database: FleetDatabase, selection: Selection, grouping: str
) -> list[tuple[str, int, dict[str, int]]]:
    """Return, for each group, the number of executions, and that of resources by their status.

    ``grouping`` is a key of :data:`GROUPINGS`.
    """
    condition, parameters = selection.where()
    group = GROUPINGS[grouping]
    executions = database.query(
        f"SELECT {group}, count(*) FROM {_EXECUTIONS} WHERE {condition} GROUP BY 1 ORDER BY 1",  # noqa: S608 - parts of this file
        parameters,
    )
    counts = {(name or "-"): (number, dict[str, int]()) for name, number in executions}
    resources = database.query(
        f"SELECT {group}, coalesce(r.status, '-'), count(*) FROM {_RESOURCES} WHERE {condition} "  # noqa: S608 - parts of this file
        "GROUP BY 1, 2",
        parameters,
    )
    for name, status, number in resources:
        counts[name or "-"][1][status] = number
    return [(name, number, statuses) for name, (number, statuses) in counts.items()]


def reasons(
    database: FleetDatabase, selection: Selection, status: str = "FAILED"
) -> Iterator[sqlite3.Row]:
    """Return each reason of resources with this status: ``reason, number, example, executions``.

    The most frequent one comes first.
    """
    condition, parameters = selection.where()
    return database.query(
        "SELECT r.reason, count(*) AS number, min(r.resource_id) AS example,"  # noqa: S608 - parts of this file
        " count(DISTINCT r.execution_id) AS executions "
        f"FROM {_RESOURCES} WHERE r.status = ? AND {condition} "
        "GROUP BY r.reason ORDER BY number DESC, r.reason",
        [status, *parameters],
    )


def executions_with(
    database: FleetDatabase, selection: Selection, statuses: Sequence[str]
) -> Iterator[sqlite3.Row]:
    """Return the executions with one of these statuses, the newest first."""
    condition, parameters = selection.where()
    return database.query(
        "SELECT e.*, coalesce(p.name, e.policy_arn) AS policy "  # noqa: S608 - parts of this file
        f"FROM {_EXECUTIONS} WHERE e.status IN ({', '.join('?' * len(statuses))}) "
        f"AND {condition} ORDER BY e.start_time DESC, e.execution_id",
        [*statuses, *parameters],
    )


def failed_targets(database: FleetDatabase) -> Iterator[sqlite3.Row]:
    """Return the targets that are not complete, with their errors."""
    return database.query(
        "SELECT account, region, state, error_type, error FROM targets WHERE state <> 'complete' "
        "ORDER BY account, region"
    )
