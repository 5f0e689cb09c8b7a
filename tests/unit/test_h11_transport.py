"""The command's own connections: what they reuse, what they close, and how they fail."""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.aws.auth.signer import RequestSigner
from imagebuilder_pager.aws.config.endpoints import is_simple_url
from imagebuilder_pager.aws.config.shared_config import Resolved
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.identity import Credentials
from imagebuilder_pager.aws.transport.h11_transport import H11Client, is_direct
from imagebuilder_pager.aws.transport.types import HTTPRequest, Timeouts
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.service import HEADERS

KEYS = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
PATH = "/ListLifecycleExecutionResources"
TIMEOUTS = Timeouts(5.0, 5.0, 5.0, 5.0)
LOCALHOST = Path(__file__).parent / "localhost.pem"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#: What a server says on a connection before it closes it: an answer for each request, or something
#: without having been asked.
Script = list[bytes] | bytes


class RecordedResponse:
    """An answer that has been received."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.encoding = ""
        self.body = b""

    def on_headers(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        self.status = status
        self.headers = dict(headers)
        self.encoding = encoding

    def on_data(self, chunk: bytes) -> None:
        self.body += chunk


class Server:
    """Says on each connection what its script for that connection is, then closes it."""

    def __init__(self, scripts: list[Script], context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._scripts = scripts
        self._context = context
        self.requests: list[bytes] = []
        self.counts: list[int] = []
        self.protocols: list[str | None] = []
        self.closed = [threading.Event() for _ in scripts]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        for script, closed in zip(self._scripts, self.closed, strict=True):
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                    self.protocols.append(connection.selected_alpn_protocol())
                with connection:
                    self._speak(connection, script)
            closed.set()

    def _speak(self, connection: socket.socket, script: Script) -> None:
        self.counts.append(0)
        if isinstance(script, bytes):
            connection.sendall(script)
            return
        for answer in script:
            request = connection.recv(65536)
            while request.startswith(b"POST ") and not request.partition(b"\r\n\r\n")[2]:
                request += connection.recv(65536)
            if not request:
                return
            self.requests.append(request)
            self.counts[-1] += 1
            connection.sendall(answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends an accept
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(*scripts: Script, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(list(scripts), context))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def send_to() -> Iterator[Callable[..., RecordedResponse]]:
    """Sends a request by a client for that URL, the same for the same URL."""
    clients: dict[str, H11Client] = {}

    def send(
        url: str,
        *,
        certificates: LazySSLContext | None = None,
        receiver: Any = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> RecordedResponse:
        if url not in clients:
            clients[url] = H11Client(url, certificates or LazySSLContext())
        return ask(clients[url], receiver, timeouts)

    yield send
    for client in clients.values():
        client.close()


def ask(direct: H11Client, receiver: Any = None, timeouts: Timeouts = TIMEOUTS) -> RecordedResponse:
    taken = receiver or RecordedResponse()
    sender = direct.sender(RequestSigner(KEYS, "imagebuilder", "us-west-2"), HEADERS)
    request = HTTPRequest(PATH, b'{"a": 1}', timeouts)
    try:
        sender(request, taken)
    finally:
        assert request.access_key == KEYS.access_key
    return taken


Serve = Callable[..., Server]
SendTo = Callable[..., RecordedResponse]


# Which endpoints

PLAIN = [
    "https://imagebuilder.us-west-2.amazonaws.com",
    "https://imagebuilder.cn-north-1.amazonaws.com.cn/",
    "http://localhost",
    "http://127.0.0.1:4566",
    "https://host:65535",
]
NOT_PLAIN: list[Any] = [
    "https://proxy.example/base",
    "https://user@host",
    "https://user:password@host",
    "https://[::1]:4566",
    "https://Host",
    "https://xn--strae-oqa.example",
    "https://a.xn--p1ai",
    "https://stra\N{LATIN SMALL LETTER SHARP S}e.example",
    "https://host:0",
    "https://host:65536",
    "https://host:",
    "https://host?",
    "https://host#",
    "https://host\n",
    "https://-host",
    "https://a..b",
    "https://a.",
    "http://999.1.1.1",
    "http://1.2.3",
    "http://0x7f.1",
    "http://127.0.0.01",
    f"http://{'a' * 64}",
    f"http://{'.'.join(['a' * 60] * 5)}",
    "ftp://host",
    "https://",
    "",
    None,
    b"https://host",
]


@pytest.mark.parametrize("url", PLAIN)
def test_a_plain_endpoint(url: str) -> None:
    assert is_simple_url(url)
    assert is_direct(url)


@pytest.mark.parametrize("url", NOT_PLAIN, ids=repr)
def test_an_endpoint_that_is_left_to_httpx(url: Any) -> None:
    assert not is_simple_url(url)


@given(st.from_regex(r"https?://[a-z0-9.:-]{1,40}/?", fullmatch=True))
@example("http://0.0.0.0")
@example("http://255.255.255.255:1")
def test_everybody_reads_a_plain_url_alike(url: str) -> None:
    if not is_simple_url(url):
        return
    theirs = httpx.URL(url)
    scheme, _, rest = url.rstrip("/").partition("://")
    host, _, port = rest.partition(":")
    assert (theirs.scheme, theirs.host) == (scheme, host)
    usual = {"http": 80, "https": 443}[scheme]
    assert (theirs.port or usual) == int(port or usual)
    assert host.encode("idna") == host.encode()
    with contextlib.closing(H11Client(url, LazySSLContext())) as direct:
        assert sent_host(direct) == httpx.Request("GET", url).headers["host"]


def sent_host(direct: H11Client) -> str:
    """The header ``Host`` of a request, which is not sent."""
    seen: list[Mapping[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "imagebuilder_pager.aws.transport.h11_transport._Connection.handle_request",
            lambda _self, _request, headers, _receiver: seen.append(headers),
        )
        ask(direct)
    return seen[0]["host"]


def test_a_proxy_is_left_to_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "inner.test")
    assert not is_direct("https://host.test")
    assert is_direct("https://inner.test")
    assert is_direct("http://host.test")


# Answers


def test_a_request_as_it_arrives(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK])
    send_to(server.url)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == f"POST {PATH} HTTP/1.1"
    assert body == b'{"a": 1}'
    assert headers["content-length"] == "8"
    assert headers["host"] == server.url.removeprefix("http://")
    assert headers["user-agent"].startswith("imagebuilder-pager/")
    assert headers["accept-encoding"] == "identity"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")


def test_a_connection_is_used_again(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK, OK, OK])
    assert [send_to(server.url).body for _ in range(3)] == [b"{}"] * 3
    assert len(server.requests) == 3


def test_what_comes_after_an_answer_is_no_answer(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK + OK.replace(b"{}", b"[]"), OK], [OK])
    assert [send_to(server.url).body for _ in range(2)] == [b"{}", b"{}"]
    assert server.counts == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n???",
        OK,
    ],
    ids=["connection: close", "no length", "HTTP/1.0", "another answer", "closed in silence"],
)
def test_a_connection_that_is_not_used_again(serve: Serve, send_to: SendTo, answer: bytes) -> None:
    server = serve([answer], [OK])
    assert send_to(server.url).body == b"{}"
    assert server.closed[0].wait(5)
    assert send_to(server.url).body == b"{}"
    assert len(server.requests) == 2


def test_an_answer_in_pieces(serve: Serve, send_to: SendTo) -> None:
    server = serve(
        [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            OK,
        ]
    )
    taken = send_to(server.url)
    assert (taken.status, taken.body) == (200, b"{}")
    assert "link" not in taken.headers
    assert send_to(server.url).body == b"{}"


@pytest.mark.parametrize("e_acute", [b"\xe9", b"\xc3\xa9"], ids=["Latin-1", "UTF-8"])
def test_headers_are_those_that_httpx_gives(serve: Serve, send_to: SendTo, e_acute: bytes) -> None:
    server = serve(
        [
            b"HTTP/1.1 418 Teapot\r\nX-A: 1\r\nx-b: " + e_acute + b"\r\nX-A:  2 \r\n"
            b"Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n"
        ]
    )
    taken = send_to(server.url)
    assert taken.status == 418
    assert taken.encoding == "gzip"
    assert taken.headers == {
        "x-a": "1, 2",
        "x-b": "\xe9",
        "content-length": "0",
        "content-encoding": "gzip",
    }


def test_an_idle_connection_is_not_kept(serve: Serve) -> None:
    now = [0.0]
    server = serve([OK, OK, OK], [OK])
    direct = H11Client(server.url, LazySSLContext(), monotonic=lambda: now[0])
    with contextlib.closing(direct):
        for now[0] in (0.0, 5.0, 10.1):
            assert ask(direct).body == b"{}"
    assert server.closed[0].wait(5)
    assert server.counts == [2, 1]


def test_many_threads(account_server: LocalServer) -> None:
    with contextlib.closing(H11Client(account_server.url, LazySSLContext())) as direct:
        sender = direct.sender(RequestSigner(KEYS, "imagebuilder", "us-west-2"), HEADERS)

        def page(_: int) -> int:
            taken = RecordedResponse()
            params = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
            sender(HTTPRequest(PATH, json.dumps(params).encode(), TIMEOUTS), taken)
            return len(json.loads(taken.body)["resources"])

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(page, range(80))) == [25] * 80
        assert len(direct._connections.close()) <= 8


@pytest.fixture
def account_server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=30))) as server:
        yield server


# Failures


def failure(send_to: SendTo, url: str, **arguments: Any) -> exceptions.HTTPClientError:
    with pytest.raises(exceptions.HTTPClientError) as caught:
        send_to(url, **arguments)
    assert caught.value.__cause__ is not None
    return caught.value


def of_the_library(url: str, **arguments: Any) -> exceptions.PagerError:
    """The error that the library's way by httpx has for it."""
    keys: Any = {"credentials": KEYS, "max_attempts": 1}
    with (
        ImageBuilder("us-west-2", endpoint_url=url, **keys, **arguments) as client,
        pytest.raises(exceptions.PagerError) as caught,
    ):
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    return caught.value


