"""Sockets for the sync transports: connect, read and write, each within a timeout.

The rule: the interface is httpcore's of a network backend, so that one backend serves both
transports, and tests can simulate it. Failures are ``OSError``, including ``TimeoutError``.
"""

from __future__ import annotations

import contextlib
import socket
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..._threads import SharedCalls, result_of
from .operations import NetworkOperation, NetworkOperations, Read, ResultT, Write
from .types import Deadline

if TYPE_CHECKING:
    from concurrent.futures import Future

Address = tuple[int, int, int, str, Any]

NO_ADDRESS = "the name has no address"
#: The longest timeout of a socket: 24 days.
_MAX_SECONDS = 2**31 // 1000


class NetworkBackend(Protocol):
    """An object that connects; ``timeout`` bounds all of it, including the name's resolution.

    Its streams have httpcore's methods, and ``read_nowait(max_bytes)``, which returns the bytes
    that have arrived, b"" for the end, None for nothing.
    """

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> Any: ...


class SocketBackend:
    """Real sockets. ``monotonic`` measures how much of a timeout is left."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic

    def connect_tcp(self, host: str, port: int, timeout: float | None = None) -> SocketStream:
        """Connect to the first address of a host that accepts."""
        deadline = Deadline(timeout, self._monotonic)
        addresses = _resolve(host, port, timeout)
        for count in range(len(addresses), 0, -1):
            address, share = addresses[-count], share_of(deadline, count)
            try:
                return SocketStream(_connect(address, share))
            except OSError:
                if count == 1:
                    raise
        raise OSError(NO_ADDRESS)


def share_of(deadline: Deadline, count: int) -> float | None:
    """Return the seconds for the next of ``count`` addresses, None for no limit.

    An address that does not answer leaves time for the others.
    """
    remaining = deadline.remaining()
    return None if remaining is None else max(0.001, remaining) / count


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of a host from the system's resolver, without a timeout."""
    # For bytes, Python does not import its IDNA codec.
    return list(socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM))


_lookups = SharedCalls()


def begin_lookup(host: str, port: int) -> Future[list[Address]]:
    """Look a name up in a thread, since the system's resolver has no timeout.

    After a timeout, the thread ends when the resolver does.
    """
    try:
        return _lookups.start((host, port), lambda: look_up(host, port), "resolve")
    except RuntimeError as error:
        raise OSError(f"the name {host} cannot be looked up: {error}") from None


def is_address(host: str) -> bool:
    """Return whether the host is an IP address, not a name to resolve."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            return bool(socket.inet_pton(family, host.partition("%")[0]))
    return False


def _resolve(host: str, port: int, timeout: float | None) -> list[Address]:
    """Return the addresses of a host."""
    if timeout is None or is_address(host):
        return look_up(host, port)
    try:
        return result_of(begin_lookup(host, port), timeout)
    except TimeoutError:
        raise TimeoutError(f"the name {host} was not resolved in time") from None


def _connect(address: Address, timeout: float | None) -> socket.socket:
    family, kind, protocol, _, where = address
    connection = socket.socket(family, kind, protocol)
    try:
        _set_timeout(connection, timeout)
        connection.connect(where)
        # Head and body are one message: the body is sent before the head is acknowledged.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


class BaseSocketStream:
    """A connected socket, which is closed with the last reference to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        # Not __del__: the socket may be collected before the stream, and would warn.
        self._close = weakref.finalize(self, connection.close)

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return the bytes that have arrived, b"" for the end, None for nothing."""
        try:
            self.socket.setblocking(False)
            return self.socket.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """Close the socket."""
        self._close()


class SocketStream(BaseSocketStream):
    """A connected socket for sync transports."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes and return them; b"" at the end."""
        _set_timeout(self.socket, timeout)
        return self.socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        _set_timeout(self.socket, timeout)
        self.socket.sendall(buffer)


def _set_timeout(connection: socket.socket, timeout: float | None) -> None:
    connection.settimeout(None if timeout is None else min(timeout, _MAX_SECONDS))


def run(operations: NetworkOperations[ResultT], backend: NetworkBackend | None = None) -> ResultT:
    """Carry out operations, and return the generator's result."""
    resume: Callable[[Any], NetworkOperation] = operations.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            resume, value = operations.send, None
            try:
                if isinstance(operation, Read):
                    value = operation.stream.read(operation.max_bytes, operation.timeout)
                elif isinstance(operation, Write):
                    operation.stream.write(operation.data, operation.timeout)
                elif backend is not None:
                    value = backend.connect_tcp(*operation)
            except OSError as error:
                resume, value = operations.throw, error
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        value = None  # an error here and this frame would refer to each other
