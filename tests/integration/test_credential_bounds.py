"""Whatever finds credentials is bounded: in time, in memory, in how long others wait for it."""

from __future__ import annotations

import gzip
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._aws.credentials.process import CredentialProcessRunner
from imagebuilder_pager._aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager._aws.transport.network import SocketBackend
from imagebuilder_pager._aws.transport.types import ReceivedResponse
from tests.fakes.clients import EXECUTION
from tests.fakes.clocks import FakeClock, NoSleepClock
from tests.fakes.connections import serve_pages
from tests.fakes.credential_endpoints import (
    CredentialEndpoints,
    CredentialSettings,
    our_credentials,
    sts_error,
)
from tests.fakes.servers import ConnectionServer


class FastClock(NoSleepClock):
    """A clock whose monotonic time goes on by half a second each time it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def monotonic(self) -> float:
        self.elapsed += 0.5
        return self.elapsed


def endpoint_urls(settings: CredentialSettings, url: str) -> dict[str, Callable[[], None]]:
    """Return what sets up each kind of endpoint at a URL."""

    def container() -> None:
        settings.environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/v1/credentials")

    def instance() -> None:
        settings.set_imds()
        settings.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=url)

    def sts() -> None:
        settings.set_web_identity()
        settings.environment(AWS_ENDPOINT_URL_STS=url)

    return {"container": container, "instance": instance, "STS": sts}


KINDS = ["container", "instance", "STS"]
DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Long: ",
        b"x",
    ),
    "responses of 1xx": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drip", DRIPS)
def test_an_endpoint_that_drips_is_given_up(
    drip: str, kind: str, settings: CredentialSettings
) -> None:
    """The time is that of a clock which is read at every byte."""
    done = threading.Event()
    first, piece = DRIPS[drip]

    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.sendall(first)
        while not done.wait(0.001):
            connection.sendall(piece)

    clock = FastClock()
    with ConnectionServer(serve) as server:
        endpoint_urls(settings, server.url)[kind]()
        began = time.monotonic()
        try:
            with pytest.raises(exceptions.NoCredentialsError, match="in time"):
                our_credentials(clock)
        finally:
            done.set()
        assert time.monotonic() - began < 5
    assert clock.elapsed < 200


def test_a_retry_after_of_sts_stays_within_its_budget(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    sent: list[float] = []

    def respond(*_: Any, **__: Any) -> ReceivedResponse:
        sent.append(clock.elapsed)
        return ReceivedResponse(503, {"retry-after": "20"}, b"")

    monkeypatch.setattr("imagebuilder_pager._aws.credentials.sts.fetch_response", respond)
    settings.set_web_identity()
    with pytest.raises(exceptions.CredentialRetrievalError, match="503"):
        our_credentials(clock)
    assert sent == [0, 20]
    assert clock.elapsed == 20, "another 20 s would be more than the half minute"


def test_attempts_at_sts_that_hang_stay_within_its_budget(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    timeouts: list[float] = []

    def respond(*_: Any, timeout: float, **__: Any) -> ReceivedResponse:
        timeouts.append(timeout)
        if len(timeouts) == 1:
            return ReceivedResponse(503, {"retry-after": "15"}, b"")
        clock.elapsed += timeout
        raise exceptions.ReadTimeoutError("no response in time")

    monkeypatch.setattr("imagebuilder_pager._aws.credentials.sts.fetch_response", respond)
    settings.set_web_identity()
    with pytest.raises(exceptions.CredentialRetrievalError, match="in time"):
        our_credentials(clock)
    assert timeouts[:2] == [10, 10]
    assert 4 < timeouts[2] < 5.01, "what is left of half a minute"
    assert clock.elapsed == pytest.approx(30)


def test_the_three_requests_of_instance_metadata_are_within_the_documented_time(
    settings: CredentialSettings,
    endpoints: CredentialEndpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    respond = endpoints.respond

    def respond_slowly(*request: Any) -> tuple[int, bytes]:
        clock.elapsed += 0.9
        return respond(*request)

    monkeypatch.setattr(endpoints, "respond", respond_slowly)
    settings.set_imds()
    assert our_credentials(clock)[0] == "ASIAIMDS1"
    assert clock.elapsed == pytest.approx(2.7), "within the three seconds that are documented"


@pytest.mark.parametrize("attempts", [1, 2])
def test_instance_metadata_that_does_not_answer_takes_a_second_an_attempt(
    attempts: int, settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    timeouts: list[float | None] = []

    def connect(_: SocketBackend, host: str, port: int, timeout: float | None = None) -> None:
        timeouts.append(timeout)
        clock.elapsed += timeout or 0
        raise TimeoutError

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)
    settings.set_imds()
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS=str(attempts))
    with pytest.raises(exceptions.NoCredentialsError, match="no response in time"):
        our_credentials(clock)
    assert timeouts == [1] * attempts
    assert clock.elapsed == attempts


def test_a_container_endpoint_has_one_budget(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that takes longer than its share leaves less to the others."""
    clock = FakeClock()
    timeouts: list[float | None] = []

    def connect(_: SocketBackend, host: str, port: int, timeout: float | None = None) -> None:
        timeouts.append(timeout)
        clock.elapsed += 5.5 if len(timeouts) == 1 else timeout or 0
        raise TimeoutError

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)
    settings.set_eks()
    with pytest.raises(exceptions.CredentialRetrievalError, match="no response in time"):
        our_credentials(clock)
    assert timeouts == [2, 1.5]
    assert clock.elapsed == 8


