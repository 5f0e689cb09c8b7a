"""The event loop of a process, in which all its slices make their calls.

Rules:

- Slices that run at the same time, each in a thread of its executor, share one loop. So the calls
  of many targets take turns, and no thread takes the interpreter from another one.
- The loop begins with the first slice and ends with the last one, or with a run whose slices are in
  its own process. Nothing is left of it.
- The calls of a run are at most so many at a time, in all slices together.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


class _SharedLoop:
    """An event loop in a thread, and the semaphores of the runs that use it."""

    def __init__(self) -> None:
        self.users = 0
        self._loop = asyncio.new_event_loop()
        self._limits: dict[str, asyncio.Semaphore] = {}
        self._thread = threading.Thread(target=self._run, name="fleet-calls", daemon=True)
        self._thread.start()

    def run(
        self,
        make: Callable[[asyncio.Semaphore], Coroutine[Any, Any, None]],
        run_id: str,
        limit: int,
    ) -> None:
        async def run() -> None:
            if run_id not in self._limits:
                self._limits[run_id] = asyncio.Semaphore(limit)
            await make(self._limits[run_id])

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


_lock = threading.Lock()
_shared: _SharedLoop | None = None


def run_in_shared_loop(
    make: Callable[[asyncio.Semaphore], Coroutine[Any, Any, None]], run_id: str, limit: int
) -> None:
    """Run a coroutine in the loop that this process shares, and wait for its end.

    ``make`` returns it for the semaphore of the run, which lets ``limit`` calls be made at a time.
    """
    with shared_loop() as shared:
        shared.run(make, run_id, limit)


@contextmanager
def shared_loop() -> Iterator[_SharedLoop]:
    """Keep the loop that this process shares until the end of the block."""
    global _shared  # noqa: PLW0603 - what the slices of one process share
    with _lock:
        if _shared is None:
            _shared = _SharedLoop()
        shared = _shared
        shared.users += 1
    try:
        yield shared
    finally:
        with _lock:
            shared.users -= 1
            is_last = not shared.users
            if is_last:
                _shared = None
        if is_last:
            shared.close()


def _after_fork() -> None:
    """Forget, in a forked process, the loop of its parent, which has no thread here."""
    global _lock, _shared
    _lock, _shared = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
