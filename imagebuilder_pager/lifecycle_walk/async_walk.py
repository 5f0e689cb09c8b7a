"""The walk of the async client; a module of its own, so that a sync program does not load it."""

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
        steps = WalkSteps(self._plan, aiter)
        return AsyncResultIterator(
            steps, _Fetcher(steps), lambda result: self._records(steps, *result)
        )

    def items(self) -> AsyncResultIterator[LifecycleRecord]:
        """Return an async iterator over the records, as :class:`Checkpoint` asks for it."""
        return aiter(self)


class _Fetcher:
    """The pages of a walk, each of the listing that is next."""

    def __init__(self, steps: WalkSteps) -> None:
        self._steps = steps

    async def next_result(self) -> tuple[Any] | None:
        """Return the next page, or that a listing has ended as ``(None,)``; None at the end."""
        while self._steps.needed is not None:
            try:
                return (await anext(self._steps.needed, None),)
            except InvalidPaginationTokenException as error:
                self._steps.refuse(error)
        return None

    async def aclose(self) -> None:
        """End the fetching ahead of every listing."""
        for pages in self._steps.open_pages():
            await pages.aclose()
