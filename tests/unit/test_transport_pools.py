"""Every way to send: at most so many connections, who waits for one, and how a pool ends."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager._aws.transport.pool import Place
from imagebuilder_pager._aws.transport.types import Deadline, Origin
from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import EXECUTION
from tests.fakes.networks import FakeNetwork, FakeStream, RespondingStream
from tests.fakes.servers import OK, Script, ScriptedServer, read_request
from tests.fakes.transports import (
    KINDS,
    TIMEOUTS,
    Sender,
    Serve,
    TransportKind,
    signed_request,
)
from tests.fakes.waiting import wait_until

SYNC_KINDS = [kind for kind in KINDS if kind.loop is None]
ASYNC_KINDS = [kind for kind in KINDS if kind.loop is not None]
ASYNCIO_KINDS = [kind for kind in KINDS if kind.loop == "asyncio"]

sync_only = pytest.mark.parametrize("kind", SYNC_KINDS, ids=str)
async_only = pytest.mark.parametrize("kind", ASYNC_KINDS, ids=str)
asyncio_only = pytest.mark.parametrize("kind", ASYNCIO_KINDS, ids=str)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)


class CountingNetwork(FakeNetwork):
    """A network that knows how many of its connections are open, and how many were at most."""

    def __init__(self) -> None:
        super().__init__(lambda: RespondingStream(OK))
        self.most_open = 0

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> FakeStream:
        stream = super().connect_tcp(host, port, timeout)
        self.most_open = max(self.most_open, self.count_open())
        return stream

    def count_open(self) -> int:
        return sum(not stream.is_closed for stream in self.streams)


def run_together(
    kind: TransportKind, count: int, function: Callable[[int], Coroutine[Any, Any, None]]
) -> None:
    """Run so many calls of a function at a time in the event loop of the kind."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(function, number)

    anyio.run(main, backend=str(kind.loop))


@pytest.fixture
def account_server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=30))) as server:
        yield server


@sync_only
def test_many_threads_share_few_connections(
    kind: TransportKind, account_server: LocalServer
) -> None:
    with Sender(kind, max_connections=3) as sender, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: sender.send(account_server.url).status, range(80)))
    assert set(found) == {400}, "the body is not a valid one"


@async_only
def test_many_tasks_share_few_connections(kind: TransportKind, account_server: LocalServer) -> None:
    transport = kind.make(max_connections=3)
    statuses = []

    async def send(_: int) -> None:
        received = await transport.send(signed_request(transport, account_server.url))
        statuses.append(received.status)

    run_together(kind, 80, send)
    assert statuses == [400] * 80


@async_only
def test_no_more_connections_than_the_limit(kind: TransportKind) -> None:
    network = CountingNetwork()
    transport = kind.make(network=network, max_connections=4)

    async def send(_: int) -> None:
        for _ in range(3):
            await transport.send(signed_request(transport, "http://host.test"))

    run_together(kind, 20, send)
    assert network.most_open == 4
    assert len(network.streams) == 4


@async_only
@pytest.mark.parametrize("count", [2, 3])
def test_tasks_get_a_connection_in_the_order_of_coming(kind: TransportKind, count: int) -> None:
    """One that returns a connection and asks for another one at once waits for its turn."""
    transport = kind.make(network=CountingNetwork(), max_connections=1)
    order: list[int] = []

    async def send(number: int) -> None:
        for _ in range(3):
            await transport.send(signed_request(transport, "http://host.test"))
            order.append(number)

    run_together(kind, count, send)
    rounds = [set(order[i : i + count]) for i in range(0, 3 * count, count)]
    assert rounds == [set(range(count))] * 3


@pytest.fixture
def silent_url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@sync_only
def test_a_thread_that_waits_until_its_deadline_gets_a_timeout(
    kind: TransportKind, silent_url: str
) -> None:
    with Sender(kind, max_connections=1) as sender, ThreadPoolExecutor(1) as threads:
        first = threads.submit(sender.send, silent_url, timeouts=TIMEOUTS._replace(read=0.5))
        wait_until(lambda: len(sender.transport._pools.pool._in_use) == 1)
        with pytest.raises(exceptions.ConnectTimeoutError, match="no connection became free"):
            sender.send(silent_url, deadline=Deadline(0.05, time.monotonic))
        with pytest.raises(exceptions.ReadTimeoutError):
            first.result()


