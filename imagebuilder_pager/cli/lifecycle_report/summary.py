"""``--output summary``: the summary for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..rich_formats.console import STATUS_STYLES, RichWriter, replace_controls, status_style
from ..rich_formats.describe import count_of, interval_of, kind_and_name_of
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
    from .report import Summary

_MAX_LINES = 20  # of a section, but for the targets
_MAX_ROWS = 40  # of a table; the others are in one row
_MAX_RECENT = 5  # of the unfinished executions that are not long
_MAX_PLACES = 3
_WIDE = 100  # columns of a terminal, for headers of one line
_STYLES = {
    "failed": STATUS_STYLES["FAILED"],
    "incomplete": STATUS_STYLES["FAILED"],
    "stopped": STATUS_STYLES["FAILED"],
    "unfinished": STATUS_STYLES["IN_PROGRESS"],
    "running": STATUS_STYLES["IN_PROGRESS"],
    "successful": STATUS_STYLES["SUCCESS"],
    "other": STATUS_STYLES["CANCELLED"],
}
#: A line of a section: its subject, in a word, and the text.
Line = tuple[Text, Text]
_RESOURCES = {"images": "images", "children": "from them"}
_KINDS = {"executions": "executions", **_RESOURCES, "snapshots": "snapshots"}


def show_summary(writer: RichWriter, summary: Summary) -> None:
    """Show the coverage, failures, changes, unfinished executions, and the counts."""
    writer.show(*_coverage(summary), *_selection(summary))
    _show_lines(writer, "Failed and incomplete targets", _open_targets(summary))
    writer.show(Text(), _totals(summary))
    changes = summary["changes"] or {"failing": [], "recovered": []}
    for title, show, rows, hidden in (
        ("What failed, and why", _failure, summary["failures"], summary["hidden_reasons"]),
        ("Policies that fail since the run before", _policy, changes["failing"], 0),
        ("Policies that have recovered", _policy, changes["recovered"], 0),
        ("Policies that have stopped", _stopped, summary["stopped_policies"], 0),
        (
            f"Executions that have not ended, {summary['long'] or 'none'} of them for long",
            _unfinished,
            summary["unfinished"],
            summary["hidden_unfinished"],
        ),
    ):
        _show_section(writer, title, show, rows, hidden)
    for grouping, groups in summary["groups"].items():
        if groups:
            writer.show(Text(), _table(grouping, groups, is_wide=writer.width >= _WIDE))
    if not summary["groups"]["week"]:
        writer.show(Text(), Text("No lifecycle execution is chosen."))


def _show_section(
    writer: RichWriter,
    title: str,
    show: Callable[[Summary], Line],
    rows: Sequence[Summary],
    hidden: int,
) -> None:
    # Executions that began a short while ago are rarely of interest.
    limit = _MAX_LINES if show is not _unfinished else _MAX_RECENT
    lines = [show(row) for n, row in enumerate(rows[:_MAX_LINES]) if n < limit or row["is_long"]]
    hidden += len(rows) - len(lines)
    if hidden:
        noun = " reasons" if show is _failure else ""
        lines.append((Text(), Text(f"and {hidden} more{noun}", "dim")))
    _show_lines(writer, title, lines)


def _show_lines(writer: RichWriter, title: str, lines: Iterable[Line]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(*line)
    if table.row_count:
        writer.show(Text(), Text(title, style="bold"), Padding(table, (0, 0, 0, 2)))


def _coverage(summary: Summary) -> Iterator[Text]:
    """Yield the lines about the content of the database."""
    coverage = summary["coverage"]
    run, states = coverage["run"], coverage["states"]
    if run is None:
        yield Text("Nothing has been listed yet.", "bold")
        return
    if run["is_under_way"]:
        yield Text(f"A run is under way, since {minute_of(run['started'])}.", _STYLES["running"])
    line = Text(f"{states['complete']} of {sum(states.values())} targets complete", "bold")
    if states["complete"]:
        line.append(f" up to {minute_of(coverage['complete_until'])} UTC")
        if since := coverage["complete_since"]:
            line.append(f", from {minute_of(since)} on")
    for state, number in states.items():
        if number and state != "complete":
            line.append("; ").append(f"{number} {state}", _STYLES[state])
    yield line
    names = coverage["never_listed"]
    more = f" and {len(names) - _MAX_PLACES} more" if len(names) > _MAX_PLACES else ""
    shown = f"{', '.join(names[:_MAX_PLACES])}{more}"
    yield from map(_text, coverage_notes(summary, shown))
    if former := len(summary["former_targets"]):
        yield Text(f"{FORMER}: {count_of(former, 'target')}", "dim")


def _selection(summary: Summary) -> Iterator[Text]:
    if parts := chosen_parts(summary):
        line = _text(f"Only {'; '.join(map(' '.join, parts.items()))}")
        yield line.append(f". {NOT_OF_ONE_TIME}" if parts.keys() & OF_ONE_TIME else "")


def _open_targets(summary: Summary) -> Iterator[Line]:
    for target, untils in open_targets(summary):
        name = "/".join(filter(None, (target["account"], target["region"])))
        until = min(filter(None, untils), default=None)
        text = f"complete up to {minute_of(until)}" if until else "never listed completely"
        line = _text(f"{name}: {target['error'].splitlines()[0]}").append(f"; {text}", "dim")
        yield Text(target["state"], _STYLES[target["state"]]), line


def _totals(summary: Summary) -> Table:
    """Return all counts, and the changes since the run before."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for kind, title in _KINDS.items():
        counts = summary["counts"][kind]
        table.add_row(title, str(sum(counts.values())), _numbers(counts))
    if (changes := summary["changes"]) is not None:
        new, ended = changes["new"], changes["ended"]
        note = Text(f", since {minute_of(changes['since'])}", "dim")
        table.add_row("new", str(sum(new.values())), _numbers(new).append_text(note))
        if any(ended.values()):
            table.add_row("ended since", str(sum(ended.values())), _numbers(ended))
    return table


