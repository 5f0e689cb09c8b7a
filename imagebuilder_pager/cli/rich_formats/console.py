"""The terminal: its width and its colours, and the characters that must not reach it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..._validation import importing
from ...exceptions import CONTROLS
from ..stdout import Stdout

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from ...models.lifecycle import ListLifecycleExecutionResourcesResponse as Page

#: The style of each status: of a resource or an execution, an image, a pipeline or a policy.
STATUS_STYLES = {
    "SUCCESS": "green",
    "FAILED": "bold red",
    "SKIPPED": "yellow",
    **dict.fromkeys(("IN_PROGRESS", "PENDING"), "cyan"),
    **dict.fromkeys(("CANCELLED", "CANCELLING"), "yellow"),
    **dict.fromkeys(("AVAILABLE", "COMPLETED", "ENABLED", "ACTIVE"), "green"),
    **dict.fromkeys(("RUNNING", "CREATING", "BUILDING", "TESTING"), "cyan"),
    **dict.fromkeys(("DISTRIBUTING", "INTEGRATING"), "cyan"),
    **dict.fromkeys(("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETED"), "yellow"),
    **dict.fromkeys(("DEPRECATED", "DISABLED"), "yellow"),
    "DELETED": "dim",
}

_MAX_WIDTH = 1_000
_WIDTH_WITHOUT_TERMINAL = 140
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def require_rich(output: str, others: str = "json, jsonl, text or yaml-stream") -> None:
    """Raise :class:`MissingDependencyException` if rich is not installed.

    ``others`` are the outputs of the command that do without.
    """
    with importing("rich", purpose=f"--output {output}", otherwise=f"use --output {others}"):
        import rich  # noqa: F401


def replace_controls(text: str | None) -> str:
    """Return the text with its control characters replaced."""
    # A terminal obeys control characters, and a name may have some in it; a cell has one line.
    return (
        ""
        if text is None
        else re.sub(r"[\t\n]", _REPLACEMENT, re.sub(CONTROLS, _REPLACEMENT, text))
    )


def status_style(status: object) -> str:
    """Return the style of a status; an unknown one has none."""
    return STATUS_STYLES.get(str(status), "")


def execution_header(pages: Sequence[Page], note: str) -> Group:
    """Return the execution of the pages and its state, with a note below."""
    from rich.console import Group
    from rich.text import Text

    line = Text("Lifecycle execution ")
    reason = Text()
    if pages:
        line.append(replace_controls(pages[0].lifecycle_execution_id), style="bold")
        if (state := pages[0].lifecycle_execution_state) is not None:
            status = replace_controls(state.status)
            line.append("  ").append(status, style=status_style(state.status))
            reason = Text(replace_controls(state.reason))
    parts = [line, *([reason] if reason else []), Text(note, style="dim")]
    return Group(*parts)


class RichWriter:
    """A writer of output that rich lays out, without a buffer.

    ``color`` is on, off or auto. ``before_output`` is called before anything is written.
    """

    def __init__(self, stdout: Stdout, color: str, before_output: Callable[[], None]) -> None:
        from rich.console import Console

        self._stdout = stdout
        self._before_output = before_output
        self._console = Console(
            file=sys.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal={"on": True, "off": False}.get(color),
            no_color=True if color == "off" else None,
            width=_terminal_width(),
            height=25,  # nothing goes by it; without it, rich reads COLUMNS by itself
        )

    @property
    def width(self) -> int:
        """The width of the terminal, in columns."""
        return self._console.width

    def show(self, *parts: RenderableType) -> None:
        """Show each part below the one before."""
        with self._console.capture() as captured:
            for part in parts:
                # Lines that are still too wide are left for the terminal to wrap.
                self._console.print(part, crop=False)
        self._before_output()
        # rich pads lines with spaces, which would be copied along with the text.
        self._stdout.write(re.sub(r" +(?=\n)", "", captured.get()), is_styled=True)


def _terminal_width() -> int:
    """Return ``COLUMNS``, else the width of the terminal, also of one behind a pager."""
    width = 0
    for descriptor in (0, 2):
        with contextlib.suppress(OSError):  # not a terminal
            width = os.get_terminal_size(descriptor).columns or width
    fallback = (width or _WIDTH_WITHOUT_TERMINAL, 0)
    return min(shutil.get_terminal_size(fallback).columns, _MAX_WIDTH)