@async_only
def test_a_task_that_waits_until_its_deadline_gets_a_timeout(
    kind: TransportKind, silent_url: str
) -> None:
    transport = kind.make(max_connections=1)
    errors: list[BaseException] = []

    async def send(number: int) -> None:
        if number:
            await anyio.wait_all_tasks_blocked()
        deadline = Deadline(0.05 if number else None, time.monotonic)
        timeouts = TIMEOUTS._replace(read=0.2)
        request = signed_request(transport, silent_url, timeouts=timeouts, deadline=deadline)
        with pytest.raises(exceptions.HTTPClientError) as caught:
            await transport.send(request)
        errors.append(caught.value)

    run_together(kind, 2, send)
    assert [type(error) for error in errors] == [
        exceptions.ConnectTimeoutError,
        exceptions.ReadTimeoutError,
    ]
    assert "no connection became free in time" in str(errors[0])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("http_client", [None, H11Client, AsyncH11Client])
def test_a_wait_for_a_connection_is_no_failure_and_no_retry(
    account_server: LocalServer, http_client: Any, is_async: bool
) -> None:
    """Though it takes longer than each of the other timeouts."""
    if (http_client is AsyncH11Client) != (is_async and http_client is not None):
        pytest.skip("the other kind of client")
    arguments: Any = {
        "endpoint_url": account_server.url,
        "max_attempts": 1,
        "connect_timeout": 0.05,
        **LOCAL_CREDENTIALS,
    }
    if http_client is None:
        arguments["max_pool_connections"] = 1
    else:
        arguments["http_client"] = http_client(max_connections=1)
    free = threading.Event()
    client: Any
    if not is_async:
        client = ImageBuilder("us-west-2", **arguments)
        place: Place[Any] = Place(Origin.from_url(account_server.url), bool)
        pool = client._transport._pools.pool
        assert pool.acquire(place)
        with ThreadPoolExecutor(4) as threads:
            calls = [
                threads.submit(client.list_lifecycle_execution_resources, **EXECUTION)
                for _ in range(4)
            ]
            wait_until(lambda: len(pool._waiting) == 4)
            assert not free.wait(0.1)
            pool.release(place, is_clean=False)
            assert all(call.result().resources for call in calls)
    else:
        client = AsyncImageBuilder("us-west-2", **arguments)

        async def main() -> list[Any]:
            place: Place[Any] = Place(Origin.from_url(account_server.url), bool)
            _, pool = client._transport._pools._pool_of_this_loop()
            assert pool.acquire(place)
            calls = [
                asyncio.ensure_future(client.list_lifecycle_execution_resources(**EXECUTION))
                for _ in range(4)
            ]
            await anyio.wait_all_tasks_blocked()
            assert len(pool._waiting) == 4
            await asyncio.sleep(0.1)
            pool.release(place, is_clean=False)
            return list(await asyncio.gather(*calls))

        assert all(page.resources for page in asyncio.run(main()))
    assert client._rest.quota.available_capacity == 500


@async_only
def test_a_task_that_is_cancelled_while_it_waits_takes_no_turn(
    kind: TransportKind, silent_url: str
) -> None:
    transport = kind.make(max_connections=1)

    async def main() -> None:
        request = signed_request(transport, silent_url, timeouts=TIMEOUTS._replace(read=0.1))
        async with anyio.create_task_group() as group:
            group.start_soon(suppressed, request)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.02) as scope:
                await transport.send(request)
            assert scope.cancelled_caught
            with pytest.raises(exceptions.ReadTimeoutError):
                await transport.send(request)
        await transport.aclose()

    async def suppressed(request: Any) -> None:
        with pytest.raises(exceptions.ReadTimeoutError):
            await transport.send(request)

    anyio.run(main, backend=str(kind.loop))


@sync_only
def test_closing_wakes_the_threads_that_wait(kind: TransportKind, silent_url: str) -> None:
    with Sender(kind, max_connections=1) as sender, ThreadPoolExecutor(3) as threads:
        pool = sender.transport._pools.pool
        timeouts = TIMEOUTS._replace(read=0.3)
        calls = [threads.submit(sender.send, silent_url, timeouts=timeouts) for _ in range(3)]
        wait_until(lambda: len(pool._waiting) == 2)
        sender.transport.close()
        errors = sorted(str(call.exception()) for call in calls)
    assert "no response in time" in errors[0], "the one in use goes on to its end"
    assert errors[1:] == ["the client has been closed"] * 2


