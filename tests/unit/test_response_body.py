"""A response's body is read within a limit, compressed or not."""

import gzip
import zlib

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.body import BodyReader


def read(*chunks: bytes, encoding: str = "", limit: int = 1000) -> bytes | None:
    """Return the body, None where it has more bytes than the limit."""
    reader = BodyReader(encoding.strip().lower(), limit)
    try:
        for chunk in chunks:
            reader.feed(chunk)
        return reader.finish()
    except exceptions.ResponseParserError:
        if reader.limit_exceeded:
            return None
        raise


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
    reader = BodyReader("", 1000)
    reader.feed(b"x" * 500)
    with pytest.raises(exceptions.ResponseParserError, match="more than 1000 bytes"):
        reader.feed(b"x" * 501)
    assert reader.limit_exceeded


def test_a_small_body_that_expands_over_the_limit_is_none() -> None:
    compressed = gzip.compress(b"x" * 1_000_000)
    assert read(compressed, encoding="gzip", limit=2 * len(compressed)) is None
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
