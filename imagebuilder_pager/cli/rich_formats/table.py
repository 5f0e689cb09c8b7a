"""``--output table``: a row for each item, fitted to the width of the terminal.

The columns that fit are side by side. The others are on lines below the row, each with its title.
The response of an operation that is not paginated is shown by its members, one below the other; the
result of a query has the columns that its elements have.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.containers import Lines
from rich.text import Text

from ..._rows import Operation
from ..listing import Listing
from .columns import Column, columns_of
from .console import RichWriter, execution_header, replace_controls, status_style
from .describe import count_of, format_time, in_words, shared_date, without_nulls

_GAP = 2
_MAX_WIDTH = 48  # a wider column goes below the row; the first one is shortened
_MIN_WIDTH = 12
_MIN_PROSE_WIDTH = 36
_ROWS_PER_WRITE = 500
#: Which part of a node of a parsed query has the end of the expression.
_ENDS = {"filter_projection": 1, "pipe": 1, "projection": 1, "subexpression": -1}

#: The texts of an item's cells.
Row = Mapping[Column, str]


class _Layout(NamedTuple):
    """The columns of a row with their widths, and those below it.

    ``prose`` is the column of the text in the remaining width, ``prose_below`` of the one below the
    row; each is None for none.
    """

    widths: Mapping[Column, int]
    below: Sequence[Column]
    prose: Column | None
    prose_below: Column | None
    remaining_width: int


def show_table(writer: RichWriter, listing: Listing) -> None:
    """Show the items of a listing as a table, a single response by its members, or a query."""
    if listing.request.query is not None:
        result = listing.request.apply_query(listing.raw_result())
        _show_query_result(writer, result, listing.request.query.parsed)
        return
    pages, token = listing.all_pages()
    key = listing.operation.result_key
    if key is None:
        response = pages[0].to_dict()
        response.pop("ResponseMetadata", None)
        # Of the only structure, the members are those inside of it.
        _show_members(writer, next(iter(response.values())) if len(response) == 1 else response)
        return
    items = without_nulls(item for page in pages for item in page.get(key) or ())
    columns = columns_of(items)
    cells = [{column: column.cell(item) for column in columns} for item in items]
    times = [cell for row in cells for cell in row.values() if isinstance(cell, datetime)]
    date = shared_date(times)
    note = count_of(len(items), "resource" if key == "resources" else "item")
    if times:
        note += "; times are in UTC" if date is None else f"; times are of {date}, in UTC"
    writer.show(_header(listing.operation, pages, note))
    if columns:
        writer.show(Text())
        rows = [
            {
                column: format_time(cell, date) if isinstance(cell, datetime) else cell
                for column, cell in row.items()
            }
            for row in cells
        ]
        _show_rows(writer, columns, rows, max_first=_MAX_WIDTH)
    listing.resume_state.token = token


def _header(operation: Operation, pages: Sequence[Any], note: str) -> Group:
    """Return the members that all pages of a listing share, with a note below."""
    if operation.method_name == "list_lifecycle_execution_resources":
        return execution_header(pages, note)
    values = {name: page.get(name) for page in pages[:1] for name in operation.non_aggregate_keys}
    lines = [
        Text.assemble(f"{in_words(name)}  ", (replace_controls(str(value)), "bold"))
        for name, value in values.items()
        if value is not None and name != "requestId"
    ]
    return Group(*lines, Text(note, style="dim"))


def _show_rows(
    writer: RichWriter, columns: Sequence[Column], rows: Sequence[Row], *, max_first: int | None
) -> None:
    """Show the rows, below a line of the titles if the columns have some.

    The first column is shortened to ``max_first`` characters, or to the room that is left; with
    None, it is not.
    """
    layout = _layout(columns, rows, writer.width, max_first)
    title_line = _line({column: column.title for column in columns}, layout).plain.rstrip()
    if title_line:
        writer.show(Text(title_line, style="bold", no_wrap=True, overflow="ignore"))
    lines = [_row(row, layout, writer.width) for row in rows]
    for start in range(0, len(lines), _ROWS_PER_WRITE):
        writer.show(Group(*itertools.chain(*lines[start : start + _ROWS_PER_WRITE])))


def _layout(
    columns: Sequence[Column], rows: Sequence[Row], width: int, max_first: int | None
) -> _Layout:
    # Prose that is all there is, is a column like any other.
    prose = columns[-1] if columns[-1].is_prose and len(columns) > 1 else None
    widths = {
        column: max([len(column.title), *(cell_len(row[column]) for row in rows)])
        for column in columns
        if column is not prose
    }
    movable = [column for column in widths if column.may_move]
    # From the last to the first, but the widest before all others.
    movable.sort(key=lambda column: widths[column] > _MAX_WIDTH)
    first = columns[0]
    if max_first is not None:
        widths[first] = min(widths[first], max_first)
    below = set()
    while movable and _total(widths) > width:
        below.add(movable[-1])
        del widths[movable.pop()]
    if max_first is not None:
        # Still too wide: it is shortened, and lines that are too long wrap in the terminal.
        room = width - _total(widths) + widths[first]
        widths[first] = max(min(widths[first], room), min(widths[first], _MIN_WIDTH))
    moved = [column for column in columns if column in below]
    remaining_width = width - _total(widths) - _GAP
    if prose is not None and not prose.may_move:
        return _Layout(widths, moved, prose, None, max(remaining_width, _MIN_WIDTH))
    if moved or remaining_width < _MIN_PROSE_WIDTH:
        return _Layout(widths, moved, None, prose, remaining_width)
    return _Layout(widths, moved, prose, None, remaining_width)


def _total(widths: Mapping[Column, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _row(row: Row, layout: _Layout, width: int) -> Iterator[Text]:
    yield _line(row, layout)
    parts = [f"{_label(column)} {row[column]}".lstrip() for column in layout.below if row[column]]
    below = Text(", ".join(parts), style="dim")
    if layout.prose_below is not None and (prose := row[layout.prose_below]):
        below = Text.assemble(below, (": " if parts else "", "dim"), (prose, _prose_style(row)))
    for line in _wrap(below, width - _GAP) if below else ():
        yield Text(" " * _GAP, no_wrap=True, overflow="ignore").append_text(line)


def _label(column: Column) -> str:
    return column.title.lower() if column.title.isupper() else column.title


def _line(row: Row, layout: _Layout) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    for number, (column, width) in enumerate(layout.widths.items()):
        cell = row[column]
        style = "dim" if column.title == "TYPE" else ""
        if column.title in {"STATUS", "RESULT"}:
            style = status_style(cell)
        if cell_len(cell) > width:
            cell = set_cell_size(cell, width - 1) + "…"
        line.append(set_cell_size(cell, width), style or ("" if number else "bold"))
        line.append(" " * _GAP)
    if layout.prose is None or not row[layout.prose]:
        return line
    indent = Text("\n" + " " * cell_len(line.plain))
    prose = Text(row[layout.prose], _prose_style(row))
    return line.append_text(indent.join(_wrap(prose, layout.remaining_width)))


def _wrap(text: Text, width: int) -> Lines:
    """Return the lines of a text, broken between words alone, so that an ARN can be copied."""
    text.overflow = "ignore"
    lines = text.wrap(Console(width=width), width)
    for line in lines:
        line.rstrip()
    return lines


def _prose_style(row: Row) -> str:
    failed = any(cell == "FAILED" and column.title == "STATUS" for column, cell in row.items())
    return "red" if failed else ""


def _show_members(writer: RichWriter, value: Any) -> None:
    """Show each member of a value with its path."""
    columns = [
        Column("", itemgetter(0), may_move=False),
        Column("", itemgetter(1), may_move=False, is_prose=True),
    ]
    _show_cells(writer, columns, list(_members(value, "")))


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _members(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        for number, inner in enumerate(value):
            yield from _members(inner, f"{path}[{number}]")
    elif isinstance(value, list):
        yield replace_controls(path), ", ".join(map(_scalar, without_nulls(value)))
    elif value is not None:
        yield replace_controls(path), _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{format_time(value, None)} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return replace_controls(str(value))


def _show_query_result(writer: RichWriter, result: Any, query: Mapping[str, Any]) -> None:
    """Show the members of an object, and of another result a row for each element.

    ``query`` is the parsed expression. The columns have the keys of objects as titles, or the
    names that the expression has for the values of a list.
    """
    if isinstance(result, dict):
        _show_members(writer, result)
        return
    if not isinstance(result, list):
        result = [] if result is None else [result]
    titles = list(dict.fromkeys(key for row in result if isinstance(row, dict) for key in row))
    if titles and all(isinstance(row, dict) for row in result):
        rows = [[row.get(title) for title in titles] for row in result]
    else:
        rows = [row if isinstance(row, list) else [row] for row in result]
        count = max(map(len, rows), default=0)
        titles = _titles(query)
        if len(titles) != count:
            titles = [""] * count
        rows = [row + [None] * (count - len(row)) for row in rows]
    columns = [
        Column(replace_controls(title), itemgetter(number), may_move=number > 0)
        for number, title in enumerate(titles)
    ]
    _show_cells(writer, columns, [list(map(_query_cell, row)) for row in rows])


def _titles(node: Mapping[str, Any]) -> list[str]:
    """Return the names in the list that ends an expression, such as ``images[].[name, os.id]``."""
    while node["type"] in _ENDS:
        node = node["children"][_ENDS[node["type"]]]
    is_list = node["type"] == "multi_select_list"
    return [_path(child) for child in node["children"]] if is_list else []


def _path(node: Mapping[str, Any]) -> str:
    """Return the path of an expression that is a path of members, "" for another one."""
    nodes = node["children"] if node["type"] == "subexpression" else [node]
    is_path = all(one["type"] == "field" for one in nodes)
    return ".".join(one["value"] for one in nodes) if is_path else ""


def _query_cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return replace_controls(text)


def _show_cells(
    writer: RichWriter, columns: Sequence[Column], cells: Sequence[Sequence[str]]
) -> None:
    if cells and columns:
        rows = [{column: str(column.cell(row)) for column in columns} for row in cells]
        _show_rows(writer, columns, rows, max_first=None)
