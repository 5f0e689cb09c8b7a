"""TLS over another stream, sync and async; :mod:`.tls_connection` makes and reads the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .tls_connection import TLSConnection, TLSOperation
from .types import READ_NUM_BYTES, Deadline

if TYPE_CHECKING:
    import ssl

    from .async_network import AsyncNetworkStream
    from .network import NetworkStream

ResultT = TypeVar("ResultT")
StreamT = TypeVar("StreamT", "NetworkStream", "AsyncNetworkStream")


class BaseTLSStream(Generic[StreamT]):
    """The part that both streams share."""

    def __init__(
        self, stream: StreamT, connection: TLSConnection, monotonic: Callable[[], float]
    ) -> None:
        self.stream: StreamT = stream
        self.connection = connection
        self._monotonic = monotonic

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return what has arrived, b"" for the end, None for nothing but TLS's own messages."""
        return self.connection.read_nowait(self.stream.read_nowait, max_bytes)

    def close(self) -> None:
        """Close the stream below, without TLS's close message, which would take a wait."""
        self.stream.close()


class TLSStream(BaseTLSStream["NetworkStream"]):
    """TLS over another stream."""

    @classmethod
    def start(
        cls,
        stream: NetworkStream,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
        monotonic: Callable[[], float],
    ) -> TLSStream:
        """Make the handshake. Raises ``ssl.SSLError``, which is an ``OSError``."""
        connection = TLSConnection(context, server_hostname)
        tls = cls(stream, connection, monotonic)
        tls._run(connection.handshake(), timeout)
        return tls

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, after waiting for it; b"" at the end."""
        return self._run(self.connection.read(max_bytes), timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._run(self.connection.write(buffer), timeout)

    def _run(self, operation: TLSOperation[ResultT], timeout: float | None) -> ResultT:
        # One time for all the pieces, so that a peer that drips does not prolong it.
        deadline = Deadline(timeout, self._monotonic, "timeout")
        received: Any = None
        while True:
            try:
                to_send = operation.send(received)
            except StopIteration as stop:
                result: ResultT = stop.value
                return result
            if to_send is None:
                received = self.stream.read(READ_NUM_BYTES, deadline.cap(timeout))
            else:
                self.stream.write(to_send, deadline.cap(timeout))


class AsyncTLSStream(BaseTLSStream["AsyncNetworkStream"]):
    """TLS over another stream."""

    @classmethod
    async def start(
        cls,
        stream: AsyncNetworkStream,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
        monotonic: Callable[[], float],
    ) -> AsyncTLSStream:
        """Make the handshake. Raises ``ssl.SSLError``, which is an ``OSError``."""
        connection = TLSConnection(context, server_hostname)
        tls = cls(stream, connection, monotonic)
        await tls._run(connection.handshake(), timeout)
        return tls

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, after waiting for it; b"" at the end."""
        return await self._run(self.connection.read(max_bytes), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        await self._run(self.connection.write(buffer), timeout)

    async def _run(self, operation: TLSOperation[ResultT], timeout: float | None) -> ResultT:
        # One time for all the pieces, so that a peer that drips does not prolong it.
        deadline = Deadline(timeout, self._monotonic, "timeout")
        received: Any = None
        while True:
            try:
                to_send = operation.send(received)
            except StopIteration as stop:
                result: ResultT = stop.value
                return result
            if to_send is None:
                received = await self.stream.read(READ_NUM_BYTES, deadline.cap(timeout))
            else:
                await self.stream.write(to_send, deadline.cap(timeout))
