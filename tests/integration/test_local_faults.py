"""The local service's faults over a socket: its bytes, and the outcome for httpx, boto3 and us."""

import contextlib
import gc
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import httpx
import pytest

from imagebuilder_pager.exceptions import ClientError
from imagebuilder_pager.local import (
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
)
from imagebuilder_pager.local.faults.connection_faults import CONNECTION_FAULTS
from tests.fakes.accounts import LOCAL_CREDENTIALS, PATH
from tests.fakes.clocks import NoSleepClock
from tests.fakes.faults import EVERY_FAULT
from tests.fakes.image_builder import client_of
from tests.fakes.servers import RawConnection, split_response

ROOT = Path(__file__).parents[2]
# The requests are unsigned, so each original response is this error.
ORIGINAL = b'{"message":"Missing Authentication Token"}'
HALF = len(ORIGINAL) // 2
TRAILING = b'{"trailing":"These bytes belong to no response."}'


def outcomes(client: httpx.Client, name: str) -> list[object]:
    """Return the response of each of three requests, or the type of its exception.

    The second meets the fault with this name.
    """
    found: list[object] = []
    for number in (1, 2, 3):
        timeout = 0.1 if number == 2 and name.startswith("stall") else 10
        try:
            response = client.post(PATH, timeout=timeout)
            found.append((response.status_code, response.content))
        except httpx.HTTPError as error:
            found.append(type(error))
    return found


# The errors of the next request on the same connection; in process it has none.
NEXT_REQUEST_ERRORS = {
    "reset-after": httpx.ReadError,
    "body-longer": httpx.RemoteProtocolError,
    "body-trailing": httpx.RemoteProtocolError,
}


@pytest.mark.parametrize("name", EVERY_FAULT)
def test_a_fault_is_the_same_in_process_and_over_a_socket(name: str) -> None:
    def service() -> LocalImageBuilder:
        return LocalImageBuilder(Account(), faults=FaultPlan({2: EVERY_FAULT[name]}))

    transport = httpx.MockTransport(service())
    with httpx.Client(transport=transport, base_url="http://x") as client:
        in_process = outcomes(client, name)
    with (
        LocalServer(service()) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        over_a_socket = outcomes(client, name)
    if name == "redirect":
        # Each redirects to its own URL, and the two URLs differ.
        assert [outcome[0] for outcome in over_a_socket] == [403, 307, 403]  # type: ignore[index]
    if name in NEXT_REQUEST_ERRORS:
        assert over_a_socket.pop() == NEXT_REQUEST_ERRORS[name]
        assert in_process.pop() == (403, ORIGINAL)
    assert over_a_socket == in_process
    assert in_process[0] == (403, ORIGINAL)


@contextlib.contextmanager
def serving(plan: FaultPlan) -> Iterator[LocalServer]:
    """Start a server, and check that closing it leaves no thread."""
    threads = set(threading.enumerate())
    with LocalServer(LocalImageBuilder(Account(), faults=plan)) as server:
        yield server
        began = time.monotonic()
    assert time.monotonic() - began < 20
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
    name: str, declared_length: int | None, sent: bytes, end: str
) -> None:
    with (
        serving(FaultPlan({1: Fault(name)})) as server,
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


def test_reset_after_resets_at_the_next_request() -> None:
    with (
        serving(FaultPlan({1: Fault("reset-after")})) as server,
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


def test_slow_sends_pieces_with_a_delay() -> None:
    more_than_bytes = Fault("slow", delay=0, pieces=1000)
    plan = FaultPlan({1: Fault("slow", delay=0.002, pieces=10), 2: more_than_bytes})
    with serving(plan) as server, RawConnection(server.url) as connection:
        began = time.monotonic()
        send(connection)
        pieces: list[bytes] = []
        while ORIGINAL not in b"".join(pieces):
            pieces.append(connection.socket.recv(65536))
        assert time.monotonic() - began >= 0.02
        assert len(pieces) > 1
        for _ in range(2):
            send(connection)
            assert connection.read_response()[2] == ORIGINAL, "the connection is kept"


@pytest.mark.parametrize("name", ["stall", "stall-within", "slow"])
def test_closing_the_server_ends_a_stalled_response(name: str) -> None:
    fault = Fault("slow", delay=60) if name == "slow" else Fault(name)
    plan = FaultPlan.on_request(1, fault, times=None)
    with serving(plan) as server:
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
def test_a_client_that_closes_its_connection_ends_a_stall(name: str, how: str) -> None:
    threads = threading.active_count()
    with serving(FaultPlan({1: Fault(name)})) as server:
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


@pytest.mark.parametrize("name", [name for name in EVERY_FAULT if name not in CONNECTION_FAULTS])
def test_a_fault_that_replaces_the_response_keeps_the_connection(name: str) -> None:
    plan = FaultPlan({1: EVERY_FAULT[name]})
    with serving(plan) as server, RawConnection(server.url) as connection:
        send(connection)
        connection.read_response()
        send(connection)
        assert connection.read_response()[2] == ORIGINAL
    assert len(plan.injected) == 1


def test_no_fault_leaves_a_socket_open() -> None:
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("needs /proc")
    gc.collect()
    before = len(os.listdir(fds))  # noqa: PTH208 - the shorter way
    for fault in EVERY_FAULT.values():
        plan = FaultPlan({1: fault})
        with serving(plan) as server, RawConnection(server.url) as connection:
            connection.socket.settimeout(0.02)
            send(connection)
            connection.read_to_end()
    assert len(os.listdir(fds)) == before  # noqa: PTH208


def test_boto3s_max_attempts_of_5_is_ours_of_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the table for moving from boto3 has it."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    service = LocalImageBuilder(Account(), faults=FaultPlan.every(1, Fault("server-error")))
    config = botocore.config.Config(retries={"max_attempts": 5})
    with LocalServer(service) as server:
        options: Any = {"endpoint_url": server.url, **LOCAL_CREDENTIALS}
        client = boto3.session.Session().client(
            "imagebuilder", region_name="us-west-2", config=config, **options
        )
        with pytest.raises(botocore.exceptions.ClientError):
            client.list_lifecycle_policies()
        client.close()
    assert service.requests == 6
    with (
        client_of(service, max_attempts=6, clock=NoSleepClock()) as six,
        pytest.raises(ClientError),
    ):
        six.list_lifecycle_policies()
    assert service.requests == 12


def test_the_example_with_pytest_in_the_documentation_passes(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "testing-faults.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (source,) = (block for block in blocks if "def test_" in block)
    (tmp_path / "test_example.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    # No plugin is needed, and some take seconds to load.
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    completed = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert completed.returncode == 0, completed.stdout
    assert "4 passed" in completed.stdout
