"""H11Client's connections that a thread opens before the first request."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.transport.network import SocketBackend, SocketStream
from imagebuilder_pager._aws.transport.types import Deadline, Origin
from tests.fakes.servers import OK, wait_until
from tests.fakes.transports import KINDS, TRUSTING, Sender, Serve

pytestmark = pytest.mark.usefixtures("_no_settings")
(H11,) = (kind for kind in KINDS if kind.is_h11 and kind.loop is None)


class Network(SocketBackend):
    """Real sockets that connect while ``proceed`` is set, or raise ``error``."""

    def __init__(self) -> None:
        super().__init__()
        self.proceed = threading.Event()
        self.proceed.set()
        self.error: Exception | None = None
        self.streams: list[SocketStream] = []

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> SocketStream:
        assert self.proceed.wait(5)
        if self.error is not None:
            raise self.error
        self.streams.append(super().connect_tcp(host, port, timeout))
        return self.streams[-1]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def sender(network: Network) -> Iterator[Sender]:
    with Sender(H11, certificates=TRUSTING, preconnect=True, network=network) as sender:
        yield sender


def preconnect(sender: Sender, url: str) -> None:
    sender.transport.preconnect(Origin.from_url(url), 5.0)


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "preconnect":
            thread.join(5)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_preconnected_connection_is_used_by_the_first_request(
    serve: Serve, sender: Sender, localhost_context: ssl.SSLContext, encrypted: bool
) -> None:
    server = serve([OK, OK], context=localhost_context if encrypted else None)
    preconnect(sender, server.url)
    wait_for_threads()  # meanwhile the server's session tickets arrive
    for _ in range(2):
        assert sender.send(server.url).body == b"{}"
    assert server.counts == [2]


def test_preconnecting_twice_connects_once(serve: Serve, sender: Sender) -> None:
    server = serve([OK])
    for _ in range(2):
        preconnect(sender, server.url)
    assert sender.send(server.url).body == b"{}"
    assert server.counts == [1]


def test_without_the_argument_nothing_is_connected(serve: Serve, network: Network) -> None:
    with Sender(H11, network=network) as sender:
        preconnect(sender, serve(b"").url)
        wait_for_threads()
    assert network.streams == []


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "farewell",
    [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    ids=["nothing", "408"],
)
def test_a_preconnected_connection_that_the_server_has_closed_is_not_used(
    serve: Serve,
    sender: Sender,
    localhost_context: ssl.SSLContext,
    farewell: bytes,
    encrypted: bool,
) -> None:
    server = serve(farewell, [OK], context=localhost_context if encrypted else None)
    preconnect(sender, server.url)
    assert server.closed[0].wait(5)
    assert sender.send(server.url).body == b"{}"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), MemoryError()]
)
def test_after_an_error_of_preconnecting_the_request_connects(
    serve: Serve, sender: Sender, network: Network, error: Exception
) -> None:
    server = serve([OK])
    network.error = error
    preconnect(sender, server.url)
    wait_for_threads()
    network.error = None
    assert sender.send(server.url).body == b"{}"
    assert server.counts == [1]


@pytest.mark.parametrize(
    ("url", "variable", "value"),
    [
        ("https://127.0.0.1:{}", "SSL_CERT_FILE", "/does/not/exist.pem"),
        ("http://host.test", "HTTP_PROXY", "socks5://127.0.0.1:9"),
        ("http://host.test", "HTTP_PROXY", "http://host:port"),
    ],
)
def test_a_setting_that_cannot_be_used_is_an_error_of_the_first_request(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, url: str, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    url = url.format(serve(b"", b"").port)
    with Sender(H11, certificates=LazySSLContext(), preconnect=True) as sender:
        preconnect(sender, url)
        with pytest.raises(exceptions.InvalidConfigError, match=variable):
            sender.send(url)


def test_the_first_request_waits_for_preconnecting(
    serve: Serve, sender: Sender, network: Network
) -> None:
    server = serve([OK])
    network.proceed.clear()
    preconnect(sender, server.url)
    call = sender.start(server.url)
    wait_until(lambda: sender.count_waiting() == 1)
    network.proceed.set()
    assert call.result().body == b"{}"
    assert server.counts == [1]


def test_preconnecting_that_takes_too_long_leaves_connecting_to_the_request(
    serve: Serve, sender: Sender
) -> None:
    server = serve([OK])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        sender.transport.preconnect(Origin.from_url(url), 0.05)
        with pytest.raises(exceptions.ConnectTimeoutError, match="connecting took too long"):
            sender.send(url, deadline=Deadline(0.06, time.monotonic))
    assert sender.send(server.url).body == b"{}"


def test_preconnecting_without_a_thread(
    serve: Serve, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    error = RuntimeError("can't start new thread")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", Mock(side_effect=error))
        preconnect(sender, server.url)
    assert sender.send(server.url).body == b"{}"


def test_closing_does_not_wait_for_preconnecting(
    serve: Serve, sender: Sender, network: Network
) -> None:
    network.proceed.clear()
    preconnect(sender, serve(b"").url)
    sender.close_transport()
    network.proceed.set()
    wait_for_threads()
    assert network.streams[0].socket.fileno() == -1, "the late connection is closed"
