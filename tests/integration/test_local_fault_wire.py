"""The local service's faults on the wire, seen by plain sockets, httpx and boto3."""

import contextlib
import gc
import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imagebuilder_pager.local import (
    FAULTS,
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)

PATH = "/ListLifecycleExecutionResources"
# Unsigned, so each true answer is this refusal.
TRUE = b'{"message":"Missing Authentication Token"}'
HALF = len(TRUE) // 2
TRAILING = b'{"trailing":"These bytes belong to no answer."}'


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=60)


@contextlib.contextmanager
def serving(account: Account, plan: FaultPlan) -> Iterator[LocalServer]:
    """A server that leaves neither thread nor socket."""
    threads = set(threading.enumerate())
    with LocalServer(LocalImageBuilder(account, faults=plan)) as server:
        yield server
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert set(threading.enumerate()) <= threads


@contextlib.contextmanager
def connected(server: LocalServer) -> Iterator[socket.socket]:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 80), timeout=10) as connection:
        yield connection


def ask(connection: socket.socket) -> None:
    connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def until_the_end(connection: socket.socket) -> tuple[bytes, str]:
    """All bytes that come, and how the connection ends."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        return received, "reset"
    except TimeoutError:
        return received, "open"
    return received, "closed"


def until(connection: socket.socket, end: bytes) -> bytes:
    """The bytes that come, up to these at the latest."""
    received = b""
    while not received.endswith(end):
        data = connection.recv(65536)
        assert data, "the connection has ended"
        received += data
    return received


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One whole answer, of as many bytes as it says."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    status, headers, body = split(received)
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return status, headers, body


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.02)
    ended = until_the_end(connection)
    connection.settimeout(10)
    return ended == (b"", "open")


def split(received: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and whatever comes after them."""
    head, end, body = received.partition(b"\r\n\r\n")
    assert end
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    ("name", "said", "sent", "end"),
    [
        ("reset-before", None, b"", "reset"),
        ("reset-within", len(TRUE), TRUE[:HALF], "reset"),
        ("close-before", None, b"", "closed"),
        ("half-body", len(TRUE), TRUE[:HALF], "closed"),
        ("body-shorter", len(TRUE) * 3 // 2, TRUE, "closed"),
        ("body-longer", HALF, TRUE, "open"),
        ("body-trailing", len(TRUE), TRUE + TRAILING, "open"),
        ("stall", None, b"", "open"),
        ("stall-within", len(TRUE), TRUE[:HALF], "open"),
    ],
)
def test_broken_connections(
    account: Account, name: str, said: int | None, sent: bytes, end: str
) -> None:
    with serving(account, FaultPlan({1: Fault(name)})) as server, connected(server) as connection:
        ask(connection)
        if end == "open":
            received = until(connection, sent)
            assert is_open(connection)
        else:
            received, ended = until_the_end(connection)
            assert ended == end
        if said is None:
            assert received == b""
        else:
            status, headers, body = split(received)
            assert (status, int(headers["content-length"])) == (403, said)
            assert body == sent


def test_reset_after(account: Account) -> None:
    with (
        serving(account, FaultPlan({1: Fault("reset-after")})) as server,
        connected(server) as kept,
        connected(server) as other,
    ):
        ask(kept)
        assert answer(kept)[2] == TRUE
        assert is_open(kept)
        ask(other)
        assert answer(other)[2] == TRUE
        ask(kept)
        assert until_the_end(kept) == (b"", "reset")


def test_slow(account: Account) -> None:
    plan = FaultPlan({1: Fault("slow", delay=0.002, pieces=10)})
    with serving(account, plan) as server, connected(server) as connection:
        began = time.monotonic()
        ask(connection)
        pieces: list[bytes] = []
        while TRUE not in b"".join(pieces):
            pieces.append(connection.recv(65536))
        assert time.monotonic() - began >= 0.02
        assert len(pieces) > 1
        ask(connection)
        assert answer(connection)[2] == TRUE, "the connection is kept"


def test_a_thousand_pieces(account: Account) -> None:
    plan = FaultPlan({1: Fault("slow", delay=0, pieces=1000)})
    with serving(account, plan) as server, connected(server) as connection:
        ask(connection)
        assert answer(connection)[2] == TRUE


@pytest.mark.parametrize("name", ["stall", "stall-within", "slow"])
def test_closing_the_server_ends_a_wait(account: Account, name: str) -> None:
    fault = Fault("slow", delay=60) if name == "slow" else Fault(name)
    plan = FaultPlan.on_request(1, fault, times=None)
    with serving(account, plan) as server:
        connections = contextlib.ExitStack()
        waiting = [connections.enter_context(connected(server)) for _ in range(3)]
        for connection in waiting:
            ask(connection)
        while plan.requests < 3:
            time.sleep(0.001)
    for connection in waiting:
        received, ended = until_the_end(connection)
        assert ended == "closed"
        # What is only slow is let out.
        assert received.endswith(TRUE) == (name == "slow")
    connections.close()


@pytest.mark.parametrize("name", ["stall", "stall-within"])
@pytest.mark.parametrize("how", ["leaves", "says more"])
def test_a_client_that_leaves_ends_a_stall(account: Account, name: str, how: str) -> None:
    threads = threading.active_count()
    with serving(account, FaultPlan({1: Fault(name)})) as server:
        with connected(server) as connection:
            ask(connection)
            if name == "stall-within":
                until(connection, TRUE[:HALF])
            assert is_open(connection)
            if how == "says more":
                ask(connection)
                assert is_open(connection)
            assert threading.active_count() == threads + 2
        deadline = time.monotonic() + 5
        while threading.active_count() > threads + 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_no_socket_is_left(account: Account) -> None:
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("needs /proc")
    gc.collect()
    before = len(os.listdir(fds))  # noqa: PTH208 - the shorter way
    for name in FAULTS:
        plan = FaultPlan({1: Fault(name)})
        with serving(account, plan) as server, connected(server) as connection:
            connection.settimeout(0.02)
            ask(connection)
            until_the_end(connection)
    assert len(os.listdir(fds)) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("fault", "status", "header", "body"),
    [
        (Fault("throttle", retry_after=3), 429, ("retry-after", "3"), b'{"message": "Rate exce'),
        (Fault("server-error", status=503), 503, ("content-type", "application/json"), b"{"),
        (Fault("server-error", body="html"), 500, ("content-type", "text/html"), b"<!DOCTYPE"),
        (Fault("server-error", body="empty"), 500, ("content-length", "0"), b""),
        (Fault("redirect", location="https://x.test/"), 307, ("location", "https://x.test/"), b""),
        (Fault("html"), 200, ("content-type", "text/html"), b"<!DOCTYPE html>"),
        (Fault("wrong-json"), 403, ("content-length", str(HALF)), TRUE[:HALF]),
        (Fault("broken-gzip"), 403, ("content-encoding", "gzip"), gzip.compress(b"")[:3]),
    ],
)
def test_other_answers(
    account: Account, fault: Fault, status: int, header: tuple[str, str], body: bytes
) -> None:
    with serving(account, FaultPlan({1: fault})) as server, connected(server) as connection:
        ask(connection)
        answered, headers, content = answer(connection)
        assert answered == status
        assert headers[header[0]] == header[1]
        assert content.startswith(body)
        ask(connection)
        assert answer(connection)[2] == TRUE, "the connection is kept, and the fault has passed"
