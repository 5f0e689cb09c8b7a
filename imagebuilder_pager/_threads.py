"""Threads: how to wait for one so that Ctrl-C does no harm, a call in one, and what a fork does.

Python raises KeyboardInterrupt between two instructions of the main thread, and so it does with
any exception of a signal handler. ``threading.Condition`` and ``Event`` are written in Python. An
exception inside of them leaves their lock held, and the next thread waits for ever. A lock's own
methods, and ``with lock:``, are written in C. The classes here use nothing else. The start of a
``threading.Thread`` waits for an ``Event``, too: :func:`start_thread` has another thread do it.
"""

from __future__ import annotations

import _thread
import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Latch:
    """An event that happens once, and that one thread at a time may wait for."""

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let it happen; the second time, do nothing. Only one thread may call this."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most so many seconds; return whether it has happened."""
        # An exception between the two calls leaves the lock held. By then the latch is set, and
        # no later wait takes the lock.
        if not self._is_set and self._lock.acquire(timeout=_lock_timeout(timeout)):
            self._lock.release()
        return self._is_set


class Waiter:
    """A flag that one thread waits for. Each wait resets it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        """Set the flag. Only one thread at a time may call this."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the flag for at most so many seconds; return whether it was set."""
        return self._lock.acquire(timeout=_lock_timeout(timeout))


def _lock_timeout(timeout: float | None) -> float:
    if timeout is None:
        return -1
    return min(max(0.0, timeout), threading.TIMEOUT_MAX)


def start_thread(function: Callable[[], object], name: str) -> threading.Thread:
    """Return a daemon thread that has begun to call the function.

    Raises ``RuntimeError`` where the system has no more threads.
    """
    begun = Latch()
    functions = [function]

    def run() -> None:
        begun.set()
        # Taken out: who has started this thread may have it still, and keep what it refers to.
        functions.pop()()

    thread = threading.Thread(target=run, name=name, daemon=True)

    def start() -> None:
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # there was one more thread, and no second one
            run()

    _thread.start_new_thread(start, ())
    begun.wait()
    return thread


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
            start_thread(self._run, name)
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


class AfterFork(Protocol):
    """An object that a forked process cannot use as it is."""

    def after_fork(self) -> None:
        """Let go, in the child, of what belongs to the parent."""


_after_fork: weakref.WeakSet[AfterFork] = weakref.WeakSet()


def call_after_fork(subject: AfterFork) -> None:
    """Have its ``after_fork`` called in every forked process, as long as it exists."""
    _after_fork.add(subject)


def _call_all() -> None:
    for subject in list(_after_fork):
        subject.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_call_all)
