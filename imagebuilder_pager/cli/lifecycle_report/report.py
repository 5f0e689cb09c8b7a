"""The summary of a fleet's database: one dictionary, which all outputs that count show.

SQLite counts the records, so that memory does not grow with their number.
"""

# ruff: noqa: S608 - the SQL is put together of parts of this package
from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ...fleet import FleetDatabase
from ...fleet.schema import format_time
from ..rich_formats.describe import count_of, short_reason
from .selection import ACCOUNT, EXECUTIONS, OF_RESOURCE, POLICY, Selection

#: The groupings of the counts, as expressions of SQL. A week begins on its Monday.
GROUPINGS = {
    "week": "date(coalesce(e.end_time, e.start_time), 'weekday 0', '-6 days')",
    "policy": POLICY,
    "region": "e.region",
    "account": ACCOUNT,
}
STATES = ("failed", "unfinished", "successful", "other")
#: The parts of a selection that leave out no changes, and no policies that have stopped.
OF_ONE_TIME = {"since", "until", "statuses", "actions", "reasons"}
FORMER = "Not in the newest run, but in the database"
NOT_OF_ONE_TIME = "Changes and policies that have stopped are of all times and statuses."
#: The kinds of failures; each reason and each of its places has the number of each kind.
FAILED_KINDS = ("executions", "images", "children", "snapshots")
#: Maximum reasons, places of each, and unfinished executions in a summary.
MAX_ROWS = 100

_STATE = (
    "CASE e.status WHEN 'FAILED' THEN 'failed' WHEN 'SUCCESS' THEN 'successful'"
    " WHEN 'CANCELLED' THEN 'other' WHEN 'UNKNOWN' THEN 'other' ELSE 'unfinished' END"
)
_HAS_FAILED = (
    "(e.status = 'FAILED' OR EXISTS (SELECT * FROM resources AS r"
    " WHERE r.execution_id = e.execution_id AND r.status = 'FAILED')"
    " OR EXISTS (SELECT * FROM snapshots AS s"
    " WHERE s.execution_id = e.execution_id AND s.status = 'FAILED'))"
)
#: The time by which an execution and its failures are the newest.
_TIME = "coalesce(e.end_time, e.start_time, '')"
_PLACE = f"{ACCOUNT} AS account, e.region, e.policy_arn, {POLICY} AS policy, e.execution_id"

Summary = dict[str, Any]


def summarize(
    database: FleetDatabase,
    selection: Selection,
    *,
    now: datetime | None = None,
    stale_after: timedelta = timedelta(days=1),
) -> Summary:
    """Return a summary of the database, as plain data for ``json``; see docs/fleet-report.md.

    - ``now``: the time to compare with. Default: that of this machine.
    - ``stale_after``: the age from which on a target is stale, and an unfinished execution is long.
      Default: a day.
    """
    now = now or datetime.now(UTC)
    summary: Summary = {
        "version": 1,
        "selection": selection.to_dict(),
    }
    summary |= _coverage(database, selection, format_time(now - stale_after) or "")
    summary |= _count(database, selection)
    summary |= _failures(database, selection)
    summary["changes"] = _changes(database, selection.of_all_times())
    summary["stopped_policies"] = _stopped_policies(database, selection.of_all_times())
    summary |= _unfinished(database, selection, stale_after / timedelta(days=1))
    return summary


def _coverage(database: FleetDatabase, selection: Selection, stale_before: str) -> Summary:
    run: Any = next(_rows(database, "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1"), None)
    if run is not None:
        run["children"] = bool(run["children"])
        run["policies"] = json.loads(run["policies"] or "null")
        run["is_under_way"] = run["ended"] is None and database.is_in_use
    targets: list[Summary] = []
    former: list[Summary] = []
    for target in _rows(
        database,
        "SELECT account, region, state, complete_since, complete_until, updated, error_type, error,"
        f" last_run FROM targets AS t WHERE {selection.of_targets} ORDER BY account, region",
        selection.parameters,
    ):
        is_current = run is not None and target["last_run"] == run["run_id"]
        del target["last_run"]
        (targets if is_current else former).append(target)
        if target["state"] == "running" and not (is_current and run["is_under_way"]):
            target["state"] = "stopped"
        if target["state"] == "complete" and is_current and run["policies"] is not None:
            until = min(run["started"], run["until"] or run["started"])
            target |= {"complete_since": run["since"], "complete_until": until}
    states = ("failed", "incomplete", "stopped", "running", "complete")
    targets.sort(key=lambda target: states.index(target["state"]))
    complete = [target for target in targets if target["state"] == "complete"]
    others = [target for target in targets if target["state"] != "complete"]
    gaps = [target for target in others if target["complete_until"]]
    coverage = {
        "run": run,
        "states": {state: sum(target["state"] == state for target in targets) for state in states},
        "complete_since": max((t["complete_since"] or "" for t in complete), default="") or None,
        "complete_until": min((t["complete_until"] for t in complete), default=None),
        "oldest_gap": min(gaps, key=lambda target: str(target["complete_until"]), default=None),
        "never_listed": [f"{t['account']}/{t['region']}" for t in others if t not in gaps],
        "stale": sum((target["complete_until"] or "") < stale_before for target in targets),
    }
    return {"coverage": coverage, "targets": targets, "former_targets": former}


