"""The operations on the network that a connection requests.

A connection yields them from generators, without I/O. :func:`.network.run` and
:func:`.async_network.run_async` carry them out.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

ResultT = TypeVar("ResultT")


class Connect(NamedTuple):
    """A connection to make; its stream is sent into the generator."""

    host: str
    port: int
    timeout: float | None


class Read(NamedTuple):
    """A wait for bytes, which are sent into the generator; b"" is the end of the stream."""

    stream: Any
    max_bytes: int
    timeout: float | None


class Write(NamedTuple):
    """Bytes to send."""

    stream: Any
    data: bytes
    timeout: float | None


NetworkOperation = Connect | Read | Write
#: Each ``OSError`` of an operation is thrown into the generator.
NetworkOperations = Generator[NetworkOperation, Any, ResultT]


class PlainStream:
    """A connected stream that is read and written by operations."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def read(self, max_bytes: int, timeout: float | None) -> NetworkOperations[bytes]:
        """Wait for bytes and return them; b"" at the end."""
        data: bytes = yield Read(self.stream, max_bytes, timeout)
        return data

    def write(self, data: bytes, timeout: float | None) -> NetworkOperations[None]:
        """Send all of it."""
        yield Write(self.stream, data, timeout)

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return the bytes that have arrived, b"" for the end, None for nothing."""
        data: bytes | None = self.stream.read_nowait(max_bytes)
        return data

    def close(self) -> None:
        """Close the stream at once."""
        self.stream.close()
