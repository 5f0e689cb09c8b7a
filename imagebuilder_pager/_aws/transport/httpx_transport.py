"""The default transports: httpx's, each with one connection, in a pool of our own.

httpx's own pool looks through all its connections at each request, and its client looks anew for
proxies, cookies, redirects and hooks, of which there are none. What mocks and instruments patch,
``httpx.HTTPTransport.handle_request`` and httpcore's below it, carries every request all the same.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import httpx

from ...exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
)
from ..auth.botocore_sigv4 import botocore_sigv4_header
from ..config.tls import LazySSLContext
from .errors import map_transport_error
from .httpx_connection import HttpcoreBackend, HttpxConnection
from .network import NetworkBackend, SocketBackend
from .pool import (
    KEEPALIVE_EXPIRY,
    MAX_CONNECTIONS,
    ConnectionPool,
    Lease,
    PoolState,
)
from .types import DEFAULT_TIMEOUTS, HTTPRequest, Origin, ResponseHandler, join_headers

if TYPE_CHECKING:
    from ..auth.signer import SigningAlgorithm


class BaseHttpxTransport:
    """The part that both transports share: requests, responses and errors as httpx's."""

    timeouts = DEFAULT_TIMEOUTS

    @property
    def signing_algorithm(self) -> SigningAlgorithm:
        """The function that makes the signatures of its requests."""
        return botocore_sigv4_header

    def __init__(
        self,
        ssl_context: LazySSLContext | None = None,
        *,
        max_connections: int = MAX_CONNECTIONS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ssl_context = ssl_context or LazySSLContext()
        self._max_connections = max_connections
        self._monotonic = monotonic
        #: Those of the operations with a path alone: a query has as many values as there are.
        self._urls: dict[tuple[Origin, str], httpx.URL] = {}

    def preconnect(self, origin: Origin) -> None:
        """Do nothing: importing httpx takes longer than connecting."""

    def _pool_state(self) -> PoolState[HttpxConnection]:
        return PoolState(
            self._create_connection, self._max_connections, KEEPALIVE_EXPIRY, self._monotonic
        )

    def _create_connection(self, origin: Origin) -> HttpxConnection:
        raise NotImplementedError

    def _build_request(self, request: HTTPRequest) -> httpx.Request:
        """Return the request as httpx has it, with the headers that were signed and no others."""
        key = (request.origin, request.target)
        url = self._urls.get(key)
        if url is None:
            try:
                url = httpx.URL(request.url)
            except httpx.InvalidURL as error:  # of more than 65,536 characters
                raise HTTPClientError(f"httpx cannot send this URL: {error}") from None
            if not url.query:
                self._urls[key] = url
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        if request.content or request.method == "POST":
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

    Where a write is broken off, httpcore leaves the iterator as it is, and an event loop complains
    of a generator that has not come to its end.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _OneChunk(self._content)


class _OneChunk:
    def __init__(self, chunk: bytes) -> None:
        self._chunks = [chunk]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop()


def map_httpx_error(
    error: Exception, connection: HttpxConnection | None, request: HTTPRequest
) -> HTTPClientError:
    """Return our error for one of httpx's; a proxy's failure is told apart."""
    mapped = map_transport_error(error, request.origin)
    if connection is None or connection.proxy is None:
        return mapped
    is_proxys = (type(mapped) is EndpointConnectionError and not connection.is_connected) or (
        type(mapped) is ConnectionClosedError and connection.awaits_tunnel
    )
    return ProxyConnectionError(str(mapped)) if is_proxys else mapped


class HttpxTransport(BaseHttpxTransport):
    """The default transport of :class:`.client.ImageBuilder`; for many threads.

    ``ssl_context``: what to verify against. ``max_connections``: at most so many at a time; who
    comes then waits. ``network_backend``, in httpcore's sense, and ``monotonic`` are for tests.
    """

    def __init__(
        self,
        ssl_context: LazySSLContext | None = None,
        *,
        max_connections: int = MAX_CONNECTIONS,
        network_backend: NetworkBackend | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ssl_context, max_connections=max_connections, monotonic=monotonic)
        self._backend = network_backend or SocketBackend(monotonic)
        self._pool = ConnectionPool(self._pool_state())

    def send(self, request: HTTPRequest, handler: ResponseHandler) -> None:
        """Send a request; see :meth:`.types.Transport.send`."""
        lease: Lease[HttpxConnection] = Lease()
        try:
            timeout = request.deadline.cap(request.timeouts.pool)
            connection = self._pool.acquire(lease, request.origin, timeout)
            connection.backend.deadline = request.deadline
            if connection.proxy is not None:
                handler.on_proxy(connection.proxy.secrets)
            response = connection.transport.handle_request(self._build_request(request))
            headers = join_headers(response.headers.raw)
            handler.on_headers(response.status_code, headers, headers.get("content-encoding", ""))
            for chunk in response.stream:
                handler.on_data(chunk)
            response.stream.close()
        except BaseException as error:
            used = lease.connection
            self._pool.discard(lease)
            if isinstance(error, (httpx.HTTPError, TimeoutError)):
                raise map_httpx_error(error, used, request) from error
            raise
        self._pool.release(lease)

    def close(self) -> None:
        """Close the connections, for good; those in use are closed after their requests."""
        self._pool.close()

    def _create_connection(self, origin: Origin) -> HttpxConnection:
        backend = HttpcoreBackend(self._backend, self._monotonic)
        return HttpxConnection(httpx.HTTPTransport, origin, backend, self._ssl_context)
