"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar

from ..exceptions import PaginationError

__all__ = ["AsyncPrefetcher", "Event", "new_event", "prefetch"]

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


class AsyncPrefetcher(Generic[ResultT]):
    """The async twin of :func:`prefetch`: with a ``depth`` above 0, a task fetches.

    :meth:`aclose` ends that task and waits for its end; dropping the prefetcher ends it too.
    """

    def __init__(self, fetch: Callable[[], Awaitable[ResultT | None]], depth: int) -> None:
        self._fetch = fetch
        self._depth = depth
        self._buffer: _PrefetchBuffer[ResultT] | None = None
        self._task: _Task | None = None

    async def next_result(self) -> ResultT | None:
        """Return the next result, or None after the last."""
        if self._depth == 0:
            return await self._fetch()
        if self._buffer is None or self._task is None:
            self._buffer = _PrefetchBuffer(self._depth)
            # The task must not refer to the prefetcher, which ends the task when it is dropped.
            self._task = _start_task(self._buffer.produce, self._fetch)
        return await self._buffer.get()

    async def aclose(self) -> None:
        """End the fetching; none of it is running when this returns."""
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()
            self._task = None

    def __del__(self) -> None:
        if self._task is not None:
            # The event loop may be closed already.
            with contextlib.suppress(RuntimeError):
                self._task.cancel()


class _PrefetchBuffer(Generic[ResultT]):
    """The results fetched ahead, between the task that fetches and the task that iterates."""

    def __init__(self, depth: int) -> None:
        self._results: deque[tuple[ResultT | None, BaseException | None]] = deque()
        self._fetch_limit = depth
        self._fetch_count = 0
        self._changed = new_event()

    async def produce(self, fetch: Callable[[], Awaitable[ResultT | None]]) -> None:
        result: ResultT | None = None
        error: BaseException | None = None
        while error is None and (result is not None or self._fetch_count == 0):
            while self._fetch_count >= self._fetch_limit:
                await self._wait()
            try:
                result = await fetch()
            except BaseException as raised:
                error = raised
                if not isinstance(raised, Exception):
                    raise
            finally:
                self._fetch_count += 1
                self._results.append((result, error))
                self._notify()

    async def get(self) -> ResultT | None:
        self._fetch_limit += 1
        self._notify()
        while not self._results:
            await self._wait()
        result, error = self._results.popleft()
        if error is not None:
            raise error
        return result

    async def _wait(self) -> None:
        if self._changed.is_set():
            self._changed = new_event()
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()


class Event(Protocol):
    """An event of asyncio or trio."""

    def set(self) -> object: ...
    def is_set(self) -> bool: ...
    async def wait(self) -> object: ...


class _Task(Protocol):
    def cancel(self) -> object: ...
    async def wait(self) -> None: ...


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


def new_event() -> Event:
    """Return an event of the loop that runs."""
    import asyncio

    return sys.modules["trio"].Event() if _in_trio() else asyncio.Event()


def _start_task(function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> _Task:
    task = _TrioTask if _in_trio() else _AsyncioTask
    return task(function, *args)


class _AsyncioTask:
    def __init__(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        import asyncio

        self._wait = asyncio.wait
        self._task = asyncio.get_running_loop().create_task(function(*args))
        self._cancelled = False

    def cancel(self) -> None:
        # Once only: a second time would interrupt the cleanup after the first.
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    async def wait(self) -> None:
        await self._wait([self._task])


class _TrioTask:
    """A task outside of all nurseries, since an iteration has no block that one could span."""

    def __init__(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        trio = sys.modules["trio"]
        self._trio = trio
        self._scope = scope = trio.CancelScope()
        self._done = done = trio.Event()

        async def run() -> None:
            with scope:
                await function(*args)
            done.set()

        trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())

    def cancel(self) -> None:
        self._scope.cancel()

    async def wait(self) -> None:
        with self._trio.CancelScope(shield=True):
            await self._done.wait()
