"""Sockets for the async transports, under asyncio and trio; the twin of :mod:`.network`.

Closing never waits, so it is safe during cancellation.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..._async_runtime import AsyncRuntime, current_runtime, wait_for
from .network import (
    NO_ADDRESS,
    Address,
    BaseSocketStream,
    begin_lookup,
    is_address,
    look_up,
    share_of,
)
from .operations import NetworkOperation, NetworkOperations, Read, ResultT, Write
from .types import Deadline

#: The bytes of a response after which other tasks run, so that an endless response delays neither
#: them nor a cancellation.
TURN_BYTES = 16 * 1024
#: The bytes that each read counts in addition, for tiny reads.
_READ_BYTES = 256


class AsyncNetworkBackend(Protocol):
    """An object that connects; the async twin of :class:`.network.NetworkBackend`."""

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> Any: ...


class AsyncSocketBackend:
    """Real sockets. ``monotonic`` measures how much of a timeout is left."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None
    ) -> AsyncSocketStream:
        """Connect to the first address of a host that accepts; see the sync twin."""
        deadline = Deadline(timeout, self._monotonic)
        runtime = current_runtime()
        if is_address(host):
            addresses = look_up(host, port)
        else:
            async with runtime.timeout(timeout):
                addresses = await wait_for(begin_lookup(host, port))
        for count in range(len(addresses), 0, -1):
            address, share = addresses[-count], share_of(deadline, count)
            try:
                return AsyncSocketStream(await _connect(runtime, address, share), runtime)
            except OSError:
                if count == 1:
                    raise
        raise OSError(NO_ADDRESS)


async def _connect(runtime: AsyncRuntime, address: Address, timeout: float | None) -> socket.socket:
    family, kind, protocol, _, where = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        async with runtime.timeout(timeout):
            await runtime.connect(connection, where)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


class AsyncSocketStream(BaseSocketStream):
    """A connected socket for async transports."""

    def __init__(self, connection: socket.socket, runtime: AsyncRuntime) -> None:
        super().__init__(connection)
        self._runtime = runtime
        self._since_turn = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes and return them; b"" at the end."""
        async with self._runtime.timeout(timeout):
            data = await self._runtime.receive(self.socket, min(max_bytes, TURN_BYTES))
            self._since_turn += _READ_BYTES + len(data)
            if self._since_turn >= TURN_BYTES:
                self._since_turn = 0
                await self._runtime.sleep(0)
            return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._since_turn = 0
        try:
            sent = self.socket.send(buffer)
        except BlockingIOError:
            sent = 0
        if sent < len(buffer):
            async with self._runtime.timeout(timeout):
                await self._runtime.send_all(self.socket, memoryview(buffer)[sent:])


async def run_async(
    operations: NetworkOperations[ResultT], backend: AsyncNetworkBackend | None = None
) -> ResultT:
    """Carry out operations; the async twin of :func:`.network.run`."""
    resume: Callable[[Any], NetworkOperation] = operations.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            resume, value = operations.send, None
            try:
                if isinstance(operation, Read):
                    value = await operation.stream.read(operation.max_bytes, operation.timeout)
                elif isinstance(operation, Write):
                    await operation.stream.write(operation.data, operation.timeout)
                elif backend is not None:
                    value = await backend.connect_tcp(*operation)
            except OSError as error:
                resume, value = operations.throw, error
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        value = None
