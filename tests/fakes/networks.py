"""Network backends that give a transport the bytes of a test, without a network."""

from __future__ import annotations

from collections.abc import Callable

import anyio.lowlevel


class FakeStream:
    """A connection that delivers these bytes in chunks of ``size``, and then its end or nothing.

    ``write_error`` is raised by each write. ``waits`` has each operation with its timeout.
    """

    def __init__(
        self,
        received: bytes,
        size: int = 100,
        *,
        ends: bool = True,
        write_error: OSError | None = None,
    ) -> None:
        self._chunks = [received[i : i + size] for i in range(0, len(received), size)]
        self._ends = ends
        self._write_error = write_error
        self.waits: set[tuple[str, float | None]] = set()
        self.written = b""
        self.is_closed = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert not self.is_closed
        self.waits.add(("read", timeout))
        if not self._chunks and not self._ends:
            raise TimeoutError("timed out")
        return self._chunks.pop(0) if self._chunks else b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        assert not self.is_closed
        self.waits.add(("write", timeout))
        if self._write_error is not None:
            raise self._write_error
        self.written += buffer

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return the bytes that have arrived, b"" for the end, None for nothing."""
        if self._chunks:
            return self._chunks.pop(0)
        return b"" if self._ends else None

    def receive(self, data: bytes) -> None:
        self._chunks.append(data)

    def close(self) -> None:
        self.is_closed = True


class AsyncFakeStream:
    """The async twin of :class:`FakeStream`, over such a stream."""

    def __init__(self, stream: FakeStream) -> None:
        self._stream = stream
        self.read_nowait = stream.read_nowait
        self.close = stream.close

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as httpcore has it
        await anyio.lowlevel.checkpoint()
        return self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as httpcore has it
        self._stream.write(buffer, timeout)


class FakeNetwork:
    """A network that connects by a function, which may raise an ``OSError``.

    ``connected`` has the host, port and timeout of each attempt, ``streams`` the new connections.
    """

    def __init__(self, make_stream: Callable[[], FakeStream]) -> None:
        self._make_stream = make_stream
        self.connected: list[tuple[str, int, float | None]] = []
        self.streams: list[FakeStream] = []

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> FakeStream:
        self.connected.append((host, port, timeout))
        self.streams.append(self._make_stream())
        return self.streams[-1]


class AsyncFakeNetwork:
    """The async twin of :class:`FakeNetwork`, over such a network."""

    def __init__(self, network: FakeNetwork) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore has it
    ) -> AsyncFakeStream:
        return AsyncFakeStream(self._network.connect_tcp(host, port, timeout))
