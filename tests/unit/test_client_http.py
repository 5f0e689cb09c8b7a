"""The client's own connections, what it takes as ``http_client``, and the timeouts."""

from __future__ import annotations

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
from tests.fakes.caller_clients import CALLER_PACKAGES
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.servers import OK
from tests.fakes.services import RecordingService
from tests.fakes.transports import Serve, signed_request


@pytest.fixture
def recorder() -> RecordingService:
    return RecordingService()


@pytest.fixture
def created_transports(monkeypatch: pytest.MonkeyPatch) -> list[httpx.HTTPTransport]:
    """Record the transports of httpx that the library creates; each has one connection."""
    transports: list[httpx.HTTPTransport] = []
    original = httpx.HTTPTransport.__init__

    def init(self: httpx.HTTPTransport, *args: Any, **kwargs: Any) -> None:
        transports.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(httpx.HTTPTransport, "__init__", init)
    return transports


def test_our_own_connections_are_closed(
    local_server: LocalServer, created_transports: list[httpx.HTTPTransport]
) -> None:
    with ImageBuilder("us-west-2", endpoint_url=local_server.url, **LOCAL_CREDENTIALS) as client:
        list_page(client)
        list_page(client)
        (transport,) = created_transports
        assert is_open(transport)
    assert not is_open(transport)
    client.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        list_page(client)


def test_our_own_connections_are_closed_after_an_error(
    local_server: LocalServer, created_transports: list[httpx.HTTPTransport]
) -> None:
    client = ImageBuilder("us-west-2", endpoint_url=local_server.url, **LOCAL_CREDENTIALS)
    list_page(client)
    (transport,) = created_transports
    assert is_open(transport)
    with pytest.raises(RuntimeError, match="mine"), client:
        raise RuntimeError("mine")
    assert not is_open(transport)


def is_open(transport: Any) -> bool:
    """Return whether the socket of a transport's connection is open."""
    descriptor: int = transport._pool._network_backend.stream.stream.socket.fileno()
    return descriptor != -1


def test_invalid_arguments_create_no_connections(
    created_transports: list[httpx.HTTPTransport],
) -> None:
    for arguments in ({"read_timeout": -1}, {"endpoint_url": "x"}, {"aws_session_token": 5}):
        bad: dict[str, Any] = {**LOCAL_CREDENTIALS, **arguments}
        if "aws_session_token" in arguments:
            bad["credentials"] = object()
        with pytest.raises(exceptions.PagerError):
            ImageBuilder("us-west-2", **bad)
    assert created_transports == []


CALLER_CLIENTS = [package.Client for package in CALLER_PACKAGES]
CALLER_ASYNC_CLIENTS = [package.AsyncClient for package in CALLER_PACKAGES]
NOT_CLIENTS = [5, "http", object(), httpx, *CALLER_CLIENTS, H11Client]


@pytest.mark.parametrize(
    "http_client", [*NOT_CLIENTS, *(make() for make in CALLER_ASYNC_CLIENTS), AsyncH11Client()]
)
def test_an_object_that_is_not_an_http_client_is_an_error(http_client: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", http_client=http_client, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - http_client: a {type(http_client).__name__} given; allowed: an httpx.Client, "
        "an httpx2.Client or an H11Client"
    )


