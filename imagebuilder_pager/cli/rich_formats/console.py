"""The terminal: its width and colours, and what must not reach it."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exit_codes import ConfigurationError
from ..stdout import Output

if TYPE_CHECKING:
    from rich.console import RenderableType


__all__ = ["STATUS_STYLES", "RichWriter", "require_rich", "status_style", "strip_controls"]


#: By status, of a resource or of the execution. The words are always there, too.
STATUS_STYLES = {
    "SUCCESS": "green",
    "FAILED": "bold red",
    "SKIPPED": "yellow",
    "IN_PROGRESS": "cyan",
    "PENDING": "cyan",
    "CANCELLED": "yellow",
    "CANCELLING": "yellow",
}
# A terminal obeys control characters; whoever named an image may have put some in.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\N{REPLACEMENT CHARACTER}")


def require_rich(output: str) -> None:
    """Raises :class:`ConfigurationError` that says what to install, if rich is not there."""
    if importlib.util.find_spec("rich") is None:
        raise ConfigurationError(
            f"--output {output} needs rich, which is not installed; install it with\n"
            "  pip install 'imagebuilder-pager[cli]'\n"
            "The outputs json, jsonl, text and yaml-stream do without."
        )


def strip_controls(text: str | None) -> str:
    """The text without control characters."""
    return "" if text is None else text.translate(_CONTROLS)


def status_style(status: object) -> str:
    """The style of a status; of one that is not known, none."""
    return STATUS_STYLES.get(str(status), "")


class RichWriter:
    """What is shown goes through here: laid out by rich, written without a buffer of its own.

    ``color`` is on, off or auto, ``done`` is called before anything is written.
    """

    def __init__(self, output: Output, color: str, done: Callable[[], None]) -> None:
        from rich.console import Console

        self._output = output
        self._done = done
        self.console = Console(
            file=sys.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal={"on": True, "off": False}.get(color),
            no_color=True if color == "off" else None,
            # Where there is no terminal whose width is known, neither is there one to fit into.
            width=None if _has_width() else 140,
        )

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.console.width

    def show(self, *what: RenderableType) -> None:
        """Shows each below the one before."""
        with self.console.capture() as captured:
            for one in what:
                # What is too wide all the same is for the terminal to wrap, not to be cut off.
                self.console.print(one, crop=False)
        self._done()
        # rich fills lines up; whoever copies them is better off without.
        self._output.write(re.sub(r" +(?=\n)", "", captured.get()))


def _has_width() -> bool:
    if os.environ.get("COLUMNS", "").isdigit():
        return True
    return any(os.isatty(number) for number in range(3))
