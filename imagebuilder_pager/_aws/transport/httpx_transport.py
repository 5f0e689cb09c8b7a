"""The default transports: httpx's, each with one connection, in a pool of our own.

The rule: every request passes through ``httpx.HTTPTransport.handle_request`` and httpcore's pool
below it, so mocks and instrumentation that patch these work. httpx's client is bypassed, with its
proxies, cookies, redirects and hooks.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import httpcore
import httpx

from ...exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
)
from ..auth.botocore_sigv4 import botocore_sigv4_header
from ..config.tls import LazySSLContext
from .body import ResponseReader
from .errors import map_transport_error
from .httpx_connection import HttpcoreBackend, HttpxConnection
from .network import NetworkBackend, SocketBackend
from .pool import KEEPALIVE_EXPIRY, MAX_CONNECTIONS, ConnectionPool, PooledTransport
from .sync_pool import SyncPooledTransport
from .types import DEFAULT_TIMEOUTS, HTTPRequest, Origin, ReceivedResponse

BackendT = TypeVar("BackendT")


class BaseHttpxTransport(PooledTransport[HttpxConnection], Generic[BackendT]):
    """The common part of both transports: their arguments, and building requests.

    - ``verify``: the certificates to verify against. Default: certifi's certificates.
    - ``max_connections``: maximum open connections; further requests wait. Default: 10.
    - ``network_backend``: the backend that connects, for tests. Default: the system's sockets.
    - ``monotonic``: a function that returns seconds, for tests. Default: ``time.monotonic``.
    """

    timeouts = DEFAULT_TIMEOUTS
    signing_algorithm = staticmethod(botocore_sigv4_header)
    _backend_class: ClassVar[type[Any]]

    def __init__(
        self,
        *,
        verify: LazySSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        network_backend: BackendT | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ssl_context = verify or LazySSLContext()
        self._monotonic = monotonic
        #: Parsed URLs without a query: queries vary without bound.
        self._urls: dict[tuple[Origin, str], httpx.URL] = {}
        self._backend = network_backend or self._backend_class(monotonic)
        self._open(partial(ConnectionPool, max_connections, KEEPALIVE_EXPIRY, monotonic))

    def _build_request(self, request: HTTPRequest) -> httpx.Request:
        """Build the request with exactly our headers; httpx adds none."""
        key = (request.origin, request.target)
        url = self._urls.get(key)
        if url is None:
            try:
                url = httpx.URL(request.url)
            except httpx.InvalidURL as error:  # the URL has more than 65,536 characters
                raise HTTPClientError(f"httpx cannot send this URL: {error}") from None
            if not url.query:
                self._urls[key] = url
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        if request.has_body:
            headers.append((b"content-length", b"%d" % len(request.content)))
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=_RequestBody(request.content),
            extensions={"timeout": request.timeouts._asdict()},
        )


class _RequestBody(httpx.ByteStream):
    """A body whose async iterator is not a generator.

    If a write is interrupted, httpcore does not close the iterator, and an event loop complains
    about a generator that has not ended.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._chunks = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop()


def map_httpx_error(
    error: Exception, connection: HttpxConnection, request: HTTPRequest
) -> HTTPClientError:
    """Return our error for an error of httpx's; a proxy's failure has its own error."""
    mapped = map_transport_error(error, request.origin)
    backend = connection.backend
    is_proxy_failure = connection.proxy is not None and (
        backend.stream is None or backend.awaits_tunnel
    )
    if is_proxy_failure and type(mapped) in {EndpointConnectionError, ConnectionClosedError}:
        return ProxyConnectionError(str(mapped))
    return mapped


class HttpxTransport(BaseHttpxTransport[NetworkBackend], SyncPooledTransport[HttpxConnection]):
    """The default transport of :class:`.client.ImageBuilder`, for many threads."""

    _backend_class = SocketBackend

    def _exchange(self, connection: HttpxConnection, request: HTTPRequest) -> ReceivedResponse:
        connection.begin(request)
        try:
            response = connection.transport.handle_request(self._build_request(request))
            reader = ResponseReader(
                response.status_code, response.headers.raw, request.max_response_bytes
            )
            for chunk in response.stream:
                reader.feed(chunk)
            response.stream.close()
        except httpx.HTTPError as error:
            raise map_httpx_error(error, connection, request) from error
        return reader.finish()

    def _new_connection(self, origin: Origin) -> HttpxConnection:
        return HttpxConnection(
            origin,
            self._ssl_context,
            transport_class=httpx.HTTPTransport,
            pool_class=httpcore.ConnectionPool,
            backend=HttpcoreBackend(self._backend, self._monotonic),
        )
