"""``--output table`` with ``--query``: the result of the query as a table."""

from __future__ import annotations

import json
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from .console import RichWriter, replace_controls


def show_query_result(writer: RichWriter, result: Any) -> None:
    """Show a row for each element; the columns are the keys of objects, or the indexes of lists."""
    if result is None or result in ([], {}):
        return
    rows = result if isinstance(result, list) else [result]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    if all(isinstance(row, dict) for row in rows):
        titles = list(dict.fromkeys(key for row in rows for key in row))
        for title in titles:
            table.add_column(Text(replace_controls(title)), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(title)) for title in titles))
    else:
        table.show_header = False
        lists = [row if isinstance(row, list) else [row] for row in rows]
        for _ in range(max(map(len, lists))):
            table.add_column(overflow="fold")
        for row in lists:
            table.add_row(*map(_cell, row))
    writer.show(table)


def _cell(value: Any) -> Text:
    if value is None:
        return Text()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Text(replace_controls(text))
