"""AsyncH11Client: the async twin of :mod:`.h11_transport`, under asyncio and trio."""

from __future__ import annotations

from typing import Self

from .async_network import AsyncNetworkBackend, AsyncSocketBackend, run_async
from .async_pool import AsyncLoopTransport
from .h11_connection import H11Connection
from .h11_transport import BaseH11Client
from .types import HTTPRequest, ReceivedResponse


class AsyncH11Client(BaseH11Client[AsyncNetworkBackend], AsyncLoopTransport[H11Connection]):
    """The async twin of :class:`H11Client`, for asyncio and trio.

    The arguments are the same; ``preconnect`` has no effect. A client may serve many tasks and
    several event loops; a connection stays in its loop. Use it with ``async with``, or call
    :meth:`aclose`.
    """

    _backend_class = AsyncSocketBackend

    async def _exchange(self, connection: H11Connection, request: HTTPRequest) -> ReceivedResponse:
        return await run_async(connection.handle_request(request), self._backend)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
