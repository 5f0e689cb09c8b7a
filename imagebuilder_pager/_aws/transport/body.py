"""A response, read within its limits.

The rule: it has at most 100 headers, and at most the call's limit of bytes before and after
decompression. Requests ask for no compression, but a proxy may still compress.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from ...exceptions import ConnectionClosedError, ResponseParserError
from .types import ReceivedResponse

#: The limit of boto3 and of Python's own HTTP client.
MAX_HEADERS = 100
_ZLIB_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class ResponseReader:
    """A response that arrives piece by piece.

    - ``status``: the HTTP status.
    - ``raw_headers``: names and values, as they were sent.
    - ``limit``: maximum bytes of the body.
    - ``is_decoded``: whether the chunks are decompressed already. Default: False.

    Raises :class:`ConnectionClosedError` for more than 100 headers, and
    :class:`ResponseParserError` for an encoding that cannot be decompressed.
    """

    def __init__(
        self,
        status: int,
        raw_headers: Sequence[tuple[bytes, bytes]],
        limit: int,
        *,
        is_decoded: bool = False,
    ) -> None:
        if len(raw_headers) > MAX_HEADERS:
            raise ConnectionClosedError(
                f"the response has {len(raw_headers):,} headers; allowed: {MAX_HEADERS}"
            )
        self._status = status
        self._headers = join_headers(raw_headers)
        encoding = self._headers.get("content-encoding", "").strip().lower()
        if is_decoded or encoding == "identity":
            encoding = ""
        if encoding and encoding not in _ZLIB_ENCODINGS:
            # A long value is not an encoding, and may be a secret.
            shown = repr(encoding) if len(encoding) < 8 else "something unknown"
            raise ResponseParserError(
                f"the response is compressed as {shown}, which was not asked for"
            )
        self._is_compressed = bool(encoding)
        self._limit = limit
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Add a chunk. Raises :class:`ResponseParserError` for more bytes than the limit."""
        self._body += chunk
        if len(self._body) > self._limit:
            raise self._size_error()

    def finish(self) -> ReceivedResponse:
        """Return the response with its whole body. Raises :class:`ResponseParserError`."""
        body = bytes(self._body)
        if self._is_compressed and body:
            body = self._decompress(body)
        return ReceivedResponse(self._status, self._headers, body)

    def _decompress(self, data: bytes) -> bytes:
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib
        try:
            body = inflate.decompress(data, self._limit + 1)
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
        return ResponseParserError(
            f"the response has more than {self._limit} bytes, the limit that max_response_bytes "
            "sets"
        )


def join_headers(raw_headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their names in lower case, values of the same name joined by commas.

    As in httpx, all are read as UTF-8, or all as ISO 8859-1 if one is not UTF-8.
    """
    try:
        decoded = [(name.decode(), value.decode()) for name, value in raw_headers]
    except UnicodeDecodeError:
        decoded = [(name.decode("iso-8859-1"), v.decode("iso-8859-1")) for name, v in raw_headers]
    headers: dict[str, str] = {}
    for raw_name, value in decoded:
        name = raw_name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
