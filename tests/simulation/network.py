"""The client's side of the simulated network, for the sync transports and the async ones.

The backends have httpcore's interface; hence the async functions with a timeout (ASYNC109).
"""

from __future__ import annotations

from imagebuilder_pager._async_runtime import current_runtime

from .clock import SimulatedClock
from .server import EPSILON, LATENCY, Peer, Server


class _Stream:
    """The common part of both streams: they are closed with the last reference to them."""

    def __init__(self, peer: Peer, clock: SimulatedClock) -> None:
        self.peer = peer
        self.clock = clock

    def read_nowait(self, max_bytes: int) -> bytes | None:
        try:
            return self.peer.take(max_bytes)
        except OSError:
            return b""

    def close(self) -> None:
        self.peer.close()

    def __del__(self) -> None:
        self.peer.close()

    def _seconds_to_next(self) -> float | None:
        moment = self.peer.next_at()
        return None if moment is None else moment - self.clock.monotonic()


class SimulatedStream(_Stream):
    """A connection that waits by advancing the clock."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while (data := self.peer.take(max_bytes)) is None:
            _wait(self.clock, self._seconds_to_next(), timeout)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self.peer.takes_no_writes:
            _wait(self.clock, None, timeout)
        self.peer.write(buffer)


def _wait(clock: SimulatedClock, seconds: float | None, timeout: float | None) -> None:
    if seconds is not None and (timeout is None or seconds <= timeout + EPSILON):
        clock.sleep(seconds)
    elif timeout is None:
        raise AssertionError("a wait on the network without a timeout")
    else:
        clock.sleep(timeout)
        raise TimeoutError("timed out")


class SimulatedBackend:
    def __init__(self, server: Server) -> None:
        self.server = server

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> SimulatedStream:
        self.server.connect()
        _wait(self.server.clock, None if self.server.is_silent else LATENCY, timeout)
        return SimulatedStream(self.server.accept(), self.server.clock)


class AsyncSimulatedStream(_Stream):
    """A connection that waits in the event loop, as often as a socket may wait."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        runtime = current_runtime()
        if timeout is None:
            raise AssertionError("a wait on the network without a timeout")
        async with runtime.timeout(timeout):
            await runtime.sleep(0)
            while (data := self.peer.take(max_bytes)) is None:
                seconds = self._seconds_to_next()
                if seconds is None:
                    await runtime.event().wait()
                else:
                    await runtime.sleep(seconds)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        runtime = current_runtime()
        async with runtime.timeout(timeout):
            if self.peer.takes_no_writes:
                await runtime.event().wait()
            await runtime.sleep(0)
        self.peer.write(buffer)


class AsyncSimulatedBackend:
    """The async twin of :class:`SimulatedBackend`."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncSimulatedStream:
        runtime = current_runtime()
        self.server.connect()
        async with runtime.timeout(timeout):
            if self.server.is_silent:
                await runtime.event().wait()
            await runtime.sleep(LATENCY)
        return AsyncSimulatedStream(self.server.accept(), self.server.clock)