@async_only
def test_closing_wakes_the_tasks_that_wait(kind: TransportKind, silent_url: str) -> None:
    transport = kind.make(max_connections=1)
    errors: list[str] = []

    async def send(request: Any) -> None:
        with pytest.raises(exceptions.HTTPClientError) as caught:
            await transport.send(request)
        errors.append(str(caught.value))

    async def main() -> None:
        request = signed_request(transport, silent_url, timeouts=TIMEOUTS._replace(read=0.5))
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(send, request)
            await anyio.wait_all_tasks_blocked()
            await transport.aclose()

    anyio.run(main, backend=str(kind.loop))
    assert errors[:2] == ["the client has been closed"] * 2
    assert "no response in time" in errors[2], "the one in use goes on to its end"


def test_a_connection_in_use_is_closed_after_its_request(kind: TransportKind) -> None:
    class Closing(RespondingStream):
        """Has the client closed while the response is awaited."""

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            if kind.loop is None:
                sender.transport.close()
            else:
                sender.transport._pools.close()
            return super().read(max_bytes, timeout)

    network = FakeNetwork(lambda: Closing(OK))
    with Sender(kind, network=network) as sender:
        assert sender.send("http://host.test").body == b"{}"
        assert [stream.is_closed for stream in network.streams] == [True]


def test_idle_connections_are_closed_with_the_transport(serve: Serve, kind: TransportKind) -> None:
    server = serve([OK, OK])
    with Sender(kind) as sender:
        sender.send(server.url)
    assert server.closed[0].wait(5)


def test_a_transport_that_nobody_closes_leaves_nothing(serve: Serve, kind: TransportKind) -> None:
    server = serve([OK, OK])
    sender = Sender(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sender.send(server.url)
        sender.transport = None
        gc.collect()
        if kind.loop is None:
            assert server.closed[0].wait(5)
    sender._exit.close()
    gc.collect()
    assert server.closed[0].wait(5)


# Event loops


@asyncio_only
def test_one_event_loop_after_another(kind: TransportKind, serve: Serve) -> None:
    server = serve([OK, OK], [OK, OK], [OK])
    transport = kind.make()

    async def main(count: int) -> None:
        for _ in range(count):
            received = await transport.send(signed_request(transport, server.url))
            assert received.body == b"{}"

    for _ in range(2):
        asyncio.run(main(2))
    anyio.run(main, 1, backend="trio")
    assert server.counts == [2, 2, 1], "no connection goes from one loop to another"
    assert server.closed[0].wait(5), "those of a loop that is over are closed"
    asyncio.run(transport.aclose())


@asyncio_only
def test_event_loops_in_several_threads_at_a_time(
    kind: TransportKind, account_server: LocalServer
) -> None:
    transport = kind.make(max_connections=2)

    async def main() -> list[int]:
        async def send() -> int:
            received = await transport.send(signed_request(transport, account_server.url))
            return int(received.status)

        return list(await asyncio.gather(*(send() for _ in range(20))))

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: asyncio.run(main()), range(8)))
    assert found == [[400] * 20] * 8
    asyncio.run(transport.aclose())


# Fork

FORKING = """
import os, sys, asyncio
from tests.fakes.transports import KINDS, signed_request

kind, url = KINDS[int(sys.argv[1])], sys.argv[2]
transport = kind.make()


def send():
    request = signed_request(transport, url)
    received = transport.send(request)
    if kind.loop is not None:
        received = asyncio.run(received)
    assert received.body == b"{}", received.body


def in_child():
    pid = os.fork()
    if not pid:
        try:
            send()
            send()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


send()
assert in_child() == 0
send()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("index", range(4), ids=lambda index: str(KINDS[index]))
def test_a_forked_process_makes_its_own_connections(index: int, serve: Serve) -> None:
    is_sync = KINDS[index].loop is None
    # Each asyncio.run has connections of its own anyway.
    scripts: list[Script] = [[OK, OK], [OK, OK]] if is_sync else [[OK], [OK], [OK], [OK]]
    server = ConcurrentServer(scripts)
    try:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", FORKING, str(index), server.url],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=Path(__file__).parents[2],
        )
    finally:
        server.close()
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert sorted(server.counts) == sorted(len(script) for script in scripts)


class ConcurrentServer(ScriptedServer):
    """A scripted server that serves each connection in a thread of its own."""

    def _serve(self) -> None:
        threads = []
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            connection.settimeout(5)
            threads.append(
                threading.Thread(target=self._serve_connection, args=(connection, script))
            )
            threads[-1].start()
        for thread in threads:
            thread.join(5)

    def _serve_connection(self, connection: Any, script: Any) -> None:
        with connection:
            count = 0
            for response in script:
                if not read_request(connection):
                    break
                count += 1
                connection.sendall(response)
            self.counts.append(count)
