"""A client that runs for weeks: endless responses, freezes, signals, no close."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from types import FrameType

import anyio
import anyio.lowlevel
import pytest

from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.clocks import NoSleepClock
from tests.fakes.connections import (
    ASYNC_WAYS,
    SYNC_WAYS,
    WAYS,
    async_client,
    call_in_turn,
    page_response,
    serve_pages,
    sync_client,
)
from tests.fakes.servers import ConnectionServer, read_request, requests_on, wait_until

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])

FLOODS = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunks of a byte": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "headers": (b"HTTP/1.1 103 Early Hints\r\n", b"X: y\r\n" * 50 + b"\r\nHTTP/1.1 103 Hints\r\n"),
}
#: The end of a flood: a client that lets no other task run is not cancelled before.
_MOST_BYTES = 4_000_000


@backends
@pytest.mark.parametrize("way", ASYNC_WAYS)
@pytest.mark.parametrize("flood", FLOODS)
def test_a_call_is_cancelled_while_the_endpoint_keeps_sending(
    flood: str, way: str, backend: str
) -> None:
    head, piece = FLOODS[flood]
    is_sending = threading.Event()

    def serve(connection: socket.socket, _: int) -> None:
        read_request(connection)
        connection.sendall(head)
        block = piece * (20_000 // len(piece))
        for _ in range(_MOST_BYTES // len(block)):
            connection.sendall(block)
            is_sending.set()

    async def cancel_after_some_turns(scope: anyio.CancelScope) -> None:
        while not is_sending.is_set():
            await anyio.lowlevel.checkpoint()
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async def main(url: str) -> None:
        async with async_client(way, url) as client, anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(cancel_after_some_turns, scope)
                await client.list_lifecycle_execution_resources(**EXECUTION)
        assert scope.cancelled_caught

    with ConnectionServer(serve) as server:
        anyio.run(main, server.url, backend=backend)


class ThawedClock(NoSleepClock):
    """The system's clock, ahead by the seconds of the process's freeze."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds

    def sleep(self, seconds: float) -> None:
        pytest.fail("an idle connection that has died is not worth a wait")

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("how", "seconds"), [("closed", 0), ("reset", 0), ("closed", 3600), ("silent", 3600)]
)
def test_a_call_after_a_freeze_has_a_new_connection(how: str, seconds: float, way: str) -> None:
    """A Lambda function is frozen between two invocations, and its connection dies."""
    clock = ThawedClock()
    first: list[socket.socket] = []

    def serve(connection: socket.socket, number: int) -> None:
        if number > 1:
            serve_pages(connection, number)
            return
        first.append(connection)
        requests = requests_on(connection)
        next(requests)
        connection.sendall(page_response("first"))
        list(requests)  # later ones get no response

    def freeze(call: int) -> None:
        if not call:
            return
        clock.seconds = seconds
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            first[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if how != "silent":
            first[0].shutdown(socket.SHUT_RD)  # this ends the thread, which closes the connection
            wait_until(lambda: server.open == 0)

    options = {"clock": clock, "max_attempts": 2, "read_timeout": 5}
    with ConnectionServer(serve) as server:
        found = call_in_turn(way, server.url, 2, before=freeze, **options)
        assert found == ["first", "connection-2"]
        assert server.accepted == 2


class AlarmError(Exception):
    """The error of a program's SIGALRM handler."""


@pytest.fixture
def _alarm_raises() -> Iterator[None]:
    def raise_alarm(_signal: int, _frame: FrameType | None) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, raise_alarm)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="needs the main thread"
)
@pytest.mark.usefixtures("_alarm_raises")
@pytest.mark.parametrize("way", [*SYNC_WAYS, "caller's"])
@pytest.mark.parametrize("sent", [b"", page_response("late")[:30]], ids=["no", "half a"])
def test_a_connection_is_not_used_again_after_a_signal_in_its_exchange(
    sent: bytes, way: str
) -> None:
    main_thread = threading.get_ident()
    is_over = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        if number > 1:
            serve_pages(connection, number)
            return
        requests = requests_on(connection)
        next(requests)
        connection.sendall(page_response("first"))
        next(requests)
        connection.sendall(sent)
        signal.pthread_kill(main_thread, signal.SIGALRM)
        assert is_over.wait(10)
        connection.sendall(page_response("late")[len(sent) :])

    with ConnectionServer(serve) as server, sync_client(way, server.url) as client:
        assert list_page(client).resources[0].resource_id == "first"
        with pytest.raises(AlarmError):
            list_page(client)
        is_over.set()
        assert list_page(client).resources[0].resource_id == "connection-2"
        assert server.accepted == 2


UNCLOSED = textwrap.dedent(
    f"""
    import asyncio, gc, sys
    from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder

    arguments = dict(region_name="us-west-2", endpoint_url=sys.argv[1], **{LOCAL_CREDENTIALS})

    async def list_pages(client):
        asyncio.get_running_loop().slow_callback_duration = 60  # asyncio logs slow imports
        calls = [client.list_lifecycle_execution_resources(**{EXECUTION}) for _ in range(3)]
        await asyncio.gather(*calls)

    clients = [ImageBuilder(http_client=http, **arguments) for http in (None, H11Client())]
    for client in clients:
        client.list_lifecycle_execution_resources(**{EXECUTION})
    for http in (None, AsyncH11Client()):
        client = AsyncImageBuilder(http_client=http, **arguments)
        asyncio.run(list_pages(client))
        clients.append(client)
    http = H11Client(preconnect=True)
    clients.append(ImageBuilder(http_client=http, **arguments))
    if sys.argv[2] == "collected":
        del client, http
        clients.clear()
        gc.collect()
        print("collected")
    """
)


@pytest.mark.parametrize("end", ["collected", "kept until the exit"])
def test_a_client_without_a_close_gives_no_warning(end: str) -> None:
    with ConnectionServer(serve_pages) as server:
        completed = subprocess.run(
            [sys.executable, "-W", "error", "-X", "dev", "-c", UNCLOSED, server.url, end],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert completed.stderr == ""
    assert completed.returncode == 0
