"""The HTTP client of a client, the caller's or our own, and the timeouts."""

import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.local import (
    Account,
    LocalImageBuilder,
    LocalServer,
)
from imagebuilder_pager.validation import describe_value
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import list_page
from tests.fakes.services import RecordingService, http_client


@pytest.fixture
def recorder() -> RecordingService:
    return RecordingService()


def test_the_callers_http_client_is_not_closed(recorder: RecordingService) -> None:
    with http_client(recorder) as http:
        with ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS) as client:
            list_page(client)
        client.close()
        assert not http.is_closed
        list_page(client)
    assert len(recorder.requests) == 2


@pytest.fixture
def created_transports(monkeypatch: pytest.MonkeyPatch) -> list[httpx.HTTPTransport]:
    """Record the transports that the library creates."""
    transports: list[httpx.HTTPTransport] = []
    original = httpx.HTTPTransport.__init__

    def init(self: httpx.HTTPTransport, *args: Any, **kwargs: Any) -> None:
        transports.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(httpx.HTTPTransport, "__init__", init)
    return transports


def test_our_own_connections_are_closed(local_server: LocalServer) -> None:
    others = open_connections(local_server.url)
    with ImageBuilder("us-west-2", endpoint_url=local_server.url, **LOCAL_CREDENTIALS) as client:
        list_page(client)
        list_page(client)
        assert len(open_connections(local_server.url) - others) == 1
    assert open_connections(local_server.url) - others == set()
    client.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        list_page(client)


def test_our_own_connections_are_closed_after_an_error(local_server: LocalServer) -> None:
    others = open_connections(local_server.url)
    client = ImageBuilder("us-west-2", endpoint_url=local_server.url, **LOCAL_CREDENTIALS)
    list_page(client)
    assert len(open_connections(local_server.url) - others) == 1
    with pytest.raises(RuntimeError, match="mine"), client:
        raise RuntimeError("mine")
    assert open_connections(local_server.url) - others == set()


def open_connections(url: str) -> set[socket.socket]:
    """The sockets of this process that are connected to a server, other tests' among them."""
    port = urlsplit(url).port
    found = set()
    for candidate in gc.get_objects():
        if type(candidate) is socket.socket and candidate.fileno() != -1:
            with contextlib.suppress(OSError):
                if candidate.getpeername()[1] == port:
                    found.add(candidate)
    return found


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


@pytest.mark.parametrize("http_client", [5, "http", httpx.AsyncClient, httpx.Client])
def test_an_object_that_is_not_an_http_client_is_an_error(http_client: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", http_client=http_client, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - http_client: a {type(http_client).__name__} given; allowed: an httpx.Client, "
        "an httpx2.Client or an H11Client"
    )


def test_the_callers_event_hooks_are_called(recorder: RecordingService) -> None:
    seen: list[tuple[str, Any]] = []
    hooks: dict[str, list[Callable[..., Any]]] = {
        "request": [lambda request: seen.append(("request", request.url.path))],
        "response": [lambda response: seen.append(("response", response.status_code))],
    }
    with httpx.Client(transport=httpx.MockTransport(recorder), event_hooks=hooks) as http:
        list_page(ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS))
    assert seen == [("request", "/ListLifecycleExecutionResources"), ("response", 200)]


def test_an_error_in_the_callers_event_hook_is_raised_as_it_is(recorder: RecordingService) -> None:
    def hook(request: httpx.Request) -> None:
        raise LookupError("mine")

    transport = httpx.MockTransport(recorder)
    with httpx.Client(transport=transport, event_hooks={"request": [hook]}) as http:
        client = ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
        with pytest.raises(LookupError, match="mine"):
            list_page(client)


@pytest.mark.parametrize("over", ["transport", "mount"])
def test_the_callers_transport_is_used(recorder: RecordingService, over: str) -> None:
    transport = httpx.MockTransport(recorder)
    http = (
        httpx.Client(transport=transport)
        if over == "transport"
        else httpx.Client(mounts={"https://imagebuilder.us-west-2.amazonaws.com": transport})
    )
    with http:
        list_page(ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS))
    assert len(recorder.requests) == 1