def zip_twice(body: bytes) -> bytes:
    return gzip.compress(gzip.compress(body, mtime=0), mtime=0)


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br"])
def test_a_response_that_expands_takes_no_memory(
    encoding: str, kind: str, settings: CredentialSettings, clock: NoSleepClock
) -> None:
    body = zip_twice(b" " * 300_000_000) if encoding == "gzip, gzip" else None
    body = body or gzip.compress(b" " * 300_000_000, compresslevel=1)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"

    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.sendall(head.encode() + body)

    with ConnectionServer(serve) as server:
        endpoint_urls(settings, server.url)[kind]()
        before = peak_memory()
        with pytest.raises(exceptions.NoCredentialsError):
            our_credentials(clock)
        assert peak_memory() - before < 30_000_000


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2_000_000_000)


def make_endless_file(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_fifo, make_large_file, make_endless_file])
@pytest.mark.parametrize("kind", ["EKS", "web identity"])
def test_a_token_file_without_an_end_is_an_error_at_once(
    make: Callable[[Path], None], kind: str, settings: CredentialSettings, clock: NoSleepClock
) -> None:
    if kind == "EKS":
        settings.set_eks()
    else:
        settings.set_web_identity()
    path = settings.folder / "endless"
    make(path)
    settings.environment(
        AWS_WEB_IDENTITY_TOKEN_FILE=str(path), AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(path)
    )
    if kind == "EKS":
        settings.environment(AWS_WEB_IDENTITY_TOKEN_FILE="")
    before = peak_memory()
    with pytest.raises(exceptions.CredentialRetrievalError) as caught:
        our_credentials(clock)
    reason = "is larger than 64 KiB" if make is make_large_file else "is not a regular file"
    assert f"the token file {path} {reason}" in str(caught.value)
    assert peak_memory() - before < 20_000_000


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_shared_file_that_is_far_too_large_is_not_read(
    name: str, settings: CredentialSettings, clock: NoSleepClock
) -> None:
    make_large_file(Path(settings.file(f".aws/{name}", "")))
    before = peak_memory()
    with pytest.raises(exceptions.InvalidConfigError, match=f"{name} is larger than 16 MiB"):
        our_credentials(clock)
    assert peak_memory() - before < 20_000_000


def test_a_process_that_prints_without_end_is_stopped(
    settings: CredentialSettings, clock: NoSleepClock
) -> None:
    program = settings.file(
        "program.py",
        "import sys\n"
        "for _ in range(400):\n"
        "    sys.stdout.write('SecretOfProcess!' * 65536)\n"
        f"open({str(settings.folder / 'finished')!r}, 'w')\n",
    )
    settings.file(".aws/config", f"[default]\ncredential_process = {sys.executable} {program}\n")
    before = peak_memory()
    with pytest.raises(exceptions.CredentialRetrievalError, match="more than 65536 bytes") as e:
        our_credentials(clock)
    assert "SecretOf" not in str(e.value)
    assert peak_memory() - before < 20_000_000
    assert not (settings.folder / "finished").exists()


def test_a_process_whose_child_keeps_the_output_open_is_given_up(
    settings: CredentialSettings, clock: NoSleepClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CredentialProcessRunner, "TIMEOUT", 0.5)
    program = settings.file(
        "program.py",
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],\n"
        "                         stdin=0)\n"
        "print(child.pid, flush=True)\n",
    )
    settings.file(".aws/config", f"[default]\ncredential_process = {sys.executable} {program}\n")
    # The child ends with its input, which is this pipe.
    reader, writer = os.pipe()
    stdin = os.dup(0)
    os.dup2(reader, 0)
    try:
        began = time.monotonic()
        with pytest.raises(exceptions.CredentialRetrievalError, match="did not end within"):
            our_credentials(clock)
        assert time.monotonic() - began < 10
    finally:
        os.dup2(stdin, 0)
        for descriptor in (reader, writer, stdin):
            os.close(descriptor)
    for thread in threading.enumerate():
        if thread.name == "credential process":
            thread.join(10)
            assert not thread.is_alive()


ENTITIES = (
    '<?xml version="1.0"{}?><!DOCTYPE a [<!ENTITY b "SecretOfEntities">]>'
    "<a><Code>&b;</Code><Message>&b;</Message></a>"
)


