"""The operations of event loops, under asyncio and trio."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from imagebuilder_pager._async_runtime import current_runtime, run_in_thread

Main = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Run a coroutine function in each kind of event loop."""
    return lambda main: anyio.run(main, backend=request.param)


Run = Callable[[Main], None]


def test_without_an_event_loop_there_is_no_runtime() -> None:
    with pytest.raises(RuntimeError):
        current_runtime()


def test_asyncio_beside_an_imported_trio_is_asyncio() -> None:
    import trio

    async def main() -> None:
        assert trio.lowlevel is not None
        assert current_runtime().loop is asyncio.get_running_loop()

    asyncio.run(main())


def test_a_trio_without_in_trio_run_is_told_from_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """As trio was before 0.23."""
    import trio

    monkeypatch.delattr(trio.lowlevel, "in_trio_run")

    async def is_asyncio() -> bool:
        return isinstance(current_runtime().loop, asyncio.AbstractEventLoop)

    assert asyncio.run(is_asyncio())
    assert not trio.run(is_asyncio)


def test_asyncio_in_a_thread_below_trio_is_asyncio() -> None:
    import trio

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


def test_two_runs_are_two_loops_and_a_run_is_over_after_it(run: Run) -> None:
    runtimes = []

    async def main() -> None:
        runtime = current_runtime()
        assert runtime.loop == current_runtime().loop
        assert not runtime.is_closed()
        runtimes.append(runtime)

    run(main)
    run(main)
    assert [runtime.is_closed() for runtime in runtimes] == [True, True]
    assert runtimes[0].loop is not runtimes[1].loop
    runtimes[0].call_from_thread(lambda: pytest.fail("called after the end"))


def test_a_run_that_goes_on_in_another_thread_is_not_over(run: Run) -> None:
    async def main() -> None:
        runtime = current_runtime()
        assert await run_in_thread(runtime.is_closed) is False

    run(main)


# Timeouts


def test_what_takes_too_long_is_a_timeout_error(run: Run) -> None:
    async def main() -> None:
        runtime = current_runtime()
        with pytest.raises(TimeoutError):
            async with runtime.timeout(0.01):
                await runtime.event().wait()

    run(main)


@pytest.mark.parametrize("seconds", [5, None])
def test_what_is_in_time_is_left_alone(run: Run, seconds: float | None) -> None:
    async def main() -> None:
        async with current_runtime().timeout(seconds):
            await current_runtime().sleep(0)

        async def fail() -> None:
            async with current_runtime().timeout(seconds):
                raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await fail()

    run(main)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_that_has_passed_ends_the_first_wait(run: Run, seconds: float) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with current_runtime().timeout(seconds):
                await current_runtime().sleep(60)

    run(main)


def test_a_cancellation_is_not_a_timeout(run: Run) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            async with current_runtime().timeout(60):
                await current_runtime().event().wait()
        assert scope.cancelled_caught

    run(main)


def test_of_two_timeouts_the_shorter_one_ends(run: Run) -> None:
    async def main() -> None:
        reached = []

        async def wait() -> None:
            async with current_runtime().timeout(60):
                await current_runtime().event().wait()
            reached.append("the end of the longer one")

        with pytest.raises(TimeoutError):
            async with current_runtime().timeout(0.01):
                await wait()
        assert reached == []

    run(main)


# Threads


def test_a_function_in_a_thread_returns_or_raises(run: Run) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def main() -> None:
        here = threading.get_ident()
        variable.set("this task's")
        assert await run_in_thread(threading.get_ident) != here
        assert await run_in_thread(variable.get) == "this task's"
        with pytest.raises(ZeroDivisionError):
            await run_in_thread(lambda: 1 // 0)

    run(main)


def test_a_cancellation_does_not_wait_for_the_thread(run: Run) -> None:
    proceed = threading.Event()
    ended = threading.Event()

    def work() -> None:
        proceed.wait(5)
        ended.set()

    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            await run_in_thread(work)
        assert scope.cancelled_caught
        assert not ended.is_set()

    run(main)
    proceed.set()
    assert ended.wait(5), "the loop is over, and the thread ends in peace"


def test_calls_from_a_thread_are_made_in_the_loop(run: Run) -> None:
    async def main() -> None:
        runtime = current_runtime()
        event = runtime.event()
        called_in: list[int] = []

        def call() -> None:
            called_in.append(threading.get_ident())
            event.set()

        await run_in_thread(lambda: runtime.call_from_thread(call))
        await event.wait()
        assert called_in == [threading.get_ident()]

    run(main)


# Tasks


def test_a_task_runs_beside_the_one_that_starts_it(run: Run) -> None:
    async def main() -> None:
        runtime = current_runtime()
        done: list[str] = []

        async def work(name: str) -> None:
            await runtime.sleep(0)
            done.append(name)

        task = runtime.start_task(work, "it")
        assert done == []
        await task.wait()
        assert done == ["it"]

    run(main)


def test_a_cancelled_task_tidies_up_undisturbed(run: Run) -> None:
    async def main() -> None:
        runtime = current_runtime()
        steps: list[str] = []

        async def work() -> None:
            try:
                await runtime.event().wait()
            finally:
                with anyio.CancelScope(shield=True):
                    steps.append("begin")
                    await runtime.sleep(0.01)
                    steps.append("end")

        task = runtime.start_task(work)
        await runtime.sleep(0)
        await anyio.wait_all_tasks_blocked()
        task.cancel()
        await runtime.sleep(0)
        task.cancel()
        await task.wait()
        assert steps == ["begin", "end"]

    run(main)


# Sockets


def test_sockets_connect_send_and_receive(run: Run) -> None:
    data = bytes(range(256)) * 20_000  # more than the system buffers

    async def main() -> None:
        runtime = current_runtime()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.setblocking(False)
            await runtime.connect(client, listener.getsockname())
            server, _ = listener.accept()
            with server:
                server.setblocking(False)
                received = bytearray()

                async def receive() -> None:
                    while chunk := await runtime.receive(server, 65536):
                        received.extend(chunk)

                task = runtime.start_task(receive)
                await runtime.send_all(client, memoryview(data))
                client.shutdown(socket.SHUT_WR)
                await task.wait()
                assert received == data

    run(main)


def test_a_refused_connection_is_an_os_error(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await current_runtime().connect(client, address)

    run(main)


@pytest.mark.parametrize("operation", ["receive", "send_all"])
def test_a_wait_for_a_socket_can_be_cancelled(run: Run, operation: str) -> None:
    async def main() -> None:
        runtime = current_runtime()
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)

            def wait() -> Coroutine[Any, Any, object]:
                if operation == "receive":
                    return runtime.receive(here, 10)
                return runtime.send_all(here, memoryview(b"x" * 10_000_000))

            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with runtime.timeout(0.01):
                        await wait()
            if operation == "receive":
                there.send(b"late")
                assert await runtime.receive(here, 10) == b"late", "nothing has been lost"

    run(main)
    gc.collect()
