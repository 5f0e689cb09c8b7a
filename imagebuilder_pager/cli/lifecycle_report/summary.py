"""``--output summary``: what the summary says, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..rich_formats.console import STATUS_STYLES, RichWriter, replace_controls, status_style
from ..rich_formats.describe import kind_and_name_of
from .report import STATES

if TYPE_CHECKING:
    from .report import Summary

_MAX_ROWS = 20  # of policies, reasons, and whatever else is not a target that has failed
_STYLES = {
    "failed": STATUS_STYLES["FAILED"],
    "incomplete": STATUS_STYLES["FAILED"],
    "stopped": STATUS_STYLES["FAILED"],
    "unfinished": STATUS_STYLES["IN_PROGRESS"],
    "running": STATUS_STYLES["IN_PROGRESS"],
    "successful": STATUS_STYLES["SUCCESS"],
    "other": STATUS_STYLES["CANCELLED"],
}


def show_summary(writer: RichWriter, summary: Summary) -> None:
    """Show what is covered, what failed, what has changed, what has not ended, and the counts."""
    writer.show(*_coverage(summary))
    for title, rows, show, hidden in (
        ("Failed and incomplete targets", _open_targets(summary), _target, 0),
        ("What failed, and why", summary["failures"], _failure, summary["hidden_reasons"]),
        ("Policies that fail since the run before", _changed(summary, "failing"), _policy, 0),
        ("Policies that have recovered", _changed(summary, "recovered"), _policy, 0),
        ("Policies that have stopped", summary["stopped_policies"], _stopped, 0),
        (
            "Executions that have not ended",
            summary["unfinished"],
            _unfinished,
            summary["hidden_unfinished"],
        ),
    ):
        _show_section(writer, title, rows, show, hidden)
    for grouping, groups in summary["groups"].items():
        if not groups:
            writer.show(Text(), Text("No lifecycle execution in this period."))
            return
        writer.show(Text(), _counts(grouping, groups))


def _show_section(
    writer: RichWriter,
    title: str,
    rows: Sequence[Summary],
    show: Callable[[Summary], Text],
    hidden: int,
) -> None:
    if not rows:
        return
    shown = rows if show is _target else rows[:_MAX_ROWS]
    parts = [Padding(show(row), (0, 0, 0, 2)) for row in shown]
    hidden += len(rows) - len(shown)
    if hidden:
        parts.append(Padding(Text(f"and {hidden} more", "dim"), (0, 0, 0, 2)))
    writer.show(Text(), Text(title, style="bold"), *parts)


def _coverage(summary: Summary) -> Iterator[Text]:
    """Yield the lines that say what the database covers."""
    coverage = summary["coverage"]
    run = coverage["run"]
    if run is None:
        yield Text("Nothing has been listed yet.")
        return
    states = coverage["states"]
    number = sum(states.values())
    if run["is_under_way"]:
        yield Text(f"A run is under way, since {_time(run['started'])}.", _STYLES["running"])
    line = Text(f"{states['complete']} of {number} targets complete", "bold")
    if states["complete"]:
        since = coverage["complete_since"]
        line.append(f", up to {_time(coverage['complete_until'])}")
        line.append(f" from {_time(since)} on" if since else "")
    for state in ("failed", "incomplete", "stopped", "running"):
        if states[state]:
            line.append("; ").append(f"{states[state]} {state}", _STYLES[state])
    yield line
    if gap := coverage["oldest_gap"]:
        name = f"{gap['account']}/{gap['region']}"
        yield _clean(f"Oldest gap: {name}, complete up to {_time(gap['complete_until'])}")
    if coverage["never_listed"]:
        yield Text(f"Never listed completely: {coverage['never_listed']} targets")
    if run["policies"] is not None:
        yield Text(f"The run was of {len(run['policies'])} policies alone.")
    if not run["children"]:
        yield Text("The run listed images alone, not what came from them.")
    if former := summary["former_targets"]:
        yield Text(f"{len(former)} further targets were listed by earlier runs, not by this one.")
    yield _totals(summary)


def _totals(summary: Summary) -> Text:
    counts = summary["counts"]
    executions = counts["executions"]
    line = Text(f"{sum(executions.values())} executions")
    for state in STATES:
        if executions[state]:
            line.append(", ").append(f"{executions[state]} {state}", _STYLES[state])
    for kind in ("images", "children", "snapshots"):
        failed = counts[kind].get("FAILED", 0)
        line.append(f"; {sum(counts[kind].values())} {_KINDS[kind]}")
        if failed:
            line.append(", ").append(f"{failed} failed", _STYLES["failed"])
    changes = summary["changes"]
    if changes is not None:
        new, ended = changes["new"], changes["ended"]
        line.append(f"\nSince the run of {_time(changes['since'])}: {sum(new.values())} new")
        for state in STATES:
            if new[state]:
                line.append(", ").append(f"{new[state]} {state}", _STYLES[state])
        line.append(f"; {sum(ended.values())} others have ended")
        if ended["failed"]:
            line.append(", ").append(f"{ended['failed']} failed", _STYLES["failed"])
    return line


_KINDS = {
    "executions": "executions",
    "images": "images",
    "children": "made from them",
    "snapshots": "snapshots",
}


def _open_targets(summary: Summary) -> list[Summary]:
    return [target for target in summary["targets"] if target["state"] in _NOT_COMPLETE]


_NOT_COMPLETE = ("failed", "incomplete", "stopped")


def _target(target: Summary) -> Text:
    error = (target["error"] or "the run was stopped").splitlines()[0]
    line = Text.assemble(
        (f"{target['state']:<10}", _STYLES[target["state"]]),
        f" {target['account']}/{target['region']}: {error}",
    )
    if target["complete_until"]:
        line.append(f"; complete up to {_time(target['complete_until'])}", "dim")
    return _clean(line)


def _failure(failure: Summary) -> Text:
    """Show a reason with its numbers, places, and the newest example."""
    numbers = [f"{failure[kind]} {_KINDS[kind]}" for kind in _KINDS if failure.get(kind)]
    line = Text.assemble(
        (", ".join(numbers), _STYLES["failed"]), f": {failure['reason'] or 'no reason is given'}"
    )
    places = failure["places"]
    shown = ", ".join(f"{place['account']}/{place['region']}" for place in places[:3])
    hidden = len(places) + failure["hidden_places"] - 3
    line.append(f"\n  in {shown}" + (f" and {hidden} more" if hidden > 0 else ""), "dim")
    newest = max(places, key=lambda place: str(place["time"]))
    what = kind_and_name_of(newest["resource_id"])[1] if newest["resource_id"] else ""
    name = what or newest["execution_id"]
    line.append(f"\n  newest {_time(newest['time'])}: {name} of {newest['policy']}", "dim")
    return _clean(line)


def _changed(summary: Summary, which: str) -> list[Summary]:
    return [] if summary["changes"] is None else summary["changes"][which]


def _policy(row: Summary) -> Text:
    reason = f": {row['reason']}" if row["reason"] else ""
    return _clean(f"{_place(row)}, {_time(row['start_time'])}{reason}")


def _stopped(row: Summary) -> Text:
    cause = f"; it is {row['cause']}" if row["cause"] else ""
    days = f"{row['interval_days']:.3g}"
    return _clean(
        f"{_place(row)}: last run {_time(row['last_start'])}, before at least every {days} days{cause}"
    )


def _unfinished(row: Summary) -> Text:
    since = _time(row["start_time"]) if row["start_time"] else "an unknown time"
    line = Text.assemble(
        (str(row["status"]), status_style(row["status"])),
        f" since {since}: {row['execution_id']}, {_place(row)}",
    )
    if row["is_long"]:
        line.append("; for long", _STYLES["failed"])
    return _clean(line)


def _place(row: Summary) -> str:
    return f"{row['policy']} of {row['account']}/{row['region']}"


def _time(text: str) -> str:
    """Return a time to the minute."""
    return text[:16].replace("T", " ")


def _clean(line: Text | str) -> Text:
    """Return a line without control characters but for its own line breaks."""
    text = Text(line) if isinstance(line, str) else line
    text.plain = "\n".join(map(replace_controls, text.plain.split("\n")))
    return text


def _counts(grouping: str, groups: Sequence[Summary]) -> Table:
    """Return a table of the groups, those with failures first; weeks are in their order."""
    totals: dict[str, Counter[str]] = {kind: Counter() for kind in _COLUMNS}
    for group in groups:
        for kind, counter in totals.items():
            counter.update(group[kind])
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(grouping.upper(), overflow="fold")
    columns = [
        (kind, state)
        for kind, counter in totals.items()
        for state in _order(kind, counter)
        if kind == "executions" and state != "other" or counter[state]
    ]
    return table


def _order(kind: str, counter: Counter[str]) -> Sequence[str]:
    return ()


_COLUMNS: Any = ()