def _new_counts() -> dict[str, dict[str, int]]:
    return {"executions": dict.fromkeys(STATES, 0), "images": {}, "children": {}}


def _count(database: FleetDatabase, selection: Selection) -> Summary:
    """Return the counts; those of the finest groups, by SQLite, are added up to all others."""
    counts = _new_counts()
    groups: dict[str, dict[str, Summary]] = {grouping: {} for grouping in GROUPINGS}
    keys = ", ".join(GROUPINGS.values())
    for kind, state, source, condition in (
        ("'executions'", _STATE, EXECUTIONS, selection.where),
        (
            "CASE r.parent_id WHEN '' THEN 'images' ELSE 'children' END",
            "coalesce(r.status, 'UNKNOWN')",
            f"{EXECUTIONS} JOIN resources AS r ON r.execution_id = e.execution_id",
            f"{selection.of_executions} AND {selection.of_resources}",
        ),
    ):
        for *names, of, status, number in database.query(
            f"SELECT {keys}, {kind}, {state}, count(*) FROM {source} WHERE {condition} "
            "GROUP BY 1, 2, 3, 4, 5, 6",
            selection.parameters,
        ):
            entries = [
                group.setdefault(name or "-", {"name": name or "-", **_new_counts()})
                for group, name in zip(groups.values(), names, strict=True)
            ]
            for entry in (counts, *entries):
                entry[of][status] = entry[of].get(status, 0) + number
    snapshots = database.query(
        "SELECT coalesce(s.status, 'UNKNOWN'), count(*)"
        f" FROM {EXECUTIONS} JOIN resources AS r ON r.execution_id = e.execution_id"
        f" JOIN snapshots AS s ON {OF_RESOURCE} "
        f"WHERE {selection.of_executions} AND {selection.of_resources} GROUP BY 1",
        selection.parameters,
    )
    return {
        "counts": {**counts, "snapshots": dict(map(tuple, snapshots))},
        "groups": {
            grouping: [entries[name] for name in sorted(entries)]
            for grouping, entries in groups.items()
        },
    }


def _failed(selection: Selection) -> str:
    """Return the table ``failed`` in SQL: each failure, of any kind, with its execution."""
    columns = f"{_PLACE}, {_TIME} AS time, e.end_time"
    source = f"{EXECUTIONS} JOIN resources AS r ON r.execution_id = e.execution_id"
    chosen = f"{selection.of_executions} AND {selection.of_resources}"
    return (
        f"WITH failed AS (SELECT short_reason(e.reason) AS why, 'execution' AS kind, {columns},"
        f"  NULL AS resource_id FROM {EXECUTIONS} WHERE e.status = 'FAILED' AND {selection.where}"
        " UNION ALL SELECT short_reason(r.reason),"
        f"  CASE r.parent_id WHEN '' THEN 'image' ELSE 'child' END, {columns},"
        f"  r.resource_id FROM {source} WHERE r.status = 'FAILED' AND {chosen}"
        f" UNION ALL SELECT short_reason(s.reason), 'snapshot', {columns},"
        f"  s.snapshot_id FROM {source} JOIN snapshots AS s ON {OF_RESOURCE}"
        f"  WHERE s.status = 'FAILED' AND {chosen}) "
    )


def _failures(database: FleetDatabase, selection: Selection) -> Summary:
    database._connection.create_function("short_reason", 1, _shorten, deterministic=True)
    # The other columns beside a max() are those of the row that has it.
    rows = _rows(
        database,
        f"{_failed(selection)} SELECT why, account, region, sum(kind = 'execution') AS executions,"
        " sum(kind = 'image') AS images, sum(kind = 'child') AS children,"
        " sum(kind = 'snapshot') AS snapshots, max(time) AS time, policy, execution_id,"
        " resource_id FROM failed GROUP BY why, account, region ORDER BY why",
        selection.parameters,
    )
    reasons = itertools.groupby(rows, lambda row: row.pop("why"))
    failures, hidden = _most_frequent(_failure(reason, places) for reason, places in reasons)
    return {"failures": failures, "hidden_reasons": hidden}


