"""Every way to send: errors of names, addresses, connections and time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.types import Deadline, Timeouts
from tests.fakes.networks import FakeNetwork, FakeStream
from tests.fakes.servers import OK
from tests.fakes.transports import (
    TIMEOUTS,
    TRUSTING,
    Sender,
    SendTo,
    Serve,
    TransportKind,
    error_of,
)


@pytest.fixture
def silent() -> Iterator[int]:
    """Listen on a port where nothing is ever accepted; connections come about all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusing_port() -> int:
    """Return a port that nothing listens on."""
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


def test_a_host_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = error_of(send_to, "http://host.test")
    assert type(error) is exceptions.EndpointConnectionError
    assert "Name or service not known" in str(error)


def test_a_host_without_an_address(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    error = error_of(send_to, "http://host.test")
    assert type(error) is exceptions.EndpointConnectionError
    assert "the name has no address" in str(error)


@pytest.mark.parametrize("bounded_by", ["connect", "deadline"])
def test_a_name_that_takes_too_long_to_resolve(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo, bounded_by: str
) -> None:
    resolved = threading.Event()

    def resolve(*_: Any, **__: Any) -> Any:
        resolved.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    host = f"host-{time.monotonic_ns()}.test"  # its lookup goes on after the test
    try:
        error = error_of(send_to, f"http://{host}", **short_time(bounded_by))
    finally:
        resolved.set()
    assert type(error) is exceptions.ConnectTimeoutError
    assert str(error).startswith(f"connecting took too long to http://{host}")


def short_time(bounded_by: str) -> dict[str, Any]:
    """Return options that give one part of a request, or all of it, a twentieth of a second."""
    if bounded_by == "deadline":
        return {"deadline": Deadline(0.05, time.monotonic)}
    return {"timeouts": TIMEOUTS._replace(**{bounded_by: 0.05})}


@pytest.mark.parametrize("bounded_by", ["read", "deadline"])
def test_a_response_that_does_not_come(silent: int, send_to: SendTo, bounded_by: str) -> None:
    url = f"http://127.0.0.1:{silent}"
    error = error_of(send_to, url, **short_time(bounded_by))
    assert type(error) is exceptions.ReadTimeoutError
    assert str(error).startswith(f"no response in time from {url}: ")


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["head", "body", "chunk extension", "trailer"],
)
@pytest.mark.parametrize("piece", [b"x", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_response_that_drips_ends_with_the_deadline(
    kind: TransportKind, begin: bytes, piece: bytes
) -> None:
    """Each read brings something within its timeout, and takes a second."""
    if piece != b"x":
        begin = b""
    now = [0.0]

    class Dripping(FakeStream):
        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            assert timeout is not None
            assert 0 < timeout <= 5
            now[0] += 1
            self.receive(piece)
            return super().read(max_bytes, timeout)

    def monotonic() -> float:
        return now[0]

    network = FakeNetwork(lambda: Dripping(begin, 1000))
    with (
        Sender(kind, network=network, monotonic=monotonic) as sender,
        pytest.raises(exceptions.ReadTimeoutError),
    ):
        sender.send("http://host.test", deadline=Deadline(10, monotonic))
    assert 10 <= now[0] <= 11


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


def test_each_timeout_is_for_its_operation(send_to: SendTo) -> None:
    network = FakeNetwork(lambda: FakeStream(OK, ends=False))
    deadline = Deadline(None, lambda: 0.0)
    timeouts = Timeouts(1.0, 2.0, 3.0, 4.0)
    send_to("http://host.test", network=network, timeouts=timeouts, deadline=deadline)
    assert network.connected == [("host.test", 80, 1.0)]
    assert network.streams[0].waits == {("write", 3.0), ("read", 2.0)}


def test_no_timeout_is_beyond_the_deadline(send_to: SendTo) -> None:
    network = FakeNetwork(lambda: FakeStream(OK, ends=False))
    deadline = Deadline(2.5, lambda: 0.0)
    timeouts = Timeouts(1.0, None, 3.0, 4.0)
    send_to("http://host.test", network=network, timeouts=timeouts, deadline=deadline)
    assert network.connected == [("host.test", 80, 1.0)]
    assert network.streams[0].waits == {("write", 2.5), ("read", 2.5)}


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


Addresses = list[tuple[int, int, int, str, tuple[str, int]]]


def addresses_of(*ports: int) -> Addresses:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


def resolve_to(monkeypatch: pytest.MonkeyPatch, addresses: Addresses) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)


def test_an_address_that_refuses_is_followed_by_the_next(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    resolve_to(monkeypatch, addresses_of(refusing_port(), refusing_port(), server.port))
    assert send_to("http://several.test").body == b"{}"


def test_the_error_of_the_last_address_is_the_error(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, addresses_of(refusing_port(), refusing_port()))
    assert type(error_of(send_to, "http://several.test")) is exceptions.EndpointConnectionError


def test_an_address_that_is_silent_leaves_time_for_the_next(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener whose queue is full takes no more connections, and does not refuse them."""
    server = serve([OK])
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = fill_queue(full.getsockname())
        if not waiting:
            pytest.skip("the system lets a full listener connect")
        resolve_to(monkeypatch, addresses_of(full.getsockname()[1], server.port))
        timeouts = TIMEOUTS._replace(connect=0.4)
        assert send_to("http://several.test", timeouts=timeouts).body == b"{}"
        for connection in waiting:
            connection.close()


def fill_queue(address: tuple[str, int]) -> list[socket.socket]:
    """Connect until a listener is silent; return the sockets, none if that does not happen."""
    sockets: list[socket.socket] = []
    for _ in range(20):
        sockets.append(socket.socket())
        sockets[-1].settimeout(0.1)
        try:
            sockets[-1].connect(address)
        except TimeoutError:
            return sockets
    for connection in sockets:
        connection.close()
    return []
