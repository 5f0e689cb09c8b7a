"""AsyncH11Client: the async twin of :mod:`.h11_transport`, under asyncio and trio."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Self

from ..._async_runtime import AsyncRuntime, current_runtime, run_in_thread
from .async_network import (
    AsyncNetworkBackend,
    AsyncNetworkStream,
    AsyncSocketBackend,
    AsyncSocketStream,
)
from .async_pool import AsyncConnectionPool
from .errors import map_transport_error
from .h11_connection import (
    Connect,
    H11Connection,
    NetworkOperation,
    NetworkOperations,
    Read,
    Write,
)
from .h11_transport import BaseH11Client, not_connected_in_time
from .network import SocketStream
from .pool import Lease
from .types import READ_NUM_BYTES, HTTPRequest, ResponseHandler

#: An event loop gets its turn after so many reads, however fast a server sends.
_READS_BETWEEN_CHECKPOINTS = 16


class AsyncH11Client(BaseH11Client[AsyncNetworkBackend]):
    """The async twin of :class:`H11Client`, for asyncio and trio.

    The arguments are the same. One may serve many tasks, and event loops one after another; no
    connection goes from one loop to another. Use it with ``async with``, or call :meth:`aclose`.
    """

    def _open(self, network_backend: AsyncNetworkBackend | None) -> None:
        self._backend = network_backend or AsyncSocketBackend(self._monotonic)
        self._pool = AsyncConnectionPool(self._pool_state)

    async def send(self, request: HTTPRequest, handler: ResponseHandler) -> None:
        """Send a request; see :meth:`.types.AsyncTransport.send`."""
        lease: Lease[H11Connection] = Lease()
        try:
            timeout = request.deadline.cap(request.timeouts.pool)
            connection = await self._pool.acquire(lease, request.origin, timeout)
            await _join_preconnection_async(connection, request, self._monotonic)
            operations = connection.handle_request(request, handler)
            await _run_async(connection, operations, self._backend, self._monotonic)
        except BaseException as error:
            self._pool.discard(lease)
            if isinstance(error, TimeoutError):
                raise map_transport_error(error, request.origin) from error
            raise
        self._pool.release(lease)

    async def aclose(self) -> None:
        """Close the connections, for good; those in use are closed after their requests."""
        self._close_preconnected()
        self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


async def _run_async(
    connection: H11Connection,
    operations: NetworkOperations,
    backend: AsyncNetworkBackend,
    monotonic: Callable[[], float],
) -> None:
    """Carry out the operations of an exchange; the async twin of :func:`_run`."""
    resume: Callable[[Any], Any] = operations.send
    value: Any = None
    reads = 0
    try:
        while True:
            operation: NetworkOperation = resume(value)
            resume, value = operations.send, None
            try:
                if isinstance(operation, Read):
                    reads += 1
                    if reads % _READS_BETWEEN_CHECKPOINTS == 0:
                        await current_runtime().sleep(0)
                    value = await connection.stream.read(READ_NUM_BYTES, operation.timeout)
                elif isinstance(operation, Write):
                    await connection.stream.write(operation.data, operation.timeout)
                elif isinstance(operation, Connect):
                    connection.stream = await backend.connect_tcp(
                        operation.host, operation.port, operation.timeout
                    )
                else:
                    from .tls_stream import AsyncTLSStream  # with ssl, which takes its time

                    connection.stream = await AsyncTLSStream.start(
                        connection.stream, *operation, monotonic
                    )
            except OSError as error:
                resume, value = operations.throw, error
    except StopIteration:
        return
    finally:
        value = None


async def _join_preconnection_async(
    connection: H11Connection, request: HTTPRequest, monotonic: Callable[[], float]
) -> None:
    preconnection = connection.preconnection
    if preconnection is None:
        return
    runtime = current_runtime()
    if not preconnection.finished.is_set():
        seconds = request.deadline.cap(request.timeouts.connect)
        try:
            async with runtime.timeout(seconds):
                await run_in_thread(preconnection.finished.wait)
        except TimeoutError:
            raise not_connected_in_time(request) from None
    connection.preconnection = None
    if preconnection.stream is not None:
        connection.attach_stream(_to_async_stream(preconnection.stream, runtime, monotonic))


def _to_async_stream(
    stream: Any, runtime: AsyncRuntime, monotonic: Callable[[], float]
) -> AsyncNetworkStream:
    """Return a stream that was made in a thread, with TLS or without, as one for an event loop."""
    if not isinstance(stream, SocketStream):
        from .tls_stream import AsyncTLSStream  # imported already: the stream is one

        below = _to_async_stream(stream.stream, runtime, monotonic)
        return AsyncTLSStream(below, stream.connection, monotonic)
    connection = socket.socket(fileno=stream.socket.detach())
    connection.setblocking(False)
    return AsyncSocketStream(connection, runtime)