def _failure(reason: str | None, places: Iterator[Summary]) -> Summary:
    failure: Summary = {"reason": reason, **dict.fromkeys(FAILED_KINDS, 0)}

    def added() -> Iterator[Summary]:
        for place in places:
            for kind in FAILED_KINDS:
                failure[kind] += place[kind]
            yield place

    failure["places"], failure["hidden_places"] = _most_frequent(added())
    return failure


def _most_frequent(failures: Iterator[Summary]) -> tuple[list[Summary], int]:
    """Return the most frequent ones, and how many there are beside them."""
    numbers = itertools.count()
    ranked = (
        (sum(one[kind] for kind in FAILED_KINDS), -number, one)
        for one, number in zip(failures, numbers, strict=False)
    )
    shown = [one for *_, one in heapq.nlargest(MAX_ROWS, ranked)]
    return shown, next(numbers) - len(shown)


def _shorten(reason: str | None) -> str | None:
    return short_reason(reason) if reason else None


def _changes(database: FleetDatabase, selection: Selection) -> Summary | None:
    before = next(
        _rows(
            database,
            "SELECT run_id, started FROM runs WHERE ended IS NOT NULL"
            " AND run_id < (SELECT max(run_id) FROM runs) ORDER BY run_id DESC LIMIT 1",
        ),
        None,
    )
    if before is None:
        return None
    parameters = {**selection.parameters, "before": before["run_id"]}
    new, ended = dict.fromkeys(STATES, 0), dict.fromkeys(STATES, 0)
    for is_new, state, number in database.query(
        f"SELECT e.first_run > :before, {_STATE}, count(*) FROM {EXECUTIONS} "
        f"WHERE e.status_run > :before AND {selection.where} GROUP BY 1, 2",
        parameters,
    ):
        if is_new:
            new[state] = number
        elif state != "unfinished":
            ended[state] = number
    # Of each policy the newest one that had ended by the run before, and the newest one now; the
    # other columns beside a max() are those of the row that has it. One that had not ended before,
    # or was not known, has not changed.
    changed = _rows(
        database,
        f"WITH newest AS (SELECT {_PLACE}, e.start_time, is_now, {_HAS_FAILED} AS has_failed,"
        "   e.reason, max(coalesce(e.start_time, '') || e.execution_id)"
        f"  FROM {EXECUTIONS} JOIN (SELECT 0 AS is_now UNION ALL SELECT 1)"
        "  ON is_now OR e.status_run <= :before"
        f"  WHERE e.status IN ('SUCCESS', 'FAILED') AND {selection.where}"
        "  GROUP BY e.policy_arn, is_now) "
        "SELECT account, region, policy_arn, policy, execution_id, start_time, reason, has_failed"
        " FROM (SELECT *, lag(has_failed) OVER (PARTITION BY policy_arn ORDER BY is_now) AS had"
        "  FROM newest) WHERE is_now AND had <> has_failed"
        " ORDER BY account, region, policy, policy_arn",
        parameters,
    )
    failing: list[Summary] = []
    recovered: list[Summary] = []
    for row in changed:
        (failing if row.pop("has_failed") else recovered).append(row)
    return {
        "since": before["started"],
        "new": new,
        "ended": ended,
        "failing": failing,
        "recovered": recovered,
    }


def _stopped_policies(database: FleetDatabase, selection: Selection) -> list[Summary]:
    """Return the policies of the newest run's targets that have run three times or more."""
    rows = _rows(
        database,
        f"WITH starts AS (SELECT {_PLACE}, e.start_time, t.complete_until, p.status,"
        "  p.last_run < t.last_run AS is_gone, julianday(e.start_time) - lag(julianday("
        "   e.start_time)) OVER (PARTITION BY e.policy_arn ORDER BY e.start_time) AS days"
        f"  FROM {EXECUTIONS} WHERE e.start_time IS NOT NULL AND {selection.where}"
        "  AND t.state = 'complete' AND t.last_run = (SELECT max(run_id) FROM runs)) "
        "SELECT account, region, policy_arn, policy, max(start_time) AS last_start,"
        " round(max(days), 4) AS interval_days,"
        " CASE WHEN is_gone THEN 'deleted' WHEN status = 'DISABLED' THEN 'disabled' END AS cause "
        "FROM starts GROUP BY policy_arn HAVING count(*) >= 3"
        " AND julianday(complete_until) - julianday(max(start_time)) > 2 * max(days) "
        "ORDER BY account, region, policy",
        selection.parameters,
    )
    return list(rows)


