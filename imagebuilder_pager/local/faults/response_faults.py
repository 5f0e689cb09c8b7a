"""The faults of the service and of what stands before it: another answer in place of the true one.

These look the same in process and on the wire.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import httpx

from ..errors import HTTP_STATUS
from .fault import Fault, OptionValue

__all__ = ["ANSWERS", "BodyStream", "body_of"]


Answer = Callable[[Fault, httpx.Request, httpx.Response], httpx.Response]

_HTML = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>This did not come from the service.</p></body></html>\n"
)
_SERVER_ERRORS: dict[int, tuple[str | None, str]] = {
    500: ("ServiceException", "The service has met an error."),
    502: (None, "Bad Gateway"),
    503: ("ServiceUnavailableException", "The service cannot process the request now."),
    504: (None, "Gateway Timeout"),
}


class BodyStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes as it is: in these pieces, with this error at its end.

    httpx reads and decodes other bodies when the response is made, where an error in them would
    be the service's and not the client's.
    """

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def body_of(response: httpx.Response) -> bytes:
    """The bytes of the body as they are sent, compressed if they are."""
    if isinstance(response.stream, httpx.SyncByteStream):
        return b"".join(response.stream)
    raise TypeError("the body of an answer has to be there, or be an iterator that is not async")


def _answer(
    true: httpx.Response,
    status: int,
    body: bytes,
    *,
    of_service: bool = True,
    **headers: str | None,
) -> httpx.Response:
    """An answer at the time of the true one, with its request id if it is the service's own."""
    kept = {
        name: value
        for name, value in true.headers.items()
        if name == "date" or (of_service and name == "x-amzn-requestid")
    }
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    length = {"Content-Length": str(len(body))}
    return httpx.Response(status, headers=kept | given | length, stream=BodyStream(body))


def _client_error(
    true: httpx.Response, status: int, code: str | None, message: str, retry_after: OptionValue
) -> httpx.Response:
    return _answer(
        true,
        status,
        json.dumps({"message": message}).encode(),
        Content_Type="application/json",
        x_amzn_ErrorType=code,
        Retry_After=_text(retry_after),
    )


def _text(value: OptionValue) -> str | None:
    return None if value is None else str(value)


def _throttle(fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    code = str(fault["code"])
    return _client_error(true, HTTP_STATUS[code], code, "Rate exceeded", fault["retry_after"])


def _server_error(fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    status = cast("int", fault["status"])
    if fault["body"] == "json":
        code, message = _SERVER_ERRORS[status]
        return _client_error(true, status, code, message, fault["retry_after"])
    body, kind = b"", None
    if fault["body"] == "html":
        body, kind = _HTML.format(title=f"{status} Error").encode(), "text/html"
    retry_after = _text(fault["retry_after"])
    return _answer(true, status, body, of_service=False, Content_Type=kind, Retry_After=retry_after)


def _expired_token(_fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    code = "InvalidPaginationTokenException"
    message = "You have provided an invalid pagination token in your request. It has expired."
    return _client_error(true, HTTP_STATUS[code], code, message, None)


def _expired_key(_fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    code = "ExpiredTokenException"
    message = "The security token included in the request is expired"
    return _client_error(true, HTTP_STATUS[code], code, message, None)


def _redirect(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    # By default it leads back to where it was sent: a client that follows it is then counted.
    location = fault["location"] or str(request.url)
    return _answer(
        true, cast("int", fault["status"]), b"", of_service=False, Location=str(location)
    )


def _html(_fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    body = _HTML.format(title="Sign in to this network").encode()
    return _answer(true, 200, body, of_service=False, Content_Type="text/html")


def _with_body(true: httpx.Response, body: bytes, **headers: str) -> httpx.Response:
    """The true answer, but for its body."""
    changed = dict(true.headers) | {"content-length": str(len(body))} | headers
    return httpx.Response(true.status_code, headers=changed, stream=BodyStream(body))


def _wrong_json(fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    whole = body_of(true)
    bodies = {"cut": whole[: len(whole) // 2], "list": b"[]", "empty": b""}
    return _with_body(true, bodies[str(fault["how"])])


def _wrong_type(fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    path = str(fault["member"]).split(".")
    members = _put(json.loads(body_of(true)), path, fault["value"])
    return _with_body(true, json.dumps(members, separators=(",", ":")).encode())


def _put(node: Any, path: list[str], value: Any) -> Any:
    """The node with the value at the path, or as near to it as the node goes."""
    if not path:
        return value
    first, *rest = path
    if isinstance(node, dict):
        return node | {first: _put(node[first], rest, value) if first in node else value}
    if isinstance(node, list) and first.isdecimal() and int(first) < len(node):
        index = int(first)
        return [*node[:index], _put(node[index], rest, value), *node[index + 1 :]]
    return value


def _broken_gzip(fault: Fault, _request: httpx.Request, true: httpx.Response) -> httpx.Response:
    body = gzip.compress(body_of(true), mtime=0)
    # Deflate has no block that begins with set bits alone, so no decoder gets past the header.
    header = 10
    broken = {
        "damaged": body[:header] + b"\xff" * (len(body) - header),
        "cut": body[: len(body) // 2],
    }
    return _with_body(true, broken[str(fault["how"])], **{"content-encoding": "gzip"})


ANSWERS: dict[str, Answer] = {
    "throttle": _throttle,
    "server-error": _server_error,
    "expired-token": _expired_token,
    "expired-key": _expired_key,
    "redirect": _redirect,
    "html": _html,
    "wrong-json": _wrong_json,
    "wrong-type": _wrong_type,
    "broken-gzip": _broken_gzip,
}
"""What makes the answer, for each fault that is one."""
