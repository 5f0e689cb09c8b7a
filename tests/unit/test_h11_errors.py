"""H11Client: the errors of connections and responses."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager import exceptions
from imagebuilder_pager.aws.auth.signer import RequestSigner
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.identity import Credentials
from imagebuilder_pager.aws.transport.h11_transport import H11Client
from imagebuilder_pager.aws.transport.types import HTTPRequest, Timeouts
from imagebuilder_pager.service import HEADERS
from tests.fakes.accounts import PATH
from tests.fakes.h11_requests import (
    TIMEOUTS,
    TRUSTING,
    SendTo,
    Serve,
    error_of,
    error_over_httpx,
    send,
)
from tests.fakes.servers import OK, FakeSocket, RecordedResponse


def test_a_refused_connection(serve: Serve, send_to: SendTo) -> None:
    url = "http://127.0.0.1:9"
    error = error_of(send_to, url)
    assert type(error) is exceptions.EndpointConnectionError
    assert str(error) == str(error_over_httpx(url))


def test_a_host_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = error_of(send_to, "https://host.test")
    assert type(error) is exceptions.EndpointConnectionError
    assert "Name or service not known" in str(error)


def test_a_response_that_does_not_come(send_to: SendTo) -> None:
    timeouts = TIMEOUTS._replace(read=0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        error = error_of(send_to, url, timeouts=timeouts)
        assert type(error) is exceptions.ReadTimeoutError
        assert str(error) == str(error_over_httpx(url, read_timeout=0.05))


def test_a_connection_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def connect(_address: object, timeout: float) -> Any:
        raise TimeoutError(f"timed out after {timeout}")

    monkeypatch.setattr(socket, "create_connection", connect)
    error = error_of(send_to, "http://host.test")
    assert type(error) is exceptions.ConnectTimeoutError
    assert str(error) == "connecting took too long to http://host.test: timed out after 5.0"


def test_a_tls_handshake_that_takes_too_long(send_to: SendTo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        error = error_of(
            send_to, url, certificates=TRUSTING, timeouts=TIMEOUTS._replace(connect=0.05)
        )
    assert type(error) is exceptions.ConnectTimeoutError


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "no HTTP", "an endless head"],
)
def test_an_incomplete_response(serve: Serve, send_to: SendTo, response: bytes) -> None:
    server = serve([response], [response], [OK])
    error = error_of(send_to, server.url)
    assert type(error) is exceptions.ConnectionClosedError
    assert type(error_over_httpx(server.url)) is exceptions.ConnectionClosedError
    assert send_to(server.url).body == b"{}", "the first connection is not reused"


def test_each_timeout_is_for_its_operation(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo
) -> None:
    connection = FakeSocket(OK)
    connected: list[float | None] = []

    def connect(_address: object, timeout: float | None) -> FakeSocket:
        connected.append(timeout)
        return connection

    monkeypatch.setattr(socket, "create_connection", connect)
    send_to("http://host.test", timeouts=Timeouts(1.0, 2.0, 3.0, 4.0))
    assert connected == [1.0]
    assert connection.waits == {("send", 3.0), ("recv", 2.0)}


def test_the_size_of_a_response_head_is_limited(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo
) -> None:
    def respond_with(size: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + b"x" * size + b"\r\n\r\n{}"
        connection = FakeSocket(head, 1000, ends=False)
        monkeypatch.setattr(socket, "create_connection", lambda *_: connection)

    respond_with(99 * 1024)
    assert send_to("http://small.test").body == b"{}"
    respond_with(200 * 1024)
    assert type(error_of(send_to, "http://large.test")) is exceptions.ConnectionClosedError


HEAD_PARTS = st.sampled_from(
    [
        *(
            b"HTTP/1.1 ",
            b"HTTP/1.0 ",
            b"200",
            b"204",
            b"100",
            b"304",
            b"999",
            b" OK",
            b"\r\n",
            b"\n",
        ),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"X: ", b": "),
        *(b"0", b"1", b"2\r\n{}\r\n0\r\n\r\n", b"-1", b"9" * 30, b"f" * 20, b"{}"),
    ]
)


@given(
    st.lists(HEAD_PARTS | st.binary(max_size=5), max_size=25).map(b"".join)
    | st.tuples(st.integers(0, len(OK)), st.binary(max_size=4)).map(
        lambda change: OK[: change[0]] + change[1] + OK[change[0] + len(change[1]) :]
    ),
    st.integers(1, 200),
)
@example(OK, 1)
@example(b"HTTP/1.1 200 OK\r\n\r\n", 200)
def test_any_bytes_are_a_response_or_an_error_of_the_library(response: bytes, size: int) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.closing(H11Client("http://host.test", LazySSLContext())) as client,
        contextlib.suppress(exceptions.ConnectionClosedError),
    ):
        patch.setattr(socket, "create_connection", lambda *_: FakeSocket(response, size))
        received = send(client)
        assert 200 <= received.status <= 999


class BrokenSocket(FakeSocket):
    """A socket that breaks within the request, and may have a response."""

    def send(self, _data: memoryview) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}", 413),
        (b"", "the connection broke off to http://host.test: [Errno 32] Broken pipe"),
        (b"HTTP/1.1 4", "the connection broke off to http://host.test: [Errno 32] Broken pipe"),
    ],
)
def test_a_connection_that_breaks_within_the_request(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo, response: bytes, expected: object
) -> None:
    connections: list[FakeSocket] = []

    def connect(*_: object) -> FakeSocket:
        connections.append(BrokenSocket(response))
        return connections[-1]

    monkeypatch.setattr(socket, "create_connection", connect)
    for _ in range(2):
        if isinstance(expected, str):
            assert str(error_of(send_to, "http://host.test")) == expected
        else:
            assert send_to("http://host.test").status == expected
    assert len(connections) == 2, "the connection is not reused"


def test_a_connection_is_not_reused_after_an_error_of_the_response_handler(
    serve: Serve, send_to: SendTo
) -> None:
    class Full(RecordedResponse):
        def on_data(self, chunk: bytes) -> None:
            raise exceptions.ResponseParserError("too much")

    server = serve([OK, OK], [OK])
    with pytest.raises(exceptions.ResponseParserError, match="too much"):
        send_to(server.url, response=Full())
    assert send_to(server.url).body == b"{}"


def test_credentials_that_are_invalid_in_a_header(send_to: SendTo) -> None:
    with contextlib.closing(H11Client("http://127.0.0.1:9", LazySSLContext())) as client:
        signer = RequestSigner(Credentials("AKID", "secret\n"), "imagebuilder", "us-west-2")
        with pytest.raises(exceptions.ParamValidationError) as caught:
            client.sender(signer, HEADERS)(HTTPRequest(PATH, b"{}", TIMEOUTS), RecordedResponse())
    assert "secret\n" not in str(caught.value)


def test_a_client_that_has_been_closed(send_to: SendTo) -> None:
    client = H11Client("http://127.0.0.1:9", LazySSLContext())
    client.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        send(client)
