"""One request by a connection of the pool, for the sync transports: wait for a place, and send."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic

from ..._threads import call_after_fork
from .errors import check_deadline, no_connection_in_time
from .pool import ConnectionPool, ConnectionT, Place
from .types import HTTPRequest, Origin, ReceivedResponse


class SyncPool(Generic[ConnectionT]):
    """The pool of this process."""

    def __init__(self, make_pool: Callable[[], ConnectionPool[ConnectionT]]) -> None:
        self._make_pool = make_pool
        self.pool: ConnectionPool[ConnectionT] = make_pool()
        call_after_fork(self)

    def send(
        self,
        request: HTTPRequest,
        connect: Callable[[Origin], ConnectionT],
        exchange: Callable[[ConnectionT, HTTPRequest], ReceivedResponse],
    ) -> ReceivedResponse:
        """Return the result of ``exchange``, with a kept connection or one by ``connect``.

        Raises :class:`ConnectTimeoutError` if no place is free before the call's deadline, and the
        errors of the two functions.
        """
        check_deadline(request)
        pool = self.pool
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
                connection = place.open_connection(connect)
                response = exchange(connection, request)
                is_clean = connection.is_reusable()
                return response
            finally:
                pool.release(place, is_clean=is_clean)
        finally:
            # Again: Ctrl-C may have interrupted the first call.
            pool.release(place, is_clean=False)

    def close(self) -> None:
        """Close the connections for good; those in use are closed after their requests."""
        self.pool.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent process."""
        was_closed = self.pool.is_closed
        self.pool.abandon()
        self.pool = self._make_pool()
        self.pool.is_closed = was_closed
