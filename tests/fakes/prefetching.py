"""Services that fail or wait on purpose, and the threads and tasks of prefetching."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from tests.fakes.paginated_service import ENTRY, FakeService, Listing

#: Ten pages of two.
TEN = Listing(entry=ENTRY, items=list(range(20)), most=2)
TIMEOUT = 20  # seconds after which a waiting test fails


class CallerError(Exception):
    """An error in the caller's own code."""


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


#: The ways to cancel: a task of asyncio once, or a scope again at each await.
CANCELLATIONS = ("asyncio's task", "asyncio", "trio")


async def cancel_while_waiting(
    by: str, iterate: Callable[[], Coroutine[Any, Any, None]], asked: anyio.Event
) -> None:
    """Cancel an iteration from another task while it waits for a response."""
    if by == "asyncio's task":
        task = asyncio.ensure_future(iterate())
        await asked.wait()
        await run_all_tasks()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return
    async with anyio.create_task_group() as group:
        group.start_soon(iterate)
        await asked.wait()
        await run_all_tasks()
        group.cancel_scope.cancel()
    assert group.cancel_scope.cancelled_caught