def test_nobody_listens(serve: Serve, send_to: SendTo) -> None:
    url = "http://127.0.0.1:9"
    error = failure(send_to, url)
    assert type(error) is exceptions.EndpointConnectionError
    assert str(error) == str(of_the_library(url))


def test_no_such_host(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = failure(send_to, "https://host.test")
    assert type(error) is exceptions.EndpointConnectionError
    assert "Name or service not known" in str(error)


def test_nobody_answers(send_to: SendTo) -> None:
    timeouts = TIMEOUTS._replace(read=0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        error = failure(send_to, url, timeouts=timeouts)
        assert type(error) is exceptions.ReadTimeoutError
        assert str(error) == str(of_the_library(url, read_timeout=0.05))


def test_connecting_takes_too_long(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def connect(_address: object, timeout: float) -> Any:
        raise TimeoutError(f"timed out after {timeout}")

    monkeypatch.setattr(socket, "create_connection", connect)
    error = failure(send_to, "http://host.test")
    assert type(error) is exceptions.ConnectTimeoutError
    assert str(error) == "connecting took too long to http://host.test: timed out after 5.0"


def test_a_handshake_takes_too_long(send_to: SendTo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        error = failure(
            send_to, url, certificates=TRUSTING, timeouts=TIMEOUTS._replace(connect=0.05)
        )
    assert type(error) is exceptions.ConnectTimeoutError


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "no HTTP", "an endless head"],
)
def test_the_answer_ends_early(serve: Serve, send_to: SendTo, answer: bytes) -> None:
    server = serve([answer], [answer], [OK])
    error = failure(send_to, server.url)
    assert type(error) is exceptions.ConnectionClosedError
    assert type(of_the_library(server.url)) is exceptions.ConnectionClosedError
    assert send_to(server.url).body == b"{}", "the connection before is not used again"


class Wire:
    """In place of a socket: these bytes come, in pieces of this size, and then the end or nothing.

    ``waits`` are the timeouts with which was sent and received.
    """

    def __init__(self, answer: bytes, size: int = 100, *, ends: bool = True) -> None:
        self._pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
        self._ends = ends
        self._timeout: float | None = None
        self.waits: set[tuple[str, float | None]] = set()

    def setsockopt(self, *_: int) -> None:
        pass

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def recv(self, _size: int) -> bytes:
        if self._timeout == 0:
            raise BlockingIOError
        self.waits.add(("recv", self._timeout))
        if not self._pieces and not self._ends:
            raise TimeoutError("timed out")
        return self._pieces.pop(0) if self._pieces else b""

    def send(self, data: memoryview) -> int:
        self.waits.add(("send", self._timeout))
        return min(len(data), 100)

    def close(self) -> None:
        pass


def test_timeouts_are_for_what_they_say(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    wire = Wire(OK)
    connected: list[float | None] = []

    def connect(_address: object, timeout: float | None) -> Wire:
        connected.append(timeout)
        return wire

    monkeypatch.setattr(socket, "create_connection", connect)
    send_to("http://host.test", timeouts=Timeouts(1.0, 2.0, 3.0, 4.0))
    assert connected == [1.0]
    assert wire.waits == {("send", 3.0), ("recv", 2.0)}


def test_a_head_has_its_bound(monkeypatch: pytest.MonkeyPatch, send_to: SendTo) -> None:
    def answer_with(size: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + b"x" * size + b"\r\n\r\n{}"
        wire = Wire(head, 1000, ends=False)
        monkeypatch.setattr(socket, "create_connection", lambda *_: wire)

    answer_with(99 * 1024)
    assert send_to("http://small.test").body == b"{}"
    answer_with(200 * 1024)
    assert type(failure(send_to, "http://large.test")) is exceptions.ConnectionClosedError


HEAD_PARTS = st.sampled_from(
    [
        *(
            b"HTTP/1.1 ",
            b"HTTP/1.0 ",
            b"200",
            b"204",
            b"100",
            b"304",
            b"999",
            b" OK",
            b"\r\n",
            b"\n",
        ),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"X: ", b": "),
        *(b"0", b"1", b"2\r\n{}\r\n0\r\n\r\n", b"-1", b"9" * 30, b"f" * 20, b"{}"),
    ]
)


@given(
    st.lists(HEAD_PARTS | st.binary(max_size=5), max_size=25).map(b"".join)
    | st.tuples(st.integers(0, len(OK)), st.binary(max_size=4)).map(
        lambda change: OK[: change[0]] + change[1] + OK[change[0] + len(change[1]) :]
    ),
    st.integers(1, 200),
)
@example(OK, 1)
@example(b"HTTP/1.1 200 OK\r\n\r\n", 200)
def test_whatever_comes_is_an_answer_or_an_error_of_ours(answer: bytes, size: int) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.closing(H11Client("http://host.test", LazySSLContext())) as direct,
        contextlib.suppress(exceptions.ConnectionClosedError),
    ):
        patch.setattr(socket, "create_connection", lambda *_: Wire(answer, size))
        taken = ask(direct)
        assert 200 <= taken.status <= 999


class Refusing(Wire):
    """Breaks off within the request, and may have said why."""

    def send(self, _data: memoryview) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}", 413),
        (b"", "the connection broke off to http://host.test: [Errno 32] Broken pipe"),
        (b"HTTP/1.1 4", "the connection broke off to http://host.test: [Errno 32] Broken pipe"),
    ],
)
def test_the_request_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, send_to: SendTo, answer: bytes, expected: object
) -> None:
    wires: list[Wire] = []

    def connect(*_: object) -> Wire:
        wires.append(Refusing(answer))
        return wires[-1]

    monkeypatch.setattr(socket, "create_connection", connect)
    for _ in range(2):
        if isinstance(expected, str):
            assert str(failure(send_to, "http://host.test")) == expected
        else:
            assert send_to("http://host.test").status == expected
    assert len(wires) == 2, "it is not used again"


