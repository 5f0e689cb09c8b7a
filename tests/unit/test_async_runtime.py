"""The operations of event loops, under asyncio and trio."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import anyio
import pytest

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


def test_asyncio_beside_an_imported_trio_is_asyncio() -> None:
    import trio

    async def main() -> None:
        assert trio.lowlevel is not None
        assert current_runtime().loop is asyncio.get_running_loop()

    asyncio.run(main())


def test_an_old_trio_is_not_taken_for_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """trio before 0.23 has no in_trio_run."""
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


def test_each_run_has_its_own_loop_which_ends_with_it(anyio_backend: str) -> None:
    runtimes = []

    async def main() -> None:
        runtime = current_runtime()
        assert runtime.loop == current_runtime().loop
        assert not runtime.is_closed()
        runtimes.append(runtime)

    for _ in range(2):
        anyio.run(main, backend=anyio_backend)
    assert [runtime.is_closed() for runtime in runtimes] == [True, True]
    assert runtimes[0].loop is not runtimes[1].loop
    runtimes[0].call_from_thread(lambda: pytest.fail("called after the end"))


async def test_a_run_in_another_thread_is_not_over() -> None:
    runtime = current_runtime()
    assert await run_in_thread(runtime.is_closed) is False


# Timeouts


async def test_a_wait_that_takes_too_long_is_a_timeout_error() -> None:
    runtime = current_runtime()
    with pytest.raises(TimeoutError):
        async with runtime.timeout(0.01):
            await runtime.event().wait()


@pytest.mark.parametrize("seconds", [5, None])
async def test_a_block_that_ends_in_time_is_not_interrupted(seconds: float | None) -> None:
    async with current_runtime().timeout(seconds):
        await current_runtime().sleep(0)

    async def fail() -> None:
        async with current_runtime().timeout(seconds):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await fail()


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_timeout_that_has_passed_ends_the_first_wait(seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with current_runtime().timeout(seconds):
            await current_runtime().sleep(60)


async def test_a_cancellation_is_not_a_timeout() -> None:
    with anyio.move_on_after(0.01) as scope:
        async with current_runtime().timeout(60):
            await current_runtime().event().wait()
    assert scope.cancelled_caught


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


# Threads


async def test_a_function_in_a_thread_returns_or_raises() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    here = threading.get_ident()
    variable.set("this task's")
    assert await run_in_thread(threading.get_ident) != here
    assert await run_in_thread(variable.get) == "this task's"
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 // 0)


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


async def test_calls_from_a_thread_are_made_in_the_loop() -> None:
    runtime = current_runtime()
    event = runtime.event()
    called_in: list[int] = []

    def call() -> None:
        called_in.append(threading.get_ident())
        event.set()

    await run_in_thread(lambda: runtime.call_from_thread(call))
    await event.wait()
    assert called_in == [threading.get_ident()]


# Tasks


async def test_a_task_runs_beside_its_starter() -> None:
    runtime = current_runtime()
    done: list[str] = []

    async def work(name: str) -> None:
        await runtime.sleep(0)
        done.append(name)

    task = runtime.start_task(work, "it")
    assert done == []
    await task.wait()
    assert done == ["it"]


async def test_the_cleanup_of_a_cancelled_task_is_not_interrupted() -> None:
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


# Sockets


async def test_sockets_connect_send_and_receive() -> None:
    data = bytes(range(256)) * 20_000  # larger than the system's buffers
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


async def test_a_refused_connection_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with socket.socket() as client:
        client.setblocking(False)
        with pytest.raises(ConnectionRefusedError):
            await current_runtime().connect(client, address)


@pytest.mark.parametrize("operation", ["receive", "send_all"])
async def test_a_wait_for_a_socket_can_be_cancelled(operation: str) -> None:
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
    gc.collect()
