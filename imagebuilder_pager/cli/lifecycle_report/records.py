"""``--output table`` and ``tree``: the records, from policies down to snapshots."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ..rich_formats.console import RichWriter, replace_controls, status_style
from .selection import iter_records

if TYPE_CHECKING:
    from ...fleet import FleetDatabase
    from .selection import Selection

Record = Mapping[str, Any]


def show_table(writer: RichWriter, database: FleetDatabase, selection: Selection) -> None:
    """Show a table for each policy, a row for each resource; memory is that of one execution."""
    records = iter_records(database, selection)
    for _, group in itertools.groupby(records, lambda record: record["execution_id"]):
        rows = list(group)
        table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
        for name in ("RESOURCE", "STATUS", "ACTION", "WHERE", "SNAPSHOTS", "REASON"):
            table.add_column(name, overflow="fold")
        for record in rows:
            if record["resource_id"] is not None:
                indent = "  " if record["parent_id"] else ""
                table.add_row(
                    Text(f"{indent}{replace_controls(record['resource_id'])}"),
                    _status(record["status"]),
                    Text(replace_controls(record["action"])),
                    Text(_location(record)),
                    Text(str(len(record["snapshots"]) or "")),
                    Text(replace_controls(record["reason"])),
                )
        writer.show(_execution_title(rows[0], with_policy=True))
        writer.show(table if table.row_count else Text("no resources", "dim"), Text())


def show_tree(writer: RichWriter, database: FleetDatabase, selection: Selection) -> None:
    """Show policies, their executions, images, AMIs and snapshots; memory is that of a policy."""
    records = iter_records(database, selection)
    for _, group in itertools.groupby(records, lambda record: record["policy_arn"]):
        writer.show(_policy_tree(group), Text())


def _policy_tree(records: Iterable[Record]) -> Tree:
    root: Tree | None = None
    branch: Tree | None = None
    execution_id, parent = None, ("", root)
    for record in records:
        if root is None:
            root = Tree(Text(replace_controls(_policy_title(record)), "bold"))
        if branch is None or record["execution_id"] != execution_id:
            execution_id = record["execution_id"]
            branch = root.add(_execution_title(record, with_policy=False))
            parent = ("", None)
        if record["resource_id"] is None:
            continue
        above = branch
        if record["parent_id"] is None:
            pass
        elif record["parent_id"] == parent[0] and parent[1] is not None:
            above = parent[1]
        line = Text(f"{replace_controls(record['resource_id'])}  ")
        line.append_text(_status(record["status"]))
        if record["reason"]:
            line.append(f"  {replace_controls(record['reason'])}", "dim")
        node = above.add(line)
        if record["parent_id"] is None:
            parent = (record["resource_id"], node)
        for snapshot in record["snapshots"]:
            text = Text(f"{replace_controls(snapshot['snapshot_id'])}  ")
            node.add(text.append_text(_status(snapshot["status"])))
    assert root is not None  # noqa: S101 - a group has a record
    return root


def _policy_title(record: Record) -> str:
    return f"{record['account']} {record['region']} {record['policy'] or record['policy_arn']}"


def _execution_title(record: Record, *, with_policy: bool) -> Text:
    title = Text(replace_controls(record["execution_id"]), "bold" if with_policy else "")
    if with_policy:
        title.append(f"  {replace_controls(_policy_title(record))}")
    title.append("  ").append_text(_status(record["execution_status"]))
    title.append(f"  {replace_controls(record['execution_start_time'])}", "dim")
    if record["execution_reason"]:
        title.append(f"  {replace_controls(record['execution_reason'])}", "dim")
    return title


def _status(status: str | None) -> Text:
    return Text(replace_controls(status) or "-", status_style(status))


def _location(record: Record) -> str:
    return replace_controls(f"{record['resource_account']} {record['resource_region']}")
