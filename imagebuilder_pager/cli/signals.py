"""Ctrl-C and SIGTERM: an exception, which waits while an item is being written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

__all__ = ["SignalReceived", "Signals"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class SignalReceived(KeyboardInterrupt):
    """The run was told to stop; ``code`` is the exit code that shells know for it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


class Signals:
    """Raises :class:`SignalReceived` for either signal, from ``with`` on until its end."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                # What the shell has told us to ignore, as for a job in the background, stays so.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Lets what is within run to its end; a second signal does not wait for that."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._waiting is not None:
            raise SignalReceived(self._waiting)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._held and self._waiting is None:
            self._waiting = number
        else:
            raise SignalReceived(number)
