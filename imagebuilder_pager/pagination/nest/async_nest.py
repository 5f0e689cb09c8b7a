"""AsyncNest and AsyncNestIterator: the async driver of a nest, under asyncio and trio."""

from __future__ import annotations

import contextlib

from ..._async_runtime import Task, current_runtime
from ...exceptions import PaginationError
from ..async_paginator import AsyncResultIterator
from ..base import require_awaitable
from .base import BaseNest, BaseNestIterator, NestIteration, RecordT
from .cursor import Batch, NestCursor
from .listing import Gap


class AsyncNest(BaseNest[RecordT]):
    """The async twin of :class:`Nest`: the methods of its levels return awaitable pages."""

    def walk(
        self, *, page_size: object = None, starting_token: object = None, prefetch: object = None
    ) -> AsyncNestIterator[RecordT]:
        """Return an async iterable over the records; see :meth:`Nest.walk`.

        ``prefetch`` pages are fetched at the same time, those of several inner listings. The order
        stays the same.
        """
        options = self._validate(page_size, starting_token, prefetch)
        return AsyncNestIterator(options, self._make_record, self._is_expired)


class AsyncNestIterator(BaseNestIterator[RecordT]):
    """The async twin of :class:`NestIterator`.

    Wherever the iterating task is cancelled, :attr:`resume_token` stays right.
    """

    def __aiter__(self) -> AsyncResultIterator[RecordT]:
        state = NestIteration(self)
        return AsyncResultIterator(state, self._make_fetcher(), state.expand_records)

    def items(self) -> AsyncResultIterator[RecordT]:
        """Return an async iterator over the records, as :class:`Checkpoint` asks for it."""
        return aiter(self)

    def pages(self) -> AsyncResultIterator[list[RecordT]]:
        """Return an async iterator over lists of records; see :meth:`NestIterator.pages`."""
        state = NestIteration(self)
        return AsyncResultIterator(state, self._make_fetcher(), state.expand_pages)

    def _make_fetcher(self) -> _NestFetcher:
        prefetch = self._options.prefetch
        return _NestFetcher(self._create_cursor(prefetch), prefetch)


class _NestFetcher:
    """A fetcher of pages; with a ``prefetch`` above 0, in several tasks.

    :meth:`aclose` ends the tasks and waits for their end; dropping it ends them too.
    """

    def __init__(self, cursor: NestCursor, prefetch: int) -> None:
        self._cursor = cursor
        self._prefetch = prefetch
        self._tasks: _FetchTasks | None = None

    async def next_result(self) -> Batch | None:
        """Return the next batch, or None after the last.

        With a ``prefetch``, it raises :class:`PaginationError` in another event loop than that of
        the first call.
        """
        while (batch := await self._next_batch()) is not None:
            if batch.is_progress:
                return batch
        return None

    async def _next_batch(self) -> Batch | None:
        cursor = self._cursor
        if self._prefetch == 0:
            while not cursor.is_ready and (gap := cursor.next_request()) is not None:
                await _fetch(cursor, gap)
            return cursor.take() if cursor.is_ready else None
        if self._tasks is None:
            # The tasks must not refer to the fetcher, which ends them when it is dropped.
            self._tasks = _FetchTasks(cursor)
        return await self._tasks.next_batch()

    async def aclose(self) -> None:
        """End the fetching; none of it is running in this event loop when this returns."""
        if self._tasks is not None:
            await self._tasks.aclose()

    def __del__(self) -> None:
        if self._tasks is not None:
            # The event loop may be closed already.
            with contextlib.suppress(RuntimeError):
                self._tasks.cancel()


async def _fetch(cursor: NestCursor, gap: Gap) -> None:
    """Fetch a page; an error is raised where its records would come."""
    try:
        page = gap.level.method(**gap.params)
        require_awaitable(page, "Nest")
        cursor.receive(gap, await page)
    except BaseException as error:
        if cursor.recover(gap, error):
            return
        cursor.fail(gap, error)
        if not isinstance(error, Exception):
            raise


class _FetchTasks:
    """The tasks that fill the gaps of a cursor, between them and the task that iterates."""

    def __init__(self, cursor: NestCursor) -> None:
        self._cursor = cursor
        self._runtime = current_runtime()
        self._changed = self._runtime.event()
        self._tasks: dict[int, Task] = {}
        self._started = 0
        self._is_closed = False

    async def next_batch(self) -> Batch | None:
        if not self._is_in_its_loop():
            raise PaginationError(
                "a walk with Prefetch goes on only in the event loop in which it began; walk anew "
                "in this one, with the error's resume_token as the StartingToken"
            )
        cursor = self._cursor
        cursor.reach()
        self._start_tasks()
        while not cursor.is_ready:
            if cursor.is_finished:
                return None
            if self._changed.is_set():
                self._changed = self._runtime.event()
            await self._changed.wait()
        batch = cursor.take()
        self._start_tasks()
        return batch

    def cancel(self) -> None:
        self._is_closed = True
        for task in list(self._tasks.values()):
            task.cancel()

    async def aclose(self) -> None:
        if not self._is_in_its_loop():
            self._runtime.call_from_thread(self.cancel)
            return
        self.cancel()
        for task in list(self._tasks.values()):
            await task.wait()
        self._tasks.clear()

    def _is_in_its_loop(self) -> bool:
        return current_runtime().loop is self._runtime.loop

    def _start_tasks(self) -> None:
        while not self._is_closed and (gap := self._cursor.next_request()) is not None:
            self._started += 1
            task = self._runtime.start_task(self._run, self._started, gap)
            self._tasks[self._started] = task

    async def _run(self, number: int, gap: Gap | None) -> None:
        try:
            while gap is not None:
                await _fetch(self._cursor, gap)
                gap = None if self._is_closed else self._cursor.next_request()
                self._start_tasks()
                self._changed.set()
        finally:
            self._changed.set()
            self._tasks.pop(number, None)
