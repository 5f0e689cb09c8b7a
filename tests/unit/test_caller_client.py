"""The caller's own client of httpx or httpx2, sync or async, as ``http_client``."""

from __future__ import annotations

import gzip
import os
import re
import socket
import ssl
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest.mock import Mock

import anyio
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local import (
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.caller_clients import CALLER_KINDS, CallerKind
from tests.fakes.clocks import FakeClock
from tests.fakes.proxies import RunningProxy
from tests.fakes.servers import ConnectionServer
from tests.fakes.transports import Serve

ENDPOINT = "https://imagebuilder.us-west-2.amazonaws.com"
PAGE = b'{"resources":[]}'


@pytest.fixture(params=CALLER_KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> CallerKind:
    given: CallerKind = request.param
    return given


@pytest.fixture
def service(kind: CallerKind) -> Mock:
    """A service that responds to every request with an empty page."""
    return Mock(side_effect=lambda _: kind.package.Response(200, content=PAGE))


def test_the_local_service_is_a_handler(kind: CallerKind, account: Account) -> None:
    page = kind.call(kind.make(LocalImageBuilder(account)))
    assert len(page.resources) == 25
    assert page["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(exceptions.ClientError, match=r"InvalidSignatureException|SignatureDoes"):
        kind.call(kind.make(LocalImageBuilder(account)), aws_secret_access_key="wrong")


def test_a_response_of_the_local_service_has_the_packages_class(
    kind: CallerKind, account: Account
) -> None:
    """Its body is read by hand, sync and async."""
    response = LocalImageBuilder(account)(kind.package.Request("POST", ENDPOINT))
    assert type(response) is kind.package.Response
    response.read()
    assert response.status_code in {400, 403, 404}
    assert "message" in response.json()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset-before", exceptions.ConnectionClosedError),
        ("reset-within", exceptions.ConnectionClosedError),
        ("half-body", exceptions.ConnectionClosedError),
        ("stall", exceptions.ReadTimeoutError),
        ("stall-within", exceptions.ReadTimeoutError),
    ],
)
def test_a_fault_of_the_local_service_is_the_packages_error(
    kind: CallerKind, fault: str, error: type[Exception]
) -> None:
    service = LocalImageBuilder(generate_account(resources=30), faults=FaultPlan({1: Fault(fault)}))
    with pytest.raises(error) as caught:
        kind.call(kind.make(service))
    assert isinstance(caught.value.__cause__, kind.package.TransportError)


def test_httpx2_is_not_imported_for_a_client_of_httpx() -> None:
    program = (
        "import sys, httpx, imagebuilder_pager as pager\n"
        "from imagebuilder_pager.local import *\n"
        "service = LocalImageBuilder(generate_account(resources=30))\n"
        "http = httpx.Client(transport=httpx.MockTransport(service))\n"
        "client = pager.ImageBuilder('us-west-2', http_client=http,"
        " aws_access_key_id='local', aws_secret_access_key='local')\n"
        "client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)\n"
        "assert 'httpx2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# Hooks


@pytest.mark.parametrize("event", ["request", "response"])
@pytest.mark.parametrize("error", [LookupError("mine"), RuntimeError("mine: Event loop is closed")])
def test_an_error_in_the_callers_event_hook_is_raised_unchanged(
    kind: CallerKind, service: Mock, event: str, error: Exception
) -> None:
    fail = Mock(side_effect=error)
    with pytest.raises(type(error), match="mine") as caught:
        kind.call(kind.make(service, event_hooks={event: [kind.hook(fail)]}))
    assert caught.value is error


@pytest.mark.parametrize("is_read", [False, True])
def test_a_hook_that_raises_for_the_status_changes_neither_retries_nor_errors(
    kind: CallerKind, is_read: bool
) -> None:
    """The hook is the example in httpx's documentation."""
    sent: list[object] = []

    def respond(request: object) -> Any:
        sent.append(request)
        status = 503 if len(sent) == 1 else 400
        headers = {"x-amzn-ErrorType": "InvalidRequestException"}
        return kind.package.Response(
            status, headers=headers, stream=stream_of(kind, [b'{"message": "not so"}'])
        )

    hook = kind.hook(lambda response: response.raise_for_status(), is_read=is_read)
    http = kind.make(respond, event_hooks={"response": [hook]})
    with pytest.raises(exceptions.ClientError) as caught:
        kind.call(http, max_attempts=3, clock=FakeClock())
    assert len(sent) == 2
    assert type(caught.value).__name__ == "InvalidRequestException"
    unread = "HTTP status 400, no content type, an empty body"
    assert caught.value.response["Error"]["Message"] == ("not so" if is_read else unread)


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_hook_may_read_the_body(kind: CallerKind, encoding: str | None) -> None:
    seen: list[bytes] = []

    def respond(_: object) -> Any:
        body = PAGE if encoding is None else gzip.compress(PAGE)
        headers = {} if encoding is None else {"Content-Encoding": encoding}
        return kind.package.Response(200, headers=headers, stream=stream_of(kind, [body]))

    hook = kind.hook(lambda response: seen.append(response.content), is_read=True)
    page = kind.call(kind.make(respond, event_hooks={"response": [hook]}))
    assert page.resources == []
    assert seen == [PAGE]


def stream_of(kind: CallerKind, chunks: Iterable[bytes], close: Callable[[], object] = bool) -> Any:
    """Return an unread body of the package."""

    def iterate(_: object) -> Iterator[bytes]:
        yield from chunks

    async def iterate_async(_: object) -> Any:
        for chunk in chunks:
            yield chunk

    async def aclose(_: object) -> None:
        close()

    members = {"__iter__": iterate, "__aiter__": iterate_async, "aclose": aclose}
    bases = (kind.package.SyncByteStream, kind.package.AsyncByteStream)
    return type("Stream", bases, {**members, "close": lambda _: close()})()


# The settings of the client


def test_the_callers_mount_is_used(kind: CallerKind, service: Mock) -> None:
    http = kind.make(mounts={ENDPOINT: kind.package.MockTransport(service)})
    kind.call(http)
    assert service.call_count == 1


def test_the_callers_proxy_is_used(kind: CallerKind) -> None:
    """The proxy gets the whole URL, and the host of the service is not resolved."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)
    with RunningProxy(page) as proxy:
        http = kind.make(proxy=f"http://{proxy.address}")
        kind.call(http, endpoint_url="http://imagebuilder.invalid")
    head = proxy.requests[0].lower()
    url = b"http://imagebuilder.invalid/listlifecycleexecutionresources"
    assert head.startswith(b"post " + url + b" http/1.1\r\n")
    assert b"\r\nhost: imagebuilder.invalid\r\n" in head


def test_the_callers_own_tls_context_is_used(
    kind: CallerKind, serve: Serve, localhost_context: ssl.SSLContext
) -> None:
    http = kind.make(verify=ssl.create_default_context())
    with pytest.raises(exceptions.SSLError):
        kind.call(http, endpoint_url=serve([], context=localhost_context).url)


def test_defaults_of_the_callers_client_do_not_break_the_signature(
    kind: CallerKind, account: Account
) -> None:
    """Unsigned headers and query parameters would invalidate the signature."""
    respond = Mock(side_effect=LocalImageBuilder(account))
    http = kind.make(
        respond,
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
    )
    assert len(kind.call(http).resources) == 25
    (request,) = respond.call_args.args
    assert request.url.host == "imagebuilder.us-west-2.amazonaws.com"
    assert request.url.query == b""
    for name in ("x-amz-meta", "x-amz-security-token", "cookie"):
        assert name not in request.headers
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_redirect_is_not_followed(kind: CallerKind) -> None:
    respond = Mock(
        return_value=kind.package.Response(307, headers={"Location": "https://evil.test/"})
    )
    with pytest.raises(exceptions.PagerError):
        kind.call(kind.make(respond, follow_redirects=True))
    assert respond.call_count == 1


def test_a_redirect_to_an_invalid_url_shows_none_of_it(kind: CallerKind) -> None:
    """httpx parses it though it follows no redirect, and its own error has the password."""
    headers = {"Location": "https://svc:Hunter2/x@evil.test"}
    respond = Mock(return_value=kind.package.Response(302, headers=headers))
    with pytest.raises((exceptions.HTTPClientError, exceptions.ClientError)) as caught:
        kind.call(kind.make(respond))
    assert re.search("a redirect to .*, which is not followed", str(caught.value))
    assert "Hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"connect_timeout": 9}, {"connect": 9, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"read_timeout": 9}, {"connect": 1.0, "read": 9, "write": 9, "pool": 4.0}),
        ({"total_timeout": 2.5}, {"connect": 1.0, "read": 2.0, "write": 2.5, "pool": 2.5}),
    ],
)
def test_the_timeouts_are_those_of_the_callers_client(
    kind: CallerKind, service: Mock, arguments: dict[str, Any], expected: dict[str, float]
) -> None:
    timeout = kind.package.Timeout(connect=1.0, read=2.0, write=3.0, pool=4.0)
    kind.call(kind.make(service, timeout=timeout), clock=FakeClock(), **arguments)
    assert service.call_args.args[0].extensions["timeout"] == expected


# Errors


NETWORK = [
    ("ConnectTimeout", exceptions.ConnectTimeoutError, "connecting took too long to"),
    ("PoolTimeout", exceptions.ConnectTimeoutError, "no connection became free in time to"),
    ("ReadTimeout", exceptions.ReadTimeoutError, "no response in time from"),
    ("WriteTimeout", exceptions.ReadTimeoutError, "the request could not be sent in time to"),
    ("ConnectError", exceptions.EndpointConnectionError, "could not connect to"),
    ("ProxyError", exceptions.ProxyConnectionError, "the proxy failed on the way to"),
    ("ReadError", exceptions.ConnectionClosedError, "the connection broke off to"),
    ("WriteError", exceptions.ConnectionClosedError, "the connection broke off to"),
    ("CloseError", exceptions.ConnectionClosedError, "the connection broke off to"),
    ("RemoteProtocolError", exceptions.ConnectionClosedError, "the connection ended early from"),
    ("UnsupportedProtocol", exceptions.HTTPClientError, "the request failed to"),
    ("LocalProtocolError", exceptions.HTTPClientError, "the request failed to"),
    ("InvalidURL", exceptions.HTTPClientError, "the request failed to"),
]


@pytest.mark.parametrize(("raised", "error", "text"), NETWORK, ids=[row[0] for row in NETWORK])
@pytest.mark.parametrize("detail", ["[Errno 111] refused", ""])
def test_the_errors_of_the_package_are_ours(
    kind: CallerKind, raised: str, error: type[Exception], text: str, detail: str
) -> None:
    error_class = getattr(kind.package, raised)
    with pytest.raises(exceptions.HTTPClientError) as caught:
        kind.call(kind.make(Mock(side_effect=error_class(detail))))
    assert type(caught.value) is error
    assert str(caught.value) == f"{text} {ENDPOINT}: {detail or raised}"
    assert isinstance(caught.value.__cause__, error_class)


@pytest.mark.parametrize(
    ("cause", "is_rejected"),
    [
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), True),
        (ssl.SSLError(1, "tlsv1 alert internal error"), False),
    ],
)
def test_a_failed_handshake_is_an_ssl_error(
    kind: CallerKind, cause: ssl.SSLError, is_rejected: bool
) -> None:
    """httpx raises a connect error from the TLS error."""
    error = kind.package.ConnectError(str(cause))
    error.__cause__ = cause
    with pytest.raises(exceptions.SSLError) as caught:
        kind.call(kind.make(Mock(side_effect=error)))
    assert str(caught.value) == f"no TLS connection to {ENDPOINT}: {cause}"
    assert caught.value.certificate_rejected is is_rejected


def test_a_tls_record_that_cannot_be_decrypted_breaks_the_connection(
    kind: CallerKind, localhost_context: ssl.SSLContext
) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        os.write(connection.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        connection.recv(65536)

    with (
        ConnectionServer(serve, localhost_context) as server,
        pytest.raises(exceptions.ConnectionClosedError, match="the connection broke off to"),
    ):
        kind.call(kind.make(verify=False), endpoint_url=server.url)


def test_the_words_of_an_error_do_not_make_it_an_ssl_error(kind: CallerKind) -> None:
    text = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)"
    with pytest.raises(exceptions.EndpointConnectionError) as caught:
        kind.call(kind.make(Mock(side_effect=kind.package.ConnectError(text))))
    assert type(caught.value) is exceptions.EndpointConnectionError
    assert str(caught.value) == f"could not connect to {ENDPOINT}: {text}"


def test_a_closed_client_is_an_error_of_ours(kind: CallerKind, service: Mock) -> None:
    http = kind.make(service)
    kind.close(http)
    with pytest.raises(exceptions.HTTPClientError, match="http_client: the client has been closed"):
        kind.call(http)
    assert not service.called


def test_a_body_beyond_the_limit_is_not_read_to_its_end(kind: CallerKind) -> None:
    sent: list[int] = []
    closed: list[bool] = []

    def chunks() -> Iterator[bytes]:
        """Yield an endless body while the connection is open."""
        while not closed:
            sent.append(1000)
            yield b" " * 1000
        raise kind.package.ReadError("closed")

    def respond(_: object) -> Any:
        stream = stream_of(kind, chunks(), lambda: closed.append(True))
        # Like a response over a real connection.
        return kind.package.Response(200, stream=stream, extensions={"network_stream": None})

    with pytest.raises(exceptions.ResponseParserError, match="more than 5000 bytes"):
        kind.call(kind.make(respond), max_response_bytes=5000)
    assert sum(sent) == 6000
    assert closed


def test_a_large_body_over_a_real_socket_is_not_read_to_its_end(
    kind: CallerKind, serve: Serve
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve([head + b"3e8\r\n" + b" " * 1000 + b"\r\n" + b"1\r\n \r\n" * 5000])
    with pytest.raises(exceptions.ResponseParserError, match="more than 500 bytes"):
        kind.call(kind.make(), max_response_bytes=500, endpoint_url=server.url)


@pytest.mark.parametrize("kind", [kind for kind in CALLER_KINDS if kind.loop], ids=str)
def test_an_async_call_ends_with_its_deadline_even_if_the_client_hangs(kind: CallerKind) -> None:
    """A sync client cannot be bounded from outside."""

    async def never(_: object) -> Any:
        await anyio.sleep(60)

    with pytest.raises(exceptions.ReadTimeoutError):
        kind.call(kind.make(never), total_timeout=0.05)


@pytest.mark.parametrize("kind", [kind for kind in CALLER_KINDS if not kind.loop], ids=str)
def test_a_sync_call_reads_no_body_beyond_its_deadline(kind: CallerKind) -> None:
    """The package's read timeout begins again with each piece of the body."""
    clock = FakeClock()

    def drip() -> Iterator[bytes]:
        for _ in range(10):
            clock.sleep(1.0)
            yield b" "

    response = kind.package.Response(200, stream=stream_of(kind, drip()))
    with pytest.raises(exceptions.ReadTimeoutError):
        kind.call(kind.make(Mock(return_value=response)), clock=clock, total_timeout=3)


def test_a_listing_over_real_sockets(kind: CallerKind, local_server: LocalServer) -> None:
    page = kind.call(kind.make(), times=3, endpoint_url=local_server.url)
    assert len(page.resources) == 25
