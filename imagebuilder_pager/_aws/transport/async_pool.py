"""One request by a connection of the pool, for the async transports; see :mod:`.sync_pool`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from ..._async_runtime import AsyncRuntime, current_runtime
from ..._threads import call_after_fork
from ...exceptions import HTTPClientError
from .errors import CLOSED_MESSAGE, check_deadline, no_connection_in_time
from .pool import ConnectionPool, ConnectionT, Place, PooledTransport
from .types import HTTPRequest, ReceivedResponse


class AsyncLoopTransport(PooledTransport[ConnectionT]):
    """A transport over the pools of event loops, one each: a connection stays in its loop."""

    def _open(self, make_pool: Callable[[], ConnectionPool[ConnectionT]]) -> None:
        self._make_pool = make_pool
        self._pools: dict[object, tuple[AsyncRuntime, ConnectionPool[ConnectionT]]] = {}
        self._is_closed = False
        call_after_fork(self)

    @abstractmethod
    async def _exchange(
        self, connection: ConnectionT, request: HTTPRequest
    ) -> ReceivedResponse: ...

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send a request; see :meth:`.types.AsyncTransport.send`."""
        check_deadline(request)
        runtime, pool = self._pool_of_this_loop()
        woken = runtime.event()
        place: Place[ConnectionT] = Place(request.origin, woken.set)
        is_clean = False
        try:
            if not pool.acquire(place):
                try:
                    async with runtime.timeout(request.deadline.remaining()):
                        await woken.wait()
                except TimeoutError:
                    raise no_connection_in_time(request) from None
                pool.check(place)
            connection = place.open_connection(self._new_connection)
            response = await self._exchange(connection, request)
            is_clean = connection.is_reusable()
            return response
        finally:
            pool.release(place, is_clean=is_clean)

    async def aclose(self) -> None:
        """Close the connections for good; those in use are closed after their requests."""
        self._is_closed = True
        here = current_runtime().loop
        for loop, (runtime, pool) in list(self._pools.items()):
            if loop is here:
                pool.close()
            elif runtime.is_closed():
                pool.abandon()
            else:  # the loop runs in another thread
                runtime.call_from_thread(pool.close)

    def _after_fork(self) -> None:
        """Leave the connections to the parent process."""
        for _, pool in self._pools.values():
            pool.abandon()
        self._pools = {}

    def _pool_of_this_loop(self) -> tuple[AsyncRuntime, ConnectionPool[ConnectionT]]:
        if self._is_closed:
            raise HTTPClientError(CLOSED_MESSAGE)
        runtime = current_runtime()
        found = self._pools.get(runtime.loop)
        if found is None:
            for loop, (other, pool) in list(self._pools.items()):
                if other.is_closed():
                    pool.abandon()
                    self._pools.pop(loop, None)
            found = self._pools[runtime.loop] = runtime, self._make_pool()
        return found
