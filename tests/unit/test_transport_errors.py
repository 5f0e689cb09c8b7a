"""Every way to send: errors of names, addresses, connections and time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.types import Deadline, Timeouts
from tests.fakes.networks import FakeNetwork, FakeStream
from tests.fakes.servers import OK
from tests.fakes.transports import TIMEOUTS, TRUSTING, SendTo, Serve, error_of


@pytest.fixture
def silent() -> Iterator[int]:
    """Listen on a port; the system connects clients, but none is accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusing_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_refused_connection(send_to: SendTo) -> None:
    url = f"http://127.0.0.1:{refusing_port()}"
    error = error_of(send_to, url)
    assert type(error) is exceptions.EndpointConnectionError
    assert str(error).startswith(f"could not connect to {url}: ")
    assert "refused" in str(error).lower() or "111" in str(error)
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        ([], "the name has no address"),
    ],
)
def test_a_host_without_an_address(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo, addresses: Any, text: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=[addresses]))
    error = error_of(send_to, "http://host.test")
    assert type(error) is exceptions.EndpointConnectionError
    assert text in str(error)


@pytest.mark.parametrize("bounded_by", ["connect", "deadline"])
def test_a_name_that_takes_too_long_to_resolve(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo, bounded_by: str
) -> None:
    resolved = threading.Event()

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved.wait(5))
    host = f"host-{time.monotonic_ns()}.test"  # its lookup may end after the test
    try:
        error = error_of(send_to, f"http://{host}", **short_time(bounded_by))
    finally:
        resolved.set()
    assert type(error) is exceptions.ConnectTimeoutError
    assert str(error).startswith(f"connecting took too long to http://{host}")


def short_time(bounded_by: str) -> dict[str, Any]:
    """Return options that limit one part of a request, or all of it, to 0.05 seconds."""
    if bounded_by == "deadline":
        # By a clock that stands still, or the deadline may be over before the client connects.
        return {"deadline": Deadline(0.05, lambda: 0.0)}
    return {"timeouts": TIMEOUTS._replace(**{bounded_by: 0.05})}


@pytest.mark.parametrize("bounded_by", ["read", "deadline"])
def test_a_response_that_does_not_come(silent: int, send_to: SendTo, bounded_by: str) -> None:
    url = f"http://127.0.0.1:{silent}"
    error = error_of(send_to, url, **short_time(bounded_by))
    assert type(error) is exceptions.ReadTimeoutError
    assert str(error).startswith(f"no response in time from {url}: ")


def test_a_connection_that_takes_too_long(send_to: SendTo) -> None:
    def connect() -> FakeStream:
        raise TimeoutError("timed out")

    error = error_of(send_to, "http://host.test", network=FakeNetwork(connect))
    assert type(error) is exceptions.ConnectTimeoutError
    assert str(error) == "connecting took too long to http://host.test: timed out"


@pytest.mark.parametrize("bounded_by", ["connect", "deadline"])
def test_a_tls_handshake_that_takes_too_long(silent: int, send_to: SendTo, bounded_by: str) -> None:
    url = f"https://127.0.0.1:{silent}"
    error = error_of(send_to, url, certificates=TRUSTING, **short_time(bounded_by))
    assert type(error) is exceptions.ConnectTimeoutError


def test_a_request_that_cannot_be_sent_in_time(silent: int, send_to: SendTo) -> None:
    url = f"http://127.0.0.1:{silent}"
    timeouts = TIMEOUTS._replace(write=0.05)
    error = error_of(send_to, url, timeouts=timeouts, content=b"x" * 50_000_000)
    assert type(error) is exceptions.ReadTimeoutError


def test_a_timeout_may_be_as_long_as_it_can_be_given(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK])
    timeouts = Timeouts(1e9, 1e9, 1e9, 1e9)
    deadline = Deadline(1e9, time.monotonic)
    assert send_to(server.url, timeouts=timeouts, deadline=deadline).body == b"{}"


@pytest.mark.parametrize(
    ("seconds", "read", "write"), [(None, 2.0, 3.0), (2.5, 2.0, 2.5), (1.5, 1.5, 1.5)]
)
def test_each_timeout_is_for_its_operation_and_ends_with_the_deadline(
    send_to: SendTo, seconds: float | None, read: float, write: float
) -> None:
    network = FakeNetwork(lambda: FakeStream(OK, ends=False))
    deadline = Deadline(seconds, lambda: 0.0)
    timeouts = Timeouts(1.0, 2.0, 3.0, 4.0)
    send_to("http://host.test", network=network, timeouts=timeouts, deadline=deadline)
    assert network.connected == [("host.test", 80, 1.0)]
    assert network.streams[0].waits == {("write", write), ("read", read)}


def test_a_deadline_that_has_passed_sends_nothing(send_to: SendTo) -> None:
    network = FakeNetwork(lambda: FakeStream(OK))
    now = iter([0.0, 1.0])
    deadline = Deadline(0.5, lambda: next(now, 1.0))
    with pytest.raises(exceptions.HTTPClientError, match=r"has taken 0\.5 s, its total_timeout"):
        send_to("http://host.test", network=network, deadline=deadline)
    assert network.connected == []


def test_a_transport_that_has_been_closed(send_to: SendTo) -> None:
    sender = send_to.sender("http://host.test")
    sender.close_transport()
    sender.close_transport()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        send_to("http://host.test")


# Addresses


def test_an_ipv6_address(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK, OK], host="::1")
    for _ in range(2):
        assert send_to(server.url).body == b"{}"
    assert f"\r\nhost: [::1]:{server.port}\r\n".encode() in server.requests[0]
    assert server.counts == [2]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Give every name the addresses of these ports, as programs do: by a function of ``*args``."""
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)


def test_an_address_that_refuses_is_followed_by_the_next(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = [refusing_port(), refusing_port()]
    resolve_to(monkeypatch, *refusing, serve([OK]).port)
    assert send_to("http://several.test").body == b"{}"
    resolve_to(monkeypatch, *refusing)
    assert type(error_of(send_to, "http://others.test")) is exceptions.EndpointConnectionError


def test_an_address_that_is_silent_leaves_time_for_the_next(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener with a full queue neither accepts nor refuses connections."""
    server = serve([OK])
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = full.getsockname()
        try:
            for _ in range(20):
                sockets.enter_context(socket.create_connection(address, timeout=0.1))
            pytest.skip("the system lets a full listener connect")
        except TimeoutError:
            resolve_to(monkeypatch, address[1], server.port)
        timeouts = TIMEOUTS._replace(connect=0.4)
        assert send_to("http://several.test", timeouts=timeouts).body == b"{}"
