"""Whatever finds credentials is bounded: in time, in memory, in how long others wait for it."""

from __future__ import annotations

import functools
import gzip
import os
import resource
import select
import socket
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager._aws.transport.network import SocketBackend
from imagebuilder_pager._aws.transport.types import ReceivedResponse
from tests.fakes.clocks import NOW, FakeClock
from tests.fakes.credential_endpoints import CredentialSettings, texts_of
from tests.fakes.credentials import SlowSource
from tests.fakes.logins import SESSION, SSO_KEYS, write_sso_token
from tests.fakes.servers import ConnectionServer


def set_up(kind: str, settings: CredentialSettings, url: str) -> None:
    """Set up one kind of endpoint at a URL."""
    if kind == "container":
        settings.environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/v1/credentials")
    elif kind == "instance":
        settings.set_imds()
        settings.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
    elif kind == "STS":
        settings.set_web_identity()
        settings.environment(AWS_ENDPOINT_URL_STS=url)
    else:
        settings.file(".aws/config", f"[default]\n{SSO_KEYS['sso_session']}{SESSION}")
        settings.environment(AWS_ENDPOINT_URL_SSO=url, AWS_ENDPOINT_URL_SSO_OIDC=url)
        expiration = NOW + timedelta(hours=8 if kind == "SSO" else -8)
        write_sso_token(settings.folder / ".aws" / "sso" / "cache", expiration)


KINDS = ["container", "instance", "STS", "SSO", "SSO OIDC"]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "trailer": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: ", b"x"),
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

    clock = settings.clock = FakeClock(tick=0.5)
    with ConnectionServer(serve) as server:
        set_up(kind, settings, server.url)
        try:
            settings.error("in time", exceptions.NoCredentialsError)
        finally:
            done.set()
    assert clock.elapsed < 200


@pytest.mark.parametrize("kind", ["STS", "SSO", "SSO OIDC"])
@pytest.mark.parametrize(
    ("retry_after", "timeouts"),
    [
        (20, [10, 10]),  # another 20 s would be more than the half minute
        (15, [10, 10, 5]),
    ],
)
def test_attempts_at_a_service_stay_within_half_a_minute(
    settings: CredentialSettings,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    retry_after: int,
    timeouts: list[float],
) -> None:
    """The service is busy, then it sends nothing at all, unless the time is up by then."""
    elapsed = retry_after + sum(timeouts[1:]) if len(timeouts) == 3 else retry_after
    clock = settings.clock = FakeClock()
    given: list[float] = []

    def respond(*_: Any, timeout: float, **__: Any) -> ReceivedResponse:
        given.append(timeout)
        if len(timeouts) == 3 and len(given) > 1:
            clock.elapsed += timeout
            raise exceptions.ReadTimeoutError("no response in time")
        return ReceivedResponse(503, {"retry-after": str(retry_after)}, b"")

    for module in ("sts", "sso_calls"):
        name = f"imagebuilder_pager._aws.credentials.{module}.fetch_response"
        monkeypatch.setattr(name, respond)
    # The backoff is random.
    monkeypatch.setattr("imagebuilder_pager._aws.retries.TRANSIENT_BASE", 0.0)
    set_up(kind, settings, "http://127.0.0.1")
    problem = "in time" if len(timeouts) == 3 else "503"
    settings.error(problem)
    assert (given, clock.elapsed) == (timeouts, elapsed)


def test_the_three_requests_of_instance_metadata_are_within_the_documented_time(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = settings.clock = FakeClock()
    respond = settings.endpoints.respond

    def respond_slowly(*request: Any) -> tuple[int, bytes]:
        clock.elapsed += 0.9
        return respond(*request)

    monkeypatch.setattr(settings.endpoints, "respond", respond_slowly)
    settings.set_imds()
    assert settings.our_credentials()[0] == "ASIAIMDS1"
    assert clock.elapsed == pytest.approx(2.7), "within the three seconds that are documented"


@pytest.mark.parametrize(
    ("kind", "timeouts", "elapsed"),
    [
        ("instance", [1, 1], 2),
        # The first attempt takes 3.5 s longer than its share. They are a second apart.
        ("container", [2, 1.5], 8),
    ],
)
def test_a_metadata_endpoint_that_does_not_answer_has_one_budget(
    settings: CredentialSettings,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    timeouts: list[float],
    elapsed: float,
) -> None:
    clock = settings.clock = FakeClock()
    given: list[float | None] = []

    def connect(_: SocketBackend, host: str, port: int, timeout: float | None = None) -> None:
        clock.elapsed += timeout or 0
        if kind == "container" and not given:
            clock.elapsed += 3.5
        given.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)
    set_up(kind, settings, settings.endpoints.url)
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS="2")
    settings.error("no response in time", exceptions.NoCredentialsError)
    assert (given, clock.elapsed) == (timeouts, elapsed)


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@functools.cache
def large_body() -> bytes:
    """Return 300 MB of spaces, compressed."""
    return gzip.compress(b" " * 300_000_000, compresslevel=1)


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [*(("gzip", kind) for kind in KINDS), ("gzip, gzip", "STS"), ("br", "STS")],
)
def test_a_response_that_expands_takes_no_memory(
    encoding: str, kind: str, settings: CredentialSettings
) -> None:
    body = gzip.compress(large_body()) if encoding == "gzip, gzip" else large_body()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"

    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.sendall(head.encode() + body)

    with ConnectionServer(serve) as server:
        set_up(kind, settings, server.url)
        before = peak_memory()
        with pytest.raises(exceptions.NoCredentialsError):
            settings.our_credentials()
        assert peak_memory() - before < 30_000_000


