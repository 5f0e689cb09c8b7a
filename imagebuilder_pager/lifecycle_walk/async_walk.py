"""The walk of the async client, which a sync program does not load."""

from __future__ import annotations

from typing import Any

from ..models.exceptions import InvalidPaginationTokenException
from ..pagination.async_paginator import AsyncResultIterator
from .records import LifecycleRecord
from .steps import BaseWalk, WalkSteps


class AsyncLifecycleWalk(BaseWalk):
    """The async twin of :class:`LifecycleWalk`, for asyncio and trio.

    Wherever the iterating task is cancelled, :attr:`resume_token` stays right.
    """

    def __aiter__(self) -> AsyncResultIterator[LifecycleRecord]:
        steps = _AsyncSteps(self._plan, aiter)
        return AsyncResultIterator(steps, steps, lambda result: self._records(steps, *result))

    def items(self) -> AsyncResultIterator[LifecycleRecord]:
        """Return an async iterator over the records, as :class:`Checkpoint` asks for it."""
        return aiter(self)


class _AsyncSteps(WalkSteps):
    """The steps of an async walk, and the fetcher of their pages."""

    async def next_result(self) -> tuple[Any] | None:
        """Return a tuple of the next page, of None at the end of a listing; None at the end."""
        while self.needed is not None:
            try:
                return (await anext(self.needed, None),)
            except InvalidPaginationTokenException as error:
                self.refuse(error)
        return None

    async def aclose(self) -> None:
        """End the fetching ahead of every listing."""
        for pages in self.open_pages():
            await pages.aclose()
