"""``--output html``: the summary as one page, which needs nothing from outside.

All that the service says is escaped, and the page allows itself no request, and no style and script
but its own, by their hashes. Without scripts only the sorting is gone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING

from ..rich_formats.console import replace_controls
from ..rich_formats.describe import count_of, interval_of
from .html_assets import SCRIPT, STYLE
from .report import (
    FORMER,
    NOT_OF_ONE_TIME,
    OF_ONE_TIME,
    STATES,
    chosen_parts,
    coverage_notes,
    failed_counts,
    minute_of,
    open_targets,
)

if TYPE_CHECKING:
    from ..stdout import Stdout
    from .report import Summary

    Executions = Mapping[str | None, tuple[list[Summary], int]]
    Row = Sequence[object]

_MAX_WEEKS = 520  # up to which those without executions are shown too


class _Markup(str):
    """A text that is HTML; any other one is escaped."""

    __slots__ = ()


def write_html(stdout: Stdout, summary: Summary, executions: Executions) -> None:
    """Write the page of a summary.

    - ``executions``: the result of :func:`.report.failed_executions`.
    """
    # An error leaves no half of a page.
    body = list(_body(summary, executions))
    policy = f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}"
    stdout.write(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Lifecycle report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<h1>Lifecycle report</h1>\n"
    )
    for part in body:
        stdout.write(part)
    stdout.write(f"<script>{SCRIPT}</script>\n</body>\n</html>\n")


def _body(summary: Summary, executions: Executions) -> Iterator[str]:
    if summary["coverage"]["run"] is None or not (summary["targets"] or summary["former_targets"]):
        yield "<p>Nothing has been listed yet.</p>\n"
        return
    yield "".join(f"<p>{_text(note)}</p>\n" for note in _notes(summary))
    yield f'<dl class="tiles">\n{"".join(_tiles(summary))}</dl>\n'
    targets, groups, changes = summary["targets"], summary["groups"], summary["changes"] or {}
    gaps = [
        _target(target | {"complete_until": min(untils)})
        for target, untils in open_targets(summary)
    ]
    yield from _section("Failed and incomplete targets", "gaps", _TARGET, gaps)
    if not groups["week"]:
        yield "<p>No lifecycle execution is chosen.</p>\n"
    legend = " ".join(_state(state, state) for state in STATES)
    title = f'Executions by week <span class="legend">{legend}</span>'
    yield from _section(title, "week", ("Week from", "", *_NUMBERS), _weeks(groups["week"]))
    yield from _failures(summary, executions)
    rows = [
        [*_place(one), minute_of(one["start_time"]), one["reason"]]
        for one in changes.get("failing", ())
    ]
    title = "Policies that fail since the run before"
    yield from _section(title, "failing", (*_PLACE, "Last run", "Reason"), rows)
    rows = [
        [
            *_place(one),
            minute_of(one["last_start"]),
            interval_of(one["interval_days"]),
            one["cause"],
        ]
        for one in summary["stopped_policies"]
    ]
    columns = (*_PLACE, "Last run", "Before, at least every", "Cause")
    yield from _section("Policies that have stopped", "stopped", columns, rows)
    for title, name in (("Policies", "policy"), ("Accounts", "account"), ("Regions", "region")):
        ordered = sorted(groups[name], key=lambda one: (-one["executions"]["failed"], one["name"]))
        rows = [[one["name"], *_numbers(one)] for one in ordered]
        yield from _section(title, name, (name.capitalize(), *_NUMBERS), rows)
    rows = [
        [minute_of(one["start_time"]), *_place(one), one["execution_id"], _status(one)]
        for one in summary["unfinished"]
    ]
    columns, hidden = ("Since", *_PLACE, "Execution", "Status"), summary["hidden_unfinished"]
    yield from _section("Executions that have not ended", "unfinished", columns, rows, hidden)
    rows = [[*_place(one), minute_of(one["start_time"])] for one in changes.get("recovered", ())]
    title = "Policies that have recovered since the run before"
    yield from _section(title, "recovered", (*_PLACE, "Last run"), rows)
    yield f"<details><summary>All {len(targets)} targets</summary>\n"
    yield from _table("targets", _TARGET, [_target(one) for one in targets])
    yield "</details>\n"


def _notes(summary: Summary) -> Iterator[str]:
    """Yield the lines about the content of the database, and of the report."""
    coverage = summary["coverage"]
    run, states = coverage["run"], coverage["states"]
    line = f"<b>{states['complete']} of {sum(states.values())} targets complete</b>"
    if states["complete"]:
        since = minute_of(coverage["complete_since"])
        line += f", up to {minute_of(coverage['complete_until'])}"
        line += f", from {since} on" * bool(since)
    for state, shown in _TARGET_STATES.items():
        if states[state] and state != "complete":
            line += f"; {_state(shown, f'{states[state]} {state}')}"
    yield _Markup(line)
    yield from coverage_notes(summary, count_of(len(coverage["never_listed"]), "target"))
    if former := len(summary["former_targets"]):
        yield f"{FORMER}: {count_of(former, 'target')}"
    parts = chosen_parts(summary)
    yield from (f"Only {name}: {value}" for name, value in parts.items())
    if parts.keys() & OF_ONE_TIME:
        yield NOT_OF_ONE_TIME
    is_under_way = "; it is under way" if run["is_under_way"] else ""
    yield f"Run of {minute_of(run['started'])}{is_under_way}. All times are in UTC."


def _tiles(summary: Summary) -> Iterator[str]:
    counts, changes = summary["counts"], summary["changes"]
    tiles = {"executions": counts["executions"]}
    for kind, name in _KINDS.items():
        tiles[name] = {"FAILED": 0, **counts[kind]}
        tiles[name]["failed"] = tiles[name].pop("FAILED")
    if changes is not None:
        tiles[f"new since the run of {minute_of(changes['since'])}"] = changes["new"]
        tiles["others that have ended since"] = changes["ended"]
    for name, numbers in tiles.items():
        states = (state for state in STATES if numbers.get(state))
        parts = " ".join(_state(state, f"{numbers[state]:,} {state}") for state in states)
        yield f"<div><dt>{name}</dt><dd><b>{sum(numbers.values()):,}</b> {parts}</dd></div>\n"


def _target(target: Summary) -> Row:
    state = _state(_TARGET_STATES[target["state"]], target["state"])
    until = minute_of(target["complete_until"])
    return state, target["account"], target["region"], until, target["error"]


def _weeks(weeks: Sequence[Summary]) -> list[Row]:
    """Return a row with a bar for each week, the newest first, those without executions too."""
    known = {week["name"]: week for week in weeks}
    names = sorted(known.keys() - {"-"})
    if names:
        first, last = date.fromisoformat(names[0]), date.fromisoformat(names[-1])
        count = (last - first).days // 7 + 1
        if count <= _MAX_WEEKS:
            names = [(first + timedelta(weeks=week)).isoformat() for week in range(count)]
    most = max([1, *(sum(week["executions"].values()) for week in weeks)])
    rows: list[Row] = []
    for name in [*names[::-1], *(known.keys() & {"-"})]:
        week = known.get(name, _NOTHING)
        shapes, start = "", 0.0
        for state in STATES:
            width = 100 * week["executions"].get(state, 0) / most
            place = f'x="{start:.2f}%" width="{width:.2f}%"'
            shapes += f'<rect class="{state}" {place} height="100%"/>' if width else ""
            start += width
        bar = _Markup(f'<svg class="bar" aria-hidden="true">{shapes}</svg>')
        rows.append([name, bar, *_numbers(week)])
    return rows


def _failures(summary: Summary, executions: Executions) -> Iterator[str]:
    if summary["failures"]:
        yield "<h2>What failed, and why</h2>\n"
    for number, failure in enumerate(summary["failures"]):
        newest = max(failure["places"], key=lambda place: str(place["time"]))
        counts = ", ".join(failed_counts(failure, _KINDS["children"]))
        targets = len(failure["places"]) + failure["hidden_places"]
        where = f"in {targets:,} target{'s' * (targets > 1)}; newest {minute_of(newest['time'])}: "
        where += f"{newest['policy']} of {newest['account']}/{newest['region']}"
        yield f"<details><summary>{_state('failed', counts)}: "
        yield f"{_text(failure['reason'] or 'no reason is given')} "
        yield f"<small>{_text(where)}</small></summary>\n"
        shown, hidden = executions.get(failure["reason"], ([], 0))
        rows = [
            [
                minute_of(one["end_time"]) or "not yet",
                *_place(one),
                one["execution_id"],
                one["resources"],
            ]
            for one in shown
        ]
        columns = ("Ended", *_PLACE, "Execution", "Resources")
        yield from _table(f"reason{number}", columns, rows, hidden)
        yield "</details>\n"
    if summary["hidden_reasons"]:
        yield f"<p>and {summary['hidden_reasons']:,} more reasons</p>\n"


def _section(
    title: str, name: str, columns: Sequence[str], rows: Sequence[Row], hidden: int = 0
) -> Iterator[str]:
    """Yield a section with a table, nothing if it has no rows."""
    if rows:
        yield f"<h2>{title}</h2>\n"
        yield from _table(name, columns, rows, hidden)


def _table(
    name: str, columns: Sequence[str], rows: Sequence[Row], hidden: int = 0
) -> Iterator[str]:
    """Yield a table that can be sorted, and how many rows are left out."""
    kind = "counts" if "failed" in columns else "flow"  # which has no columns on a narrow screen
    head = "".join(
        f"<th{' class=n' if isinstance(cell, int) else ''}>{column}</th>"
        for column, cell in zip(columns, rows[0] if rows else columns, strict=True)
    )
    yield f'<div class="wide"><table id="{name}" class="{kind}">\n<thead><tr>{head}</tr></thead>\n'
    yield "<tbody>\n"
    for row in rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>\n"
    yield "</tbody></table></div>\n" + f"<p>and {hidden:,} more</p>\n" * bool(hidden)


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="n{"" if value else " zero"}">{value:,}</td>'
    is_long = len(str(value)) > 48 and not isinstance(value, _Markup)
    return f"<td{' class=long' if is_long else ''}>{_text(value)}</td>"


def _text(value: object) -> str:
    if isinstance(value, _Markup):
        return value
    return "" if value is None else escape(replace_controls(str(value)))


def _state(state: str, text: str) -> _Markup:
    return _Markup(f'<span class="{state}">{_text(text)}</span>')


def _status(execution: Summary) -> str:
    status: str = execution["status"]
    return _state("failed", f"{status}, for long") if execution["is_long"] else status


def _place(row: Summary) -> Row:
    return row["account"], row["region"], row["policy"]


def _numbers(group: Summary) -> Iterator[int]:
    for kind, failed in (("executions", "failed"), ("images", "FAILED"), ("children", "FAILED")):
        yield sum(group[kind].values())
        yield group[kind].get(failed, 0)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_PLACE = ("Account", "Region", "Policy")
_TARGET = ("State", "Account", "Region", "Complete up to", "Error")
_NUMBERS = ("Executions", "failed", "Images", "failed", "Made from them", "failed")
_NOTHING: Summary = {"executions": {}, "images": {}, "children": {}}
_KINDS = {"images": "images", "children": "made from them", "snapshots": "snapshots"}
_TARGET_STATES = dict.fromkeys(("failed", "incomplete", "stopped"), "failed")
_TARGET_STATES |= {"running": "unfinished", "complete": "successful"}
