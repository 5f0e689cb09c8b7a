"""The faults of the service and of proxies: another response in place of the original.

The rule: a fault is the same in process and on the wire.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from ..errors import HTTP_STATUS
from ..tokens import EXPIRED
from .fault import Fault, OptionValue

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
#: The code and the message of an error; None: the fault's option has the code.
_ERRORS: dict[str, tuple[str | None, str]] = {
    "throttle": (None, "Rate exceeded"),
    "expired-token": (
        "InvalidPaginationTokenException",
        EXPIRED,
    ),
    "expired-credentials": (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    ),
}


class BodyStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that yields these bytes as they are, and then raises the error.

    httpx reads and decodes any other body when the response is created: the service would raise the
    body's error, not the client.
    """

    def __init__(self, body: bytes, error: Exception | None = None) -> None:
        self._body = body
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def read_body(response: httpx.Response) -> bytes:
    """Return the bytes of the body as on the wire, without decompressing them."""
    if isinstance(response.stream, httpx.SyncByteStream):
        return b"".join(response.stream)
    raise TypeError("the body of a response has to be bytes or a sync iterator, not an async one")


def replace_response(
    fault: Fault, request: httpx.Request, original: httpx.Response
) -> httpx.Response:
    """Return the response of a fault in place of the original."""
    headers = dict(original.headers)
    if (change_body := _BODY_CHANGES.get(fault.name)) is not None:
        status, body = original.status_code, change_body(fault, read_body(original))
        if fault.name == "broken-gzip":
            headers["content-encoding"] = "gzip"
    else:
        status, body, others = _make_response(fault, request)
        others["retry-after"] = dict(fault.options).get("retry_after")
        # A proxy does not know the service's id of the request.
        kept = ("date", "x-amzn-requestid") if "x-amzn-errortype" in others else ("date",)
        headers = {name: headers[name] for name in kept if name in headers}
        headers |= {name: str(value) for name, value in others.items() if value is not None}
    headers["content-length"] = str(len(body))
    return httpx.Response(status, headers=headers, stream=BodyStream(body))


def _make_response(
    fault: Fault, request: httpx.Request
) -> tuple[int, bytes, dict[str, OptionValue]]:
    """Return status, body and headers of a response of the service or of a proxy."""
    options: dict[str, Any] = dict(fault.options)
    if fault.name in _ERRORS:
        code, message = _ERRORS[fault.name]
        code = code or options["code"]
        return _make_error(HTTP_STATUS[code], code, message)
    if fault.name == "error":
        code = options["code"]
        status = options["status"] or HTTP_STATUS.get(code, 400)
        return _make_error(status, code, options["message"])
    status = options.get("status", 200)
    if fault.name == "redirect":
        # By default the same URL, so that the plan counts a client that follows the redirect.
        return status, b"", {"location": options["location"] or str(request.url)}
    if options.get("body") == "json":
        return _make_error(status, *_SERVER_ERRORS[status])
    if options.get("body") == "empty":
        return status, b"", {}
    title = "Sign in to this network" if fault.name == "html" else f"{status} Error"
    return status, _HTML.format(title=title).encode(), {"content-type": "text/html"}


def _make_error(
    status: int, code: str | None, message: str
) -> tuple[int, bytes, dict[str, OptionValue]]:
    headers: dict[str, OptionValue] = {"content-type": "application/json", "x-amzn-errortype": code}
    return status, json.dumps({"message": message}).encode(), headers


def _cut_or_replace(fault: Fault, body: bytes) -> bytes:
    bodies = {"cut": body[: len(body) // 2], "list": b"[]", "empty": b""}
    return bodies[str(fault["how"])]


def _replace_value(fault: Fault, body: bytes) -> bytes:
    page = json.loads(body)
    given = fault["member"]
    path = _default_member(page) if given is None else str(given).split(".")
    return json.dumps(_replace_member(page, path, fault["value"]), separators=(",", ":")).encode()


def _default_member(page: dict[str, Any]) -> list[str]:
    """Return the path of the first item's ``resourceId``, of the first item, or of a member."""
    for name, value in page.items():
        if isinstance(value, list) and value:
            has_id = isinstance(value[0], dict) and "resourceId" in value[0]
            return [name, "0", *(["resourceId"] if has_id else [])]
    return [next(iter(page), "message")]


def _replace_member(node: Any, path: list[str], value: Any) -> Any:
    """Return the node with the value at the path, or at the part of the path that exists."""
    if not path:
        return value
    first, *rest = path
    if isinstance(node, dict):
        return node | {first: _replace_member(node[first], rest, value) if first in node else value}
    if isinstance(node, list) and first.isdecimal() and int(first) < len(node):
        index = int(first)
        return [*node[:index], _replace_member(node[index], rest, value), *node[index + 1 :]]
    return value


def _damage_gzip(fault: Fault, body: bytes) -> bytes:
    compressed = gzip.compress(body, mtime=0)
    if fault["how"] == "cut":
        return compressed[: len(compressed) // 2]
    # No deflate block begins with 0xff, so every decoder fails right after the header.
    header = 10
    return compressed[:header] + b"\xff" * (len(compressed) - header)


_BODY_CHANGES: dict[str, Callable[[Fault, bytes], bytes]] = {
    "wrong-json": _cut_or_replace,
    "wrong-type": _replace_value,
    "broken-gzip": _damage_gzip,
}
