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
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..._rows import Operation
from ..listing import Listing
from .columns import Column, columns_of
from .console import RichWriter, execution_header, replace_controls, status_style
from .describe import format_time, in_words, shared_date, without_nulls

_GAP = 2
_MAX_WIDTH = 48  # a wider column goes below the row; the first one is shortened
_MIN_WIDTH = 12
_MIN_PROSE_WIDTH = 36
_ROWS_PER_WRITE = 500

#: The texts of an item's cells, by the titles of the columns.
Row = Mapping[str, str]


class _Layout(NamedTuple):
    """The columns of a row with their widths, and the titles of those below it.

    ``prose`` is the title of the text in the remaining width, ``prose_below`` of the one below the
    row; each is empty for none.
    """

    widths: Mapping[str, int]
    below: Sequence[str]
    prose: str
    prose_below: str
    remaining_width: int


def show_table(writer: RichWriter, listing: Listing) -> None:
    """Show the items of a listing as a table, a single response by its members, or a query."""
    if listing.request.query is not None:
        _show_query_result(writer, listing.request.apply_query(listing.raw_result()))
        return
    pages, token = listing.all_pages()
    key = listing.operation.result_key
    if key is None:
        _show_members(writer, pages[0].to_dict())
        return
    items = without_nulls(item for page in pages for item in page.get(key) or ())
    columns = columns_of(items)
    cells = [{column.title: column.cell(item) for column in columns} for item in items]
    times = [cell for row in cells for cell in row.values() if isinstance(cell, datetime)]
    date = shared_date(times)
    noun = "resource" if key == "resources" else "item"
    note = f"{len(items)} {noun if len(items) == 1 else f'{noun}s'}"
    if times:
        note += "; times are in UTC" if date is None else f"; times are of {date}, in UTC"
    writer.show(_header(listing.operation, pages, note))
    if columns:
        writer.show(Text())
        rows = [{title: _text(cell, date) for title, cell in row.items()} for row in cells]
        _show_rows(writer, columns, rows)
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


def _text(cell: str | datetime, date: str | None) -> str:
    return format_time(cell, date) if isinstance(cell, datetime) else cell


def _show_rows(writer: RichWriter, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    layout = _layout(columns, rows, writer.width)
    titles = {column.title: column.title for column in columns}
    title_line = _line(titles, layout).plain.rstrip()
    writer.show(Text(title_line, style="bold", no_wrap=True, overflow="ignore"))
    lines = [_row(row, layout) for row in rows]
    for start in range(0, len(lines), _ROWS_PER_WRITE):
        writer.show(Group(*itertools.chain(*lines[start : start + _ROWS_PER_WRITE])))


def _layout(columns: Sequence[Column], rows: Sequence[Row], width: int) -> _Layout:
    # Prose that is all there is, is a column like any other.
    prose = columns[-1].title if columns[-1].is_prose and len(columns) > 1 else ""
    widths = {
        column.title: max([len(column.title), *(cell_len(row[column.title]) for row in rows)])
        for column in columns
        if column.title != prose
    }
    movable = [column.title for column in columns if column.may_move and column.title in widths]
    # From the last to the first, but the widest before all others.
    movable.sort(key=lambda title: widths[title] > _MAX_WIDTH)
    first = next(iter(widths))
    widths[first] = min(widths[first], _MAX_WIDTH)
    moved = set()
    while movable and _total(widths) > width:
        moved.add(movable[-1])
        del widths[movable.pop()]
    # Still too wide: the first one is shortened, and lines that are too long wrap in the terminal.
    widths[first] = max(
        min(widths[first], width - _total(widths) + widths[first]), min(widths[first], _MIN_WIDTH)
    )
    below = [column.title for column in columns if column.title in moved]
    remaining_width = width - _total(widths) - _GAP
    if below or remaining_width < _MIN_PROSE_WIDTH:
        return _Layout(widths, below, "", prose, remaining_width)
    return _Layout(widths, below, prose, "", remaining_width)


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _row(row: Row, layout: _Layout) -> Iterator[Text | Padding]:
    yield _line(row, layout)
    parts = [f"{title.lower()} {row[title]}" for title in layout.below if row[title]]
    below = Text(", ".join(parts), style="dim")
    if prose := row.get(layout.prose_below):
        below = Text.assemble(below, (": " if parts else "", "dim"), (prose, _prose_style(row)))
    if below:
        yield Padding(below, (0, 0, 0, _GAP))


def _line(row: Row, layout: _Layout) -> Text:
    prose = row.get(layout.prose)
    line = Text(no_wrap=not prose, overflow="ignore")
    for number, (title, width) in enumerate(layout.widths.items()):
        style = {"STATUS": status_style(row[title]), "RESULT": status_style(row[title])}
        style |= {"TYPE": "dim"}
        cell = row[title]
        if cell_len(cell) > width:
            cell = set_cell_size(cell, width - 1) + "…"
        line.append(set_cell_size(cell, width), style.get(title, "" if number else "bold"))
        line.append(" " * _GAP)
    if not prose:
        return line
    indent = "\n" + " " * cell_len(line.plain)
    width = layout.remaining_width
    parts = [part.plain.rstrip() for part in Text(prose).wrap(Console(width=width), width)]
    return line.append(indent.join(parts), _prose_style(row))


def _prose_style(row: Row) -> str:
    return "red" if row.get("STATUS") == "FAILED" else ""


def _show_members(writer: RichWriter, response: dict[str, Any]) -> None:
    """Show each member of a response with its path; of the only structure, those inside of it."""
    response.pop("ResponseMetadata", None)
    values = list(response.values())
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for path, text in _members(values[0] if len(values) == 1 else response, ""):
        table.add_row(Text(replace_controls(path)), Text(text, status_style(text)))
    writer.show(table)


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _members(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        for number, inner in enumerate(value):
            yield from _members(inner, f"{path}[{number}]")
    elif isinstance(value, list):
        yield path, ", ".join(map(_scalar, without_nulls(value)))
    elif value is not None:
        yield path, _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{format_time(value, None)} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return replace_controls(str(value))


def _show_query_result(writer: RichWriter, result: Any) -> None:
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
            table.add_row(*(_query_cell(row.get(title)) for title in titles))
    else:
        table.show_header = False
        lists = [row if isinstance(row, list) else [row] for row in rows]
        for _ in range(max(map(len, lists))):
            table.add_column(overflow="fold")
        for row in lists:
            table.add_row(*map(_query_cell, row))
    writer.show(table)


def _query_cell(value: Any) -> Text:
    if value is None:
        return Text()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Text(replace_controls(text))
