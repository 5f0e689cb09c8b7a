"""Every way to send: the sent request, and responses in each form of HTTP."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.body import ResponseReader, join_headers
from tests.fakes.accounts import PATH
from tests.fakes.networks import FakeNetwork, FakeStream
from tests.fakes.servers import OK
from tests.fakes.transports import KINDS, Sender, SendTo, Serve, TransportKind, error_of


def test_a_request_has_its_headers_and_body(serve: Serve, send_to: SendTo) -> None:
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
    names = ("accept-encoding", "authorization", "content-length", "host", "user-agent")
    assert sorted(line.partition(":")[0] for line in lines) == [*names, "x-amz-date"]


@pytest.mark.parametrize("path", ["", "/", "/base", "/two/levels", "/a%20b", "/a%2Fb", "/a//b"])
def test_the_path_of_the_endpoint_precedes_the_operations(
    serve: Serve, send_to: SendTo, path: str
) -> None:
    server = serve([OK])
    send_to(server.url + path)
    prefix = path.rstrip("/").encode()
    assert server.requests[0].startswith(b"POST " + prefix + PATH.encode() + b" HTTP/1.1\r\n")


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;extension=x\r\n}\r\n0\r\n"
)


@pytest.mark.parametrize(
    "response",
    [
        OK,
        CHUNKED + b"\r\n",
        CHUNKED + b"Trailer: x\r\nAnother: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    ],
    ids=["length", "chunks", "trailers", "informational", "no reason", "line feeds alone"],
)
def test_a_connection_is_reused_after_a_response_that_ends_by_itself(
    serve: Serve, send_to: SendTo, response: bytes
) -> None:
    """For the default, only with Content-Length."""
    is_reused = send_to.kind.is_h11 or b"chunked" not in response
    server = serve([response, response, OK] if is_reused else [response], [response], [OK])
    for _ in range(3):
        received = send_to(server.url)
        assert (received.status, received.body) == (200, b"{}")
        assert "link" not in received.headers
    assert server.counts == ([3] if is_reused else [1, 1, 1])


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        OK + b"x",
        OK,
    ],
    ids=["connection: close", "no length", "1.0", "1.0, no length", "a byte", "closed while idle"],
)
def test_a_connection_that_has_ended_or_brought_more_is_not_reused(
    serve: Serve, send_to: SendTo, response: bytes
) -> None:
    server = serve([response], [OK])
    assert send_to(server.url).body == b"{}"
    assert server.closed[0].wait(5)
    assert send_to(server.url).body == b"{}"
    assert server.counts == [1, 1]


SURPLUSES = {
    "a page": OK.replace(b"{}", b"[]"),
    "an error": b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\n",
    "a line break": b"\r\n",
}


@pytest.mark.parametrize(
    "response",
    [OK, OK.replace(b"200 OK", b"400 Bad"), CHUNKED + b"\r\n"],
    ids=["a page", "an error", "chunks"],
)
@pytest.mark.parametrize("surplus", SURPLUSES)
@pytest.mark.parametrize("is_late", [False, True], ids=["in one segment", "while idle"])
def test_bytes_after_a_response_are_not_the_next_response(
    kind: TransportKind, response: bytes, surplus: str, is_late: bool
) -> None:
    more = SURPLUSES[surplus]
    sent = response if is_late else response + more
    network = FakeNetwork(lambda: FakeStream(sent, 1000, ends=False))
    with Sender(kind, network=network) as sender:
        for _ in range(2):
            assert sender.send("http://host.test").body == b"{}"
            if is_late:
                network.streams[-1].receive(more)
    assert len(network.streams) == 2
    assert all(stream.is_closed for stream in network.streams)


EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


@pytest.mark.parametrize(
    "head",
    [
        *(b"HTTP/1.1 %d Status" % status for status in (204, 304)),
        *(b"HTTP/%s 103 Early Hints" % version for version in (b"0.9", b"1.2", b"1.9", b"2.0")),
    ],
    ids=ascii,
)
def test_a_response_behind_one_without_a_body_is_not_the_next_one(
    serve: Serve, send_to: SendTo, head: bytes
) -> None:
    """Its length announces a body, and that contains another response."""
    hidden = OK + EVIL if b"103" in head else EVIL
    response = head + b"\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
    server = serve([response, OK], [OK], [OK])
    bodies = []
    for _ in range(3):
        with contextlib.suppress(exceptions.HTTPClientError):
            bodies.append(send_to(server.url).body)
    assert b"evil" not in bodies
    assert bodies[-1] == b"{}"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body(serve: Serve, send_to: SendTo, status: int) -> None:
    response = b"HTTP/1.1 %d Status\r\n\r\n" % status
    server = serve([response, OK] if send_to.kind.is_h11 else [response], [OK])
    received = send_to(server.url)
    assert (received.status, received.body) == (status, b"")
    assert send_to(server.url).body == b"{}"
    assert sum(server.counts) == 2


def test_repeated_headers_are_joined_and_those_beyond_ascii_are_decoded(
    serve: Serve, send_to: SendTo
) -> None:
    server = serve(
        [
            b"HTTP/1.1 418 Teapot\r\nX-A: 1\r\nx-b: \xe9\r\nX-A:  2 \r\n"
            b"Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n"
        ]
    )
    received = send_to(server.url)
    assert received.status == 418
    assert received.headers == {
        "x-a": "1, 2",
        "x-b": "\xe9",
        "content-length": "0",
        "content-encoding": "gzip",
    }


@pytest.mark.parametrize("count", [100, 101, 9000])
def test_more_headers_than_boto3_reads_are_an_error(send_to: SendTo, count: int) -> None:
    head = b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n{}"
    network = FakeNetwork(lambda: FakeStream(head, len(head)))
    if count == 100:
        assert send_to("http://host.test", network=network).body == b"{}"
    else:
        error = error_of(send_to, "http://host.test", network=network)
        assert type(error) is exceptions.ConnectionClosedError
        assert f"{count:,} headers; allowed: 100" in str(error)


def test_large_bodies_are_sent_and_come_whole(serve: Serve, send_to: SendTo) -> None:
    body = bytes(range(256)) * 8192
    server = serve([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body, OK])
    content = body * 4  # more than the system takes at once
    assert send_to(server.url, content=content).body == body
    assert server.requests[0].endswith(b"\r\n\r\n" + content)
    assert send_to(server.url).body == b"{}"
    assert server.counts == [2]


INCOMPLETE = {
    "nothing": b"",
    "an informational one alone": b"HTTP/1.1 100 Continue\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "no end of the trailers": CHUNKED,
    "half of the trailers": CHUNKED + b"Trailer: x\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
}


@pytest.mark.parametrize("response", INCOMPLETE.values(), ids=INCOMPLETE)
def test_an_incomplete_response(serve: Serve, send_to: SendTo, response: bytes) -> None:
    server = serve([response], [OK])
    error = error_of(send_to, server.url)
    assert type(error) is exceptions.ConnectionClosedError
    assert error.__cause__ is not None
    assert send_to(server.url).body == b"{}", "the first connection is not reused"


def test_the_size_of_a_response_head_is_limited(send_to: SendTo) -> None:
    def network_with(size: int) -> FakeNetwork:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + b"x" * size + b"\r\n\r\n{}"
        return FakeNetwork(lambda: FakeStream(head, 1000, ends=False))

    assert send_to("http://small.test", network=network_with(99 * 1024)).body == b"{}"
    error = error_of(send_to, "http://large.test", network=network_with(200 * 1024))
    assert type(error) is exceptions.ConnectionClosedError


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}", 413),
        (b"", exceptions.ConnectionClosedError),
        (b"HTTP/1.1 4", exceptions.ConnectionClosedError),
    ],
)
def test_a_connection_that_breaks_within_the_request(
    send_to: SendTo, response: bytes, expected: object
) -> None:
    broken = BrokenPipeError(32, "Broken pipe")
    network = FakeNetwork(lambda: FakeStream(response, write_error=broken))
    for _ in range(2):
        try:
            found: object = send_to("http://host.test", network=network).status
        except exceptions.HTTPClientError as error:
            found = type(error)
        assert found == expected
    assert len(network.streams) == 2, "the connection is not reused"


def test_a_connection_is_not_reused_after_a_body_that_is_too_large(
    serve: Serve, send_to: SendTo
) -> None:
    server = serve([OK, OK], [OK])
    with pytest.raises(exceptions.ResponseParserError, match="more than 1 bytes"):
        send_to(server.url, max_response_bytes=1)
    assert send_to(server.url).body == b"{}"
    assert server.counts == [1, 1]


def test_a_connection_that_was_idle_for_long_is_not_reused(serve: Serve, send_to: SendTo) -> None:
    now = [0.0]

    def monotonic() -> float:
        return now[0]

    server = serve([OK, OK, OK], [OK])
    for now[0] in (0.0, 5.0, 10.1):
        assert send_to(server.url, monotonic=monotonic).body == b"{}"
    assert server.closed[0].wait(5)
    assert server.counts == [2, 1]


def test_h11_calls_on_sent_once_the_request_is_sent(send_to: SendTo) -> None:
    whole: list[bool] = []

    def on_sent() -> None:
        (stream,) = network.streams
        whole.append(stream.written.endswith(b'{"a": 1}'))
        assert not [wait for wait in stream.waits if wait[0] == "read"]

    network = FakeNetwork(lambda: FakeStream(OK))
    assert send_to("http://host.test", on_sent=on_sent, network=network).body == b"{}"
    assert whole == ([True] if send_to.kind.is_h11 else [])


HEAD_PARTS = st.sampled_from(
    [
        *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"100", b"101", b"304", b"999", b" OK"),
        *(b"\r\n", b"\n"),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"X: ", b": "),
        *(b"0", b"1", b"2\r\n{}\r\n0\r\n\r\n", b"-1", b"9" * 30, b"f" * 20, b"{}"),
    ]
)


@pytest.mark.parametrize("kind", KINDS[:2], ids=str)
@given(
    st.lists(HEAD_PARTS | st.binary(max_size=5), max_size=25).map(b"".join)
    | st.tuples(st.integers(0, len(OK)), st.binary(max_size=4)).map(
        lambda change: OK[: change[0]] + change[1] + OK[change[0] + len(change[1]) :]
    ),
    st.integers(1, 200),
)
@example(OK, 1)
@example(b"HTTP/1.1 200 OK\r\n\r\n", 200)
def test_any_bytes_are_a_response_or_an_error_of_the_library(
    kind: TransportKind, response: bytes, size: int
) -> None:
    network = FakeNetwork(lambda: FakeStream(response, size))
    with (
        Sender(kind, network=network) as sender,
        contextlib.suppress(exceptions.ConnectionClosedError),
    ):
        assert 200 <= sender.send("http://host.test").status <= 999
    assert all(stream.is_closed for stream in network.streams)


# The body and the headers, without a network


def read(*chunks: bytes, encoding: str = "", limit: int = 1000) -> bytes:
    headers = [(b"Content-Encoding", encoding.encode())] if encoding else []
    reader = ResponseReader(200, headers, limit)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish().body


@pytest.mark.parametrize(
    ("chunks", "encoding", "body"),
    [
        ((), "", b""),
        ((b"some", b" bytes"), "", b"some bytes"),
        ((b"some bytes",), "identity", b"some bytes"),
        ((gzip.compress(b"some bytes"),), "gzip", b"some bytes"),
        ((gzip.compress(b"some bytes"),), " X-GZip ", b"some bytes"),
        ((zlib.compress(b"some bytes"),), "deflate", b"some bytes"),
        ((), "gzip", b""),
    ],
    ids=["empty", "chunks", "identity", "gzip", "x-gzip", "deflate", "empty gzip"],
)
def test_a_body_is_collected_and_decompressed(
    chunks: tuple[bytes, ...], encoding: str, body: bytes
) -> None:
    assert read(*chunks, encoding=encoding) == body


def test_a_body_over_the_limit_is_refused_at_the_chunk_that_exceeds_it() -> None:
    assert read(b"x" * 500, b"x" * 500) == b"x" * 1000
    reader = ResponseReader(200, [], 1000)
    reader.feed(b"x" * 500)
    with pytest.raises(exceptions.ResponseParserError, match="more than 1000 bytes"):
        reader.feed(b"x" * 501)


def test_a_small_body_that_expands_over_the_limit_is_refused() -> None:
    compressed = gzip.compress(b"x" * 1_000_000)
    with pytest.raises(exceptions.ResponseParserError, match="more than"):
        read(compressed, encoding="gzip", limit=2 * len(compressed))
    assert read(compressed, encoding="gzip", limit=1_000_000) == b"x" * 1_000_000


@pytest.mark.parametrize(
    ("chunk", "encoding", "message", "incomplete"),
    [
        (b"not gzip", "gzip", "cannot be decompressed", False),
        (gzip.compress(b"some bytes")[:-4], "gzip", "ends within its compressed data", True),
        (b"some bytes", "br", "compressed as 'br', which was not asked for", False),
    ],
    ids=["corrupt", "cut off", "unknown encoding"],
)
def test_a_body_that_cannot_be_decompressed_is_an_error(
    chunk: bytes, encoding: str, message: str, incomplete: bool
) -> None:
    with pytest.raises(exceptions.ResponseParserError, match=message) as caught:
        read(chunk, encoding=encoding)
    assert caught.value.incomplete is incomplete


def test_headers_of_one_name_are_joined_in_their_order() -> None:
    raw = [(b"X-A", b"1"), (b"b", b"2"), (b"x-a", b"3"), (b"X-a", b"")]
    assert join_headers(raw) == {"x-a": "1, 3, ", "b": "2"}


def test_headers_are_all_latin_1_if_one_of_them_is_not_utf_8() -> None:
    assert join_headers([(b"a", b"\xc3\xa9")]) == {"a": "\xe9"}
    assert join_headers([(b"a", b"\xc3\xa9"), (b"b", b"\xe9")]) == {"a": "\xc3\xa9", "b": "\xe9"}
