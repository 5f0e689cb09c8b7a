"""What a client meets that runs for weeks: dripping peers, surplus responses, cancellation, loops.

Each test was seen to fail on a transport without the rule that it is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, exceptions
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clocks import NoSleepClock
from tests.fakes.connections import (
    ASYNC_WAYS,
    EXECUTION,
    SYNC_WAYS,
    WAYS,
    ConnectionServer,
    async_client,
    call_in_turn,
    http_response,
    page_of,
    requests_on,
    serve_pages,
    sync_client,
)

TURNS = 60  # of the event loop; an attempt over loopback has fewer


@pytest.fixture
def pages() -> Iterator[ConnectionServer]:
    with ConnectionServer(serve_pages) as server:
        yield server


def serve_in_pieces(connection: socket.socket, number: int) -> None:
    """Respond in two pieces, some turns of an event loop apart; close every second time."""
    moment = threading.Event()
    response = http_response(page_of(f"connection-{number}"))
    for _, is_last in zip(requests_on(connection), (False, True), strict=False):
        moment.wait(0.001)
        connection.sendall(response[:30])
        moment.wait(0.0005)
        connection.sendall(response[30:])
        if is_last:
            return


@pytest.fixture
def slow_pages() -> Iterator[ConnectionServer]:
    with ConnectionServer(serve_in_pieces) as server:
        yield server


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_a_client_goes_on_after_a_call_was_cancelled_at_any_turn_of_asyncio(
    way: str, slow_pages: ConnectionServer
) -> None:
    cancelled: list[bool] = []

    async def main() -> None:
        async with async_client(way, slow_pages.url, max_pool_connections=1) as client:
            for turn in range(TURNS):
                task = asyncio.create_task(client.list_lifecycle_execution_resources(**EXECUTION))
                for _ in range(turn):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                cancelled.append(task.cancelled())
                async with asyncio.timeout(5):
                    await client.list_lifecycle_execution_resources(**EXECUTION)

    asyncio.run(main())
    assert sum(cancelled) >= 10


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_a_client_goes_on_after_a_call_was_cancelled_at_any_turn_of_trio(
    way: str, slow_pages: ConnectionServer
) -> None:
    cancelled: list[bool] = []

    async def call(client: AsyncImageBuilder, scope: trio.CancelScope) -> None:
        with scope:
            await client.list_lifecycle_execution_resources(**EXECUTION)
        cancelled.append(scope.cancelled_caught)

    async def main() -> None:
        async with async_client(way, slow_pages.url, max_pool_connections=1) as client:
            for turn in range(TURNS):
                scope = trio.CancelScope()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(call, client, scope)
                    for _ in range(turn):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()
                with trio.fail_after(5):
                    await client.list_lifecycle_execution_resources(**EXECUTION)

    trio.run(main)
    assert sum(cancelled) >= 10


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_a_client_goes_on_after_hundreds_of_calls_with_the_shortest_of_timeouts(
    way: str, slow_pages: ConnectionServer
) -> None:
    async def main() -> None:
        async with async_client(way, slow_pages.url, max_pool_connections=3) as client:
            for number in range(300):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.0001 * (number % 30)):
                        await client.list_lifecycle_execution_resources(**EXECUTION)
            async with asyncio.timeout(5):
                await client.list_lifecycle_execution_resources(**EXECUTION)

    asyncio.run(main())


REFUSED = http_response(
    {"message": "no"}, "400 Bad Request", x_amzn_ErrorType="InvalidRequestException"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'28\r\n{"resources": [{"resourceId": "first"}]}\r\n0\r\n\r\n'
)
FIRST = {"a page": http_response(page_of("first")), "chunks": CHUNKED, "an error": REFUSED}
SURPLUS = {
    "a page": http_response(page_of("surplus")),
    "an error": REFUSED,
    "half a head": b"HTTP/1.1 200 OK\r\n",
    "a line break": b"\r\n",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["in one segment", "later, while the connection is idle"])
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("surplus", SURPLUS)
def test_what_comes_behind_a_response_is_not_taken_for_the_next_one(
    surplus: str, first: str, when: str, way: str
) -> None:
    is_idle, is_sent = threading.Event(), threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        for _ in requests_on(connection):
            if number > 1:
                connection.sendall(http_response(page_of(f"right-{number}")))
            elif when == "in one segment":
                connection.sendall(FIRST[first] + SURPLUS[surplus])
                is_sent.set()
            else:
                connection.sendall(FIRST[first])
                assert is_idle.wait(10)
                connection.sendall(SURPLUS[surplus])
                is_sent.set()

    def before(call: int) -> None:
        if call == 1:
            is_idle.set()
            assert is_sent.wait(10)

    with ConnectionServer(serve) as server:
        results = call_in_turn(way, server.url, 3, before=before)
    assert results[1:] == ["right-2", "right-2"]
    assert first == "an error" or results[0] == "first"


@pytest.mark.parametrize("way", WAYS)
def test_a_surplus_response_is_not_a_page_of_another_listing(way: str) -> None:
    token = {"nextToken": "more"}

    def serve(connection: socket.socket, number: int) -> None:
        for request in requests_on(connection):
            page = page_of("b") if b"more" in request else {**page_of("a"), **token}
            connection.sendall(http_response(page) + http_response(page_of("surplus")))

    async def list_async(url: str) -> list[Any]:
        async with async_client(way, url) as client:
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            return [
                [r.resource_id async for r in paginator.paginate(**EXECUTION).items()]
                for _ in range(2)
            ]

    with ConnectionServer(serve) as server:
        if way in ASYNC_WAYS:
            listings = asyncio.run(list_async(server.url))
        else:
            with sync_client(way, server.url) as client:
                paginator = client.get_paginator("list_lifecycle_execution_resources")
                listings = [
                    [r.resource_id for r in paginator.paginate(**EXECUTION).items()]
                    for _ in range(2)
                ]
    assert listings == [["a", "b"]] * 2


#: What comes at once, and what goes on dripping after that.
DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "chunk extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        b"x",
    ),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Long: ",
        b"x",
    ),
    "responses of 1xx": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize("way", [*WAYS, "async caller's"])
@pytest.mark.parametrize("drip", DRIPS)
def test_total_timeout_bounds_a_response_that_drips(drip: str, way: str) -> None:
    """The sync client of the caller's is left out: httpx can bound each of its reads alone."""
    done = threading.Event()
    first, piece = DRIPS[drip]

    def serve(connection: socket.socket, _: int) -> None:
        for _request in requests_on(connection):
            connection.sendall(first)
            while not done.wait(0.01):
                connection.sendall(piece)

    with ConnectionServer(serve) as server:
        began = time.monotonic()
        try:
            (error,) = call_in_turn(way, server.url, total_timeout=0.2)
        finally:
            done.set()
        assert time.monotonic() - began < 3
    assert isinstance(error, exceptions.ReadTimeoutError)


