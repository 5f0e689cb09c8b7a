"""H11Client: TLS, and connections that are made before the first request."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.transport.h11_transport import H11Client
from tests.fakes.h11_requests import (
    TIMEOUTS,
    TRUSTING,
    SendTo,
    Serve,
    error_of,
    error_over_httpx,
    send,
)
from tests.fakes.servers import OK

# TLS


@pytest.mark.parametrize("certificates", [TRUSTING, LazySSLContext(False)], ids=["own", "none"])
def test_a_request_over_tls(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, certificates: LazySSLContext
) -> None:
    server = serve([OK, OK], context=localhost_context)
    for _ in range(2):
        assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.protocols == ["http/1.1"]


def test_a_certificate_that_is_not_trusted(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    server = serve([], [], context=localhost_context)
    error = error_of(send_to, server.url)
    assert type(error) is exceptions.SSLError
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert type(error_over_httpx(server.url)) is exceptions.SSLError


def test_a_certificate_for_another_host(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    server = serve([], context=localhost_context)
    error = error_of(send_to, server.url.replace("127.0.0.1", "localhost"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError
    assert "Hostname mismatch" in str(error)


def test_a_server_without_tls(serve: Serve, send_to: SendTo) -> None:
    response = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    server = serve([response])
    error = error_of(send_to, server.url.replace("http", "https"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError


@pytest.mark.parametrize("preconnected", [False, True])
def test_a_ca_bundle_that_cannot_be_loaded(
    preconnected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist.pem")
    with contextlib.closing(H11Client("https://127.0.0.1:9", LazySSLContext())) as client:
        if preconnected:
            client.preconnect(TIMEOUTS)
        with pytest.raises(
            exceptions.InvalidConfigError, match="SSL_CERT_FILE: no certificates can"
        ):
            send(client)


# Connecting preconnected


def test_a_preconnected_connection_is_used_by_the_first_request(
    serve: Serve, localhost_context: ssl.SSLContext
) -> None:
    server = serve([OK, OK], context=localhost_context)
    with contextlib.closing(H11Client(server.url, TRUSTING)) as client:
        client.preconnect(TIMEOUTS)
        # Meanwhile the server's session tickets come.
        client._connections._free[0]._preconnect_thread.join()  # type: ignore[union-attr]
        assert send(client).body == b"{}"
        assert send(client).body == b"{}"
    assert len(server.requests) == 2


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "farewell",
    [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    ids=["nothing", "408"],
)
def test_a_preconnected_connection_that_the_server_has_closed(
    serve: Serve, localhost_context: ssl.SSLContext, farewell: bytes, encrypted: bool
) -> None:
    server = serve(farewell, [OK], context=localhost_context if encrypted else None)
    with contextlib.closing(H11Client(server.url, TRUSTING)) as client:
        client.preconnect(TIMEOUTS)
        assert server.closed[0].wait(5)
        assert send(client).body == b"{}"
    assert len(server.requests) == 1


def test_an_unexpected_error_of_preconnecting_is_raised_by_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(socket, "create_connection", fail)
    with contextlib.closing(H11Client("http://host.test", LazySSLContext())) as client:
        client.preconnect(TIMEOUTS)
        with pytest.raises(MemoryError):
            send(client)


def test_an_error_of_preconnecting_is_raised_by_the_first_request(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    real = socket.create_connection
    attempts = []

    def connect(*arguments: Any) -> Any:
        attempts.append(arguments)
        if len(attempts) == 1:
            raise ConnectionRefusedError(111, "Connection refused")
        return real(*arguments)

    monkeypatch.setattr(socket, "create_connection", connect)
    with contextlib.closing(H11Client(server.url, LazySSLContext())) as client:
        client.preconnect(TIMEOUTS)
        with pytest.raises(exceptions.EndpointConnectionError, match="Connection refused"):
            send(client)
        assert send(client).body == b"{}"
    assert len(attempts) == 2


def test_the_first_request_waits_for_preconnecting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slowest thread does nothing before it is joined."""
    server = serve([OK])
    done: list[bool] = []

    class Slow(threading.Thread):
        def start(self) -> None:
            pass

        def join(self, timeout: float | None = None) -> None:
            self.run()
            done.append(True)

    with contextlib.closing(H11Client(server.url, LazySSLContext())) as client:
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Thread", Slow)
            client.preconnect(TIMEOUTS)
        assert send(client).body == b"{}"
    assert done == [True]
    assert server.counts == [1]


def test_preconnecting_without_a_thread(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve([OK])

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with contextlib.closing(H11Client(server.url, LazySSLContext())) as client:
        client.preconnect(TIMEOUTS)
        assert send(client).body == b"{}"


def test_closing_does_not_wait_for_preconnecting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([b""])
    real = socket.create_connection
    proceed = threading.Event()
    created: list[socket.socket] = []

    def connect(*arguments: Any) -> Any:
        assert proceed.wait(5)
        created.append(real(*arguments))
        return created[0]

    monkeypatch.setattr(socket, "create_connection", connect)
    client = H11Client(server.url, LazySSLContext())
    client.preconnect(TIMEOUTS)
    thread: Any = client._connections._free[0]._preconnect_thread
    client.close()
    assert thread.is_alive()
    proceed.set()
    thread.join(5)
    assert created[0].fileno() == -1, "the late connection is closed"
    gc.collect()
