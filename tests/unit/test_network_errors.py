"""Requests without a response: each network error has botocore's class."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from tests.fakes.pages import EXECUTION_ID, ClientWith

ENDPOINT = "https://imagebuilder.us-west-2.amazonaws.com"


NETWORK: list[tuple[type[httpx.HTTPError], type[exceptions.HTTPClientError], str]] = [
    (httpx.ConnectTimeout, exceptions.ConnectTimeoutError, "connecting took too long to"),
    (httpx.PoolTimeout, exceptions.ConnectTimeoutError, "no connection became free in time to"),
    (httpx.ReadTimeout, exceptions.ReadTimeoutError, "no response in time from"),
    (
        httpx.WriteTimeout,
        exceptions.ReadTimeoutError,
        "the request could not be sent in time to",
    ),
    (httpx.ConnectError, exceptions.EndpointConnectionError, "could not connect to"),
    (httpx.ProxyError, exceptions.ProxyConnectionError, "the proxy failed on the way to"),
    (httpx.ReadError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (httpx.WriteError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (httpx.CloseError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (
        httpx.RemoteProtocolError,
        exceptions.ConnectionClosedError,
        "the connection ended early from",
    ),
    (httpx.UnsupportedProtocol, exceptions.HTTPClientError, "the request failed to"),
    (httpx.LocalProtocolError, exceptions.HTTPClientError, "the request failed to"),
]


@pytest.mark.parametrize(("raised", "kind", "text"), NETWORK)
@pytest.mark.parametrize("detail", ["[Errno 111] refused", ""])
def test_network_errors_are_botocores(
    client_with: ClientWith,
    raised: type[httpx.HTTPError],
    kind: type[exceptions.HTTPClientError],
    text: str,
    detail: str,
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise raised(detail)

    with pytest.raises(exceptions.HTTPClientError) as caught:
        client_with(fail).list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert type(caught.value) is kind
    assert str(caught.value) == f"{text} {ENDPOINT}: {detail or raised.__name__}"
    assert isinstance(caught.value.__cause__, raised)


def test_the_words_of_an_error_do_not_make_it_an_ssl_error(client_with: ClientWith) -> None:
    """What it was raised from does; see test_caller_client."""
    text = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)"

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(text)

    with pytest.raises(exceptions.EndpointConnectionError) as caught:
        client_with(fail).list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert type(caught.value) is exceptions.EndpointConnectionError
    assert str(caught.value) == f"could not connect to {ENDPOINT}: {text}"


ONCE: dict[str, Any] = {
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
    "max_attempts": 1,
}


def call(url: str, **arguments: Any) -> None:
    with ImageBuilder("us-west-2", endpoint_url=url, **ONCE, **arguments) as client:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"


def test_a_refused_connection_is_an_endpoint_connection_error(listener: socket.socket) -> None:
    url = url_of(listener)
    listener.close()
    with pytest.raises(exceptions.EndpointConnectionError) as caught:
        call(url)
    assert type(caught.value) is exceptions.EndpointConnectionError
    assert str(caught.value) == f"could not connect to {url}: [Errno 111] Connection refused"


def test_a_silent_server_is_a_read_timeout(listener: socket.socket) -> None:
    with pytest.raises(exceptions.ReadTimeoutError) as caught:
        call(url_of(listener), read_timeout=0.05)
    assert str(caught.value) == f"no response in time from {url_of(listener)}: timed out"


def answer_once(listening: socket.socket, answer: bytes) -> threading.Thread:
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"SSH-2.0-OpenSSH_9.6\r\n"],
    ids=["nothing", "cut off", "another protocol"],
)
def test_a_connection_that_ends_early_is_a_connection_closed_error(
    listener: socket.socket, answer: bytes
) -> None:
    thread = answer_once(listener, answer)
    with pytest.raises(exceptions.ConnectionClosedError, match=r"^the connection "):
        call(url_of(listener))
    thread.join()


def test_a_server_without_tls_is_an_ssl_error(listener: socket.socket) -> None:
    thread = answer_once(listener, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(exceptions.SSLError, match=r"^no TLS connection to https://127\.0\.0\.1"):
        call(url_of(listener, "https"))
    thread.join()