def make_large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2_000_000_000)


def make_endless_file(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "is not a regular file"),
        (make_endless_file, "is not a regular file"),
        (make_large_file, "is larger than 64 KiB"),
        (lambda path: path.write_bytes(b"\xff"), "is not in UTF-8"),
        (lambda path: path.write_bytes(b" \n"), "is empty"),
    ],
)
@pytest.mark.parametrize("kind", ["EKS", "web identity"])
def test_a_token_file_without_an_end_or_a_token_is_an_error_at_once(
    make: Callable[[Path], object], reason: str, kind: str, settings: CredentialSettings
) -> None:
    path = settings.folder / "endless"
    make(path)
    if kind == "EKS":
        settings.set_eks()
        settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(path))
    else:
        settings.set_web_identity()
        settings.environment(AWS_WEB_IDENTITY_TOKEN_FILE=str(path))
    before = peak_memory()
    error = settings.error()
    assert f"the token file {path} {reason}" in str(error)
    assert peak_memory() - before < 20_000_000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_folder_as_a_token_file_leaves_no_descriptor_open(settings: CredentialSettings) -> None:
    settings.set_web_identity()
    settings.environment(AWS_WEB_IDENTITY_TOKEN_FILE=str(settings.folder))
    settings.error(f"Is a directory: {settings.folder}")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as many as there are
    settings.error("Is a directory")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_shared_file_that_is_far_too_large_is_not_read(
    name: str, settings: CredentialSettings
) -> None:
    make_large_file(Path(settings.file(f".aws/{name}", "")))
    before = peak_memory()
    settings.error(f"{name} is larger than 16 MiB", exceptions.InvalidConfigError)
    assert peak_memory() - before < 20_000_000


def test_a_process_that_prints_without_end_is_stopped(settings: CredentialSettings) -> None:
    program = settings.file(
        "program.py",
        "import sys\n"
        "for _ in range(400):\n"
        "    sys.stdout.write('SecretOfProcess!' * 65536)\n"
        f"open({str(settings.folder / 'finished')!r}, 'w')\n",
    )
    settings.file(".aws/config", f"[default]\ncredential_process = {sys.executable} {program}\n")
    before = peak_memory()
    error = settings.error("more than 65536 bytes")
    assert "SecretOf" not in str(error)
    assert peak_memory() - before < 20_000_000
    assert not (settings.folder / "finished").exists()


def test_a_process_whose_child_keeps_the_output_open_is_given_up(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagebuilder_pager._aws.credentials.process.TIMEOUT", 0.25)
    fifo = settings.folder / "fifo"
    os.mkfifo(fifo)
    program = settings.file("program.sh", f"cat '{fifo}' &\n")
    settings.file(".aws/config", f"[default]\ncredential_process = sh {program}\n")
    # Opened for both, since that waits for no reader.
    descriptor = os.open(fifo, os.O_RDWR)
    try:
        settings.error("did not end within")
    finally:
        fifo.unlink()
        os.close(descriptor)  # the child ends
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
        ENTITIES.format("").encode(),
        ENTITIES.format("").encode("utf-8-sig"),
        ENTITIES.format(' encoding="UTF-7"').encode("utf-7"),
    ],
    ids=["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-8", "UTF-8 with a mark", "UTF-7"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_no_entity_of_a_response_of_sts_is_expanded_in_any_encoding(
    status: int, body: bytes, settings: CredentialSettings
) -> None:
    settings.set_web_identity()
    settings.endpoints.scripted = [(status, body)]
    error = settings.error()
    assert "SecretOfEntities" not in str(error)


def test_a_token_that_a_container_endpoint_repeats_is_removed_by_its_value(
    settings: CredentialSettings,
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
        error = settings.error()
    assert token not in texts_of(error)
    assert "TaskUuidSecret" not in texts_of(error)


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