@pytest.mark.parametrize(
    "http_client", [*NOT_CLIENTS, *(make() for make in CALLER_CLIENTS), H11Client()]
)
def test_an_object_that_is_not_an_async_http_client_is_an_error(http_client: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        AsyncImageBuilder("us-west-2", http_client=http_client, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        "AsyncImageBuilder: invalid parameters; nothing was sent\n"
        f"  - http_client: a {type(http_client).__name__} given; allowed: an httpx.AsyncClient, "
        "an httpx2.AsyncClient or an AsyncH11Client"
    )


def test_an_h11_client_serves_several_clients_and_is_not_closed(local_server: LocalServer) -> None:
    with H11Client() as http:
        for _ in range(2):
            with ImageBuilder(
                "us-west-2", endpoint_url=local_server.url, http_client=http, **LOCAL_CREDENTIALS
            ) as client:
                assert len(list_page(client).resources) == 25
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        list_page(client)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_async_h11_client_serves_several_clients_and_is_not_closed(
    local_server: LocalServer, loop: str
) -> None:
    async def main() -> None:
        async with AsyncH11Client() as http:
            for _ in range(2):
                async with AsyncImageBuilder(
                    "us-west-2",
                    endpoint_url=local_server.url,
                    http_client=http,
                    **LOCAL_CREDENTIALS,
                ) as client:
                    page = await client.list_lifecycle_execution_resources(**EXECUTION)
                    assert len(page.resources) == 25
        with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
            await client.list_lifecycle_execution_resources(**EXECUTION)

    anyio.run(main, backend=loop)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5", True])
@pytest.mark.parametrize("client_class", [H11Client, AsyncH11Client])
def test_an_expiry_that_cannot_be_is_an_error(client_class: Any, seconds: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError, match=r"keepalive_expiry: .* above 0"):
        client_class(keepalive_expiry=seconds)


def test_h11_keeps_connections_without_an_expiry(serve: Serve) -> None:
    server = serve([OK] * 2)
    times = iter([0.0] * 100)
    with H11Client(keepalive_expiry=None, monotonic=lambda: next(times)) as transport:
        for _ in range(2):
            transport.send(signed_request(transport, server.url))
            times = iter([1e8] * 100)
    assert server.counts == [2]


@pytest.mark.parametrize("count", [0, -1, 2.5, "5", True])
@pytest.mark.parametrize("client_class", [H11Client, AsyncH11Client])
def test_a_number_of_connections_that_cannot_be_is_an_error(client_class: Any, count: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError, match=r"max_connections: .* whole number"):
        client_class(max_connections=count)
    for builder in (ImageBuilder, AsyncImageBuilder):
        with pytest.raises(exceptions.ParamValidationError, match="max_pool_connections: "):
            builder("us-west-2", max_pool_connections=count, **LOCAL_CREDENTIALS)


@pytest.mark.parametrize("argument", [{"verify": False}, {"max_pool_connections": 5}])
@pytest.mark.parametrize("http_client", [H11Client(), *(make() for make in CALLER_CLIENTS)])
def test_what_the_http_client_has_is_not_given_twice(http_client: Any, argument: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError, match="which has its own"):
        ImageBuilder("us-west-2", http_client=http_client, **argument, **LOCAL_CREDENTIALS)


# Timeouts


def timeouts(recorder: RecordingService) -> dict[str, float | None]:
    found: dict[str, float | None] = recorder.request.extensions["timeout"]
    return found


@pytest.fixture
def own_http_client(
    monkeypatch: pytest.MonkeyPatch, recorder: RecordingService
) -> RecordingService:
    """Record the requests of the library's own HTTP client."""
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: recorder(request))
    return recorder


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": None}),
        ({"connect_timeout": 5}, {"connect": 5, "read": 60.0, "write": 60.0, "pool": None}),
        ({"read_timeout": 0.5}, {"connect": 60.0, "read": 0.5, "write": 0.5, "pool": None}),
        (
            {"connect_timeout": 1, "read_timeout": 2},
            {"connect": 1, "read": 2, "write": 2, "pool": None},
        ),
    ],
)
def test_timeouts_of_our_own_client(
    own_http_client: RecordingService,
    arguments: dict[str, Any],
    expected: dict[str, float | None],
) -> None:
    with ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments) as client:
        list_page(client)
    assert timeouts(own_http_client) == expected


TIMED = ("connect", "read", "total")
WHOLE = "a whole number, 1 or more"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((f"{name}_timeout", "a number above 0, at most 1e9") for name in TIMED),
        ("max_response_bytes", WHOLE),
        ("max_pool_connections", WHOLE),
        ("max_attempts", WHOLE),
    ],
)
@pytest.mark.parametrize("value", [0, -1, "5", float("nan"), float("inf"), 1e300, True, [1]])
def test_an_invalid_timeout_or_limit_is_an_error(name: str, allowed: str, value: object) -> None:
    arguments: dict[str, Any] = {name: value}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - {name}: {describe_value(value)} given; allowed: {allowed}"
    )


@pytest.mark.parametrize("name", ["max_response_bytes", "max_pool_connections", "max_attempts"])
def test_half_a_byte_a_connection_or_an_attempt_is_an_error(name: str) -> None:
    arguments: dict[str, Any] = {name: 2.5}
    with pytest.raises(exceptions.ParamValidationError, match=f"{name}: 2.5 .float. given"):
        ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments)


def test_an_invalid_argument_of_a_client_names_that_client() -> None:
    with pytest.raises(exceptions.ParamValidationError, match=r"^H11Client: .*\n  - timeout: -1 "):
        H11Client(timeout=-1)
    with pytest.raises(exceptions.ParamValidationError, match=r"^AsyncH11Client: "):
        AsyncH11Client(max_connections=0)
    with pytest.raises(exceptions.ParamValidationError, match=r"^AsyncImageBuilder: "):
        AsyncImageBuilder("us-west-2", **LOCAL_CREDENTIALS, total_timeout=0)
