"""Connections of H11Client that are made in a thread before the first request."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.transport.types import Deadline, Origin
from tests.fakes.servers import OK
from tests.fakes.transports import KINDS, TRUSTING, Sender, Serve, TransportKind
from tests.fakes.waiting import wait_until

Connect = Any
H11_KINDS = [kind for kind in KINDS if kind.is_h11 and kind.loop is None]


@pytest.fixture(params=H11_KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> TransportKind:
    given: TransportKind = request.param
    return given


@pytest.fixture
def sender(kind: TransportKind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with Sender(kind, certificates=TRUSTING, preconnect=True) as sender:
        yield sender


def preconnect(sender: Sender, url: str) -> None:
    sender.transport.preconnect(Origin.from_url(url), 5.0)


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "preconnect":
            thread.join(5)


def patch_connect(monkeypatch: pytest.MonkeyPatch, function: Connect) -> Any:
    """Have a function make the connections of threads; return the one that it replaces."""
    from imagebuilder_pager._aws.transport import network

    real = network._connect
    monkeypatch.setattr(network, "_connect", function)
    return real


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_preconnected_connection_is_used_by_the_first_request(
    serve: Serve, sender: Sender, localhost_context: ssl.SSLContext, encrypted: bool
) -> None:
    server = serve([OK, OK], context=localhost_context if encrypted else None)
    preconnect(sender, server.url)
    wait_for_threads()  # meanwhile the server's session tickets come
    for _ in range(2):
        assert sender.send(server.url).body == b"{}"
    assert server.counts == [2]


def test_preconnecting_twice_connects_once(serve: Serve, sender: Sender) -> None:
    server = serve([OK])
    for _ in range(2):
        preconnect(sender, server.url)
    assert sender.send(server.url).body == b"{}"
    assert server.counts == [1]


def test_without_the_argument_nothing_is_connected(kind: TransportKind) -> None:
    before = threading.active_count()
    with Sender(kind) as sender:
        running = threading.active_count()
        preconnect(sender, "http://127.0.0.1:9")
        assert threading.active_count() == running
    assert threading.active_count() == before


def test_a_request_to_another_origin_has_a_connection_of_its_own(
    serve: Serve, sender: Sender
) -> None:
    early, other = serve([OK]), serve([OK])
    preconnect(sender, early.url)
    assert sender.send(other.url).body == b"{}"
    assert sender.send(early.url).body == b"{}"
    assert early.counts == other.counts == [1]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "farewell",
    [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    ids=["nothing", "408"],
)
def test_a_preconnected_connection_that_the_server_has_closed(
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
def test_an_error_of_preconnecting_is_the_threads_alone(
    serve: Serve, sender: Sender, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The request tries by itself, and meets the error again if it is still there."""
    server = serve([OK])
    with monkeypatch.context() as patch:

        def fail(*_: Any) -> Any:
            raise error

        patch_connect(patch, fail)
        preconnect(sender, server.url)
        wait_for_threads()
    assert sender.send(server.url).body == b"{}"
    assert server.counts == [1]


def test_a_refused_connection_is_an_error_of_the_first_request(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    preconnect(sender, url)
    with pytest.raises(exceptions.EndpointConnectionError):
        sender.send(url)


def test_a_ca_bundle_that_cannot_be_loaded_is_an_error_of_the_first_request(
    kind: TransportKind, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist.pem")
    server = serve(b"", b"")
    url = server.url.replace("http", "https")
    with Sender(kind, certificates=LazySSLContext(), preconnect=True) as sender:
        preconnect(sender, url)
        with pytest.raises(exceptions.InvalidConfigError, match="SSL_CERT_FILE: no certificates"):
            sender.send(url)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://host:port"])
def test_a_proxy_that_cannot_be_used_is_an_error_of_the_first_request(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    preconnect(sender, "http://host.test")
    with pytest.raises(exceptions.InvalidConfigError, match="HTTP_PROXY"):
        sender.send("http://host.test")


def test_the_first_request_waits_for_preconnecting(
    serve: Serve, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    proceed = threading.Event()

    def connect(*arguments: Any) -> Any:
        assert proceed.wait(5)
        return real(*arguments)

    real = patch_connect(monkeypatch, connect)
    preconnect(sender, server.url)
    pool = sender.transport._pools.pool
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(sender.send, server.url)
        wait_until(lambda: len(pool._waiting) == 1)
        proceed.set()
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

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        preconnect(sender, server.url)
    assert sender.send(server.url).body == b"{}"


def test_closing_does_not_wait_for_preconnecting(
    serve: Serve, kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(b"")
    proceed = threading.Event()
    created: list[socket.socket] = []

    def connect(*arguments: Any) -> Any:
        assert proceed.wait(5)
        created.append(real(*arguments))
        return created[0]

    real = patch_connect(monkeypatch, connect)
    with Sender(kind, preconnect=True) as sender:
        preconnect(sender, server.url)
    proceed.set()
    wait_for_threads()
    assert created[0].fileno() == -1, "the late connection is closed"


def test_an_abandoned_connection_is_closed(
    serve: Serve, kind: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([b""])
    with Sender(kind, preconnect=True) as sender:
        preconnect(sender, server.url)
        wait_for_threads()
    assert server.closed[0].wait(5)


def test_a_client_that_is_lost_while_it_preconnects_leaves_nothing_open(serve: Serve) -> None:
    server = serve([b""])
    client = KINDS[1].make(preconnect=True)
    client.preconnect(Origin.from_url(server.url), 5.0)
    wait_for_threads()
    del client
    gc.collect()
    assert server.closed[0].wait(5)
