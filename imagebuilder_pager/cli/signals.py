"""Ctrl-C and SIGTERM as an exception, which waits while an item is being written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalReceived(KeyboardInterrupt):
    """A signal that ends the run; ``code`` is the exit code that shells know for it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code: int = 128 + number


class Signals:
    """A context manager in which either signal raises :class:`SignalReceived`."""

    def __init__(self) -> None:
        self._is_deferring = False
        self._deferred: int | None = None
        self._previous_handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # A signal that the shell has us ignore, as of a job in the background, stays so.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous_handlers[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Defer a signal until the end of the block; a second one is not deferred."""
        self._is_deferring = True
        try:
            yield
        finally:
            self._is_deferring = False
        if self._deferred is not None:
            raise SignalReceived(self._deferred)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._is_deferring and self._deferred is None:
            self._deferred = number
        else:
            raise SignalReceived(number)
