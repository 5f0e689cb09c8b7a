"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import atexit
import contextvars
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from ..exceptions import PaginationError

__all__ = ["prefetch"]

ResultT = TypeVar("ResultT")


def prefetch(fetch: Callable[[], ResultT | None], depth: int) -> Generator[ResultT]:
    """Yield the results of ``fetch`` until it returns None.

    With a ``depth`` above 0, one thread fetches. Closing the generator, as leaving a loop does,
    waits for the fetch in progress and leaves no thread behind. The exit of the interpreter waits
    for nothing, and no fetch begins after it.
    """
    if depth == 0:
        while (result := fetch()) is not None:
            yield result
        return
    worker = _PrefetchThread(fetch, depth)
    try:
        while (result := worker.next_result()) is not None:
            yield result
    finally:
        worker.close()


class _PrefetchThread(Generic[ResultT]):
    """A thread that fetches, and the results that it is ahead.

    It is a daemon, since the interpreter joins every other thread before it exits.
    """

    def __init__(self, fetch: Callable[[], ResultT | None], depth: int) -> None:
        self._fetch = fetch
        self._fetch_limit = depth
        self._results: deque[tuple[ResultT | None, BaseException | None]] = deque()
        self._changed = threading.Condition()
        self._context = contextvars.copy_context()
        self._closed = False
        self._thread: threading.Thread | None = None

    def next_result(self) -> ResultT | None:
        """Return the next result, or None after the last."""
        with self._changed:
            self._fetch_limit += 1
            self._context = contextvars.copy_context()  # of the caller, at this time
            self._changed.notify_all()
            if self._thread is None:
                _registry.add(self)
                self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
                self._thread.start()
            while not self._results:
                if not self._thread.is_alive():
                    raise PaginationError(
                        "the thread that fetches the pages is not in this process, which was forked"
                    )
                self._changed.wait()
        result, error = self._results.popleft()
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the fetching; wait for the fetch in progress, unless the interpreter exits."""
        self.stop()
        thread = self._thread
        # At the exit, the thread may have been ended inside of the lock.
        if thread is None or _registry.is_exiting or not thread.is_alive():
            return
        with self._changed:
            self._changed.notify_all()
        if thread is not threading.current_thread():  # where the garbage is collected
            thread.join()

    def stop(self) -> None:
        """Let no other fetch begin."""
        self._closed = True

    def renew_lock(self) -> None:
        """Replace the lock in a child process, where a thread of the parent may hold it."""
        self._changed = threading.Condition()

    def _run(self) -> None:
        fetch_count = 0
        result: ResultT | None = None
        error: BaseException | None = None
        while error is None and (result is not None or fetch_count == 0):
            with self._changed:
                while fetch_count >= self._fetch_limit and not self._closed:
                    self._changed.wait()
                context = self._context
            if self._closed:
                return
            try:
                result = context.run(self._fetch)
            except BaseException as raised:  # noqa: BLE001  # raised where the page is asked for
                error = raised
            fetch_count += 1
            with self._changed:
                self._results.append((result, error))
                self._changed.notify_all()


class _ThreadRegistry:
    """The threads of this process, for what happens to all of them."""

    def __init__(self) -> None:
        self._workers: weakref.WeakSet[_PrefetchThread[Any]] = weakref.WeakSet()
        self._is_registered = False
        self.is_exiting = False

    def add(self, worker: _PrefetchThread[Any]) -> None:
        if not self._is_registered:
            self._is_registered = True
            atexit.register(self._stop)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._renew_locks)
        self._workers.add(worker)

    def _stop(self) -> None:
        self.is_exiting = True
        for worker in list(self._workers):
            worker.stop()

    def _renew_locks(self) -> None:
        for worker in list(self._workers):
            worker.renew_lock()


_registry = _ThreadRegistry()
