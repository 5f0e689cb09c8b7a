"""Waiting for other threads in a way that Ctrl-C, at any point, leaves whole.

Python raises KeyboardInterrupt, and what a handler of a signal raises, between two instructions of
the main thread. ``threading.Condition`` and ``Event`` are written in Python: broken off inside of
them, they leave their lock held, and whoever comes next waits for ever. A lock's own methods, and
``with lock:``, are not: what is here is made of these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["BackgroundCall", "Latch", "Waiter"]

T = TypeVar("T")


class Latch:
    """An event that happens once."""

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let it happen; the second time, do nothing. It is for one thread."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most so many seconds; return whether it has happened."""
        # Broken off with the lock held, it has happened, and nobody needs the lock any more.
        if not self._is_set and self._lock.acquire(timeout=_lock_timeout(timeout)):
            self._lock.release()
        return self._is_set


class Waiter:
    """A thread that waits to be woken, over and over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        """Wake it, now or when it next waits. One thread at a time may do so."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most so many seconds; return whether it was woken."""
        return self._lock.acquire(timeout=_lock_timeout(timeout))


def _lock_timeout(timeout: float | None) -> float:
    if timeout is None:
        return -1
    return min(max(0.0, timeout), threading.TIMEOUT_MAX)


class BackgroundCall(Generic[T]):
    """A call that has been started in a daemon thread.

    ``on_finish`` is called after ``finished`` is set. Where the system has no more threads, the
    call is made at once, in the thread of the caller.
    """

    def __init__(
        self, function: Callable[[], T], name: str, on_finish: Callable[[], object] | None = None
    ) -> None:
        self.finished: Latch = Latch()
        self._function = function
        self._on_finish = on_finish
        self._results: list[T] = []
        self._error: BaseException | None = None
        try:
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError:
            self._run()

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - it is raised by result()
            self._error = error
        finally:
            self.finished.set()
        if self._on_finish is not None:
            self._on_finish()

    def result(self) -> T:
        """Wait for the end of the call, and return or raise, once, what it has."""
        self.finished.wait()
        if self._error is not None:
            # Kept no longer: the error's traceback leads back to this object.
            error, self._error = self._error, None
            raise error
        return self._results.pop()
