"""Connections that are kept for the next request: one pool for a process or an event loop.

Rules:

- At most ``max_connections`` places are in use at a time. A request has one place, with a kept or a
  new connection. It returns the place in a ``finally``.
- A returned place goes to the request that has waited longest.
- A connection is kept only after a response that ended cleanly, and closed when it has been idle
  too long.

The pool has all connections from their first byte on. It never waits: a request without a place
waits to be woken, and may stop waiting at any time.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ...exceptions import HTTPClientError
from .errors import CLOSED_MESSAGE
from .types import Origin

#: boto3's ``max_pool_connections``.
MAX_CONNECTIONS = 10
#: Seconds after which an idle connection is closed; httpx's ``keepalive_expiry``.
KEEPALIVE_EXPIRY = 5.0


class PooledConnection(Protocol):
    """A connection of a pool.

    ``is_reusable()`` returns whether the last response ended cleanly, and neither bytes nor the end
    of the connection have arrived since.
    """

    def is_reusable(self) -> bool: ...
    def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=PooledConnection)


class Place(Generic[ConnectionT]):
    """The place of one request; ``connection`` is None before it has one.

    ``wake`` is called, in any thread, to end the request's wait.
    """

    __slots__ = ("connection", "origin", "wake")

    def __init__(self, origin: Origin, wake: Callable[[], object]) -> None:
        self.connection: ConnectionT | None = None
        self.origin = origin
        self.wake = wake

    def open_connection(self, connect: Callable[[Origin], ConnectionT]) -> ConnectionT:
        """Return the kept connection if it is reusable, else a new one by ``connect``."""
        if self.connection is not None and not self.connection.is_reusable():
            self.connection.close()
            self.connection = None
        if self.connection is None:
            self.connection = connect(self.origin)
        return self.connection


class ConnectionPool(Generic[ConnectionT]):
    """A pool for the threads of a process, or for the tasks of an event loop.

    - ``max_connections``: maximum places in use, and connections kept.
    - ``keepalive_expiry``: seconds after which an idle connection is closed.
    - ``monotonic``: a function that returns seconds.
    """

    def __init__(
        self, max_connections: int, keepalive_expiry: float, monotonic: Callable[[], float]
    ) -> None:
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._monotonic = monotonic
        # Reentrant: while this thread holds it, garbage may be collected and signals handled.
        self._lock = threading.RLock()
        self._in_use: set[Place[ConnectionT]] = set()
        self._waiting: deque[Place[ConnectionT]] = deque()
        #: The idle ones, the oldest first: the time, the origin and the connection of each.
        self._idle: list[tuple[float, Origin, ConnectionT]] = []
        #: The place of a connection that is opened before the first request.
        self._ahead: Place[ConnectionT] | None = None
        self.is_closed: bool = False

    def acquire(self, place: Place[ConnectionT]) -> bool:
        """Give the request its place and return True, or queue it and return False.

        Raises :class:`HTTPClientError` after :meth:`close`.
        """
        with self._lock:
            if self.is_closed:
                raise HTTPClientError(CLOSED_MESSAGE)
            self._close_expired()
            is_made_ahead = self._ahead is not None and self._ahead.origin == place.origin
            if (is_made_ahead and not self._waiting) or self._is_full():
                self._waiting.append(place)
                return False
            self._assign(place)
            return True

    def acquire_ahead(self, place: Place[ConnectionT]) -> bool:
        """Give the place to a connection for the first request, which then waits for it.

        Return False if the pool already has connections.
        """
        with self._lock:
            if self.is_closed or self._in_use or self._idle:
                return False
            self._in_use.add(place)
            self._ahead = place
            return True

    def check(self, place: Place[ConnectionT]) -> None:
        """Raise :class:`HTTPClientError` if the request was woken by :meth:`close`."""
        if place not in self._in_use:
            raise HTTPClientError(CLOSED_MESSAGE)

    def release(self, place: Place[ConnectionT], *, is_clean: bool) -> None:
        """Take the place back, or out of the queue; do nothing the second time.

        With ``is_clean``, its connection is kept for the next request; otherwise it is closed.
        """
        with self._lock:
            connection, place.connection = place.connection, None
            if connection is not None:
                if is_clean and not self.is_closed:
                    self._idle.append((self._monotonic(), place.origin, connection))
                else:
                    connection.close()
            if place is self._ahead:
                self._ahead = None
            self._in_use.discard(place)
            if place in self._waiting:
                self._waiting.remove(place)
            self._close_expired()
            # The longest waiter gets it, or new requests would always win. It is in _in_use before
            # it leaves _waiting, so that Ctrl-C at any line loses no place.
            while self._waiting and (self._waiting[0] in self._in_use or not self._is_full()):
                first = self._waiting[0]
                self._assign(first)
                first.wake()
                self._waiting.popleft()

    def close(self) -> None:
        """Close the idle connections, and give out no more places.

        Connections in use are closed when their places are returned.
        """
        with self._lock:
            self.is_closed = True
            while self._idle:
                self._idle.pop()[2].close()
            while self._waiting:
                self._waiting.popleft().wake()

    def abandon(self) -> None:
        """Close every connection, in a forked process or when the event loop has ended.

        The lock is replaced, since a thread of the parent may hold the old one.
        """
        self._lock = threading.RLock()
        self.is_closed = True
        for _, _, connection in self._idle:
            connection.close()
        for place in self._in_use:
            if place.connection is not None:
                place.connection.close()

    def _is_full(self) -> bool:
        return len(self._in_use) >= self._max_connections

    def _assign(self, place: Place[ConnectionT]) -> None:
        if place in self._in_use:
            return
        self._in_use.add(place)
        # The most recently used connection, so that the others can expire.
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][1] == place.origin:
                place.connection = self._idle.pop(index)[2]
                return
        if len(self._in_use) + len(self._idle) > self._max_connections:
            self._idle.pop(0)[2].close()

    def _close_expired(self) -> None:
        if self._idle:
            oldest = self._monotonic() - self._keepalive_expiry
            while self._idle and self._idle[0][0] < oldest:
                self._idle.pop(0)[2].close()


class PooledTransport(ABC, Generic[ConnectionT]):
    """The common part of the transports with a pool."""

    @abstractmethod
    def _open(self, make_pool: Callable[[], ConnectionPool[ConnectionT]]) -> None:
        """Create the pool, or be ready to create one for each event loop."""

    @abstractmethod
    def _new_connection(self, origin: Origin) -> ConnectionT:
        """Return a connection to an origin, which need not be connected yet."""
