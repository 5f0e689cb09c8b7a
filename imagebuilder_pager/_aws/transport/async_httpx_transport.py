"""The default transport of the async client; the async twin of :mod:`.httpx_transport`."""

from __future__ import annotations

from typing import Any, Self

import httpcore
import httpx

from ...exceptions import PagerError
from .async_network import AsyncNetworkBackend, AsyncSocketBackend, run_async
from .async_pool import AsyncLoopTransport
from .body import ResponseReader
from .httpx_connection import BaseBackend, HttpxConnection
from .httpx_transport import BaseHttpxTransport, map_httpx_error
from .types import HTTPRequest, Origin, ReceivedResponse


class AsyncHttpxTransport(
    BaseHttpxTransport[AsyncNetworkBackend], AsyncLoopTransport[HttpxConnection]
):
    """The default transport of :class:`.client.AsyncImageBuilder`, for asyncio and trio.

    It may serve many tasks and several event loops; a connection stays in its loop.
    """

    _backend_class = AsyncSocketBackend

    async def _exchange(
        self, connection: HttpxConnection, request: HTTPRequest
    ) -> ReceivedResponse:
        connection.begin(request)
        try:
            response = await connection.transport.handle_async_request(self._build_request(request))
            return await _read_response(connection, response, request.max_response_bytes)
        except httpx.HTTPError as error:
            raise map_httpx_error(error, connection, request) from error

    def _new_connection(self, origin: Origin) -> HttpxConnection:
        return HttpxConnection(
            origin,
            self._ssl_context,
            transport_class=httpx.AsyncHTTPTransport,
            pool_class=httpcore.AsyncConnectionPool,
            backend=AsyncHttpcoreBackend(self._backend, self._monotonic),
        )


async def _read_response(
    connection: HttpxConnection, response: httpx.Response, limit: int
) -> ReceivedResponse:
    stream: Any = response.stream
    refusal: PagerError | None = None
    try:
        reader = ResponseReader(response.status_code, response.headers.raw, limit)
    except PagerError:
        await stream.aclose()
        raise
    try:
        async for chunk in stream:
            if refusal is None:
                try:
                    reader.feed(chunk)
                except PagerError as error:
                    # The next read fails and so ends httpcore's generators: the event loop has none
                    # to finish.
                    refusal = error
                    connection.close()
        await stream.aclose()
    except Exception:
        if refusal is None:
            raise
    if refusal is not None:
        raise refusal
    return reader.finish()


class AsyncHttpcoreBackend(BaseBackend, httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """The async twin of :class:`HttpcoreBackend`."""

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> Self:
        await run_async(self.connecting(host, port, timeout), self.network)
        return self

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Self:
        await run_async(self.starting_tls(ssl_context, server_hostname, timeout))
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await run_async(self.reading(max_bytes, timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await run_async(self.writing(buffer, timeout))

    async def aclose(self) -> None:
        self.close_now()
