"""The faults of the service and of proxies: another response in place of the original.

They are the same in process and on the wire.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import httpx

from ..errors import HTTP_STATUS
from .fault import Fault, OptionValue

ResponseFault = Callable[[Fault, httpx.Request, httpx.Response], httpx.Response]
"""Make the response of a fault from the fault, the request and the original response."""

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
    """A body that yields these pieces as they are, and then raises the error.

    httpx reads and decodes any other body when the response is created. An error in it would be
    raised in the service, and not in the client.
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


def read_body(response: httpx.Response) -> bytes:
    """Return the bytes of the body as they are on the wire, without decompressing them."""
    if isinstance(response.stream, httpx.SyncByteStream):
        return b"".join(response.stream)
    raise TypeError("the body of a response has to be bytes or a sync iterator, not an async one")


def _create_response(
    original: httpx.Response,
    status: int,
    body: bytes,
    *,
    from_service: bool = True,
    **headers: str | None,
) -> httpx.Response:
    """Create a response with the original's date and, if it is the service's, its request id."""
    kept = {
        name: value
        for name, value in original.headers.items()
        if name == "date" or (from_service and name == "x-amzn-requestid")
    }
    extra = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    length = {"Content-Length": str(len(body))}
    return httpx.Response(status, headers=kept | extra | length, stream=BodyStream(body))


def _create_error_response(
    original: httpx.Response, status: int, code: str | None, message: str, retry_after: OptionValue
) -> httpx.Response:
    return _create_response(
        original,
        status,
        json.dumps({"message": message}).encode(),
        Content_Type="application/json",
        x_amzn_ErrorType=code,
        Retry_After=_header_value(retry_after),
    )


def _header_value(value: OptionValue) -> str | None:
    return None if value is None else str(value)


def _throttle(fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    code = str(fault["code"])
    return _create_error_response(
        original, HTTP_STATUS[code], code, "Rate exceeded", fault["retry_after"]
    )


def _server_error(
    fault: Fault, _request: httpx.Request, original: httpx.Response
) -> httpx.Response:
    status = cast("int", fault["status"])
    if fault["body"] == "json":
        code, message = _SERVER_ERRORS[status]
        return _create_error_response(original, status, code, message, fault["retry_after"])
    body, content_type = b"", None
    if fault["body"] == "html":
        body, content_type = _HTML.format(title=f"{status} Error").encode(), "text/html"
    retry_after = _header_value(fault["retry_after"])
    return _create_response(
        original,
        status,
        body,
        from_service=False,
        Content_Type=content_type,
        Retry_After=retry_after,
    )


def _error(fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    code, message = str(fault["code"]), str(fault["message"])
    status = fault["status"] or HTTP_STATUS.get(code, 400)
    return _create_error_response(original, cast("int", status), code, message, None)


def _expired_token(
    _fault: Fault, _request: httpx.Request, original: httpx.Response
) -> httpx.Response:
    code = "InvalidPaginationTokenException"
    message = "You have provided an invalid pagination token in your request. It has expired."
    return _create_error_response(original, HTTP_STATUS[code], code, message, None)


def _expired_credentials(
    _fault: Fault, _request: httpx.Request, original: httpx.Response
) -> httpx.Response:
    code = "ExpiredTokenException"
    message = "The security token included in the request is expired"
    return _create_error_response(original, HTTP_STATUS[code], code, message, None)


def _redirect(fault: Fault, request: httpx.Request, original: httpx.Response) -> httpx.Response:
    # By default to the same URL: the plan then counts a client that follows the redirect.
    location = fault["location"] or str(request.url)
    return _create_response(
        original, cast("int", fault["status"]), b"", from_service=False, Location=str(location)
    )


def _html(_fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    body = _HTML.format(title="Sign in to this network").encode()
    return _create_response(original, 200, body, from_service=False, Content_Type="text/html")


def _replace_body(original: httpx.Response, body: bytes, **headers: str) -> httpx.Response:
    """Return the original response with another body."""
    changed = dict(original.headers) | {"content-length": str(len(body))} | headers
    return httpx.Response(original.status_code, headers=changed, stream=BodyStream(body))


def _wrong_json(fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    original_body = read_body(original)
    bodies = {"cut": original_body[: len(original_body) // 2], "list": b"[]", "empty": b""}
    return _replace_body(original, bodies[str(fault["how"])])


def _wrong_type(fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    page = json.loads(read_body(original))
    given = fault["member"]
    path = _default_member(page) if given is None else str(given).split(".")
    members = _replace_member(page, path, fault["value"])
    return _replace_body(original, json.dumps(members, separators=(",", ":")).encode())


def _default_member(page: dict[str, Any]) -> list[str]:
    """Return the path of the first item's ``resourceId``, of the first item, or of a member."""
    for name, value in page.items():
        if isinstance(value, list) and value:
            has_id = isinstance(value[0], dict) and "resourceId" in value[0]
            return [name, "0", *(["resourceId"] if has_id else [])]
    return [next(iter(page), "message")]


def _replace_member(node: Any, path: list[str], value: Any) -> Any:
    """Return the node with the value at the path, or where the path leaves the node."""
    if not path:
        return value
    first, *rest = path
    if isinstance(node, dict):
        return node | {first: _replace_member(node[first], rest, value) if first in node else value}
    if isinstance(node, list) and first.isdecimal() and int(first) < len(node):
        index = int(first)
        return [*node[:index], _replace_member(node[index], rest, value), *node[index + 1 :]]
    return value


def _broken_gzip(fault: Fault, _request: httpx.Request, original: httpx.Response) -> httpx.Response:
    body = gzip.compress(read_body(original), mtime=0)
    # No deflate block begins with 0xff, so every decoder fails right after the header.
    header = 10
    broken = {
        "damaged": body[:header] + b"\xff" * (len(body) - header),
        "cut": body[: len(body) // 2],
    }
    return _replace_body(original, broken[str(fault["how"])], **{"content-encoding": "gzip"})


RESPONSE_FAULTS: dict[str, ResponseFault] = {
    "throttle": _throttle,
    "server-error": _server_error,
    "expired-token": _expired_token,
    "expired-credentials": _expired_credentials,
    "error": _error,
    "redirect": _redirect,
    "html": _html,
    "wrong-json": _wrong_json,
    "wrong-type": _wrong_type,
    "broken-gzip": _broken_gzip,
}
"""The function of each fault that replaces the response."""
