"""The default transport of the async client; the async twin of :mod:`.httpx_transport`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpcore
import httpx

from ...exceptions import PagerError
from ..config.tls import LazySSLContext
from .async_network import AsyncNetworkBackend, AsyncSocketBackend
from .async_pool import AsyncConnectionPool
from .httpx_connection import HttpxConnection
from .httpx_transport import BaseHttpxTransport, map_httpx_error
from .pool import MAX_CONNECTIONS, Lease
from .types import Deadline, HTTPRequest, Origin, ResponseHandler, join_headers


class AsyncHttpxTransport(BaseHttpxTransport):
    """The default transport of :class:`.client.AsyncImageBuilder`, for asyncio and trio.

    One serves many tasks, and event loops one after another; no connection goes from one loop to
    another.
    """

    def __init__(
        self,
        ssl_context: LazySSLContext | None = None,
        *,
        max_connections: int = MAX_CONNECTIONS,
        network_backend: AsyncNetworkBackend | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ssl_context, max_connections=max_connections, monotonic=monotonic)
        self._backend = network_backend or AsyncSocketBackend(monotonic)
        self._pool = AsyncConnectionPool(self._pool_state)

    async def send(self, request: HTTPRequest, handler: ResponseHandler) -> None:
        """Send a request; see :meth:`.types.AsyncTransport.send`."""
        lease: Lease[HttpxConnection] = Lease()
        try:
            timeout = request.deadline.cap(request.timeouts.pool)
            connection = await self._pool.acquire(lease, request.origin, timeout)
            connection.backend.deadline = request.deadline
            if connection.proxy is not None:
                handler.on_proxy(connection.proxy.secrets)
            response = await connection.transport.handle_async_request(self._build_request(request))
            headers = join_headers(response.headers.raw)
            handler.on_headers(response.status_code, headers, headers.get("content-encoding", ""))
            await self._read_body(connection, response, handler)
        except BaseException as error:
            used = lease.connection
            self._pool.discard(lease)
            if isinstance(error, (httpx.HTTPError, TimeoutError)):
                raise map_httpx_error(error, used, request) from error
            raise
        self._pool.release(lease)

    async def aclose(self) -> None:
        """Close the connections, for good; those in use are closed after their requests."""
        self._pool.close()

    async def _read_body(
        self, connection: HttpxConnection, response: httpx.Response, handler: ResponseHandler
    ) -> None:
        stream: Any = response.stream
        refusal: PagerError | None = None
        try:
            async for chunk in stream:
                if refusal is None:
                    try:
                        handler.on_data(chunk)
                    except PagerError as error:
                        # httpcore's generators come to their end by the next read, which fails:
                        # none is left for the event loop to finish.
                        refusal = error
                        connection.close()
            await stream.aclose()
        except Exception:
            if refusal is None:
                raise
        if refusal is not None:
            raise refusal

    def _create_connection(self, origin: Origin) -> HttpxConnection:
        backend = AsyncHttpcoreBackend(self._backend, self._monotonic)
        return HttpxConnection(httpx.AsyncHTTPTransport, origin, backend, self._ssl_context)


class AsyncHttpcoreBackend(httpcore.AsyncNetworkBackend):
    """The async twin of :class:`HttpcoreBackend`."""

    def __init__(self, network: AsyncNetworkBackend, monotonic: Callable[[], float]) -> None:
        self._network = network
        self.monotonic = monotonic
        self.deadline: Deadline = Deadline(None, monotonic)
        self.stream: Any = None
        self.is_closed = False

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.AsyncNetworkStream:
        try:
            self.stream = await self._network.connect_tcp(host, port, self.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return _AsyncHttpcoreStream(self)


class _AsyncHttpcoreStream(httpcore.AsyncNetworkStream):
    def __init__(self, backend: AsyncHttpcoreBackend) -> None:
        self._backend = backend

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        backend = self._backend
        if backend.is_closed:
            raise httpcore.ReadError("the connection has been closed")
        try:
            data: bytes = await backend.stream.read(max_bytes, backend.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        backend = self._backend
        try:
            await backend.stream.write(buffer, backend.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._backend.stream.close()

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        backend = self._backend
        try:
            from .tls_stream import AsyncTLSStream

            backend.stream = await AsyncTLSStream.start(
                backend.stream,
                ssl_context,
                server_hostname or "",
                backend.deadline.cap(timeout),
                backend.monotonic,
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return self
