"""``--output table``: a row for each resource, fitted to the width of the terminal.

Where there is room, each member has a column. In a narrow terminal, type, time and reason stand on
a line below the row, so that nothing is cut off.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text

from ...models.lifecycle import LifecycleExecutionResource
from ..context import ListContext
from .console import RichWriter, replace_controls, status_style
from .describe import format_duration, format_time, kind_and_name, shared_date, without_nulls
from .header import execution_header

__all__ = ["show_table"]


_GAP = 2
_MAX_ID_WIDTH = 48
_MIN_REASON_WIDTH = 36
_ROWS_PER_WRITE = 500
_WIDE = ("ID", "TYPE", "REGION", "ACCOUNT", "ACTION", "STATUS", "STARTED", "TOOK")
_NARROW = ("ID", "REGION", "ACCOUNT", "ACTION", "STATUS")


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns, their widths, and the width that is left beside them."""

    columns: tuple[str, ...]
    widths: tuple[int, ...]
    remaining_width: int

    @property
    def has_reason_column(self) -> bool:
        return self.remaining_width >= _MIN_REASON_WIDTH


def show_table(writer: RichWriter, context: ListContext) -> None:
    """Show the resources of the listing as a table."""
    pages, token = context.all_pages()
    resources = without_nulls(resource for page in pages for resource in page.resources)
    date = shared_date(resources)
    rows = [_cells(resource, date) for resource in resources]
    note = "times are in UTC" if date is None else f"times are of {date}, in UTC"
    writer.show(execution_header(pages, f"{len(rows)} resources; {note}"), Text())
    if rows:
        _show_rows(writer, rows, resources)
    context.resume_state.advance(token)


def _show_rows(
    writer: RichWriter,
    rows: Sequence[dict[str, str]],
    resources: Sequence[LifecycleExecutionResource],
) -> None:
    layout = _layout(rows, writer.width)
    titles = dict(zip(layout.columns, layout.columns, strict=True))
    title_line = _line(titles, layout, "REASON").plain.rstrip()
    writer.show(Text(title_line, style="bold", no_wrap=True, overflow="ignore"))
    lines = [_row(row, resource, layout) for row, resource in zip(rows, resources, strict=True)]
    for start in range(0, len(lines), _ROWS_PER_WRITE):
        writer.show(Group(*itertools.chain(*lines[start : start + _ROWS_PER_WRITE])))


def _cells(resource: LifecycleExecutionResource, date: str | None) -> dict[str, str]:
    kind, name = kind_and_name(resource)
    action, state = resource.action, resource.state
    return {
        "ID": name,
        "TYPE": kind,
        "REGION": replace_controls(resource.region),
        "ACCOUNT": replace_controls(resource.account_id),
        "ACTION": replace_controls(action.name) if action is not None else "",
        "STATUS": replace_controls(state.status) if state is not None else "",
        "STARTED": format_time(resource.start_time, date),
        "TOOK": format_duration(resource),
    }


def _layout(rows: Sequence[dict[str, str]], width: int) -> _Layout:
    natural = {title: max([len(title), *(cell_len(row[title]) for row in rows)]) for title in _WIDE}
    natural["ID"] = min(natural["ID"], _MAX_ID_WIDTH)
    for columns in (_WIDE, _NARROW):
        widths = [natural[title] for title in columns]
        remaining = width - sum(widths) - _GAP * len(widths)
        if remaining + _GAP >= 0:
            return _Layout(columns, tuple(widths), remaining)
    # Still too wide: the ids are shortened, and lines that are too long wrap in the terminal.
    widths[0] = max(widths[0] + remaining + _GAP, 12)
    return _Layout(_NARROW, tuple(widths), 0)


def _row(
    row: dict[str, str], resource: LifecycleExecutionResource, layout: _Layout
) -> Iterator[Text | Padding]:
    state = resource.state
    reason = replace_controls(state.reason) if state is not None else ""
    is_narrow = layout.columns is _NARROW
    if layout.has_reason_column and not is_narrow:
        yield _line(row, layout, reason)
        return
    yield _line(row, layout, "")
    below = Text()
    if is_narrow:
        parts = [row["TYPE"], row["STARTED"], row["TOOK"]]
        below.append(", ".join(filter(None, parts)), style="dim")
    if reason:
        below.append(": " if is_narrow else "", style="dim").append(reason, _reason_style(row))
    if below:
        yield Padding(below, (0, 0, 0, _GAP))


def _line(row: dict[str, str], layout: _Layout, reason: str) -> Text:
    line = Text(no_wrap=not reason, overflow="ignore")
    for title, width in zip(layout.columns, layout.widths, strict=True):
        style = {"STATUS": status_style(row[title]), "TYPE": "dim", "ID": "bold"}.get(title, "")
        cell = row[title]
        if cell_len(cell) > width:
            cell = set_cell_size(cell, width - 1) + "…"
        line.append(set_cell_size(cell, width), style).append(" " * _GAP)
    if reason and layout.has_reason_column:
        return _with_reason(line, reason, _reason_style(row), layout.remaining_width)
    return line


def _with_reason(line: Text, reason: str, style: str, width: int) -> Text:
    indent = "\n" + " " * cell_len(line.plain)
    parts = [part.plain.rstrip() for part in Text(reason).wrap(Console(width=width), width)]
    return line.append(indent.join(parts), style)


def _reason_style(row: dict[str, str]) -> str:
    return "red" if row["STATUS"] == "FAILED" else ""
