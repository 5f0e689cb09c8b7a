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
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(f"0/{targets} targets", total=1.0)

        def show(progress: FleetProgress) -> None:
            ended = progress.complete + progress.failed
            parts = [f"{ended}/{progress.targets} targets"]
            if progress.failed:
                parts[0] += f", {progress.failed} failed"
            parts.append(f"{progress.executions_done:,}/{progress.executions:,} executions")
            parts.append(f"{progress.call_rate:,.0f} calls/s")
            if progress.throttled:
                parts[-1] += f", {progress.throttled:,} throttled"
            bar.update(task, completed=_share(progress), description="; ".join(parts))

        yield show


def _share(progress: FleetProgress) -> float:
    """Return how much of the run is done: of the executions, or at first of the targets."""
    ended = (progress.complete + progress.failed) / progress.targets
    return max(ended, progress.executions_done / progress.executions if progress.executions else 0)