def test_a_receiver_that_wants_no_more(serve: Serve, send_to: SendTo) -> None:
    class Full(RecordedResponse):
        def on_data(self, chunk: bytes) -> None:
            raise exceptions.ResponseParserError("too much")

    server = serve([OK, OK], [OK])
    with pytest.raises(exceptions.ResponseParserError, match="too much"):
        send_to(server.url, receiver=Full())
    assert send_to(server.url).body == b"{}"


def test_keys_that_no_header_can_carry(send_to: SendTo) -> None:
    with contextlib.closing(H11Client("http://127.0.0.1:9", LazySSLContext())) as direct:
        signer = RequestSigner(Credentials("AKID", "secret\n"), "imagebuilder", "us-west-2")
        with pytest.raises(exceptions.ParamValidationError) as caught:
            direct.sender(signer, HEADERS)(HTTPRequest(PATH, b"{}", TIMEOUTS), RecordedResponse())
    assert "secret\n" not in str(caught.value)


def test_a_closed_client(send_to: SendTo) -> None:
    direct = H11Client("http://127.0.0.1:9", LazySSLContext())
    direct.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        ask(direct)


# TLS

TRUSTING = LazySSLContext(Resolved(str(LOCALHOST), "a test"))


@pytest.fixture
def own_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOCALHOST)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.parametrize("certificates", [TRUSTING, LazySSLContext(False)], ids=["own", "none"])
def test_https(
    serve: Serve, send_to: SendTo, own_certificate: ssl.SSLContext, certificates: LazySSLContext
) -> None:
    server = serve([OK, OK], context=own_certificate)
    for _ in range(2):
        assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.protocols == ["http/1.1"]


