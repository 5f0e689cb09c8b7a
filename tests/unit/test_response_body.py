"""A response's body is read within a limit, compressed or not."""

import gzip
import zlib

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.body import ResponseReader, join_headers


def read(*chunks: bytes, encoding: str = "", limit: int = 1000) -> bytes:
    """Return the body of a response."""
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
