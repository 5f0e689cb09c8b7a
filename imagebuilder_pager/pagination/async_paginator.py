"""AsyncPaginator and AsyncPageIterator: the async drivers of a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Generic, Self

from ..exceptions import PagerError
from .base import (
    BasePageIterator,
    BasePaginator,
    ItemT,
    IterationState,
    PageExpander,
    PageT,
    ParamSerializer,
    T,
)
from .config import PaginationOptions
from .cursor import PageResult
from .full_result import FullResult
from .prefetch import AsyncPrefetcher
from .spec import PaginationSpec

__all__ = ["AsyncPageIterator", "AsyncPaginator", "AsyncResultIterator"]


class AsyncPaginator(BasePaginator, Generic[PageT, ItemT]):
    """The async twin of :class:`Paginator`: ``method`` returns an awaitable page."""

    def __init__(
        self,
        method: Callable[..., Awaitable[PageT]],
        spec: PaginationSpec,
        *,
        serialize_params: ParamSerializer | None = None,
        name: str = "paginate",
    ) -> None:
        super().__init__(spec, serialize_params=serialize_params, name=name)
        self._method = method

    def paginate(self, **params: Any) -> AsyncPageIterator[PageT, ItemT]:
        """An async iterable over pages; see :meth:`Paginator.paginate`."""
        return AsyncPageIterator(self._method, self._spec, *self._validate(params))


class AsyncPageIterator(BasePageIterator[PageT], Generic[PageT, ItemT]):
    """The async twin of :class:`PageIterator`, for asyncio and trio.

    Cancelling the task that iterates, at any moment, leaves :attr:`resume_token` right.
    """

    def __init__(
        self,
        method: Callable[..., Awaitable[PageT]],
        spec: PaginationSpec,
        params: Mapping[str, Any],
        options: PaginationOptions,
    ) -> None:
        super().__init__(spec, params, options)
        self._method = method

    def __aiter__(self) -> AsyncResultIterator[PageT]:
        run = IterationState(self)
        return AsyncResultIterator(run, self._make_prefetcher(), run.expand_page)

    def items(self) -> AsyncResultIterator[ItemT]:
        """The items of all pages, one by one; see :meth:`PageIterator.items`."""
        run = IterationState(self)
        return AsyncResultIterator(run, self._make_prefetcher(), run.expand_items)

    def search(self, expression: str) -> AsyncResultIterator[Any]:
        """What a JMESPath expression finds on each page; of a list, each element by itself."""
        run = IterationState(self)
        return AsyncResultIterator(run, self._make_prefetcher(), run.expand_search(expression))

    async def build_full_result(self) -> dict[str, Any]:
        """All pages as one plain dictionary; see :meth:`PageIterator.build_full_result`."""
        run = IterationState(self)
        result = FullResult(self._spec.result_keys)
        async for _ in AsyncResultIterator(run, self._make_prefetcher(), run.collect_into(result)):
            pass
        if result.last is not None:
            run.record_yielded(result.last)
        return result.finish()

    def _make_prefetcher(self) -> AsyncPrefetcher[PageResult[PageT]]:
        cursor = self._new_cursor()

        async def fetch() -> PageResult[PageT] | None:
            request = cursor.next_request()
            return None if request is None else cursor.process_page(await self._method(**request))

        return AsyncPrefetcher(fetch, self._options.prefetch)


class AsyncResultIterator(AsyncIterator[T]):
    """One run through an :class:`AsyncPageIterator`.

    Leaving the loop early drops it, and whatever it was fetching ahead; :meth:`aclose` does the
    same and waits for the end of it.
    """

    # No async generator: trio warns of those that are left before their end.

    def __init__(
        self,
        run: IterationState[PageT],
        fetcher: AsyncPrefetcher[PageResult[PageT]],
        unfold: PageExpander[PageT, T],
    ) -> None:
        self._run = run
        self._prefetcher = fetcher
        self._unfold = unfold
        self._values: Iterator[T] = iter(())
        self._running = False
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._running:
            raise RuntimeError("this iteration is already waiting for its next page")
        while True:
            try:
                for value in self._values:
                    return value
            except Exception:
                await self.aclose()
                raise
            if self._ended:
                raise StopAsyncIteration
            step = await self._next_result()
            if step is not None:
                self._values = self._unfold(step)

    async def aclose(self) -> None:
        """Ends the iteration, and what it was fetching ahead."""
        if self._running:
            raise RuntimeError("this iteration is waiting for its next page, in another task")
        self._ended = True
        self._values = iter(())
        await self._prefetcher.aclose()

    async def _next_result(self) -> PageResult[Any] | None:
        self._running = True
        step = None
        try:
            step = await self._prefetcher.next_result()
        except PagerError as error:
            self._run.attach_resume_token(error)
            raise
        finally:
            self._running = False
            if step is None:  # the end, an error, or cancelled
                await self.aclose()
        return step
