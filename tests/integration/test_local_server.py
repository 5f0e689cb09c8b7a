"""The local Image Builder's HTTP server, with plain sockets as clients."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

import httpx
import pytest

from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer, generate_account

PATH = "/ListLifecycleExecutionResources"


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=3)


@pytest.fixture(scope="module")
def server(account: Account) -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(account)) as running:
        yield running


class Raw:
    """A plain socket that speaks HTTP by hand."""

    def __init__(self, url: str) -> None:
        address = httpx.URL(url)
        self.socket = socket.create_connection((address.host, address.port or 80), timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, headers with lower-case names, body."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        while len(body) < int(headers["content-length"]):
            body += self._more()
        return int(status.split()[1]), headers, body

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "the server closed the connection within an answer"
        return data

    def closed(self) -> bool:
        """Whether the server has closed its side; waits for it."""
        with contextlib.suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True


@pytest.fixture
def raw(server: LocalServer) -> Iterator[Raw]:
    with Raw(server.url) as connection:
        yield connection


def test_a_connection_is_kept(raw: Raw) -> None:
    for length in (0, 3, 0):
        raw.send(
            f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {length}", body=b"x" * length
        )
        status, headers, body = raw.answer()
        assert (status, headers["x-amzn-errortype"]) == (403, "missingauthenticationtokenexception")
        assert json.loads(body) == {"message": "Missing Authentication Token"}
        assert "date" in headers


def test_pipelined_requests_are_answered_in_turn(raw: Raw) -> None:
    raw.send(f"HEAD {PATH} HTTP/1.1", "Host: x", "", "GET / HTTP/1.0", "Host: x")
    received = b""
    while data := raw.socket.recv(65536):
        received += data
    assert received.count(b"HTTP/1.1 404 Not Found\r\n") == 2
    assert received.count(b'{"message"') == 1, "the answer to HEAD has a body"


def test_a_client_that_waits_for_100_continue(raw: Raw) -> None:
    lines = (f"POST {PATH} HTTP/1.1", "Host: x", "Content-Length: 2", "Expect: 100-continue")
    raw.send(*lines)
    assert raw.socket.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw.socket.sendall(b"{}")
    assert raw.answer()[0] == 403


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        (["Content-Length: x"], 400, "The Content-Length header is not valid."),
        (["Content-Length: -1"], 400, "The Content-Length header is not valid."),
        (["Content-Length: +1"], 400, "The Content-Length header is not valid."),
        (["Content-Length: ²"], 400, "The Content-Length header is not valid."),
        (["Content-Length: " + "9" * 5000], 400, "The Content-Length header is not valid."),
        (["Content-Length: 1", "Content-Length: 2"], 400, "The Content-Length header is not"),
        (["Transfer-Encoding: chunked"], 411, "A request body needs a Content-Length."),
    ],
)
def test_a_body_of_unknown_length(raw: Raw, lines: list[str], status: int, message: str) -> None:
    raw.send(f"POST {PATH} HTTP/1.1", "Host: x", *lines)
    answered, headers, body = raw.answer()
    assert (answered, headers["connection"]) == (status, "close")
    assert json.loads(body)["message"].startswith(message)
    assert raw.closed()


def test_a_body_that_is_too_long(server: LocalServer) -> None:
    limit = 1024 * 1024
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.post(PATH, content=b"x" * limit).status_code == 403
        answer = client.post(PATH, content=b"x" * (limit + 1))
        assert answer.status_code == 413
        assert answer.json() == {"message": f"The request body is longer than {limit} bytes."}


def test_a_body_that_is_too_long_is_read_before_it_is_refused(raw: Raw) -> None:
    length = 7 * 1024 * 1024
    # Were it not read, this would end in a broken pipe.
    raw.send(f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {length}", body=b"x" * length)
    assert raw.answer()[0] == 413
    assert raw.closed()


@pytest.mark.parametrize(
    "line",
    ["nonsense", "POST x HTTP/1.1", "GET http://x/ HTTP/1.1", "GET / HTTP/9.9", "BREW / HTTP/1.1"],
)
def test_what_is_not_http(raw: Raw, line: str) -> None:
    raw.send(line, "Host: x")
    status, headers, body = raw.answer()
    assert status in (400, 501, 505)
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["message"]
    assert raw.closed()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Authorization: \xff\xfe", "IncompleteSignatureException"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-west-2/imagebuilder/"
            "aws4_request, SignedHeaders=host;x-amz-date;\xe9, Signature=\xe9",
            "IncompleteSignatureException",
        ),
        ("X-\xe9: 1", "MissingAuthenticationTokenException"),
        ("X-Other: \xe9", "MissingAuthenticationTokenException"),
    ],
)
def test_headers_that_are_not_ascii(
    raw: Raw, line: str, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    raw.send(f"POST {PATH} HTTP/1.1", "Host: x", line, "Content-Length: 0")
    _, headers, _ = raw.answer()
    assert headers["x-amzn-errortype"] == code.lower()
    assert capfd.readouterr().err == ""


def test_a_host_that_is_none(raw: Raw) -> None:
    raw.send(f"POST {PATH} HTTP/1.1", "Host: [::1")
    status, _, body = raw.answer()
    assert (status, json.loads(body)["message"]) == (
        400,
        "The Host header or the path is not valid.",
    )


def test_clients_that_go_away_leave_no_trace(
    account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    with LocalServer(LocalImageBuilder(account)) as server:
        for body in (b"", b"half"):
            with Raw(server.url) as connection:
                connection.send(f"POST {PATH} HTTP/1.1", "Content-Length: 10", body=body)
        assert httpx.get(server.url, trust_env=False).status_code == 404
    assert capfd.readouterr() == ("", "")


def test_latency_holds_every_answer_back(account: Account) -> None:
    with LocalServer(LocalImageBuilder(account), latency=0.05) as server:
        started = time.monotonic()
        assert httpx.get(server.url, trust_env=False).status_code == 404
        assert time.monotonic() - started >= 0.05


def test_answers_do_not_stall_on_a_kept_connection(server: LocalServer) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        started = time.monotonic()
        for _ in range(50):
            client.post(PATH, content=b"{}")
        # A delayed acknowledgement would cost 40 ms on each, two seconds in all.
        assert time.monotonic() - started < 1.5


def test_closing_ends_idle_connections_and_threads(account: Account) -> None:
    before = set(threading.enumerate())
    server = LocalServer(LocalImageBuilder(account))
    with Raw(server.url) as silent, Raw(server.url) as idle:
        idle.send(f"POST {PATH} HTTP/1.1", "Host: x")
        assert idle.answer()[0] == 403
        mine = set(threading.enumerate()) - before
        assert len(mine) == 3, "one that accepts, and one for each connection"
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 1.0
        assert idle.closed()
        assert silent.closed()
    assert not any(thread.is_alive() for thread in mine)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
    server.close()


def test_closing_cuts_latency_short_and_lets_the_answer_out(account: Account) -> None:
    service = LocalImageBuilder(account)
    reached = threading.Event()

    def handler(request: httpx.Request) -> httpx.Response:
        reached.set()
        return service(request)

    server = LocalServer(handler, latency=60.0)
    with Raw(server.url) as busy:
        busy.send(f"POST {PATH} HTTP/1.1", "Host: x")
        assert reached.wait(10)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 1.0
        assert busy.answer()[0] == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])
def test_only_loopback_is_served(account: Account, host: str) -> None:
    with pytest.raises(ValueError, match="is not a loopback address"):
        LocalServer(LocalImageBuilder(account), host=host)


def test_a_negative_latency_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match="latency is -1, it has to be 0 or more seconds"):
        LocalServer(LocalImageBuilder(account), latency=-1)


def test_localhost_is_loopback(account: Account) -> None:
    with LocalServer(LocalImageBuilder(account), host="localhost") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(server.url, trust_env=False).status_code == 404
