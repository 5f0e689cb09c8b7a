"""Endpoints that always have more to send: what waits for them ends when it is told to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.connections import EXECUTION, ConnectionServer, read_request

FLOODS = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunks of a byte": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "headers": (b"HTTP/1.1 103 Early Hints\r\n", b"X: y\r\n" * 50 + b"\r\nHTTP/1.1 103 Hints\r\n"),
}
#: So that a client that cannot be cancelled ends, too, if late.
_MOST_BYTES = 4_000_000


@pytest.fixture(params=FLOODS)
def flooding_url(request: pytest.FixtureRequest) -> Iterator[str]:
    head, piece = FLOODS[request.param]

    def serve(connection: socket.socket, _: int) -> None:
        read_request(connection)
        connection.sendall(head)
        block = piece * (20_000 // len(piece))
        for _ in range(_MOST_BYTES // len(block)):
            connection.sendall(block)

    with ConnectionServer(serve) as server:
        yield server.url


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("make_http_client", [lambda: None, AsyncH11Client], ids=["httpx", "h11"])
def test_a_call_is_cancelled_while_the_endpoint_goes_on_sending(
    flooding_url: str, make_http_client: Callable[[], Any], backend: str
) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def main() -> None:
        http_client = make_http_client()
        client = AsyncImageBuilder(
            "us-west-2",
            endpoint_url=flooding_url,
            http_client=http_client,
            max_attempts=1,
            **LOCAL_CREDENTIALS,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(count_turns)
            with anyio.move_on_after(0.3) as scope:
                await client.list_lifecycle_execution_resources(**EXECUTION)
            group.cancel_scope.cancel()
        assert scope.cancelled_caught
        if http_client is not None:
            await http_client.aclose()
        await client.aclose()

    anyio.run(main, backend=backend)
    assert turns > 5