def test_the_callers_proxy_is_used() -> None:
    """The proxy gets the whole URL, and the host of the service is not resolved."""
    asked: list[bytes] = []

    def proxy() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(65536))
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"nextToken":""}')

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=proxy)
        thread.start()
        port = listener.getsockname()[1]
        with httpx.Client(proxy=f"http://127.0.0.1:{port}") as http:
            client = ImageBuilder(
                "us-west-2",
                endpoint_url="http://imagebuilder.invalid",
                http_client=http,
                **LOCAL_CREDENTIALS,
            )
            assert list_page(client).to_dict()["ResponseMetadata"]["HTTPStatusCode"] == 200
        thread.join()
    url = b"http://imagebuilder.invalid/ListLifecycleExecutionResources"
    assert asked[0].startswith(b"POST " + url + b" HTTP/1.1\r\n")
    assert b"\r\nhost: imagebuilder.invalid\r\n" in asked[0].lower()


def test_defaults_of_the_callers_http_client_do_not_break_the_signature(account: Account) -> None:
    """Unsigned headers and query parameters would invalidate the signature."""
    service = LocalImageBuilder(account)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return service(request)

    with httpx.Client(
        transport=httpx.MockTransport(answer),
        headers={
            "X-Amz-Meta": "unsigned",
            "X-Amz-Security-Token": "another's",
            "Content-Type": "text/plain",
            "Authorization": "Bearer sesame",
            "User-Agent": "theirs",
            "Host": "evil.test",
        },
        params={"debug": "1"},
        cookies={"session": "sesame"},
        auth=("user", "password"),
        base_url="https://evil.test",
    ) as http:
        client = ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
        assert len(list_page(client).resources) == 25
    (request,) = sent
    assert request.url.host == "imagebuilder.us-west-2.amazonaws.com"
    assert request.url.query == b""
    for name in ("x-amz-meta", "x-amz-security-token", "cookie"):
        assert name not in request.headers
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_the_callers_own_tls_context_is_used(local_server: LocalServer) -> None:
    with httpx.Client(verify=ssl.create_default_context()) as http:
        client = ImageBuilder(
            "us-west-2", endpoint_url=local_server.url, http_client=http, **LOCAL_CREDENTIALS
        )
        assert len(list_page(client).resources) == 25


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
        ({}, {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": 60.0}),
        ({"connect_timeout": 5}, {"connect": 5, "read": 60.0, "write": 60.0, "pool": 60.0}),
        ({"read_timeout": 0.5}, {"connect": 60.0, "read": 0.5, "write": 0.5, "pool": 60.0}),
        (
            {"connect_timeout": 1, "read_timeout": 2},
            {"connect": 1, "read": 2, "write": 2, "pool": 60.0},
        ),
    ],
)
def test_timeouts_of_our_own_client(
    own_http_client: RecordingService, arguments: dict[str, Any], expected: dict[str, float]
) -> None:
    with ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments) as client:
        list_page(client)
    assert timeouts(own_http_client) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"connect_timeout": 9}, {"connect": 9, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"read_timeout": 9}, {"connect": 1.0, "read": 9, "write": 9, "pool": 4.0}),
    ],
)
def test_timeouts_of_the_callers_client(
    recorder: RecordingService, arguments: dict[str, Any], expected: dict[str, float]
) -> None:
    timeout = httpx.Timeout(connect=1.0, read=2.0, write=3.0, pool=4.0)
    with httpx.Client(transport=httpx.MockTransport(recorder), timeout=timeout) as http:
        list_page(ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS, **arguments))
    assert timeouts(recorder) == expected


@pytest.mark.parametrize(
    "name", ["connect_timeout", "read_timeout", "total_timeout", "max_response_bytes"]
)
@pytest.mark.parametrize("value", [0, -1, "5", float("nan"), float("inf"), 1e300, True, [1]])
def test_an_invalid_timeout_or_limit_is_an_error(name: str, value: object) -> None:
    arguments: dict[str, Any] = {name: value}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", **LOCAL_CREDENTIALS, **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - {name}: {describe_value(value)} given; allowed: a number above 0, at most 1e9"
    )