@pytest.mark.parametrize("way", WAYS)
def test_total_timeout_bounds_a_tls_handshake_that_drips(way: str) -> None:
    done = threading.Event()

    def serve(connection: socket.socket, _: int) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB
        while not done.wait(0.01):
            connection.sendall(b"\x02")

    with ConnectionServer(serve) as server:
        began = time.monotonic()
        try:
            (error,) = call_in_turn(way, f"https://127.0.0.1:{server.port}", total_timeout=0.2)
        finally:
            done.set()
        assert time.monotonic() - began < 3
    assert isinstance(error, exceptions.ConnectTimeoutError)


class SteppingClock(NoSleepClock):
    """A clock whose monotonic time a test sets ahead."""

    seconds_ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds_ahead


Run = Callable[..., Any]


@pytest.mark.parametrize("over", ["httpx", "h11"])
@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)])
def test_one_async_client_serves_one_event_loop_after_another(
    over: str, run: Run, pages: ConnectionServer
) -> None:
    clock = SteppingClock()
    http = AsyncH11Client(monotonic=clock.monotonic) if over == "h11" else None
    client = AsyncImageBuilder(
        "us-west-2",
        endpoint_url=pages.url,
        http_client=http,
        max_attempts=1,
        clock=clock,
        **LOCAL_CREDENTIALS,
    )

    async def list_page() -> str:
        page = await client.list_lifecycle_execution_resources(**EXECUTION)
        return str(page.resources[0].resource_id)

    async def list_pages() -> list[str]:
        found = [await list_page(), await list_page()]
        clock.seconds_ahead += 6
        return [*found, await list_page()]

    assert run(list_pages()) == ["connection-1", "connection-1", "connection-2"]
    assert run(list_pages()) == ["connection-3", "connection-3", "connection-4"]
    clock.seconds_ahead += 3600
    assert run(list_page()) == "connection-5"

    async def close() -> None:
        await client.aclose()
        if http is not None:
            await http.aclose()

    run(close())


