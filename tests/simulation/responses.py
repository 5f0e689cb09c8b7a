"""The responses of the simulated service: their bytes, and which bytes are the body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

#: The token of the second page. The service accepts any token for it.
TOKEN = "t"
#: The listing: two pages of one item.
PAGES: tuple[dict[str, Any], ...] = (
    {"resources": [{"resourceId": "r1"}], "nextToken": TOKEN},
    {"resources": [{"resourceId": "r2"}]},
)
#: An interim response, which precedes the final one.
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


class Response:
    """A response as its sent bytes, in pieces, each with whether it belongs to the body.

    ``closes`` says whether the end of the connection is the end of the body.
    """

    def __init__(self, *pieces: tuple[bytes, bool], closes: bool = False) -> None:
        self.parts = tuple(data for data, _ in pieces if data)
        self.data = b"".join(self.parts)
        self.body = b"".join(data for data, is_body in pieces if is_body)
        self.closes = closes
        self._body_offsets: dict[int, int] = {}
        offset = 0
        for data, is_body in pieces:
            if is_body:
                first = len(self._body_offsets)
                self._body_offsets |= {offset + n: first + n for n in range(len(data))}
            offset += len(data)

    def hides_another(self, byte: int) -> bool:
        """Return whether another response, inserted at a byte of the stream, could be valid.

        It could be where a response begins; and where its status line becomes part of a text
        without a meaning: the response's reason, or the value of a header.
        """
        before = self.data[:byte].removeprefix(HINT)
        if not before or re.fullmatch(rb"HTTP/1.1 2\d\d [^\r\n]*", before):
            return True
        line = before.rpartition(b"\n")[2]
        name, has_value, _ = line.partition(b":")
        is_head = b"\r\n\r\n" not in before and name not in {
            b"Content-Length",
            b"Transfer-Encoding",
        }
        return bool(is_head and has_value)

    def body_with(self, byte: int, value: int) -> bytes:
        """Return the body after the change of a byte of the stream, in the body or outside."""
        offset = self._body_offsets.get(byte)
        if offset is None:
            return self.body
        return self.body[:offset] + bytes([value]) + self.body[offset + 1 :]


Framing = Callable[[str, Mapping[str, str], bytes], Response]


def _head(status: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _with_content_length(status: str, headers: Mapping[str, str], body: bytes) -> Response:
    head = _head(status, {**headers, "Content-Length": str(len(body))})
    return Response((head, False), (body, True))


def _chunked(status: str, headers: Mapping[str, str], body: bytes) -> Response:
    first, second = body[:16], body[16:]
    pieces = [(_head(status, {**headers, "Transfer-Encoding": "chunked"}), False)]
    for chunk, extension in ((first, b";x=y"), (second, b"")):
        if chunk:
            pieces += [
                (b"%x%s\r\n" % (len(chunk), extension), False),
                (chunk, True),
                (b"\r\n", False),
            ]
    return Response(*pieces, (b"0\r\nX-T: v\r\n\r\n", False))


def _after_a_hint(status: str, headers: Mapping[str, str], body: bytes) -> Response:
    head = _head(status, {**headers, "Content-Length": str(len(body))})
    return Response((HINT, False), (head, False), (body, True))


def _until_the_end(status: str, headers: Mapping[str, str], body: bytes) -> Response:
    head = _head(status, {**headers, "Connection": "close"})
    return Response((head, False), (body, True), closes=True)


FRAMINGS: Mapping[str, Framing] = {
    "chunked": _chunked,
    "content-length": _with_content_length,
    "interim response": _after_a_hint,
    "until the connection ends": _until_the_end,
}

_ERROR = b'{"message":"no"}'
#: The responses to the attempts at the second page, before the page; and whether the last response
#: is repeated for ever.
Scenario = tuple[tuple[tuple[str, Mapping[str, str], bytes], ...], bool]
SCENARIOS: Mapping[str, Scenario] = {
    "two pages": ((), False),
    "a modelled error": (
        (("400 Bad", {"x-amzn-ErrorType": "InvalidRequestException"}, _ERROR),),
        True,
    ),
    "a 500, then the page": ((("500 Bad", {}, _ERROR),), False),
    "a 429, then the page": ((("429 Slow", {"Retry-After": "1"}, _ERROR),), False),
    "an error with status 200": ((("200 OK", {}, _ERROR),), True),
    "HTML": ((("200 OK", {"Content-Type": "text/html"}, b"<html>hello</html>"),), True),
}

#: A whole response to no request: a page like the service's.
SURPLUS = _with_content_length(
    "200 OK", {}, json.dumps({"resources": [{"resourceId": "surplus"}]}).encode()
).data