def _numbers(counts: dict[str, int]) -> Text:
    known = [*STATES, *STATUS_STYLES]
    order = sorted(counts, key=lambda name: (name not in known, name != "FAILED", name))
    names = [name for name in (STATES if "failed" in counts else order) if counts[name]]
    parts = (
        Text(f"{counts[name]} {replace_controls(name)}", _STYLES.get(name) or status_style(name))
        for name in names
    )
    return Text(", ").join(parts) if names else Text("-", "dim")


def _failure(failure: Summary) -> Line:
    """Return the numbers of a reason, and the reason with its places and the newest example."""
    places = failure["places"]
    hidden = len(places) + failure["hidden_places"] - _MAX_PLACES
    shown = ", ".join(f"{one['account']}/{one['region']}" for one in places[:_MAX_PLACES])
    newest = max(places, key=lambda place: str(place["time"]))
    resource = newest["resource_id"]
    name = newest["execution_id"] if resource is None else kind_and_name_of(resource)[1]
    more = f" and {hidden} more" if hidden > 0 else ""
    example = f"newest: {minute_of(newest['time'])}, {name}, of {newest['policy']}"
    line = _text(failure["reason"] or "no reason is given").append("\n")
    line.append_text(_text(f"in {shown}{more}", "dim")).append("\n")
    numbers = "\n".join(failed_counts(failure, _RESOURCES["children"]))
    return Text(numbers, _STYLES["failed"]), line.append_text(_text(example, "dim"))


def _policy(row: Summary) -> Line:
    reason = f": {row['reason']}" if row["reason"] else ""
    return Text(minute_of(row["start_time"])), _text(f"{_place(row)}{reason}")


def _stopped(row: Summary) -> Line:
    cause = f"; it is {row['cause']}" if row["cause"] else ""
    interval = f"before, every {interval_of(row['interval_days'])} or more often"
    return Text(minute_of(row["last_start"])), _text(f"{_place(row)}: {interval}{cause}")


def _unfinished(row: Summary) -> Line:
    line = _text(f"{row['execution_id']}, of {_place(row)}")
    line.append_text(
        _text(f", since {minute_of(row['start_time'])}", "bold" if row["is_long"] else "")
    )
    return _text(row["status"] or "no status", status_style(row["status"])), line


def _place(row: Summary) -> str:
    return f"{row['policy']}, {row['account']}/{row['region']}"


def _text(text: str | None, style: str = "") -> Text:
    return Text(replace_controls(text), style)


def _table(grouping: str, groups: Sequence[Summary], *, is_wide: bool) -> Table:
    """Return a table of groups: weeks in their order, of the others those with failures first."""
    if grouping != "week":
        groups = sorted(groups, key=_urgency)
    headers: dict[str, str] = {
        "failed": "failed",
        "unfinished": "unfinished" if is_wide else "unfin-\nished",
        "successful": "successful" if is_wide else "success-\nful",
    }
    if any(group["executions"]["other"] for group in groups):
        headers["other"] = "other"
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    table.padding = (0, 1, 0, 0)
    table.add_column(grouping.upper(), overflow="fold", vertical="bottom")
    for state, header in headers.items():
        table.add_column(Text(header, _STYLES[state]), justify="right", no_wrap=True)
    for title in _RESOURCES.values():
        table.add_column(f"{title}\nfailed/all", justify="right", no_wrap=True)
    shown = len(groups) if grouping == "week" else _MAX_ROWS
    for group in groups[:shown]:
        table.add_row(_text(group["name"]), *_cells(group, headers))
    if rest := groups[shown:]:
        sums = {
            kind: sum((Counter(group[kind]) for group in rest), Counter[str]())
            for kind in ("executions", *_RESOURCES)
        }
        table.add_row(Text(f"and {len(rest)} more", "dim"), *_cells(sums, headers))
    return table


def _urgency(group: Summary) -> Any:
    failed = sum(group[kind].get("FAILED", 0) for kind in _RESOURCES)
    executions = group["executions"]
    return -executions["failed"], -failed, -sum(executions.values()), group["name"]


def _cells(group: Summary, states: Iterable[str]) -> Iterator[Text]:
    for state in states:
        number = group["executions"][state]
        yield Text(str(number), _STYLES[state]) if number else Text("·", "dim")
    for kind in _RESOURCES:
        failed, total = group[kind].get("FAILED", 0), sum(group[kind].values())
        yield Text.assemble((str(failed), _STYLES["failed"] if failed else "dim"), f"/{total}")