@pytest.mark.parametrize("way", SYNC_WAYS)
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    way: str, pages: ConnectionServer
) -> None:
    clock = SteppingClock()
    with sync_client(way, pages.url, clock=clock) as client:
        found = []
        for seconds in (0, 1, 6, 3600):
            clock.seconds_ahead += seconds
            page = client.list_lifecycle_execution_resources(**EXECUTION)
            found.append(page.resources[0].resource_id)
    assert found == ["connection-1", "connection-1", "connection-2", "connection-3"]


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_two_hundred_tasks_share_ten_connections(way: str, pages: ConnectionServer) -> None:
    async def main() -> None:
        async with async_client(way, pages.url) as client:
            calls = (client.list_lifecycle_execution_resources(**EXECUTION) for _ in range(200))
            assert len(await asyncio.gather(*calls)) == 200

    asyncio.run(main())
    assert pages.accepted <= 10


@pytest.mark.parametrize("way", SYNC_WAYS)
def test_fifty_threads_share_ten_connections(way: str, pages: ConnectionServer) -> None:
    with sync_client(way, pages.url) as client, ThreadPoolExecutor(50) as threads:
        call: Any = client.list_lifecycle_execution_resources
        calls = [threads.submit(call, **EXECUTION) for _ in range(200)]
        assert all(call.result(20) for call in calls)
    assert pages.accepted <= 10


@pytest.mark.parametrize("way", WAYS)
def test_waiting_for_a_connection_ends_with_total_timeout(way: str) -> None:
    done = threading.Event()

    def serve(connection: socket.socket, _: int) -> None:
        for _request in requests_on(connection):
            done.wait(10)

    async def call_twice(url: str) -> list[Any]:
        async with async_client(way, url, total_timeout=0.2, max_pool_connections=1) as client:
            calls = (client.list_lifecycle_execution_resources(**EXECUTION) for _ in range(2))
            return await asyncio.gather(*calls, return_exceptions=True)

    with ConnectionServer(serve) as server:
        try:
            if way in ASYNC_WAYS:
                errors = asyncio.run(call_twice(server.url))
            else:
                options = {"total_timeout": 0.2, "max_pool_connections": 1}
                with sync_client(way, server.url, **options) as client:
                    call: Any = client.list_lifecycle_execution_resources
                    with ThreadPoolExecutor(2) as threads:
                        futures = [threads.submit(call, **EXECUTION) for _ in range(2)]
                        errors = [future.exception(5) for future in futures]
        finally:
            done.set()
    assert {type(error) for error in errors} <= {
        exceptions.ReadTimeoutError,
        exceptions.ConnectTimeoutError,
    }
    assert len(errors) == 2
    assert server.accepted <= 2
