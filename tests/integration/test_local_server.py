"""The local Image Builder's HTTP server, with plain sockets as clients."""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer
from tests.fakes.accounts import PATH
from tests.fakes.servers import RawConnection

SERVICE = LocalImageBuilder(Account())


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(SERVICE) as running:
        yield running


@pytest.fixture
def connection(server: LocalServer) -> Iterator[RawConnection]:
    with RawConnection(server.url) as connection:
        yield connection


def test_a_connection_is_reused(connection: RawConnection) -> None:
    for length in (0, 3, 0):
        connection.send(
            f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {length}", body=b"x" * length
        )
        status, headers, body = connection.read_response()
        assert (status, headers["x-amzn-errortype"]) == (403, "missingauthenticationtokenexception")
        assert json.loads(body) == {"message": "Missing Authentication Token"}
        assert "date" in headers


def test_pipelined_requests_get_their_responses_in_order(connection: RawConnection) -> None:
    connection.send(f"HEAD {PATH} HTTP/1.1", "Host: x", "", "GET / HTTP/1.0", "Host: x")
    received = b""
    while data := connection.socket.recv(65536):
        received += data
    assert received.count(b"HTTP/1.1 404 Not Found\r\n") == 2
    assert received.count(b'{"message"') == 1, "the response to HEAD has a body"


INVALID_LENGTH = "The Content-Length header is not valid."
POST = f"POST {PATH} HTTP/1.1"


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        ([POST, "Content-Length: x"], 400, INVALID_LENGTH),
        ([POST, "Content-Length: -1"], 400, INVALID_LENGTH),
        ([POST, "Content-Length: +1"], 400, INVALID_LENGTH),
        ([POST, "Content-Length: ²"], 400, INVALID_LENGTH),
        ([POST, "Content-Length: " + "9" * 5000], 400, INVALID_LENGTH),
        ([POST, "Transfer-Encoding: chunked"], 411, "A request body needs a Content-Length."),
        ([POST, "Host: [::1"], 400, "The Host header or the path is not valid."),
        (["nonsense"], 400, "Bad request syntax ('nonsense')"),
        (["POST x HTTP/1.1"], 400, "The request target has to be a path."),
        (["GET http://x/ HTTP/1.1"], 400, "The request target has to be a path."),
        (["GET / HTTP/9.9"], 505, "Invalid HTTP version (9.9)"),
        (["BREW / HTTP/1.1"], 501, "Unsupported method ('BREW')"),
    ],
)
def test_a_request_that_is_not_valid_http_is_an_error(
    connection: RawConnection, lines: list[str], status: int, message: str
) -> None:
    connection.send(*lines)
    received_status, headers, body = connection.read_response()
    assert (received_status, headers["connection"]) == (status, "close")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"message": message}
    assert connection.is_closed()


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
def test_headers_that_are_not_ascii_are_an_error_of_the_service(
    connection: RawConnection, line: str, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    connection.send(POST, "Host: x", line, "Content-Length: 0")
    _, headers, _ = connection.read_response()
    assert headers["x-amzn-errortype"] == code.lower()
    assert capfd.readouterr().err == ""


def test_a_client_that_disconnects_causes_no_output(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalServer(SERVICE) as server:
        for body in (b"", b"half"):
            with RawConnection(server.url) as connection:
                connection.send(f"POST {PATH} HTTP/1.1", "Content-Length: 10", body=body)
        assert httpx.get(server.url, trust_env=False).status_code == 404
    assert capfd.readouterr() == ("", "")


def test_latency_delays_every_response() -> None:
    with LocalServer(SERVICE, latency=0.05) as server:
        started = time.monotonic()
        assert httpx.get(server.url, trust_env=False).status_code == 404
        assert time.monotonic() - started >= 0.05


def test_a_response_is_sent_in_one_piece(connection: RawConnection) -> None:
    """A second piece might wait for the acknowledgement of the first, which takes 40 ms."""
    for _ in range(10):
        connection.send(POST, "Host: x")
        assert connection.socket.recv(65536).endswith(b'{"message":"Missing Authentication Token"}')


def test_a_server_closes_at_once() -> None:
    times = []
    for _ in range(5):
        server = LocalServer(SERVICE)
        with RawConnection(server.url) as idle:
            idle.send(f"POST {PATH} HTTP/1.1", "Host: x")
            idle.read_response()
            started = time.monotonic()
            server.close()
            times.append(time.monotonic() - started)
    assert min(times) < 0.2  # whatever else the machine does


def test_closing_ends_idle_connections_and_threads() -> None:
    before = set(threading.enumerate())
    server = LocalServer(SERVICE)
    with RawConnection(server.url) as silent, RawConnection(server.url) as idle:
        idle.send(f"POST {PATH} HTTP/1.1", "Host: x")
        assert idle.read_response()[0] == 403
        server_threads = set(threading.enumerate()) - before
        assert len(server_threads) == 3, "one thread to accept, and one for each connection"
        server.close()
        assert idle.is_closed()
        assert silent.is_closed()
    assert not any(thread.is_alive() for thread in server_threads)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
    server.close()


def test_closing_ends_the_latency_and_sends_the_response() -> None:
    reached = threading.Event()

    def handler(request: httpx.Request) -> httpx.Response:
        reached.set()
        return SERVICE(request)

    server = LocalServer(handler, latency=60.0)
    with RawConnection(server.url) as busy:
        busy.send(f"POST {PATH} HTTP/1.1", "Host: x")
        assert reached.wait(10)
        server.close()
        assert busy.read_response()[0] == 403, "not ended after the grace time"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])
def test_another_address_than_loopback_is_an_error(host: str) -> None:
    with pytest.raises(ValueError, match="is not a loopback address"):
        LocalServer(SERVICE, host=host)


def test_a_negative_latency_is_an_error() -> None:
    with pytest.raises(ValueError, match="latency is -1, it has to be 0 or more seconds"):
        LocalServer(SERVICE, latency=-1)


def test_localhost_is_loopback() -> None:
    with LocalServer(SERVICE, host="localhost") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(server.url, trust_env=False).status_code == 404


def test_a_response_without_a_body_has_its_length() -> None:
    with (
        LocalServer(lambda _request: httpx.Response(503)) as server,
        RawConnection(server.url) as connection,
    ):
        for _ in range(2):
            connection.send("GET / HTTP/1.1", "Host: x")
            status, headers, body = connection.read_response()
            assert (status, headers["content-length"], body) == (503, "0", b"")
