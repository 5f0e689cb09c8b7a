"""Standard error: errors and tokens, the progress, and no control character on a terminal."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from typing import Self

from ..exceptions import CONTROLS

_CLEAR_LINE = "\r\x1b[K"


def escape_controls(text: str) -> str:
    """Return the text with each control character escaped as in JSON."""
    return re.sub(CONTROLS, lambda match: f"\\u{ord(match[0]):04x}", text)


def write_stderr(text: str) -> None:
    """Write to standard error, if there is one; on a terminal, without control characters."""
    if sys.stderr is not None:
        sys.stderr.write(escape_controls(text) if sys.stderr.isatty() else text)


class ResumeState:
    """The state for the last lines on standard error: the token that resumes after the output.

    ``token`` is None before anything is written, and at the end. ``url`` and ``profile`` are those
    of the calls, for the errors.
    """

    def __init__(self) -> None:
        self.url = ""
        self.profile = ""
        self.token: str | None = None
        self.prints_token = False

    def print_token(self) -> None:
        """Print the token on standard error, if there is one."""
        if self.prints_token and self.token is not None:
            write_stderr(f"NextToken: {self.token}\n")


class Progress:
    """A line that counts pages and items within its ``with`` block, after a second.

    It draws on a terminal only, and only if ``wanted``; otherwise it starts no thread. ``delay`` is
    the time before the line is first drawn, ``interval`` the time between two drawings, in seconds.
    """

    def __init__(self, *, wanted: bool, delay: float = 1.0, interval: float = 0.2) -> None:
        self._delay = delay
        self._interval = interval
        self._thread: threading.Thread | None = None
        if wanted and sys.stderr is not None and sys.stderr.isatty():
            self._thread = threading.Thread(target=self._draw, daemon=True)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._pages = 0
        self._items = 0

    def count_page(self, items: int) -> None:
        """Count a page with that number of items, in any thread."""
        with self._lock:
            self._pages += 1
            self._items += items

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Clear the line, and draw it no more."""
        self._stopped.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _draw(self) -> None:
        started = time.monotonic()
        is_drawn = False
        with contextlib.suppress(OSError):
            while not self._stopped.wait(self._interval if is_drawn else self._delay):
                seconds = time.monotonic() - started
                pages = "1 page" if self._pages == 1 else f"{self._pages} pages"
                sys.stderr.write(f"{_CLEAR_LINE}{self._items} items, {pages}, {seconds:.0f} s")
                sys.stderr.flush()
                is_drawn = True
            if is_drawn:
                sys.stderr.write(_CLEAR_LINE)
                sys.stderr.flush()
