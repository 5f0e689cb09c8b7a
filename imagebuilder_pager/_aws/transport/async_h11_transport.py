"""AsyncH11Client: the async twin of :mod:`.h11_transport`, under asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

from .async_network import AsyncNetworkBackend, AsyncSocketBackend
from .async_pool import LoopPools
from .h11_connection import (
    Connect,
    H11Connection,
    NetworkOperation,
    NetworkOperations,
    Read,
    Write,
)
from .h11_transport import BaseH11Client
from .types import READ_NUM_BYTES, HTTPRequest, ReceivedResponse

ResultT = TypeVar("ResultT")


class AsyncH11Client(BaseH11Client[AsyncNetworkBackend]):
    """The async twin of :class:`H11Client`, for asyncio and trio.

    The arguments are the same; ``preconnect`` has no effect. One may serve many tasks, and event
    loops one after another; no connection goes from one loop to another. Use it with
    ``async with``, or call :meth:`aclose`.
    """

    def _open(self, network_backend: AsyncNetworkBackend | None) -> None:
        self._backend = network_backend or AsyncSocketBackend(self._monotonic)
        self._pools = LoopPools(self._make_pool)

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send a request; see :meth:`.types.AsyncTransport.send`."""
        return await self._pools.send(request, self._new_connection, self._exchange)

    async def _exchange(self, connection: H11Connection, request: HTTPRequest) -> ReceivedResponse:
        operations = connection.handle_request(request)
        return await _run_async(connection, operations, self._backend, self._monotonic)

    async def aclose(self) -> None:
        """Close the connections, for good; those in use are closed after their requests."""
        self._pools.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


async def _run_async(
    connection: H11Connection,
    operations: NetworkOperations[ResultT],
    backend: AsyncNetworkBackend,
    monotonic: Callable[[], float],
) -> ResultT:
    """Carry out the operations of an exchange; the async twin of :func:`_run`."""
    resume: Callable[[Any], Any] = operations.send
    value: Any = None
    try:
        while True:
            operation: NetworkOperation = resume(value)
            resume, value = operations.send, None
            try:
                if isinstance(operation, Read):
                    value = await connection.stream.read(READ_NUM_BYTES, operation.timeout)
                elif isinstance(operation, Write):
                    await connection.stream.write(operation.data, operation.timeout)
                elif isinstance(operation, Connect):
                    connection.stream = await backend.connect_tcp(
                        operation.host, operation.port, operation.timeout
                    )
                else:
                    from .tls_stream import AsyncTLSStream  # with ssl, which is slow to import

                    connection.stream = await AsyncTLSStream.start(
                        connection.stream, *operation, monotonic
                    )
            except OSError as error:
                resume, value = operations.throw, error
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        value = None
