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
from .fault import Fault

_HTML = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>This did not come from the service.</p></body></html>\n"
)
_SERVER_ERRORS = {500: "ServiceException", 503: "ServiceUnavailableException"}
#: The options of a fault that is an error, beside those that a test gives.
_ERRORS = {
    "throttle": {"message": "Rate exceeded"},
    "server-error": {"message": "The service cannot process the request now."},
    "expired-token": {"code": "InvalidPaginationTokenException", "message": EXPIRED},
    "expired-credentials": {
        "code": "ExpiredTokenException",
        "message": "The security token included in the request is expired",
    },
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
        # A proxy does not know the service's id of the request.
        is_of_service = others.get("content-type") == "application/json"
        kept = ("date", "x-amzn-requestid") if is_of_service else ("date",)
        headers = {name: headers[name] for name in kept} | others
    headers["content-length"] = str(len(body))
    return httpx.Response(status, headers=headers, stream=BodyStream(body))


def _make_response(fault: Fault, request: httpx.Request) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of a response of the service or of a proxy."""
    options: dict[str, Any] = {**dict(fault.options), **_ERRORS.get(fault.name, {})}
    wait = options.get("retry_after")
    headers = {} if wait is None else {"retry-after": str(wait)}
    status = options.get("status") or 200
    if fault.name == "redirect":
        # By default the same URL, so that the plan counts a client that follows the redirect.
        return status, b"", {"location": options["location"] or str(request.url)}
    if options.get("body") == "empty":
        return status, b"", headers
    if fault.name == "html" or options.get("body") == "html":
        title = "Sign in to this network" if fault.name == "html" else f"{status} Error"
        return status, _HTML.format(title=title).encode(), headers | {"content-type": "text/html"}
    headers["content-type"] = "application/json"
    if code := options.get("code") or _SERVER_ERRORS.get(status, ""):
        headers["x-amzn-errortype"] = code
    status = options.get("status") or HTTP_STATUS.get(code, 400)
    return status, json.dumps({"message": options["message"]}).encode(), headers


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
