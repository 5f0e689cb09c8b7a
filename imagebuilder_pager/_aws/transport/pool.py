"""Connections that are kept for the next request: which are lent out, kept and closed.

The rule: a connection is kept only if whoever had it says that it is clean. One that is not
returned, because its borrower was broken off at whatever point, is closed as soon as its lease is
gone; so none is lost, and none is used by two.

:class:`PoolState` decides; the pool for threads, here, and the one for event loops, in
:mod:`.async_pool`, add how to wait.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from ..._threads import Waiter, call_after_fork
from ...exceptions import HTTPClientError
from .errors import CLOSED_MESSAGE, map_transport_error
from .types import Origin

#: boto3's ``max_pool_connections``.
MAX_CONNECTIONS = 10
#: Seconds after which an idle connection is closed; httpx's ``keepalive_expiry``.
KEEPALIVE_EXPIRY = 5.0


class PooledConnection(Protocol):
    """A connection of a pool. ``is_reusable()`` says whether it is clean, and still open."""

    def is_reusable(self) -> bool: ...
    def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=PooledConnection)


class Lease(Generic[ConnectionT]):
    """The right to use a connection, for as long as somebody holds this object."""

    __slots__ = ("__weakref__", "connection", "on_loss")

    def __init__(self) -> None:
        self.connection: ConnectionT | None = None
        self.on_loss: Callable[[], object] | None = None

    def __del__(self) -> None:
        # Ctrl-C may have come in __init__.
        on_loss = getattr(self, "on_loss", None)
        if on_loss is not None:
            on_loss()


class _Slot(Generic[ConnectionT]):
    __slots__ = ("connection", "idle_since", "lease", "origin")

    def __init__(self, origin: Origin, connection: ConnectionT) -> None:
        self.origin = origin
        self.connection = connection
        self.lease: weakref.ref[Lease[ConnectionT]] | None = None
        self.idle_since = 0.0


class PoolState(Generic[ConnectionT]):
    """At most so many connections, and who has each; no locks, no waiting.

    ``create_connection`` makes one that is not connected yet. ``monotonic`` measures how long a
    connection has been idle.
    """

    def __init__(
        self,
        create_connection: Callable[[Origin], ConnectionT],
        max_connections: int,
        keepalive_expiry: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._create_connection = create_connection
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._monotonic = monotonic
        self._slots: list[_Slot[ConnectionT]] = []
        self.is_closed: bool = False

    def __len__(self) -> int:
        return len(self._slots)

    def try_acquire(self, lease: Lease[ConnectionT], origin: Origin) -> ConnectionT | None:
        """Give the lease a connection, kept or new, and return it; None if all are in use.

        Raises :class:`HTTPClientError` after :meth:`close`.
        """
        if self.is_closed:
            raise HTTPClientError(CLOSED_MESSAGE)
        self._close_lost()
        self.close_expired()
        slot = self._take_idle(origin)
        if slot is None:
            if len(self._slots) >= self._max_connections and not self._close_one_idle():
                return None
            slot = _Slot(origin, self._create_connection(origin))
            self._slots.append(slot)
        slot.lease = weakref.ref(lease)
        lease.connection = slot.connection
        return slot.connection

    def release(self, lease: Lease[ConnectionT]) -> bool:
        """Take a connection of this pool back, and keep it if it is clean; False for others."""
        slot = self._slot_of(lease)
        if slot is None:
            return False
        lease.connection = None
        if not self.is_closed and slot.connection.is_reusable():
            slot.idle_since = self._monotonic()
            slot.lease = None
        else:
            self._close(slot)
        self.close_expired()
        return True

    def discard(self, lease: Lease[ConnectionT]) -> bool:
        """Close a connection of this pool that was broken off in use; False for others."""
        slot = self._slot_of(lease)
        if slot is None:
            return False
        lease.connection = None
        self._close(slot)
        return True

    def close_expired(self) -> None:
        """Close the connections that have been idle for too long."""
        if not self._slots:
            return
        oldest = self._monotonic() - self._keepalive_expiry
        for slot in [slot for slot in self._idle() if slot.idle_since < oldest]:
            self._close(slot)

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are returned."""
        self.is_closed = True
        self._close_lost()
        for slot in list(self._idle()):
            self._close(slot)

    def close_all(self) -> None:
        """Close every connection, whoever has it."""
        for slot in list(self._slots):
            self._close(slot)

    def _idle(self) -> Iterator[_Slot[ConnectionT]]:
        return (slot for slot in self._slots if slot.lease is None)

    def _take_idle(self, origin: Origin) -> _Slot[ConnectionT] | None:
        # The one that was used last: the others come to expire.
        for slot in sorted(self._idle(), key=lambda slot: -slot.idle_since):
            if slot.origin != origin:
                continue
            if slot.connection.is_reusable():
                return slot
            self._close(slot)
        return None

    def _close_one_idle(self) -> bool:
        slot = next(self._idle(), None)
        if slot is not None:
            self._close(slot)
        return slot is not None

    def _close_lost(self) -> None:
        for slot in [s for s in self._slots if s.lease is not None and s.lease() is None]:
            self._close(slot)

    def _slot_of(self, lease: Lease[ConnectionT]) -> _Slot[ConnectionT] | None:
        return next(
            (slot for slot in self._slots if slot.lease is not None and slot.lease() is lease), None
        )

    def _close(self, slot: _Slot[ConnectionT]) -> None:
        # Out of the list first: whatever breaks this off, it is not used again.
        if slot in self._slots:
            self._slots.remove(slot)
        slot.connection.close()


