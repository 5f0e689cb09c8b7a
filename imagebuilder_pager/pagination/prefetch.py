"""Fetching pages one after the other, in the caller's turn or ahead of it.

However far ahead the fetching is, pages come in order, and an error comes when its turn does. Never
more than ``depth`` pages are fetched beyond the one that the caller has, or has asked for.
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

StepT = TypeVar("StepT")


def prefetch(fetch: Callable[[], StepT | None], depth: int) -> Generator[StepT]:
    """What ``fetch`` returns, until that is None.

    With a ``depth`` the fetching is done in one thread. Closing the generator, which leaving a loop
    does, waits for the fetch that is under way and leaves no thread behind.
    """
    if depth == 0:
        while (step := fetch()) is not None:
            yield step
        return

    from concurrent.futures import ThreadPoolExecutor

    failed = False

    def fetch_unless_failed() -> StepT | None:
        nonlocal failed
        if failed:
            return None
        failed = True
        step = fetch()
        failed = False
        return step

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as executor:
        pending: deque[Future[StepT | None]] = deque()
        try:
            while True:
                while len(pending) <= depth:
                    context = contextvars.copy_context()
                    pending.append(executor.submit(context.run, fetch_unless_failed))
                step = pending.popleft().result()
                if step is None:
                    return
                yield step
        finally:
            for future in pending:
                future.cancel()


class AsyncPrefetcher(Generic[StepT]):
    """The async twin of :func:`prefetch`: with a ``depth``, a task does the fetching.

    :meth:`aclose` ends that task and waits for its end; a fetcher that is dropped ends it too.
    """

    def __init__(self, fetch: Callable[[], Awaitable[StepT | None]], depth: int) -> None:
        self._fetch = fetch
        self._depth = depth
        self._queue: _PrefetchBuffer[StepT] | None = None
        self._task: _Task | None = None

    async def next_result(self) -> StepT | None:
        """The next step, or None after the last."""
        if self._depth == 0:
            return await self._fetch()
        if self._queue is None or self._task is None:
            self._queue = _PrefetchBuffer(self._depth)
            # The task must not hold the fetcher: a fetcher that nobody holds ends its task.
            self._task = _start_task(self._queue.produce, self._fetch)
        return await self._queue.get()

    async def aclose(self) -> None:
        """Ends the fetching; nothing of it runs on when this returns."""
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()
            self._task = None

    def __del__(self) -> None:
        if self._task is not None:
            # The event loop may have been closed before.
            with contextlib.suppress(RuntimeError):
                self._task.cancel()


class _PrefetchBuffer(Generic[StepT]):
    """What has been fetched and not been taken, between one task that fills and one that takes."""

    def __init__(self, depth: int) -> None:
        self._fetch_results: deque[tuple[StepT | None, BaseException | None]] = deque()
        self._allowed = depth
        self._fetched = 0
        self._changed = _event()

    async def produce(self, fetch: Callable[[], Awaitable[StepT | None]]) -> None:
        step: StepT | None = None
        error: BaseException | None = None
        while error is None and (step is not None or self._fetched == 0):
            while self._fetched >= self._allowed:
                await self._wait()
            try:
                step = await fetch()
            except BaseException as raised:
                error = raised
                if not isinstance(raised, Exception):
                    raise
            finally:
                self._fetched += 1
                self._fetch_results.append((step, error))
                self._notify()

    async def get(self) -> StepT | None:
        self._allowed += 1
        self._notify()
        while not self._fetch_results:
            await self._wait()
        step, error = self._fetch_results.popleft()
        if error is not None:
            raise error
        return step

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
        # Once: a second time would break off what tidies up after the first.
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    async def wait(self) -> None:
        await self._wait([self._task])


class _TrioTask:
    """A task outside of all nurseries: an iteration has no block that a nursery could span."""

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
