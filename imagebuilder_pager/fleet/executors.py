"""The executors that batches run in.

By default, all batches run in one event loop, in a thread of this process: the calls of many
targets take turns, and threads do not compete for the interpreter.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from .._validation import describe_invalid_value
from ..exceptions import ExecutorLostError, ParamValidationError
from .batch import make_listings, run_batch
from .credentials import FleetCredentials
from .listings import BatchResult, BatchTask

#: The caller's executor; a function that returns a new one; None for a thread.
ExecutorSource = Executor | Callable[[], Executor] | None


class LoopExecutor:
    """An event loop in a separate thread, which limits the calls at a time."""

    def __init__(self, max_concurrency: int) -> None:
        self._credentials = FleetCredentials()
        self._limit = asyncio.Semaphore(max_concurrency)
        self._is_stopped = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fleet-calls", daemon=True)
        self._thread.start()

    def submit(self, task: BatchTask) -> Future[BatchResult]:
        is_stopped = self._is_stopped.is_set
        listings = make_listings(task, self._credentials, limit=self._limit, is_stopped=is_stopped)
        return asyncio.run_coroutine_threadsafe(listings, self._loop)

    def stop(self) -> None:
        self._is_stopped.set()

    def close(self, *, at_once: bool) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        # At once, it waits only for the calls to be cancelled.
        self._thread.join(1.0 if at_once else None)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


class GivenExecutor:
    """The caller's executor, or one that is replaced when it breaks.

    A process pool breaks when one of its processes dies.
    """

    def __init__(self, source: Executor | Callable[[], Executor]) -> None:
        self._make = None if isinstance(source, Executor) else source
        self._executor = source if isinstance(source, Executor) else self._made()
        self._is_new = True

    def submit(self, task: BatchTask) -> Future[BatchResult]:
        """Submit a batch. Raises :class:`ExecutorLostError` if no executor takes it."""
        try:
            future = self._executor.submit(run_batch, task)
        except RuntimeError as error:  # it is broken, or has been shut down
            if self._make is None or self._is_new:
                raise lost_executor(error) from error
        else:
            self._is_new = False
            return future
        self._executor.shutdown(wait=False)
        self._executor, self._is_new = self._made(), True
        return self.submit(task)

    def stop(self) -> None:
        """Do nothing: a batch ends by itself after some seconds."""

    def close(self, *, at_once: bool) -> None:
        if isinstance(self._executor, _Processes) and at_once:
            self._executor.kill()
        if self._make is not None:
            self._executor.shutdown(wait=not at_once, cancel_futures=True)

    def _made(self) -> Executor:
        made: object = self._make() if callable(self._make) else self._make
        if isinstance(made, Executor):
            return made
        allowed = "a concurrent.futures.Executor, or a function that returns one"
        raise ParamValidationError("run_fleet", [describe_invalid_value("executor", made, allowed)])


BatchExecutor = LoopExecutor | GivenExecutor


def lost_executor(error: BaseException) -> ExecutorLostError:
    """Return the error of a run whose executor no longer takes or returns batches."""
    return ExecutorLostError(
        f"the executor is lost: {type(error).__name__}: {error}; the database has the finished "
        "batches, and a run with the same one continues"
    )


def process_executor(workers: int | None = None) -> Executor:
    """Return an executor of new processes, which end with this one, however it ends.

    - ``workers``: the number of processes. Default: None, one for each CPU.
    """
    return _Processes(workers)


class _Processes(ProcessPoolExecutor):
    """A pool whose processes end when this one closes its end of a pipe, or dies."""

    def __init__(self, workers: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        reader, self._lifeline = context.Pipe(duplex=False)
        arguments: Any = (reader,)
        super().__init__(workers, context, _end_with, arguments)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call. A process started by it ignores Ctrl-C, which this process handles."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        """End the processes at once."""
        self._lifeline.close()


def _end_with(lifeline: Connection) -> None:
    """End this process when the pipe is closed."""

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
