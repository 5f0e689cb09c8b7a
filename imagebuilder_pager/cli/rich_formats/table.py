"""``--output table``: a row a resource, fitted to the width of the terminal.

Where there is room, each member has its column. Where there is not, type, time and reason go on a
line below the row, so that nothing has to be cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text

from ...models.lifecycle import LifecycleExecutionResource
from ..context import ListContext
from .console import RichWriter, status_style, strip_controls
from .describe import clock, format_duration, kind_and_name, shared_date
from .heading import heading

__all__ = ["show_table"]


_GAP = 2
_LONGEST_NAME = 48
_ROOM_FOR_REASONS = 36
_ROWS_AT_ONCE = 500  # are laid out and written
_WIDE = ("ID", "TYPE", "REGION", "ACCOUNT", "ACTION", "STATUS", "STARTED", "TOOK")
_NARROW = ("ID", "REGION", "ACCOUNT", "ACTION", "STATUS")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns there are, how wide they are, and what is left beside them."""

    columns: tuple[str, ...]
    widths: tuple[int, ...]
    rest: int

    @property
    def reason_beside(self) -> bool:
        return self.rest >= _ROOM_FOR_REASONS


def show_table(screen: RichWriter, listing: ListContext) -> None:
    """Shows the resources of the listing as a table."""
    pages, token = listing.all_pages()
    resources = [resource for page in pages for resource in page.resources]
    day = shared_date(resources)
    rows = [_cells(resource, day) for resource in resources]
    when = "times are in UTC" if day is None else f"times are of {day}, in UTC"
    screen.show(heading(pages, f"{len(rows)} resources; {when}"), Text())
    if rows:
        _show_rows(screen, rows, resources)
    listing.resume_state.advance(token)


def _show_rows(
    screen: RichWriter,
    rows: Sequence[dict[str, str]],
    resources: Sequence[LifecycleExecutionResource],
) -> None:
    layout = _layout(rows, screen.width)
    titles = dict(zip(layout.columns, layout.columns, strict=True))
    title_line = _line(titles, layout, "REASON").plain.rstrip()
    screen.show(Text(title_line, style="bold", no_wrap=True, overflow="ignore"))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = zip(
            rows[start : start + _ROWS_AT_ONCE],
            resources[start : start + _ROWS_AT_ONCE],
            strict=True,
        )
        screen.show(Group(*[part for row, one in some for part in _row(row, one, layout)]))


def _cells(resource: LifecycleExecutionResource, day: str | None) -> dict[str, str]:
    kind, name = kind_and_name(resource)
    action, state = resource.action, resource.state
    return {
        "ID": name,
        "TYPE": kind,
        "REGION": strip_controls(resource.region),
        "ACCOUNT": strip_controls(resource.account_id),
        "ACTION": strip_controls(action.name) if action is not None else "",
        "STATUS": strip_controls(state.status) if state is not None else "",
        "STARTED": clock(resource.start_time, day),
        "TOOK": format_duration(resource),
    }


def _layout(rows: Sequence[dict[str, str]], width: int) -> _Layout:
    natural = {title: max([len(title), *(cell_len(row[title]) for row in rows)]) for title in _WIDE}
    natural["ID"] = min(natural["ID"], _LONGEST_NAME)
    for columns in (_WIDE, _NARROW):
        widths = [natural[title] for title in columns]
        left = width - sum(widths) - _GAP * len(widths)
        if left + _GAP >= 0:
            return _Layout(columns, tuple(widths), left)
    # Even that is too much: the ids give way, and what is still too long wraps in the terminal.
    widths[0] = max(widths[0] + left + _GAP, 12)
    return _Layout(_NARROW, tuple(widths), 0)


def _row(
    row: dict[str, str], resource: LifecycleExecutionResource, layout: _Layout
) -> Iterator[Text | Padding]:
    state = resource.state
    reason = strip_controls(state.reason) if state is not None else ""
    narrow = layout.columns is _NARROW
    if layout.reason_beside and not narrow:
        yield _line(row, layout, reason)
        return
    yield _line(row, layout, "")
    below = Text()
    if narrow:
        parts = [row["TYPE"], row["STARTED"], row["TOOK"]]
        below.append(", ".join(filter(None, parts)), style="dim")
    if reason:
        below.append(": " if narrow else "", style="dim").append(reason, _reason_style(row))
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
    if reason and layout.reason_beside:
        return _with_reason(line, reason, _reason_style(row), layout.rest)
    return line


def _with_reason(line: Text, reason: str, style: str, width: int) -> Text:
    indent = "\n" + " " * cell_len(line.plain)
    parts = [part.plain.rstrip() for part in Text(reason).wrap(Console(), width)]
    return line.append(indent.join(parts), style)


def _reason_style(row: dict[str, str]) -> str:
    return "red" if row["STATUS"] == "FAILED" else ""
