"""``--output table`` and ``tree``: the records, from policies down to snapshots."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

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
    name = f"{'  ' if record['parent_id'] else ''}{_name(record)}"
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


def show_tree(writer: RichWriter, database: FleetDatabase, selection: Selection) -> None:
    """Show policies, their executions, images, AMIs and snapshots."""
    policy = None
    for first, resources in _executions(database, selection):
        if first["policy_arn"] != policy:
            writer.show(*([Text()] if policy is not None else []), _policy(first, "bold"))
            policy = first["policy_arn"]
        writer.show(Padding(_execution(first), (0, 0, 0, 2)))
        if first["execution_reason"]:
            reason = Text(replace_controls(first["execution_reason"]), "dim")
            writer.show(Padding(reason, (0, 0, 0, 4)))
        images = itertools.groupby(resources, lambda one: one["parent_id"] or one["resource_id"])
        trees = (Padding(_image_tree(image, parts), (0, 0, 0, 4)) for image, parts in images)
        while part := list(itertools.islice(trees, _ROWS)):
            writer.show(*part)
    if policy is not None:
        writer.show(Text())


def _image_tree(image: str, records: Iterable[Record]) -> Tree:
    """Return an image with its children; the image itself may not be chosen."""
    root = Tree(Text(kind_and_name_of(replace_controls(image))[1], "dim"))
    for record in records:
        line = Text(f"{_name(record)}  ").append_text(_status(record["status"]))
        place = _place(record)
        details = f"in {place}" if place else "", replace_controls(record["reason"])
        if any(details):
            line.append(f"  {'; '.join(filter(None, details))}", "dim")
        if record["parent_id"]:
            node = root.add(line)
        else:
            root.label, node = line, root
        for snapshot in record["snapshots"]:
            text = Text(f"{replace_controls(snapshot['snapshot_id'])}  ")
            text.append_text(_status(snapshot["status"]))
            if snapshot["reason"]:
                text.append(f"  {replace_controls(snapshot['reason'])}", "dim")
            node.add(text)
    return root


def _execution(record: Record) -> Text:
    title = Text(replace_controls(record["execution_id"]), "bold")
    title.append("  ").append_text(_status(record["execution_status"]))
    start = replace_controls(record["execution_start_time"])[:16].replace("T", " ")
    return title.append(f"  {start}", "dim")


def _policy_and_reason(record: Record) -> Text:
    title = _policy(record, "")
    if record["execution_reason"]:
        title.append(f"; {replace_controls(record['execution_reason'])}", "dim")
    return title


def _policy(record: Record, style: str) -> Text:
    place = f"{record['account']}/{record['region']}"
    return Text(replace_controls(f"{record['policy']}, {place}"), style)


def _name(record: Record) -> str:
    return kind_and_name_of(replace_controls(record["resource_id"]))[1]


def _status(status: str | None) -> Text:
    return Text(replace_controls(status) or "-", status_style(status))
