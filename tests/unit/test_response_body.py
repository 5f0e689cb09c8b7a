"""A response's body is read within a limit, compressed or not."""

import gzip
import zlib
from collections.abc import Iterator

import httpx
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.aws.transport.body import read_body


class Chunks(httpx.SyncByteStream):
    """A body in chunks, of which it counts those that are read."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.read_count = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read_count += 1
            yield chunk


def read(*chunks: bytes, encoding: str | None = None, limit: int = 1000) -> bytes | None:
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    return read_body(httpx.Response(200, headers=headers, stream=Chunks(*chunks)), limit)


@pytest.mark.parametrize(
    ("chunks", "encoding", "body"),
    [
        ((), None, b""),
        ((b"some", b" bytes"), None, b"some bytes"),
        ((b"some bytes",), "identity", b"some bytes"),
        ((gzip.compress(b"some bytes"),), "gzip", b"some bytes"),
        ((gzip.compress(b"some bytes"),), " X-GZip ", b"some bytes"),
        ((zlib.compress(b"some bytes"),), "deflate", b"some bytes"),
        ((), "gzip", b""),
    ],
    ids=["empty", "chunks", "identity", "gzip", "x-gzip", "deflate", "empty gzip"],
)
def test_a_body_is_collected_and_decompressed(
    chunks: tuple[bytes, ...], encoding: str | None, body: bytes
) -> None:
    assert read(*chunks, encoding=encoding) == body


def test_a_body_over_the_limit_is_none_and_the_rest_of_it_is_not_read() -> None:
    assert read(b"x" * 500, b"x" * 500) == b"x" * 1000
    stream = Chunks(b"x" * 500, b"x" * 501, b"x")
    assert read_body(httpx.Response(200, stream=stream), 1000) is None
    assert stream.read_count == 2


def test_a_small_body_that_expands_over_the_limit_is_none() -> None:
    compressed = gzip.compress(b"x" * 1_000_000)
    assert read(compressed, encoding="gzip", limit=2 * len(compressed)) is None
    assert read(compressed, encoding="gzip", limit=1_000_000) == b"x" * 1_000_000


@pytest.mark.parametrize(
    ("chunk", "encoding", "message", "cut_off"),
    [
        (b"not gzip", "gzip", "cannot be decompressed", False),
        (gzip.compress(b"some bytes")[:-4], "gzip", "ends within its compressed data", True),
        (b"some bytes", "br", "compressed as 'br', which was not asked for", False),
    ],
    ids=["corrupt", "cut off", "unknown encoding"],
)
def test_a_body_that_cannot_be_decompressed_is_an_error(
    chunk: bytes, encoding: str, message: str, cut_off: bool
) -> None:
    with pytest.raises(exceptions.ResponseParserError, match=message) as caught:
        read(chunk, encoding=encoding)
    assert caught.value.cut_off is cut_off
