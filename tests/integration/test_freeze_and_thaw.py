"""A client of a module, as in a Lambda function, which is frozen between two invocations.

The process stands still, perhaps for hours, and its connection dies meanwhile: the service closes
or resets it, or something on the way forgets it, and nothing ever answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager._aws.clock import Clock

EXECUTION: Any = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}
BODY = json.dumps({**EXECUTION, "resources": [{"resourceId": "ami-1"}]}).encode()
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class FreezableServer:
    """A server that keeps its connections, until they are told to die in one of three ways.

    ``counts`` has the number of requests that were served on each connection.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.counts: list[int] = []
        self._connections: list[socket.socket] = []
        self._silent: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                self.counts.append(0)
                self._threads.append(
                    threading.Thread(target=self._serve, args=(connection, len(self.counts) - 1))
                )
                self._threads[-1].start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                received += chunk
                if received.endswith(b"}") and connection not in self._silent:
                    received = b""
                    self.counts[number] += 1
                    connection.sendall(PAGE)

    def kill(self, how: str) -> None:
        """Let the connections that there are die: ``closed``, ``reset`` or ``silent``."""
        for connection in self._connections:
            if how == "silent":
                self._silent.add(connection)
                continue
            if how == "reset":
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD if how == "reset" else socket.SHUT_RDWR)
        if how == "reset":
            for thread in self._threads[1:]:
                thread.join(5)  # a socket that is being read from is closed when that has ended
            for connection in self._connections:
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()


class ThawedClock(Clock):
    """The system's clock, ``ahead`` by the seconds that the process was frozen for."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        pytest.fail("an idle connection that has died is not worth a wait")

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def server() -> Iterator[FreezableServer]:
    server = FreezableServer()
    yield server
    server.close()


def sync_handler(
    url: str, clock: Clock, by_h11: bool
) -> tuple[Callable[[], list[str]], Callable[[], None]]:
    """Return a function's handler, whose client is made with its module, and what ends it."""
    http = H11Client(monotonic=clock.monotonic) if by_h11 else None
    client = ImageBuilder("us-west-2", http_client=http, **arguments(url, clock))

    def handler() -> list[str]:
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(**EXECUTION)
        return [str(resource.resource_id) for resource in pages.items()]

    def close() -> None:
        client.close()
        if http is not None:
            http.close()

    return handler, close


def async_handler(
    url: str, clock: Clock, by_h11: bool
) -> tuple[Callable[[], list[str]], Callable[[], None]]:
    """Return the same for an async client, with an event loop for each invocation."""
    http = AsyncH11Client(monotonic=clock.monotonic) if by_h11 else None
    client = AsyncImageBuilder("us-west-2", http_client=http, **arguments(url, clock))

    async def list_all() -> list[str]:
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(**EXECUTION)
        return [str(resource.resource_id) async for resource in pages.items()]

    async def close() -> None:
        await client.aclose()
        if http is not None:
            await http.aclose()

    return (lambda: asyncio.run(list_all())), (lambda: asyncio.run(close()))


def arguments(url: str, clock: Clock) -> dict[str, Any]:
    return {
        "endpoint_url": url,
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
        "read_timeout": 5,
        "max_attempts": 2,
        "clock": clock,
    }


HANDLERS = pytest.mark.parametrize("make_handler", [sync_handler, async_handler])
TRANSPORTS = pytest.mark.parametrize("by_h11", [False, True], ids=["default", "h11"])


@HANDLERS
@TRANSPORTS
@pytest.mark.parametrize(
    ("how", "seconds"), [("closed", 0), ("reset", 0), ("closed", 3600), ("silent", 3600)]
)
def test_an_invocation_after_a_thaw_lists_over_a_new_connection(
    server: FreezableServer, make_handler: Any, by_h11: bool, how: str, seconds: float
) -> None:
    clock = ThawedClock()
    handler, close = make_handler(server.url, clock, by_h11)
    assert handler() == ["ami-1"]
    server.kill(how)
    clock.ahead = seconds
    assert handler() == ["ami-1"]
    assert server.counts == [1, 1]
    close()


@TRANSPORTS
def test_invocations_without_a_freeze_share_a_connection(
    server: FreezableServer, by_h11: bool
) -> None:
    handler, close = sync_handler(server.url, ThawedClock(), by_h11)
    assert handler() == handler() == ["ami-1"]
    assert server.counts == [2]
    close()