def _unfinished(database: FleetDatabase, selection: Selection, days: float) -> Summary:
    source = f"{EXECUTIONS} JOIN runs ON runs.run_id = e.last_run"
    condition = f"{_STATE} = 'unfinished' AND {selection.where}"
    is_long = "coalesce(julianday(runs.started) - julianday(e.start_time) > :days, 0)"
    parameters = {**selection.parameters, "days": days, "limit": MAX_ROWS}
    ((number, long),) = database.query(
        f"SELECT count(*), coalesce(sum({is_long}), 0) FROM {source} WHERE {condition}", parameters
    )
    executions = [
        {**dict(row), "is_long": bool(row["is_long"])}
        for row in database.query(
            f"SELECT {_PLACE}, e.status, e.reason, e.start_time, runs.started AS seen,"
            f" {is_long} AS is_long FROM {source} WHERE {condition} "
            "ORDER BY e.start_time, e.execution_id LIMIT :limit",
            parameters,
        )
    ]
    hidden = number - len(executions)
    return {"unfinished": executions, "hidden_unfinished": hidden, "long": long}


def _rows(
    database: FleetDatabase, sql: str, parameters: Mapping[str, Any] | None = None
) -> Iterator[Summary]:
    return map(dict, database.query(sql, parameters or {}))


def failed_executions(
    database: FleetDatabase, selection: Selection, summary: Summary, *, limit: int = 50
) -> dict[str | None, tuple[list[Summary], int]]:
    """Return the newest executions of each reason in a summary, and the number of older ones.

    Each is ``account, region, policy_arn, policy, execution_id, time, end_time, resources``:
    ``time`` is that of the end, or of the start if it has not ended; ``resources`` is the number of
    its resources and snapshots that failed with that reason, 0 if it is its own.

    - ``database``, ``selection``: those of the summary.
    - ``limit``: maximum executions of each reason. Default: 50.
    """
    rows = _rows(
        database,
        f"{_failed(selection)} SELECT why, account, region, policy_arn, policy, execution_id, time,"
        " end_time, sum(kind <> 'execution') AS resources"
        " FROM failed GROUP BY why, execution_id ORDER BY why, time DESC, execution_id",
        selection.parameters,
    )
    reasons = {failure["reason"] for failure in summary["failures"]}
    found: dict[str | None, tuple[list[Summary], int]] = {}
    for why, executions in itertools.groupby(rows, lambda row: row.pop("why")):
        if why in reasons:
            shown = list(itertools.islice(executions, limit))
            found[why] = shown, sum(1 for _ in executions)
    return found


# The common parts of the outputs for readers.


def minute_of(time: str | None, unknown: str = "") -> str:
    """Return a time to the minute."""
    return time[:16].replace("T", " ") if time else unknown


def coverage_notes(summary: Summary, never_listed: str) -> Iterator[str]:
    """Yield the gaps of the coverage; ``never_listed`` has the targets, or their number."""
    coverage = summary["coverage"]
    run, gap = coverage["run"], coverage["oldest_gap"]
    if gap is not None:
        place = f"{gap['account']}/{gap['region']}"
        yield f"Oldest gap: {place}, complete up to {minute_of(gap['complete_until'])}"
    if coverage["never_listed"]:
        yield f"Never listed completely: {never_listed}"
    if run["policies"] is not None:
        number = len(run["policies"])
        yield f"The run was of {number} {'policy' if number == 1 else 'policies'} alone."
    if not run["children"]:
        yield "The run listed images alone, not what came from them."


def chosen_parts(summary: Summary) -> dict[str, str]:
    """Return the values of the selection as text, by their names."""
    return {
        name: minute_of(value) if isinstance(value, str) else ", ".join(value)
        for name, value in summary["selection"].items()
        if value
    }


def open_targets(summary: Summary) -> Iterator[tuple[Summary, list[str]]]:
    """Yield each target that is not complete, and up to when it was; "" for never.

    Those of an account with one error, and those that were stopped together, are one.
    """

    def key(target: Summary) -> tuple[str | None, ...]:
        error = None if target["state"] == "failed" else target["error"]
        account = target["account"] if target["error"] else None
        return target["state"], account, target["error_type"], error

    for (state, account, *_), group in itertools.groupby(summary["targets"], key):
        if state in {"complete", "running"}:
            continue
        rows = list(group)
        merged = rows[0] | {"region": ", ".join(row["region"] for row in rows)}
        if account is None:
            places = ", ".join(f"{row['account']}/{row['region']}" for row in rows)
            error = "the run was stopped before its end"
            merged |= {"account": places, "region": None, "error": error}
        yield merged, [row["complete_until"] or "" for row in rows]


def failed_counts(failure: Summary, children: str) -> list[str]:
    """Return the numbers of failures for a reason; ``children`` names those of children."""
    return [
        f"{failure[kind]:,} {children}"
        if kind == "children"
        else count_of(failure[kind], kind[:-1])
        for kind in FAILED_KINDS
        if failure[kind]
    ]
