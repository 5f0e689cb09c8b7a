"""The client's own connections, its ``http_client``, and the timeouts."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import anyio
import httpx
import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager._validation import describe_value
from imagebuilder_pager.local import LocalServer
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.caller_clients import CALLER_PACKAGES, value_of
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.connections import page_response, serve_pages
from tests.fakes.servers import OK, ConnectionServer, requests_on, wait_until
from tests.fakes.services import RecordingService
from tests.fakes.transports import Serve, signed_request

CLOSED = "the client has been closed"


def test_our_own_connections_are_closed_also_after_an_error() -> None:
    with ConnectionServer(serve_pages) as server:
        client = ImageBuilder("us-west-2", endpoint_url=server.url, **LOCAL_CREDENTIALS)
        with pytest.raises(RuntimeError, match="mine"), client:  # noqa: PT012
            list_page(client)
            list_page(client)
            assert server.open == server.accepted == 1
            raise RuntimeError("mine")
        wait_until(lambda: server.open == 0)
        client.close()
        with pytest.raises(exceptions.HTTPClientError, match=CLOSED):
            list_page(client)


def test_our_own_connections_are_no_more_than_the_limit() -> None:
    both = threading.Barrier(2)

    def serve(connection: socket.socket, number: int) -> None:
        for _ in requests_on(connection):
            both.wait(20)
            connection.sendall(page_response(f"connection-{number}"))

    async def main(url: str) -> None:
        arguments: Any = {"endpoint_url": url, "max_pool_connections": 2, **LOCAL_CREDENTIALS}
        async with AsyncImageBuilder("us-west-2", **arguments) as client:
            call = client.list_lifecycle_execution_resources
            await asyncio.gather(*(call(**EXECUTION) for _ in range(4)))

    with ConnectionServer(serve) as server:
        asyncio.run(main(server.url))
        assert server.accepted == 2


CALLER_CLIENTS = [package.Client for package in CALLER_PACKAGES]
CALLER_ASYNC_CLIENTS = [package.AsyncClient for package in CALLER_PACKAGES]
NOT_CLIENTS = [5, "http", object(), httpx, *CALLER_CLIENTS, H11Client]
BUILDERS = [ImageBuilder, AsyncImageBuilder]
H11_CLIENTS = [H11Client, AsyncH11Client]


@pytest.mark.parametrize(
    ("builder", "http_client"),
    [
        *((builder, thing) for builder in BUILDERS for thing in NOT_CLIENTS),
        *((ImageBuilder, make()) for make in (*CALLER_ASYNC_CLIENTS, AsyncH11Client)),
        *((AsyncImageBuilder, make()) for make in (*CALLER_CLIENTS, H11Client)),
    ],
)
def test_an_object_that_is_not_an_http_client_of_its_kind_is_an_error(
    builder: Any, http_client: Any
) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        builder("us-west-2", http_client=http_client, **LOCAL_CREDENTIALS)
    kind = "Async" if builder is AsyncImageBuilder else ""
    assert str(caught.value) == (
        f"{builder.__name__}: invalid parameters; nothing was sent\n"
        f"  - http_client: a {type(http_client).__name__} given; allowed: an httpx.{kind}Client, "
        f"an httpx2.{kind}Client or an {kind}H11Client"
    )


@pytest.mark.parametrize("loop", [None, "asyncio", "trio"])
def test_an_h11_client_serves_several_clients_and_is_not_closed(
    local_server: LocalServer, loop: str | None
) -> None:
    is_sync = loop is None
    arguments: Any = {"endpoint_url": local_server.url, **LOCAL_CREDENTIALS}

    async def close(closable: Any) -> None:
        await value_of(closable.close() if is_sync else closable.aclose())

    async def main() -> None:
        http = H11Client() if is_sync else AsyncH11Client()
        for _ in range(2):
            client_class: Any = ImageBuilder if is_sync else AsyncImageBuilder
            client = client_class("us-west-2", http_client=http, **arguments)
            page = await value_of(list_page(client))
            assert len(page.resources) == 25
            await close(client)
        await close(http)
        with pytest.raises(exceptions.HTTPClientError, match=CLOSED):
            await value_of(list_page(client))

    anyio.run(main, backend=loop or "asyncio")


def test_h11_keeps_connections_without_an_expiry(serve: Serve) -> None:
    server = serve([OK] * 2)
    times = iter([0.0] * 100)
    with H11Client(keepalive_expiry=None, monotonic=lambda: next(times)) as transport:
        for _ in range(2):
            transport.send(signed_request(transport, server.url))
            times = iter([1e8] * 100)
    assert server.counts == [2]


@pytest.mark.parametrize("argument", [{"verify": False}, {"max_pool_connections": 5}])
@pytest.mark.parametrize("http_client", [H11Client(), *(make() for make in CALLER_CLIENTS)])
def test_an_argument_that_the_http_client_has_is_not_given_twice(
    http_client: Any, argument: Any
) -> None:
    with pytest.raises(exceptions.ParamValidationError, match="which has its own"):
        ImageBuilder("us-west-2", http_client=http_client, **argument, **LOCAL_CREDENTIALS)


# Timeouts


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": None}),
        (
            {"connect_timeout": 1, "read_timeout": 2},
            {"connect": 1, "read": 2, "write": 2, "pool": None},
        ),
    ],
)
def test_timeouts_of_our_own_client(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], expected: dict[str, float | None]
) -> None:
    recorder = RecordingService()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: recorder(request))
    with ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments) as client:
        list_page(client)
    assert recorder.request.extensions["timeout"] == expected


A_NUMBER = "a number above 0, at most 1e9"
WHOLE = "a whole number, 1 or more"
INVALID = [0, -1, "5", float("nan"), float("inf"), 1e300, True, [1]]
OF_BUILDERS = {
    **dict.fromkeys(("connect_timeout", "read_timeout", "total_timeout"), A_NUMBER),
    **dict.fromkeys(("max_response_bytes", "max_pool_connections", "max_attempts"), WHOLE),
}
OF_H11_CLIENTS = {"timeout": A_NUMBER, "keepalive_expiry": A_NUMBER, "max_connections": WHOLE}


@pytest.mark.parametrize(
    ("client", "name", "allowed"),
    [
        *((client, *limit) for client in BUILDERS for limit in OF_BUILDERS.items()),
        *((client, *limit) for client in H11_CLIENTS for limit in OF_H11_CLIENTS.items()),
    ],
)
def test_an_invalid_timeout_or_limit_is_an_error_of_the_client(
    client: Any, name: str, allowed: str
) -> None:
    others: dict[str, Any] = {}
    if client in BUILDERS:
        # With the endpoint given, botocore's endpoint rules are not read each time.
        others = {**LOCAL_CREDENTIALS, "region_name": "us-west-2", "endpoint_url": "http://a.test"}
    for value in [*INVALID, 2.5] if allowed == WHOLE else INVALID:
        with pytest.raises(exceptions.ParamValidationError) as caught:
            client(**others, **{name: value})
        assert str(caught.value) == (
            f"{client.__name__}: invalid parameters; nothing was sent\n"
            f"  - {name}: {describe_value(value)} given; allowed: {allowed}"
        )
