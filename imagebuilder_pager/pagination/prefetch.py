"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["AsyncPrefetcher", "prefetch"]

ResultT = TypeVar("ResultT")


def prefetch(fetch: Callable[[], ResultT | None], depth: int) -> Generator[ResultT]:
    """Yield the results of ``fetch`` until it returns None.

    With a ``depth`` above 0, one thread fetches. Closing the generator, as leaving a loop does,
    waits for the fetch in progress and leaves no thread behind.
    """
    if depth == 0:
        while (result := fetch()) is not None:
            yield result
        return

    from concurrent.futures import ThreadPoolExecutor

    failed = False

    def fetch_unless_failed() -> ResultT | None:
        nonlocal failed
        if failed:
            return None
        failed = True
        result = fetch()
        failed = False
        return result

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as executor:
        pending: deque[Future[ResultT | None]] = deque()
        try:
            while True:
                while len(pending) <= depth:
                    context = contextvars.copy_context()
                    pending.append(executor.submit(context.run, fetch_unless_failed))
                result = pending.popleft().result()
                if result is None:
                    return
                yield result
        finally:
            for future in pending:
                future.cancel()


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
        self._changed = _event()

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
            self._changed = _event()
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()


class _Event(Protocol):
    def set(self) -> object: ...
    def is_set(self) -> bool: ...
    async def wait(self) -> object: ...


class _Task(Protocol):
    def cancel(self) -> object: ...
    async def wait(self) -> None: ...


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


def _event() -> _Event:
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
