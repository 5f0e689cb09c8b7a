"""Fetching pages ahead in a task, under asyncio and trio; the async twin of :mod:`.prefetch`."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from .._async_runtime import AsyncRuntime, Task, current_runtime
from ..exceptions import PaginationError

ResultT = TypeVar("ResultT")


class AsyncPrefetcher(Generic[ResultT]):
    """The async twin of :func:`prefetch`: with a ``depth`` above 0, a task fetches.

    :meth:`aclose` ends that task and waits for its end; dropping the prefetcher ends it too.
    """

    def __init__(self, fetch: Callable[[], Awaitable[ResultT | None]], depth: int) -> None:
        self._fetch = fetch
        self._depth = depth
        self._buffer: _PrefetchBuffer[ResultT] | None = None
        self._task: Task | None = None
        self._runtime: AsyncRuntime | None = None

    async def next_result(self) -> ResultT | None:
        """Return the next result, or None after the last.

        Raises :class:`PaginationError` in another event loop than that of the first call.
        """
        if self._depth == 0:
            return await self._fetch()
        runtime = current_runtime()
        if self._buffer is None or self._runtime is None:
            self._runtime = runtime
            self._buffer = _PrefetchBuffer(self._depth)
            # The task must not refer to the prefetcher, which ends the task when it is dropped.
            self._task = runtime.start_task(self._buffer.produce, self._fetch)
        elif runtime.loop is not self._runtime.loop:
            raise PaginationError(
                "an iteration with Prefetch continues only in the event loop in which it began; "
                "paginate anew in this one, with the error's resume_token as the StartingToken"
            )
        return await self._buffer.get()

    async def aclose(self) -> None:
        """End the fetching; none of it is running in this event loop when this returns."""
        if self._task is None or self._runtime is None:
            return
        if current_runtime().loop is self._runtime.loop:
            self._task.cancel()
            await self._task.wait()
        else:
            self._runtime.call_from_thread(self._task.cancel)
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
        self._runtime = current_runtime()
        self._changed = self._runtime.event()

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
            self._changed = self._runtime.event()
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
