"""Services that fail or wait on purpose, and the threads and tasks of prefetching."""

import asyncio
import os
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from tests.fakes.paginated_service import ENTRY, FakeService, Listing, ServiceError

#: Ten pages of two.
TEN = Listing(entry=ENTRY, items=list(range(20)), most=2)
TIMEOUT = 20  # seconds after which a waiting test fails


class CallerError(Exception):
    """An error in the caller's own code."""


class FailingService(FakeService):
    """A service that fails after some good requests."""

    def __init__(self, listing: Listing, good: int) -> None:
        super().__init__(listing)
        self.good = good

    def __call__(self, **params: Any) -> dict[str, Any]:
        page = super().__call__(**params)
        if len(self.requests) > self.good:
            raise ServiceError(f"request {len(self.requests)}")
        return page


class GatedService(FakeService):
    """A service that responds when released, and signals each request."""

    def __init__(self, listing: Listing, free: int) -> None:
        super().__init__(listing)
        self.asked = threading.Semaphore(0)
        self.gate = threading.Semaphore(free)

    def __call__(self, **params: Any) -> dict[str, Any]:
        page = super().__call__(**params)
        self.asked.release()
        assert self.gate.acquire(timeout=TIMEOUT)
        return page

    def wait_for(self, requests: int) -> None:
        for _ in range(requests):
            assert self.asked.acquire(timeout=TIMEOUT)


class HeldService:
    """An async service that sends the first pages at once, and the others when released.

    Its cleanup after a request takes several steps, like the closing of a connection.
    """

    def __init__(self, free: int) -> None:
        self.service = FakeService(TEN)
        self.free = free
        self.asked = anyio.Event()
        self.answer = anyio.Event()
        self.open = 0

    async def __call__(self, **params: Any) -> Any:
        self.open += 1
        try:
            await anyio.lowlevel.checkpoint()
            page = self.service(**params)
            if len(self.service.requests) > self.free:
                self.asked.set()
                with anyio.fail_after(TIMEOUT):
                    await self.answer.wait()
            return page
        finally:
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
            self.open -= 1


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def join_prefetch_threads() -> None:
    """Wait for the threads of ended iterations, which end without a signal."""
    for thread in prefetch_threads():
        thread.join(TIMEOUT)
    assert prefetch_threads() == []


def watch_prefetch_thread(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that waits until the thread needs its caller."""
    real: type[queue.SimpleQueue[Any]] = queue.SimpleQueue
    queues: list[Any] = []

    class WatchedQueue:
        """A queue that records whether the thread waits for its caller."""

        def __init__(self) -> None:
            self._queue = real()
            self._lock = threading.Lock()
            self.is_idle = False
            queues.append(self)

        def put(self, item: Any) -> None:
            with self._lock:
                self.is_idle = False
                self._queue.put(item)

        def get(self) -> Any:
            with self._lock:
                if not self._queue.empty():
                    return self._queue.get()
                self.is_idle = threading.current_thread().name.startswith("prefetch")
            return self._queue.get()

        def empty(self) -> bool:
            return self._queue.empty()

    def run_thread() -> None:
        while prefetch_threads() and not any(watched.is_idle for watched in queues):
            os.sched_yield()

    monkeypatch.setattr(queue, "SimpleQueue", WatchedQueue)
    return run_thread


async def run_all_tasks() -> None:
    """Run every task until it waits for an event from outside."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


def count_tasks(way: str) -> int:
    """Return the number of tasks, or for ``sync``, of threads that fetch pages."""
    if way == "sync":
        return len(prefetch_threads())
    if way == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


async def collect(values: Any, found: list[Any]) -> None:
    """Append the values to a list, one by one."""
    async for value in values:
        found.append(value)  # noqa: PERF401 - the values before an error are kept


async def raise_in_loop(values: Any) -> None:
    async for _ in values:
        raise CallerError


async def cancel_while_waiting(
    backend: str, iterate: Callable[[], Awaitable[None]], asked: anyio.Event
) -> None:
    """Cancel an iteration from another task while it waits for a response."""
    if backend == "trio":
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(iterate)
                await asked.wait()
                await run_all_tasks()
                scope.cancel()
        assert scope.cancelled_caught
        return
    task = asyncio.ensure_future(iterate())
    await asked.wait()
    await run_all_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
