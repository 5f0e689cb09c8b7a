"""``--output table``: the records, from policies down to snapshots."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from ..rich_formats.console import RichWriter, replace_controls, status_style
from ..rich_formats.describe import kind_and_name_of
from .selection import iter_records

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ...fleet import FleetDatabase
    from .selection import Selection

Record = Mapping[str, Any]

_ROWS = 200  # that are written together
_NAME_WIDTH = 40
_WIDE = 100  # columns of a terminal: resources have their places in their rows
_STATUS_WIDTH = len("IN_PROGRESS")
_ACTION_WIDTH = len("DEPRECATE")
_HEADER = "  ".join(
    (
        "RESOURCE".ljust(_NAME_WIDTH),
        "STATUS".ljust(_STATUS_WIDTH),
        "ACTION".ljust(_ACTION_WIDTH),
        "SNAPSHOTS",
    )
)


def show_table(writer: RichWriter, database: FleetDatabase, selection: Selection) -> None:
    """Show a table for each execution, a row for each resource."""
    is_wide = writer.width >= _WIDE
    for first, resources in _executions(database, selection):
        writer.show(_execution(first), Padding(_policy_and_reason(first), (0, 0, 0, 2)))
        if first["resource_id"] is None:
            writer.show(Text("  no resources", "dim"), Text())
            continue
        writer.show(Text(f"{_HEADER}  WHERE" if is_wide else _HEADER, "bold"))
        while part := list(itertools.islice(resources, _ROWS)):
            writer.show(*itertools.chain(*(_row(record, is_wide=is_wide) for record in part)))
        writer.show(Text())


def _executions(
    database: FleetDatabase, selection: Selection
) -> Iterator[tuple[Record, Iterator[Record]]]:
    """Yield the first record of each execution, and its resources."""
    records = iter_records(database, selection)
    for _, group in itertools.groupby(records, lambda record: record["execution_id"]):
        rows = iter(group)
        first = next(rows)
        yield first, itertools.chain([] if first["resource_id"] is None else [first], rows)


def _row(record: Record, *, is_wide: bool) -> Iterator[RenderableType]:
    name = kind_and_name_of(replace_controls(record["resource_id"]))[1]
    name = f"{'  ' if record['parent_id'] else ''}{name}"
    line = Text(name.ljust(_NAME_WIDTH), no_wrap=True, overflow="ignore")
    status = (replace_controls(record["status"]) or "-").ljust(_STATUS_WIDTH)
    line.append("  ").append(status, status_style(record["status"]))
    line.append(f"  {replace_controls(record['action']).ljust(_ACTION_WIDTH)}")
    line.append(f"  {str(len(record['snapshots']) or '').rjust(len('SNAPSHOTS'))}")
    place, reason = _place(record), replace_controls(record["reason"])
    yield line.append(f"  {place}") if is_wide else line
    if below := "; ".join(filter(None, [f"in {place}" * (bool(place) and not is_wide), reason])):
        yield Padding(Text(below, "dim"), (0, 0, 0, 4))
    for snapshot in record["snapshots"]:
        if snapshot["reason"]:
            line = Text(replace_controls(f"{snapshot['snapshot_id']}: {snapshot['reason']}"), "dim")
            yield Padding(line, (0, 0, 0, 4))


def _place(record: Record) -> str:
    """Return the place of a resource that is not in that of its policy."""
    place = record["resource_account"], record["resource_region"]
    if place == (record["account_id"], record["region"]):
        return ""
    return replace_controls("/".join(filter(None, place)))


def _execution(record: Record) -> Text:
    title, status = (
        Text(replace_controls(record["execution_id"]), "bold"),
        record["execution_status"],
    )
    title.append("  ").append(replace_controls(status) or "-", status_style(status))
    start = replace_controls(record["execution_start_time"])[:16].replace("T", " ")
    return title.append(f"  {start}", "dim")


def _policy_and_reason(record: Record) -> Text:
    place = f"{record['account']}/{record['region']}"
    title = Text(replace_controls(f"{record['policy']}, {place}"))
    if record["execution_reason"]:
        title.append(f"; {replace_controls(record['execution_reason'])}", "dim")
    return title
