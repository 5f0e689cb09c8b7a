"""``--output summary``: counts by week, policy, region and account; failures; what comes next."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..rich_formats.console import STATUS_STYLES, RichWriter, replace_controls, status_style
from ..rich_formats.describe import short_reason
from .report import GROUPINGS, count_by, executions_with, failed_targets, reasons

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ...fleet import FleetDatabase, FleetResult
    from .report import Selection

_NOT_ENDED = ("PENDING", "IN_PROGRESS", "CANCELLING")
_MAX_ROWS = 20  # of the policies, of the reasons, and of what comes next


def show_summary(
    writer: RichWriter,
    database: FleetDatabase,
    selection: Selection,
    result: FleetResult | None,
) -> None:
    """Show the summary of what the database has, and how the run has ended that filled it."""
    if result is not None:
        writer.show(_run_line(result))
    for grouping in GROUPINGS:
        rows = count_by(database, selection, grouping)
        if not rows:
            writer.show(Text("No lifecycle execution in this period."))
            break
        writer.show(Text(), _counts(grouping, rows))
    for title, lines in (
        ("What failed, and why", _failures(database, selection)),
        ("What comes next", _next(database, selection)),
    ):
        parts: list[RenderableType] = list(itertools.islice(lines, _MAX_ROWS))
        hidden = sum(1 for _ in lines)
        if hidden:
            parts.append(Padding(Text(f"and {hidden} more", "dim"), (0, 0, 0, 2)))
        if parts:
            writer.show(Text(), Text(title, style="bold"), *parts)


def _run_line(result: FleetResult) -> Text:
    complete = len(result.targets) - len(result.failures)
    line = Text.assemble(
        ("Run    ", "bold"),
        f"{complete} of {len(result.targets)} targets complete, {result.records} records "
        f"in {result.seconds:.1f} s",
    )
    if result.failures:
        line.append(f"; {len(result.failures)} failed", status_style("FAILED"))
    return line


def _counts(grouping: str, rows: list[tuple[str, int, dict[str, int]]]) -> Table:
    totals: Counter[str] = Counter()
    for _, _, statuses in rows:
        totals.update(statuses)
    known = list(STATUS_STYLES)
    columns = sorted(totals, key=lambda s: (known.index(s) if s in known else len(known), s))
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(grouping.upper(), overflow="fold")
    table.add_column("EXECUTIONS", justify="right", no_wrap=True)
    for status in columns:
        header = Text(replace_controls(status), status_style(status))
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("RESOURCES", justify="right", style="bold", no_wrap=True)
    shown = rows if grouping == "week" else sorted(rows, key=lambda row: (-row[1], row[0]))
    for name, executions, statuses in shown[:_MAX_ROWS] if grouping == "policy" else shown:
        cells = [_count(statuses.get(status, 0), status) for status in columns]
        total = str(sum(statuses.values()))
        table.add_row(Text(replace_controls(name)), str(executions), *cells, total)
    if grouping == "policy" and len(rows) > _MAX_ROWS:
        table.add_row(Text(f"and {len(rows) - _MAX_ROWS} more", "dim"))
    return table


def _count(number: int, status: str) -> Text:
    return Text(str(number), status_style(status)) if number else Text("·", "dim")


def _failures(database: FleetDatabase, selection: Selection) -> Iterator[Padding]:
    """Yield the executions that failed, and the reasons of resources without the ids in them."""
    executions: Counter[str] = Counter(
        f"execution of {row['policy']}: {row['reason'] or 'no reason is given'}"
        for row in executions_with(database, selection, ("FAILED",))
    )
    numbers, examples = Counter[str](), dict[str, str]()
    for row in reasons(database, selection):
        reason = short_reason(row["reason"] or "no reason is given")
        numbers[reason] += row["number"]
        examples.setdefault(reason, row["example"])
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True, style=status_style("FAILED"))
    table.add_column()
    for text, number in executions.most_common(_MAX_ROWS):
        table.add_row(str(number), Text(replace_controls(text)))
    for reason, number in numbers.most_common(_MAX_ROWS):
        cell = Text.assemble(reason, (f"\n{replace_controls(examples[reason])}", "dim"))
        table.add_row(str(number), cell)
    hidden = len(numbers) + len(executions) - 2 * _MAX_ROWS
    if table.row_count:
        if hidden > 0:
            table.add_row("", Text(f"and {hidden} more reasons", "dim"))
        yield Padding(table, (0, 0, 0, 2))


def _next(database: FleetDatabase, selection: Selection) -> Iterator[Padding]:
    """Yield what has not ended: executions, which a later run lists again, and targets."""
    for row in executions_with(database, selection, _NOT_ENDED):
        line = Text.assemble(
            (row["status"], status_style(row["status"])),
            f" since {row['start_time'] or 'an unknown time'}: {row['execution_id']} of "
            f"{row['policy']}, {row['account']}/{row['region']}; the next run looks at it again",
        )
        line.plain = replace_controls(line.plain)
        yield Padding(line, (0, 0, 0, 2))
    for row in failed_targets(database):
        error = (row["error"] or "it was stopped").splitlines()[0]
        line = Text.assemble(
            ("INCOMPLETE", status_style("FAILED")),
            f" {row['account']}/{row['region']}: {error}; the next run goes on where it was",
        )
        line.plain = replace_controls(line.plain)
        yield Padding(line, (0, 0, 0, 2))
