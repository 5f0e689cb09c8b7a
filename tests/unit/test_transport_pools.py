"""Every way to send: the number of connections, their queue, and the end of a pool."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._async_runtime import AsyncioRuntime, TrioRuntime
from imagebuilder_pager._aws.transport.types import Deadline
from tests.fakes.caller_clients import value_of
from tests.fakes.servers import OK, ConnectionServer, requests_on, wait_until
from tests.fakes.transports import KINDS, TIMEOUTS, Sender, Serve, TransportKind, signed_request

asyncio_only = pytest.mark.parametrize("kind", KINDS[2:4], ids=str)
pytestmark = pytest.mark.usefixtures("_no_settings")


class HoldingServer(ConnectionServer):
    """A server that responds once the event ``proceed`` is set."""

    def __init__(self) -> None:
        self.proceed = threading.Event()
        super().__init__(self._respond)

    def _respond(self, connection: socket.socket, _: int) -> None:
        for _request in requests_on(connection):
            assert self.proceed.wait(10)
            connection.sendall(OK)


@pytest.fixture
def holding() -> Iterator[HoldingServer]:
    with HoldingServer() as server:
        yield server


@pytest.fixture
def sender(kind: TransportKind) -> Iterator[Sender]:
    with Sender(kind, max_connections=1) as sender:
        yield sender


def start_first(sender: Sender, holding: HoldingServer) -> Any:
    """Start a request that takes the only connection, and return its future."""
    first = sender.start(holding.url)
    wait_until(lambda: holding.accepted == 1)
    return first


def start_waiting(sender: Sender, holding: HoldingServer, **options: Any) -> Any:
    """Start a request that waits for the connection, and return its future."""
    before = sender.count_waiting()
    waiting = sender.start(holding.url, **options)
    wait_until(lambda: sender.count_waiting() == before + 1)
    return waiting


@pytest.mark.parametrize(("limit", "options"), [(4, {"max_connections": 4}), (10, {})])
def test_no_more_connections_than_the_limit(
    kind: TransportKind, holding: HoldingServer, limit: int, options: dict[str, int]
) -> None:
    with Sender(kind, **options) as sender:
        calls = [sender.start(holding.url) for _ in range(limit + 3)]
        wait_until(lambda: sender.count_waiting() == 3)
        holding.proceed.set()
        assert [call.result().body for call in calls] == [b"{}"] * (limit + 3)
    assert holding.accepted == limit


def test_a_request_that_waits_until_its_deadline_gets_a_timeout(
    sender: Sender, holding: HoldingServer
) -> None:
    first = start_first(sender, holding)
    with pytest.raises(exceptions.ConnectTimeoutError, match="no connection became free in time"):
        sender.send(holding.url, deadline=Deadline(0.05, time.monotonic))
    assert sender.count_waiting() == 0
    holding.proceed.set()
    assert first.result().body == b"{}"


def test_a_wait_for_a_connection_may_take_longer_than_the_other_timeouts(
    sender: Sender, holding: HoldingServer
) -> None:
    first = start_first(sender, holding)
    timeouts = TIMEOUTS._replace(connect=0.05, write=0.05, pool=0.05)
    second = start_waiting(sender, holding, timeouts=timeouts)
    assert not holding.proceed.wait(0.1)
    holding.proceed.set()
    assert first.result().body == second.result().body == b"{}"


@pytest.mark.parametrize("kind", KINDS[2:], ids=str)
def test_a_socket_is_closed_by_a_cancellation_while_it_connects(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[socket.socket] = []

    async def connect(_: object, connection: socket.socket, __: object) -> None:
        sockets.append(connection)
        await anyio.sleep_forever()

    for runtime in (AsyncioRuntime, TrioRuntime):
        monkeypatch.setattr(runtime, "connect", connect)
    call = sender.start("http://127.0.0.1:9")
    wait_until(lambda: bool(sockets))
    call.cancel()
    wait_until(lambda: sockets[0].fileno() == -1)


def test_closing_wakes_the_requests_that_wait(sender: Sender, holding: HoldingServer) -> None:
    first = start_first(sender, holding)
    waiting = [start_waiting(sender, holding) for _ in range(2)]
    sender.close_transport()
    assert [str(call.exception(5)) for call in waiting] == ["the client has been closed"] * 2
    holding.proceed.set()
    assert first.result().body == b"{}", "it has its connection until its end"
    wait_until(lambda: holding.open == 0)


def test_a_transport_without_a_close_leaves_no_connection(
    serve: Serve, kind: TransportKind
) -> None:
    server = serve([OK, OK])

    async def main() -> None:
        transport = kind.make()
        await value_of(transport.send(signed_request(transport, server.url)))

    anyio.run(main, backend=kind.loop or "asyncio")
    gc.collect()
    wait_until(server.closed[0].is_set)


@asyncio_only
def test_one_event_loop_after_another(kind: TransportKind, serve: Serve) -> None:
    server = serve(*[[OK] * 3] * 4)
    transport = kind.make()

    async def main(count: int) -> None:
        for _ in range(count):
            received = await transport.send(signed_request(transport, server.url))
            assert received.body == b"{}"

    for backend, count in (("asyncio", 2), ("asyncio", 2), ("trio", 1), ("trio", 1)):
        anyio.run(main, count, backend=backend)
    assert server.counts == [2, 2, 1, 1], "no connection goes from one loop to another"
    for closed in server.closed[:3]:
        assert closed.wait(5), "those of a loop that is over are closed"
    asyncio.run(transport.aclose())


@asyncio_only
def test_event_loops_in_several_threads_at_a_time(
    kind: TransportKind, holding: HoldingServer
) -> None:
    holding.proceed.set()
    transport = kind.make(max_connections=2)

    async def main() -> list[bytes]:
        async def send() -> bytes:
            received = await transport.send(signed_request(transport, holding.url))
            return bytes(received.body)

        return list(await asyncio.gather(*(send() for _ in range(20))))

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: asyncio.run(main()), range(8)))
    assert found == [[b"{}"] * 20] * 8
    asyncio.run(transport.aclose())
