"""A response's body: read within a limit, decompressed within the same limit."""

from __future__ import annotations

import zlib

from ...exceptions import ResponseParserError

_ZLIB_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class BodyReader:
    """The chunks of a body, collected, decompressed, and held to a limit of bytes.

    Requests ask for no compression, but a proxy may compress all the same. The limit holds for the
    decompressed body too, so that a small body cannot expand to a large one.

    ``encoding`` is the response's ``Content-Encoding``, "" for none. Raises
    :class:`ResponseParserError` for an encoding that cannot be decompressed.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding not in {"", "identity", *_ZLIB_ENCODINGS}:
            raise ResponseParserError(
                f"the response is compressed as {encoding[:40]!r}, which was not asked for"
            )
        self._compressed = encoding in _ZLIB_ENCODINGS
        self._limit = limit
        self._body = bytearray()
        self.limit_exceeded: bool = False

    def feed(self, chunk: bytes) -> None:
        """Add a chunk. Raises :class:`ResponseParserError` for more bytes than the limit."""
        self._body += chunk
        if len(self._body) > self._limit:
            raise self._size_error()

    def finish(self) -> bytes:
        """Return the whole body, decompressed. Raises :class:`ResponseParserError`."""
        if not self._compressed or not self._body:
            return bytes(self._body)
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # of either kind
        try:
            body = inflate.decompress(self._body, self._limit + 1)
        except zlib.error as error:
            raise ResponseParserError(f"the response cannot be decompressed: {error}") from error
        if len(body) > self._limit:
            raise self._size_error()
        if not inflate.eof:
            raise ResponseParserError(
                "the response ends within its compressed data", incomplete=True
            )
        return body

    def _size_error(self) -> ResponseParserError:
        self.limit_exceeded = True
        return ResponseParserError(
            f"the response has more than {self._limit} bytes, the limit that max_response_bytes "
            "sets"
        )
