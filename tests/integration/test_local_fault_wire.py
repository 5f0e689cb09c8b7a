"""The local service's faults on the wire, seen by plain sockets."""

import contextlib
import gc
import gzip
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebuilder_pager.local import (
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.accounts import PATH
from tests.fakes.faults import EVERY_FAULT
from tests.fakes.servers import RawConnection, split_response

# The requests are unsigned, so each original response is this error.
ORIGINAL = b'{"message":"Missing Authentication Token"}'
HALF = len(ORIGINAL) // 2
TRAILING = b'{"trailing":"These bytes belong to no response."}'


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=60)


@contextlib.contextmanager
def serving(account: Account, plan: FaultPlan) -> Iterator[LocalServer]:
    """Start a server, and check that closing it leaves no thread."""
    threads = set(threading.enumerate())
    with LocalServer(LocalImageBuilder(account, faults=plan)) as server:
        yield server
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert set(threading.enumerate()) <= threads


def send(connection: RawConnection) -> None:
    connection.send(f"POST {PATH} HTTP/1.1", "Host: x")


@pytest.mark.parametrize(
    ("name", "declared_length", "sent", "end"),
    [
        ("reset-before", None, b"", "reset"),
        ("reset-within", len(ORIGINAL), ORIGINAL[:HALF], "reset"),
        ("close-before", None, b"", "closed"),
        ("half-body", len(ORIGINAL), ORIGINAL[:HALF], "closed"),
        ("body-shorter", len(ORIGINAL) * 3 // 2, ORIGINAL, "closed"),
        ("body-longer", HALF, ORIGINAL, "open"),
        ("body-trailing", len(ORIGINAL), ORIGINAL + TRAILING, "open"),
        ("stall", None, b"", "open"),
        ("stall-within", len(ORIGINAL), ORIGINAL[:HALF], "open"),
    ],
)
def test_a_fault_sends_part_of_the_response_and_ends_the_connection(
    account: Account, name: str, declared_length: int | None, sent: bytes, end: str
) -> None:
    with (
        serving(account, FaultPlan({1: Fault(name)})) as server,
        RawConnection(server.url) as connection,
    ):
        send(connection)
        if end == "open":
            received = connection.read_until(sent)
            assert connection.is_open()
        else:
            received, ended = connection.read_to_end()
            assert ended == end
        if declared_length is None:
            assert received == b""
        else:
            status, headers, body = split_response(received)
            assert (status, int(headers["content-length"])) == (403, declared_length)
            assert body == sent


def test_reset_after_resets_at_the_next_request(account: Account) -> None:
    with (
        serving(account, FaultPlan({1: Fault("reset-after")})) as server,
        RawConnection(server.url) as kept,
        RawConnection(server.url) as other,
    ):
        send(kept)
        assert kept.read_response()[2] == ORIGINAL
        assert kept.is_open()
        send(other)
        assert other.read_response()[2] == ORIGINAL
        send(kept)
        assert kept.read_to_end() == (b"", "reset")


def test_slow_sends_pieces_with_a_delay(account: Account) -> None:
    plan = FaultPlan({1: Fault("slow", delay=0.002, pieces=10)})
    with serving(account, plan) as server, RawConnection(server.url) as connection:
        began = time.monotonic()
        send(connection)
        pieces: list[bytes] = []
        while ORIGINAL not in b"".join(pieces):
            pieces.append(connection.socket.recv(65536))
        assert time.monotonic() - began >= 0.02
        assert len(pieces) > 1
        send(connection)
        assert connection.read_response()[2] == ORIGINAL, "the connection is kept"


def test_more_pieces_than_bytes(account: Account) -> None:
    plan = FaultPlan({1: Fault("slow", delay=0, pieces=1000)})
    with serving(account, plan) as server, RawConnection(server.url) as connection:
        send(connection)
        assert connection.read_response()[2] == ORIGINAL


@pytest.mark.parametrize("name", ["stall", "stall-within", "slow"])
def test_closing_the_server_ends_a_stalled_response(account: Account, name: str) -> None:
    fault = Fault("slow", delay=60) if name == "slow" else Fault(name)
    plan = FaultPlan.on_request(1, fault, times=None)
    with serving(account, plan) as server:
        connections = contextlib.ExitStack()
        waiting = [connections.enter_context(RawConnection(server.url)) for _ in range(3)]
        for connection in waiting:
            send(connection)
        while plan.requests < 3:
            time.sleep(0.001)
    for connection in waiting:
        received, ended = connection.read_to_end()
        assert ended == "closed"
        # A slow response is sent to its end.
        assert received.endswith(ORIGINAL) == (name == "slow")
    connections.close()


@pytest.mark.parametrize("name", ["stall", "stall-within"])
@pytest.mark.parametrize("how", ["closes", "sends more"])
def test_a_client_that_closes_its_connection_ends_a_stall(
    account: Account, name: str, how: str
) -> None:
    threads = threading.active_count()
    with serving(account, FaultPlan({1: Fault(name)})) as server:
        with RawConnection(server.url) as connection:
            send(connection)
            if name == "stall-within":
                connection.read_until(ORIGINAL[:HALF])
            assert connection.is_open()
            if how == "sends more":
                send(connection)
                assert connection.is_open()
            assert threading.active_count() == threads + 2
        deadline = time.monotonic() + 5
        while threading.active_count() > threads + 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_no_fault_leaves_a_socket_open(account: Account) -> None:
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("needs /proc")
    gc.collect()
    before = len(os.listdir(fds))  # noqa: PTH208 - the shorter way
    for fault in EVERY_FAULT.values():
        plan = FaultPlan({1: fault})
        with serving(account, plan) as server, RawConnection(server.url) as connection:
            connection.socket.settimeout(0.02)
            send(connection)
            connection.read_to_end()
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
        (Fault("wrong-json"), 403, ("content-length", str(HALF)), ORIGINAL[:HALF]),
        (Fault("broken-gzip"), 403, ("content-encoding", "gzip"), gzip.compress(b"")[:3]),
    ],
)
def test_a_fault_that_replaces_the_response_keeps_the_connection(
    account: Account, fault: Fault, status: int, header: tuple[str, str], body: bytes
) -> None:
    with serving(account, FaultPlan({1: fault})) as server, RawConnection(server.url) as connection:
        send(connection)
        received_status, headers, content = connection.read_response()
        assert received_status == status
        assert headers[header[0]] == header[1]
        assert content.startswith(body)
        send(connection)
        assert connection.read_response()[2] == ORIGINAL, (
            "the connection is kept, and only the first request meets the fault"
        )