@pytest.mark.parametrize(
    "body",
    [
        ENTITIES.format(' encoding="UTF-16"').encode("utf-16"),
        ENTITIES.format(' encoding="UTF-16LE"').encode("utf-16-le"),
        ENTITIES.format(' encoding="UTF-16BE"').encode("utf-16-be"),
        ENTITIES.format("").encode("utf-8-sig"),
        ENTITIES.format(' encoding="UTF-7"').encode("utf-7"),
    ],
    ids=["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-8 with a mark", "UTF-7"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_no_entity_of_a_response_of_sts_is_expanded_in_any_encoding(
    status: int,
    body: bytes,
    settings: CredentialSettings,
    endpoints: CredentialEndpoints,
    clock: NoSleepClock,
) -> None:
    settings.set_web_identity()
    endpoints.scripted = [(status, body)]
    with pytest.raises(exceptions.CredentialRetrievalError) as caught:
        our_credentials(clock)
    assert "SecretOfEntities" not in str(caught.value)


def test_a_token_that_sts_repeats_is_removed_by_its_value(
    settings: CredentialSettings, endpoints: CredentialEndpoints, clock: NoSleepClock
) -> None:
    token = "header.payload-that-nobody-may-see.signature"
    settings.set_web_identity()
    settings.file("web-token", token)
    endpoints.scripted = [(400, sts_error(token, f"{token} is not mine"))]
    with pytest.raises(exceptions.CredentialRetrievalError, match=r"\(removed\) is not mine") as e:
        our_credentials(clock)
    error: BaseException | None = e.value
    while error is not None:
        assert token not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_a_token_that_a_container_endpoint_repeats_is_removed_by_its_value(
    settings: CredentialSettings, clock: NoSleepClock
) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        request = connection.recv(65536)
        line = request.partition(b"authorization: ")[2].partition(b"\r\n")[0]
        connection.sendall(b"HTTP/1.1 2 " + line + b"\r\n" + line + b"\r\n\r\n")

    token = "container-token-that-nobody-may-see"
    with ConnectionServer(serve) as server:
        settings.environment(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/v1/TaskUuidSecret",
            AWS_CONTAINER_AUTHORIZATION_TOKEN=token,
        )
        with pytest.raises(exceptions.CredentialRetrievalError) as caught:
            our_credentials(clock)
    error: BaseException | None = caught.value
    while error is not None:
        assert token not in f"{error} {error!r} {vars(error)}"
        assert "TaskUuidSecret" not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


@pytest.fixture
def pages() -> Iterator[ConnectionServer]:
    with ConnectionServer(serve_pages) as server:
        yield server


class SlowSource:
    """A function that returns credentials when a test says so."""

    def __init__(self) -> None:
        self.may_return = threading.Event()
        self.is_called = threading.Event()
        self.call_count = 0

    def __call__(self) -> Credentials:
        self.call_count += 1
        self.is_called.set()
        assert self.may_return.wait(20)
        return Credentials("local", "local")


def test_a_slow_source_of_credentials_holds_no_thread_beyond_total_timeout(
    pages: ConnectionServer,
) -> None:
    source = SlowSource()
    arguments: Any = {"endpoint_url": pages.url, "credentials": source, "total_timeout": 0.2}
    with ImageBuilder("us-west-2", **arguments) as client, ThreadPoolExecutor(8) as threads:
        call: Any = client.list_lifecycle_execution_resources
        began = time.monotonic()
        calls = [threads.submit(call, **EXECUTION) for _ in range(8)]
        try:
            errors = [call.exception(10) for call in calls]
            assert time.monotonic() - began < 5
        finally:
            source.may_return.set()
        assert {type(error) for error in errors} == {exceptions.CredentialRetrievalError}
        assert "0.2 s" in str(errors[0])
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert source.call_count == 1  # the fetch was not in vain


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_slow_source_of_credentials_holds_no_task_beyond_total_timeout(
    backend: str, pages: ConnectionServer
) -> None:
    source = SlowSource()
    arguments: Any = {"endpoint_url": pages.url, "credentials": source, "total_timeout": 0.2}

    async def main() -> None:
        errors: list[exceptions.PagerError] = []

        async def call() -> None:
            try:
                await client.list_lifecycle_execution_resources(**EXECUTION)
            except exceptions.PagerError as error:
                errors.append(error)

        async with AsyncImageBuilder("us-west-2", **arguments) as client:
            try:
                with anyio.fail_after(5):
                    async with anyio.create_task_group() as group:
                        for _ in range(8):
                            group.start_soon(call)
            finally:
                source.may_return.set()
            assert [type(e) for e in errors] == [exceptions.CredentialRetrievalError] * 8
            await call()
            assert len(errors) == 8

    anyio.run(main, backend=backend)
    assert source.call_count == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_was_forked_during_a_fetch_fetches_by_itself() -> None:
    source = SlowSource()
    credentials = RefreshableCredentials(source)
    fetcher = threading.Thread(target=credentials.get_frozen_credentials)
    fetcher.start()
    assert source.is_called.wait(10)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            source.may_return.set()
            os.write(writer, credentials.get_frozen_credentials().access_key.encode())
        finally:
            os._exit(0)
    try:
        assert select.select([reader], [], [], 5)[0], "the child waits for a thread of its parent"
        assert os.read(reader, 100) == b"local"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        source.may_return.set()
        fetcher.join(10)
        os.close(reader)
        os.close(writer)
    assert source.call_count == 1
