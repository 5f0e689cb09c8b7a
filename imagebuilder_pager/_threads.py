"""Blocking calls in threads, which their callers share, and the reset after a fork."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import importlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


def call_in_thread(function: Callable[[], T], name: str) -> Future[T]:
    """Call a function in a daemon thread, with the caller's context variables.

    Neither an event loop nor the interpreter waits for the thread at its end. Raises
    ``RuntimeError`` if no thread can be started.
    """
    from concurrent.futures import Future  # slow to import, and rarely needed

    future: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001 - result_of() raises it
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def result_of(future: Future[T], timeout: float | None = None) -> T:
    """Wait for a call; return its result, or raise a copy of its error.

    Raises ``TimeoutError`` if the call has not ended after ``timeout`` seconds.
    """
    from queue import Empty, SimpleQueue

    # Not future.result(): Ctrl-C in its wait becomes a RuntimeError; SimpleQueue is in C.
    finished: SimpleQueue[object] = SimpleQueue()
    future.add_done_callback(finished.put)
    try:
        finished.get(timeout=timeout)
    except Empty:
        raise TimeoutError from None
    error = future.exception()
    if error is not None:
        raise _copy_of(error)
    return future.result()


def _copy_of(error: BaseException) -> BaseException:
    """Return a copy: one exception raised in many threads would mix their tracebacks."""
    try:
        copied = copy.copy(error).with_traceback(error.__traceback__)
    except Exception:  # noqa: BLE001 - the caller's class cannot be copied
        return error
    copied.__cause__, copied.__context__ = error.__cause__, error.__context__
    copied.__suppress_context__ = error.__suppress_context__
    return copied


class SharedCalls:
    """Blocking calls; callers with the same key share one thread.

    The first caller with a key starts the call. Callers with that key share it until it ends.
    """

    def __init__(self) -> None:
        self._after_fork()
        call_after_fork(self)

    def start(
        self, key: Hashable, function: Callable[[], T], name: str = "imagebuilder_pager"
    ) -> Future[T]:
        """Return the new or running call with the key, for :func:`result_of`.

        ``name`` is the thread's name. Raises ``RuntimeError`` if no thread can be started.
        """

        def call() -> T:
            try:
                return function()
            finally:
                # Not with the lock: a signal handler may wait for this in the thread that holds it.
                self._running.pop(key, None)

        with self._lock:
            future = self._running.get(key)
            if future is None or future.done():  # done: it ended before it was stored
                future = self._running[key] = call_in_thread(call, name)
            return future

    def _after_fork(self) -> None:
        """Forget the calls of the parent process's threads."""
        self._lock = threading.RLock()
        self._running: dict[Hashable, Future[Any]] = {}


class AfterFork(Protocol):
    """An object that a forked process has to reset."""

    def _after_fork(self) -> None:
        """Drop the parent's locks, threads and connections in the child."""


_to_reset: weakref.WeakSet[AfterFork] = weakref.WeakSet()


def call_after_fork(subject: AfterFork) -> None:
    """Call the subject's ``_after_fork`` in every forked process, as long as the subject exists."""
    _to_reset.add(subject)


#: Held while an object with locks in C or in another package is created. A fork waits for it.
not_forked = threading.RLock()


def _before_fork() -> None:
    """Wait for other threads' imports and new objects; a child would wait for ever."""
    not_forked.acquire()
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.startswith(package)]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _after_in_child() -> None:
    not_forked.release()
    for subject in list(_to_reset):
        subject._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=not_forked.release, after_in_child=_after_in_child
    )
