"""The walk of the async client; a module of its own, so that a sync program does not load it."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..models.exceptions import InvalidPaginationTokenException
from ..pagination.async_paginator import AsyncResultIterator
from .cursor import BaseWalk, WalkCursor
from .records import LifecycleRecord


class AsyncLifecycleWalk(BaseWalk):
    """The async twin of :class:`LifecycleWalk`, for asyncio and trio.

    Wherever the iterating task is cancelled, :attr:`resume_token` stays right.
    """

    def __aiter__(self) -> AsyncResultIterator[LifecycleRecord]:
        cursor = WalkCursor(self._plan)
        return AsyncResultIterator(cursor, _Fetcher(cursor), partial(self._expand_records, cursor))

    def items(self) -> AsyncResultIterator[LifecycleRecord]:
        """Return an async iterator over the records, as :class:`Checkpoint` asks for it."""
        return aiter(self)

    def pages(self) -> AsyncResultIterator[list[LifecycleRecord]]:
        """Return an async iterator over lists of records; see :meth:`LifecycleWalk.pages`."""
        cursor = WalkCursor(self._plan)
        return AsyncResultIterator(cursor, _Fetcher(cursor), partial(self._expand_page, cursor))


class _Fetcher:
    """The pages of a walk, each of the listing that the cursor needs it of."""

    def __init__(self, cursor: WalkCursor) -> None:
        self._cursor = cursor
        self._iterators: dict[int, AsyncResultIterator[Any]] = {}

    async def next_result(self) -> Any:
        """Return the next page, or None after the last."""
        while (listing := self._cursor.next_listing()) is not None:
            if listing.position is None:
                self._iterators[listing.depth] = aiter(listing.pages)
            try:
                return await anext(self._iterators[listing.depth])
            except InvalidPaginationTokenException as error:
                self._cursor.restart(error)
        return None

    async def aclose(self) -> None:
        """End the fetching ahead of every listing."""
        for iterator in self._iterators.values():
            await iterator.aclose()
