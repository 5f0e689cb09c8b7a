"""Time that passes only in the simulation, for threads, asyncio and trio.

Client, transport, network and event loop share one clock. Nothing really waits: when all tasks
wait, the clock jumps to the end of the first wait.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trio
import trio.testing

import imagebuilder_pager
from imagebuilder_pager._aws.clock import Clock

_START = datetime(2026, 1, 1, tzinfo=UTC)
#: Simulated seconds after which a case counts as endless.
_FOREVER = 3600.0


class StuckError(AssertionError):
    """A wait that never ends."""


class SimulatedClock(Clock):
    """A clock that advances only by waits."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class _TrioSimulatedClock(SimulatedClock):
    def __init__(self) -> None:
        super().__init__()
        self.mock = trio.testing.MockClock(autojump_threshold=0)

    def monotonic(self) -> float:
        return self.mock.current_time()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing async sleeps by blocking its event loop")


class Driver:
    """An object that runs one coroutine to its end, and can interrupt it at a given turn.

    After a run, ``turns`` counts the points at which it could have been interrupted. ``on_turn`` is
    called at each with its number, may cancel a task, and returns whether it did anything.
    ``problems`` has the complaints of the event loop. An async driver starts, cancels and joins
    other tasks; ``join`` raises the error of the task, and returns whether it was cancelled.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.turns = 0
        self.on_turn: Callable[[int], bool] | None = None
        self.problems: list[str] = []

    def _turn(self) -> bool:
        self.turns += 1
        return self.on_turn is not None and self.on_turn(self.turns)


class SyncDriver(Driver):
    """Runs a coroutine that never waits."""

    def __init__(self) -> None:
        super().__init__(SimulatedClock())

    def run(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        coroutine = function()
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise AssertionError("the sync client awaited something")


class _SimulatedSelector(selectors.DefaultSelector):
    """A selector that advances the clock instead of waiting."""

    driver: AsyncioDriver

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.driver._turn():
            timeout = 0  # something may be ready now
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise StuckError("all tasks wait for ever")
        self.driver.clock.time += timeout
        if self.driver.clock.time > _FOREVER + 1000:
            raise StuckError(f"still running after {_FOREVER} s")
        return []


class _SimulatedEventLoop(asyncio.SelectorEventLoop):
    def __init__(self, driver: AsyncioDriver) -> None:
        selector = _SimulatedSelector()
        selector.driver = driver
        self._simulated_clock = driver.clock
        super().__init__(selector)

    def time(self) -> float:
        return self._simulated_clock.time


class AsyncioDriver(Driver):
    """Runs a coroutine under asyncio, each time in a new event loop."""

    def __init__(self) -> None:
        super().__init__(SimulatedClock())

    def run(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        loop = _SimulatedEventLoop(self)
        loop.set_exception_handler(lambda _, context: self.problems.append(f"loop: {context}"))
        try:
            loop.run_until_complete(function())
            self.on_turn = None
            if left := asyncio.all_tasks(loop):
                self.problems.append(f"tasks left: {left}")
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            self.on_turn = None
            loop.close()

    def library_tasks(self) -> list[str]:
        coroutines: list[Any] = [task.get_coro() for task in asyncio.all_tasks()]
        return [coroutine.__qualname__ for coroutine in coroutines if _is_librarys(coroutine)]

    async def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Any:
        return asyncio.get_running_loop().create_task(function())

    def cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()

    async def join(self, task: asyncio.Task[None]) -> bool:
        await asyncio.wait([task])
        if task.cancelled():
            return True
        task.result()
        return False


def _is_librarys(coroutine: Any) -> bool:
    filename: str = coroutine.cr_code.co_filename
    return filename.startswith(str(Path(imagebuilder_pager.__file__).parent))


class _TurnCounter(trio.abc.Instrument):
    def __init__(self, driver: TrioDriver) -> None:
        self._driver = driver

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._driver._turn()


class _TrioTask:
    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.done = trio.Event()
        self.error: BaseException | None = None

    async def run(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            with self.scope:
                await function()
        except Exception as error:  # noqa: BLE001 - join() raises it
            self.error = error
        finally:
            self.done.set()


class TrioDriver(Driver):
    """Runs a coroutine under trio, each time in a new run; a turn is a step of one of its tasks."""

    clock: _TrioSimulatedClock

    def __init__(self) -> None:
        super().__init__(_TrioSimulatedClock())
        self._nursery: trio.Nursery | None = None

    def run(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        async def main() -> None:
            # A task that waits for ever needs something to wake it.
            with trio.move_on_after(_FOREVER) as scope:
                async with trio.open_nursery() as self._nursery:
                    await function()
            if scope.cancelled_caught:
                raise StuckError(f"still running after {_FOREVER} s")
            if left := self.library_tasks():
                self.problems.append(f"tasks left: {left}")

        try:
            trio.run(main, clock=self.clock.mock, instruments=[_TurnCounter(self)])
        except* StuckError as group:
            raise StuckError(str(group.exceptions[0])) from None

    def library_tasks(self) -> list[str]:
        root: Any = trio.lowlevel.current_root_task()
        return [
            task.name
            for nursery in root.child_nurseries
            for task in nursery.child_tasks
            if _is_librarys(task.coro)
        ]

    async def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Any:
        task = _TrioTask()
        assert self._nursery is not None
        self._nursery.start_soon(task.run, function)
        return task

    def cancel(self, task: _TrioTask) -> None:
        task.scope.cancel()

    async def join(self, task: _TrioTask) -> bool:
        await task.done.wait()
        if task.error is not None:
            raise task.error
        # trio cancels at checkpoints: a task after its last checkpoint just ends.
        return task.scope.cancel_called
