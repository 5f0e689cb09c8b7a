"""One request by a connection of the pool, for the sync transports: wait for a place, and send."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ..._threads import call_after_fork
from .errors import check_deadline, no_connection_in_time
from .pool import ConnectionPool, ConnectionT, Place, PooledTransport
from .types import HTTPRequest, ReceivedResponse


class SyncTransport(PooledTransport[ConnectionT]):
    """A transport over the pool of this process."""

    def _open(self, make_pool: Callable[[], ConnectionPool[ConnectionT]]) -> None:
        self._make_pool = make_pool
        self._pool = make_pool()
        call_after_fork(self)

    @abstractmethod
    def _exchange(self, connection: ConnectionT, request: HTTPRequest) -> ReceivedResponse: ...

    def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send a request; see :meth:`.types.Transport.send`.

        Raises :class:`ConnectTimeoutError` if no place is free before the call's deadline.
        """
        check_deadline(request)
        pool = self._pool
        # SimpleQueue is written in C: Ctrl-C cannot leave its lock held.
        woken: SimpleQueue[None] = SimpleQueue()
        place: Place[ConnectionT] = Place(request.origin, lambda: woken.put(None))
        is_clean = False
        try:
            try:
                if not pool.acquire(place):
                    try:
                        woken.get(timeout=request.deadline.remaining())
                    except Empty:
                        raise no_connection_in_time(request) from None
                    pool.check(place)
                connection = place.open_connection(self._new_connection)
                response = self._exchange(connection, request)
                is_clean = connection.is_reusable()
                return response
            finally:
                pool.release(place, is_clean=is_clean)
        finally:
            # Again: Ctrl-C may have interrupted the first call.
            pool.release(place, is_clean=False)

    def close(self) -> None:
        """Close the connections for good; those in use are closed after their requests."""
        self._pool.close()

    def _after_fork(self) -> None:
        """Leave the connections to the parent process."""
        was_closed = self._pool.is_closed
        self._pool.abandon()
        self._pool = self._make_pool()
        self._pool.is_closed = was_closed
