"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import atexit
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import PaginationError

if TYPE_CHECKING:
    from queue import SimpleQueue

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
        # Queues in C, which Ctrl-C in the thread of the caller leaves whole.
        from queue import SimpleQueue

        self._fetch = fetch
        #: One for each fetch that may begin, and one to look whether it is closed.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(depth):
            self._permits.put(None)
        self._results: SimpleQueue[tuple[ResultT | None, BaseException | None]] = SimpleQueue()
        self._context = contextvars.copy_context()
        self._closed = False
        self._thread: threading.Thread | None = None

    def next_result(self) -> ResultT | None:
        """Return the next result, or None after the last."""
        self._context = contextvars.copy_context()  # of the caller, at this time
        self._permits.put(None)
        if self._thread is None:
            _registry.add(self)
            self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
            self._thread.start()
        elif not self._thread.is_alive() and self._results.empty():
            raise PaginationError(
                "the thread that fetches the pages is not in this process, which was forked"
            )
        result, error = self._results.get()
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the fetching; wait for the fetch in progress, if that can be done."""
        self.stop()
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        if thread is not threading.current_thread() and _registry.may_wait():
            thread.join()

    def stop(self) -> None:
        """Let no other fetch begin, and the thread end."""
        self._closed = True
        self._permits.put(None)

    def _run(self) -> None:
        result: ResultT | None = None
        error: BaseException | None = None
        has_more = True
        while has_more:
            self._permits.get()
            if self._closed:
                error = PaginationError("no further page is fetched: the interpreter exits")
            else:
                try:
                    result = self._context.run(self._fetch)
                except BaseException as raised:  # noqa: BLE001  # raised where the page is asked for
                    error = raised
            has_more = error is None and result is not None
            self._results.put((result, error))


class _ThreadRegistry:
    """The threads of this process, for what happens to all of them."""

    def __init__(self) -> None:
        self._workers: weakref.WeakSet[_PrefetchThread[Any]] = weakref.WeakSet()
        self._is_registered = False
        self._is_exiting = False
        #: The phases of the garbage collection, "start" and "stop", the latest one at the end.
        self._phases: dict[str, object] = {}

    def add(self, worker: _PrefetchThread[Any]) -> None:
        if not self._is_registered:
            self._is_registered = True
            atexit.register(self._stop)
            # Methods in C: a Ctrl-C that came in a callback of ours would be lost.
            gc.callbacks += [self._phases.pop, self._phases.__setitem__]
        self._workers.add(worker)

    def may_wait(self) -> bool:
        """Return whether a thread may wait for another one.

        At its exit, the interpreter may have stopped the other thread anywhere. A collection of
        garbage can begin at any line: this thread may then hold a lock that the other one needs.
        """
        is_collecting = next(reversed(self._phases), "stop") == "start"
        return not self._is_exiting and not is_collecting

    def _stop(self) -> None:
        self._is_exiting = True
        for worker in list(self._workers):
            worker.stop()


_registry = _ThreadRegistry()
