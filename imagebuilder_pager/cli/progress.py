"""A line on standard error that says how far the listing has come, once it takes a second."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Self

__all__ = ["Progress"]

_DELAY = 1.0  # seconds before there is a line
_STEP = 0.2  # seconds between two of them
_CLEAR = "\r\x1b[K"


class Progress:
    """Counts pages and items, and shows them while the ``with`` lasts.

    Only on a terminal, and only if ``wanted``: a thread that draws is started for nothing else.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._thread: threading.Thread | None = None
        if wanted and sys.stderr is not None and sys.stderr.isatty():
            self._thread = threading.Thread(target=self._draw, daemon=True)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._pages = 0
        self._items = 0

    def count(self, items: int) -> None:
        """A page of so many items has come; any thread may say so."""
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
        """Takes the line away."""
        self._over.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _draw(self) -> None:
        started = time.monotonic()
        shown = False
        with contextlib.suppress(OSError):
            while not self._over.wait(_STEP if shown else _DELAY):
                seconds = time.monotonic() - started
                pages = "1 page" if self._pages == 1 else f"{self._pages} pages"
                sys.stderr.write(f"{_CLEAR}{self._items} resources, {pages}, {seconds:.0f} s")
                sys.stderr.flush()
                shown = True
            if shown:
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()
