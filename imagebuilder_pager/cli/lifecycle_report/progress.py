"""The progress of a run: a bar on a terminal, else a log line now and then."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...fleet import FleetProgress


@contextmanager
def show_progress(targets: int) -> Iterator[Callable[[FleetProgress], None] | None]:
    """Give what is to be told of each progress, None where the run shall log by itself."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not is_terminal or importlib.util.find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("targets, {task.fields[failed]} failed; {task.fields[records]:,} records"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=targets, failed=0, records=0, rate=0.0)

        def show(progress: FleetProgress) -> None:
            bar.update(
                task,
                completed=progress.complete + progress.failed,
                failed=progress.failed,
                records=progress.records,
                rate=progress.rate,
            )

        yield show
