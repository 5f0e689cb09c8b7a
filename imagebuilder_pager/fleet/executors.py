"""The executors that slices run in."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from typing import TypeVar

from .._validation import describe_invalid_value
from ..exceptions import ParamValidationError

T = TypeVar("T")
R = TypeVar("R")

#: An executor, which stays the caller's; a function that returns a new one; None for threads.
ExecutorSource = Executor | Callable[[], Executor] | None


class SliceExecutor:
    """An executor that is replaced when it breaks, where there is a function that makes another.

    A process pool breaks when one of its processes dies.
    """

    def __init__(self, executor: Executor, make: Callable[[], Executor] | None) -> None:
        self._executor = executor
        self._make = make

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Submit a call. Raises ``BrokenExecutor`` if the executor is broken for good."""
        try:
            return self._executor.submit(function, argument)
        except BrokenExecutor:
            if self._make is None:
                raise
        self.shutdown(wait=False)
        self._executor = self._make()
        return self._executor.submit(function, argument)

    def shutdown(self, *, wait: bool) -> None:
        """End the executor, unless it is the caller's."""
        if self._make is not None:
            self._executor.shutdown(wait=wait, cancel_futures=True)


@contextmanager
def open_executor(source: ExecutorSource, slots: int) -> Iterator[SliceExecutor]:
    """Give the executor of a run with so many slices at a time, and end it if it is ours."""
    if source is None:
        slices = _own(lambda: ThreadPoolExecutor(slots, thread_name_prefix="fleet-slice"))
    elif isinstance(source, Executor):
        slices = SliceExecutor(source, None)
    elif callable(source):
        slices = _own(source)
    else:
        raise ParamValidationError(
            "run_fleet",
            [
                describe_invalid_value(
                    "executor",
                    source,
                    "a concurrent.futures.Executor, or a function that returns one",
                )
            ],
        )
    try:
        yield slices
    except BaseException:
        slices.shutdown(wait=False)
        raise
    slices.shutdown(wait=True)


def _own(make: Callable[[], Executor]) -> SliceExecutor:
    return SliceExecutor(make(), make)


def process_executor(workers: int | None = None) -> Executor:
    """Return an executor of new processes, which end with this one, however it ends.

    - ``workers``: the number of processes. Default: None, one for each CPU.
    """
    return ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """End this process when its parent is gone, which a worker that waits would not notice."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