def test_a_certificate_that_nobody_trusts(
    serve: Serve, send_to: SendTo, own_certificate: ssl.SSLContext
) -> None:
    server = serve([], [], context=own_certificate)
    error = failure(send_to, server.url)
    assert type(error) is exceptions.SSLError
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert type(of_the_library(server.url)) is exceptions.SSLError


def test_a_certificate_for_another(
    serve: Serve, send_to: SendTo, own_certificate: ssl.SSLContext
) -> None:
    server = serve([], context=own_certificate)
    error = failure(send_to, server.url.replace("127.0.0.1", "localhost"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError
    assert "Hostname mismatch" in str(error)


def test_a_server_without_tls(serve: Serve, send_to: SendTo) -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    server = serve([answer])
    error = failure(send_to, server.url.replace("http", "https"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError


@pytest.mark.parametrize("ahead", [False, True])
def test_certificates_that_cannot_be_loaded(ahead: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist.pem")
    with contextlib.closing(H11Client("https://127.0.0.1:9", LazySSLContext())) as direct:
        if ahead:
            direct.preconnect(TIMEOUTS)
        with pytest.raises(
            exceptions.InvalidConfigError, match="SSL_CERT_FILE: no certificates can"
        ):
            ask(direct)


# Connecting ahead


def test_a_connection_ahead_is_the_first_requests(
    serve: Serve, own_certificate: ssl.SSLContext
) -> None:
    server = serve([OK, OK], context=own_certificate)
    with contextlib.closing(H11Client(server.url, TRUSTING)) as direct:
        direct.preconnect(TIMEOUTS)
        # It waits for a while, in which a server's session tickets come.
        direct._connections._free[0]._preconnect_thread.join()  # type: ignore[union-attr]
        assert ask(direct).body == b"{}"
        assert ask(direct).body == b"{}"
    assert len(server.requests) == 2


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "farewell",
    [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    ids=["nothing", "408"],
)
def test_a_connection_ahead_that_has_been_closed_meanwhile(
    serve: Serve, own_certificate: ssl.SSLContext, farewell: bytes, encrypted: bool
) -> None:
    server = serve(farewell, [OK], context=own_certificate if encrypted else None)
    with contextlib.closing(H11Client(server.url, TRUSTING)) as direct:
        direct.preconnect(TIMEOUTS)
        assert server.closed[0].wait(5)
        assert ask(direct).body == b"{}"
    assert len(server.requests) == 1


def test_an_unexpected_failure_ahead_is_the_first_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(socket, "create_connection", fail)
    with contextlib.closing(H11Client("http://host.test", LazySSLContext())) as direct:
        direct.preconnect(TIMEOUTS)
        with pytest.raises(MemoryError):
            ask(direct)


def test_a_failure_ahead_is_the_first_requests(
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
    with contextlib.closing(H11Client(server.url, LazySSLContext())) as direct:
        direct.preconnect(TIMEOUTS)
        with pytest.raises(exceptions.EndpointConnectionError, match="Connection refused"):
            ask(direct)
        assert ask(direct).body == b"{}"
    assert len(attempts) == 2


def test_a_connection_ahead_is_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that does nothing before it is waited for is the slowest that there can be."""
    server = serve([OK])
    done: list[bool] = []

    class Slow(threading.Thread):
        def start(self) -> None:
            pass

        def join(self, timeout: float | None = None) -> None:
            self.run()
            done.append(True)

    with contextlib.closing(H11Client(server.url, LazySSLContext())) as direct:
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Thread", Slow)
            direct.preconnect(TIMEOUTS)
        assert ask(direct).body == b"{}"
    assert done == [True]
    assert server.counts == [1]


def test_where_there_can_be_no_thread(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve([OK])

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with contextlib.closing(H11Client(server.url, LazySSLContext())) as direct:
        direct.preconnect(TIMEOUTS)
        assert ask(direct).body == b"{}"


def test_closing_does_not_wait_for_a_connection_ahead(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([b""])
    real = socket.create_connection
    go_on = threading.Event()
    made: list[socket.socket] = []

    def connect(*arguments: Any) -> Any:
        assert go_on.wait(5)
        made.append(real(*arguments))
        return made[0]

    monkeypatch.setattr(socket, "create_connection", connect)
    direct = H11Client(server.url, LazySSLContext())
    direct.preconnect(TIMEOUTS)
    thread: Any = direct._connections._free[0]._preconnect_thread
    direct.close()
    assert thread.is_alive()
    go_on.set()
    thread.join(5)
    assert made[0].fileno() == -1, "what came about too late is closed"
    gc.collect()
