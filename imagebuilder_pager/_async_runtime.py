"""The few operations in which asyncio and trio differ.

The rule: each call uses the event loop that runs then, and nothing is bound to a loop for longer.
trio is checked only if the program has imported it.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ._threads import call_in_thread, result_of

if TYPE_CHECKING:
    import socket
    from concurrent.futures import Future

ResultT = TypeVar("ResultT")


class Event(Protocol):
    """An event of asyncio or trio."""

    def set(self) -> object: ...
    def is_set(self) -> bool: ...
    async def wait(self) -> object: ...


def current_runtime() -> AsyncRuntime:
    """Return the runtime of the event loop that runs in this thread.

    Raises ``RuntimeError`` if none runs.
    """
    return TrioRuntime() if _in_trio() else AsyncioRuntime()


async def run_in_thread(function: Callable[[], ResultT]) -> ResultT:
    """Call a blocking function in a new thread, and return its result or raise its error.

    Neither a cancellation nor the end of the event loop or interpreter waits for the thread. Raises
    ``RuntimeError`` if no thread can be started.
    """
    return await wait_for(call_in_thread(function, "imagebuilder_pager"))


async def wait_for(future: Future[ResultT]) -> ResultT:
    """Wait for a call in a thread, and return its result or raise its error."""
    runtime = current_runtime()
    done = runtime.event()
    future.add_done_callback(lambda _: runtime.call_from_thread(done.set))
    await done.wait()
    return result_of(future)


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    try:
        # Every version of trio has this function; not all have in_trio_run().
        return trio is not None and trio.lowlevel.current_task() is not None
    except (RuntimeError, AttributeError):  # no run in this thread, or trio is partly imported
        return False


class AsyncioRuntime:
    """The operations of one event loop of asyncio; :class:`TrioRuntime` is its twin for trio."""

    def __init__(self) -> None:
        import asyncio

        self._asyncio = asyncio
        #: The identity of the loop's run; a later run has another one.
        self.loop: Any = asyncio.get_running_loop()

    def is_closed(self) -> bool:
        """Return whether the run has ended; callable in any thread."""
        closed: bool = self.loop.is_closed()
        return closed

    def event(self) -> Event:
        """Return an event that is not set."""
        return self._asyncio.Event()

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return a context manager that raises ``TimeoutError`` after ``seconds``; None: never."""
        return self._asyncio.timeout(seconds)

    def start_task(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> Task:
        """Start a task outside any nursery or task group; the function hands on its errors."""
        return _AsyncioTask(self.loop.create_task(function(*args)), self._asyncio.wait)

    def call_from_thread(self, function: Callable[[], object]) -> None:
        """Call a function in the loop, from any thread. Do nothing after the run has ended."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function)

    async def sleep(self, seconds: float) -> None:
        await self._asyncio.sleep(seconds)

    # The sockets are non-blocking.

    async def connect(self, sock: socket.socket, address: Any) -> None:
        await self.loop.sock_connect(sock, address)

    async def receive(self, sock: socket.socket, max_bytes: int) -> bytes:
        data: bytes = await self.loop.sock_recv(sock, max_bytes)
        return data

    async def send_all(self, sock: socket.socket, data: memoryview) -> None:
        await self.loop.sock_sendall(sock, data)


class _AsyncioTask:
    def __init__(self, task: Any, wait: Callable[..., Any]) -> None:
        self._task = task
        self._wait = wait
        self._cancelled = False

    def cancel(self) -> None:
        # Once: a second cancel would interrupt the cleanup after the first.
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    async def wait(self) -> None:
        await self._wait([self._task])


class TrioRuntime:
    """The operations of one run of trio; see :class:`AsyncioRuntime`."""

    def __init__(self) -> None:
        self._trio: Any = sys.modules["trio"]
        self.loop: Any = self._trio.lowlevel.current_trio_token()

    def is_closed(self) -> bool:
        try:
            self.loop.run_sync_soon(int)
        except RuntimeError:
            return True
        return False

    def event(self) -> Event:
        event: Event = self._trio.Event()
        return event

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        scope = self._trio.CancelScope()
        if seconds is not None:
            scope.deadline = self._trio.current_time() + max(0.0, seconds)
        with scope:
            yield
        if scope.cancelled_caught:
            raise TimeoutError

    def start_task(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> Task:
        return _TrioTask(self._trio, function, *args)

    def call_from_thread(self, function: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.run_sync_soon(function)

    async def sleep(self, seconds: float) -> None:
        await self._trio.sleep(seconds)

    async def connect(self, sock: socket.socket, address: Any) -> None:
        import os
        import socket

        with contextlib.suppress(BlockingIOError):
            sock.connect(address)
            return
        await self._trio.lowlevel.wait_writable(sock)
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))

    async def receive(self, sock: socket.socket, max_bytes: int) -> bytes:
        while True:
            with contextlib.suppress(BlockingIOError):
                return sock.recv(max_bytes)
            await self._trio.lowlevel.wait_readable(sock)

    async def send_all(self, sock: socket.socket, data: memoryview) -> None:
        while data:
            try:
                data = data[sock.send(data) :]
            except BlockingIOError:
                await self._trio.lowlevel.wait_writable(sock)


class _TrioTask:
    def __init__(
        self, trio: Any, function: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> None:
        self._trio = trio
        self._scope = scope = trio.CancelScope()
        self._done = done = trio.Event()

        async def run() -> None:
            # A system task that ends with an error would end the whole run as trio's own failure.
            try:
                with scope, contextlib.suppress(KeyboardInterrupt, SystemExit):
                    await function(*args)
            finally:
                done.set()

        trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())

    def cancel(self) -> None:
        self._scope.cancel()

    async def wait(self) -> None:
        with self._trio.CancelScope(shield=True):
            await self._done.wait()


AsyncRuntime = AsyncioRuntime | TrioRuntime
Task = _AsyncioTask | _TrioTask
