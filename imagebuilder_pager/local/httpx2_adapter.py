"""Requests of httpx2, the continuation of httpx, served by a function for httpx.

httpx2 is not imported here: the program that sends such a request has imported it. The function can
read httpx2's requests; responses and errors are converted to httpx2's classes.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx


def serve_request(handler: Callable[[httpx.Request], httpx.Response], request: Any) -> Any:
    """Return the handler's response to a request of httpx or of httpx2.

    For one of httpx2, the response and the errors are httpx2's.
    """
    package: Any = sys.modules.get("httpx2")
    if package is None or not isinstance(request, package.Request):
        return handler(request)

    def convert(error: httpx.TransportError) -> Exception:
        error_class: Callable[..., Exception] = getattr(package, type(error).__name__)
        return error_class(str(error), request=request)

    try:
        response = handler(request)
    except httpx.TransportError as error:
        raise convert(error) from error

    def chunks(_: object) -> Iterator[bytes]:
        stream: Any = response.stream
        try:
            yield from stream
        except httpx.TransportError as error:
            raise convert(error) from error

    async def chunks_async(_: object) -> AsyncIterator[bytes]:
        for chunk in chunks(None):
            yield chunk

    # The base classes are known only here.
    bases = (package.SyncByteStream, package.AsyncByteStream)
    stream_class = type("_Stream", bases, {"__iter__": chunks, "__aiter__": chunks_async})
    return package.Response(
        response.status_code, headers=response.headers.raw, stream=stream_class()
    )