class ConnectionPool(Generic[ConnectionT]):
    """A pool for threads. Who finds all connections in use waits for one, in the order of coming.

    The order matters: a thread that returns a connection and asks for the next one at once would
    else be faster, each time, than one that has to be woken.
    """

    def __init__(self, state: PoolState[ConnectionT]) -> None:
        self._state = state
        self._lock = threading.RLock()  # reentrant: a lease may end while this thread holds it
        #: Those who wait, in their order. Who was broken off in waiting is gone with the lease.
        self._waiting: list[tuple[weakref.ref[Lease[ConnectionT]], Waiter]] = []
        call_after_fork(self)

    def acquire(
        self, lease: Lease[ConnectionT], origin: Origin, timeout: float | None
    ) -> ConnectionT:
        """Give the lease a connection, after waiting for one, and return it.

        Raises :class:`ConnectTimeoutError` when none is free in time.
        """
        lease.on_loss = self._wake
        waiter = Waiter()
        with self._lock:
            if not self._waiting:
                connection = self._state.try_acquire(lease, origin)
                if connection is not None:
                    return connection
            self._waiting.append((weakref.ref(lease), waiter))
        wait_until = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                remaining = None if wait_until is None else wait_until - time.monotonic()
                woken = waiter.wait(remaining)
                with self._lock:
                    if self._is_first(lease):
                        connection = self._state.try_acquire(lease, origin)
                        if connection is not None:
                            return connection
                if not woken:
                    raise map_transport_error(
                        TimeoutError("all connections are in use"), origin, kind="PoolTimeout"
                    )
        finally:
            self._stop_waiting(lease)

    def release(self, lease: Lease[ConnectionT]) -> None:
        """Take the connection back; see :meth:`PoolState.release`."""
        with self._lock:
            self._state.release(lease)
            lease.on_loss = None
            self._wake()

    def discard(self, lease: Lease[ConnectionT]) -> None:
        """Close the connection; see :meth:`PoolState.discard`."""
        with self._lock:
            self._state.discard(lease)
            lease.on_loss = None
        self._stop_waiting(lease)

    def close(self) -> None:
        """Close the idle connections, and let nobody have another one."""
        with self._lock:
            self._state.close()
            self._wake()

    def _is_first(self, lease: Lease[ConnectionT]) -> bool:
        while self._waiting and (first := self._waiting[0][0]()) is not lease:
            if first is not None:
                return False
            del self._waiting[0]
        return True

    def _stop_waiting(self, lease: Lease[ConnectionT]) -> None:
        with self._lock:
            self._waiting = [entry for entry in self._waiting if entry[0]() not in {None, lease}]
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            for _, waiter in self._waiting:
                waiter.wake()

    def after_fork(self) -> None:
        """Forget, in a forked process, the connections, which are its parent's."""
        self._lock = threading.RLock()
        self._waiting = []
        self._state.close_all()
