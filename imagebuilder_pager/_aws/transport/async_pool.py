"""The pool of connections for the tasks of event loops; what is kept :mod:`.pool` decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic

from ..._async_runtime import AsyncRuntime, Event, current_runtime
from ..._threads import call_after_fork
from ...exceptions import HTTPClientError
from .errors import CLOSED_MESSAGE, map_transport_error
from .pool import ConnectionT, Lease, PoolState
from .types import Origin


class AsyncConnectionPool(Generic[ConnectionT]):
    """A pool for the tasks of event loops; no connection goes from one loop to another."""

    def __init__(self, create_state: Callable[[], PoolState[ConnectionT]]) -> None:
        self._create_state = create_state
        self._loops: dict[object, _LoopPool[ConnectionT]] = {}
        self._is_closed = False
        call_after_fork(self)

    async def acquire(
        self, lease: Lease[ConnectionT], origin: Origin, timeout: float | None
    ) -> ConnectionT:
        """Give the lease a connection, after waiting for one, and return it.

        Raises :class:`ConnectTimeoutError` when none is free in time, :class:`HTTPClientError`
        after :meth:`close`.
        """
        if self._is_closed:
            raise HTTPClientError(CLOSED_MESSAGE)
        pool = self._pool_of_this_loop()
        if not pool.waiters:
            connection = pool.state.try_acquire(lease, origin)
            if connection is not None:
                return connection
        try:
            async with pool.runtime.timeout(timeout):
                return await pool.wait_for_connection(lease, origin)
        except TimeoutError:
            timeout_error = TimeoutError("all connections are in use")
            raise map_transport_error(timeout_error, origin, kind="PoolTimeout") from None

    def release(self, lease: Lease[ConnectionT]) -> None:
        """Take the connection back; see :meth:`PoolState.release`."""
        for pool in list(self._loops.values()):
            if pool.state.release(lease):
                pool.wake_first()

    def discard(self, lease: Lease[ConnectionT]) -> None:
        """Close the connection; see :meth:`PoolState.discard`."""
        for pool in list(self._loops.values()):
            if pool.state.discard(lease):
                pool.wake_first()

    def close(self) -> None:
        """Close the idle connections, and let nobody have another one."""
        self._is_closed = True
        for pool in list(self._loops.values()):
            pool.state.close()
            # The loop may be another thread's.
            pool.runtime.call_from_thread(pool.wake_first)

    def after_fork(self) -> None:
        """Forget, in a forked process, the connections, which are its parent's."""
        for pool in self._loops.values():
            pool.state.close_all()
        self._loops = {}

    def _pool_of_this_loop(self) -> _LoopPool[ConnectionT]:
        runtime = current_runtime()
        pool = self._loops.get(runtime.loop)
        if pool is None:
            for loop, other in list(self._loops.items()):
                if other.runtime.is_closed():
                    other.state.close_all()
                    self._loops.pop(loop, None)
            pool = self._loops[runtime.loop] = _LoopPool(runtime, self._create_state())
        return pool


class _LoopPool(Generic[ConnectionT]):
    """The connections of one event loop, and the tasks that wait for one, in their order."""

    def __init__(self, runtime: AsyncRuntime, state: PoolState[ConnectionT]) -> None:
        self.runtime = runtime
        self.state = state
        self.waiters: deque[_Waiter] = deque()

    async def wait_for_connection(self, lease: Lease[ConnectionT], origin: Origin) -> ConnectionT:
        waiter = _Waiter(self.runtime.event())
        self.waiters.append(waiter)
        try:
            while True:
                await waiter.event.wait()
                if self.waiters[0] is waiter:
                    connection = self.state.try_acquire(lease, origin)
                    if connection is not None:
                        return connection
                waiter.event = self.runtime.event()
        finally:
            # Until here it stands in the line, so that a task that returns a connection and asks
            # for the next one at once does not come before it.
            self.waiters.remove(waiter)
            self.wake_first()

    def wake_first(self) -> None:
        """Have the first one in the line look for a connection; it wakes the next one."""
        if self.waiters:
            self.waiters[0].event.set()


class _Waiter:
    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event
