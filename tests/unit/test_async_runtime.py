"""The operations of event loops, under asyncio and trio; sockets are in the transports' tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import anyio
import pytest
import trio

from imagebuilder_pager._async_runtime import current_runtime, run_in_thread


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run the async tests in each kind of event loop."""
    backend: str = request.param
    return backend


pytestmark = pytest.mark.anyio


def test_without_an_event_loop_there_is_no_runtime() -> None:
    with pytest.raises(RuntimeError):
        current_runtime()


def test_an_old_trio_is_not_taken_for_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """trio before 0.23 has no in_trio_run."""
    monkeypatch.delattr(trio.lowlevel, "in_trio_run")

    async def is_asyncio() -> bool:
        return isinstance(current_runtime().loop, asyncio.AbstractEventLoop)

    assert asyncio.run(is_asyncio())
    assert not trio.run(is_asyncio)


def test_asyncio_in_a_thread_below_trio_is_asyncio() -> None:
    async def inner() -> str:
        return type(current_runtime().loop).__module__

    async def outer() -> None:
        module = await trio.to_thread.run_sync(lambda: asyncio.run(inner()))
        assert module.startswith("asyncio")
        assert type(current_runtime().loop).__module__.startswith("trio")

    trio.run(outer)


def test_trio_is_not_imported() -> None:
    program = (
        "import asyncio, sys\n"
        "from imagebuilder_pager._async_runtime import current_runtime\n"
        "async def main(): await current_runtime().sleep(0)\n"
        "asyncio.run(main())\n"
        "assert not {'trio', 'anyio', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_each_run_has_its_own_loop_which_ends_with_it(anyio_backend: str) -> None:
    runtimes = []

    async def main() -> None:
        runtime = current_runtime()
        assert runtime.loop == current_runtime().loop
        assert not await run_in_thread(runtime.is_closed)
        runtimes.append(runtime)

    for _ in range(2):
        anyio.run(main, backend=anyio_backend)
    assert [runtime.is_closed() for runtime in runtimes] == [True, True]
    assert runtimes[0].loop is not runtimes[1].loop
    runtimes[0].call_from_thread(lambda: pytest.fail("called after the end"))


# Timeouts


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_a_wait_that_takes_too_long_is_a_timeout_error(seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with current_runtime().timeout(seconds):
            await current_runtime().event().wait()


@pytest.mark.parametrize("seconds", [5, None])
async def test_a_block_that_ends_in_time_is_not_interrupted(seconds: float | None) -> None:
    async with current_runtime().timeout(seconds):
        await current_runtime().sleep(0)

    with pytest.raises(LookupError, match="mine"):  # noqa: PT012
        async with current_runtime().timeout(seconds):
            await current_runtime().sleep(0)
            raise LookupError("mine")


async def test_of_two_timeouts_the_shorter_one_ends() -> None:
    reached = []

    async def wait() -> None:
        async with current_runtime().timeout(60):
            await current_runtime().event().wait()
        reached.append("the end of the longer one")

    with pytest.raises(TimeoutError):
        async with current_runtime().timeout(0.01):
            await wait()
    assert reached == []


# Threads and tasks


def test_neither_a_cancellation_nor_the_end_of_the_loop_waits_for_the_thread(
    anyio_backend: str,
) -> None:
    proceed = threading.Event()
    ended = threading.Event()

    def work() -> None:
        proceed.wait(5)
        ended.set()

    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            await run_in_thread(work)
        assert scope.cancelled_caught

    anyio.run(main, backend=anyio_backend)
    assert not ended.is_set()
    proceed.set()
    assert ended.wait(5)


async def test_the_cleanup_of_a_cancelled_task_is_not_interrupted() -> None:
    runtime = current_runtime()
    steps: list[str] = []

    async def work() -> None:
        try:
            steps.append("work")
            await runtime.event().wait()
        finally:
            with anyio.CancelScope(shield=True):
                steps.append("begin")
                await runtime.sleep(0.01)
                steps.append("end")

    task = runtime.start_task(work)
    assert steps == [], "it runs beside its starter"
    await runtime.sleep(0)
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    await runtime.sleep(0)
    task.cancel()
    await task.wait()
    assert steps == ["work", "begin", "end"]
