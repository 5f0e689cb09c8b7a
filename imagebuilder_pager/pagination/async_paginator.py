"""AsyncPaginator and AsyncPageIterator: the async drivers of a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

from ..exceptions import PagerError
from .async_prefetch import AsyncPrefetcher
from .async_tee import AsyncKeyIterator, AsyncTee
from .base import (
    BasePageIterator,
    BasePaginator,
    ItemT_co,
    IterationState,
    PageT_co,
    T,
    require_awaitable,
)
from .cursor import PageResult
from .full_result import FullResult

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class AsyncPaginator(
    BasePaginator[Callable[..., Awaitable[PageT_co]]], Generic[PageT_co, ItemT_co]
):
    """The async twin of :class:`Paginator`: ``method`` returns an awaitable page."""

    def paginate(self, **params: Any) -> AsyncPageIterator[PageT_co, ItemT_co]:
        """Return an async iterable over pages; see :meth:`Paginator.paginate`."""
        return AsyncPageIterator(self._method, self._spec, *self._validate(params))


class AsyncPageIterator(
    BasePageIterator[Callable[..., Awaitable[PageT_co]], PageT_co], Generic[PageT_co, ItemT_co]
):
    """The async twin of :class:`PageIterator`, for asyncio and trio.

    Wherever the iterating task is cancelled, :attr:`resume_token` stays right.
    """

    def __aiter__(self) -> AsyncResultIterator[PageT_co]:
        state = IterationState(self)
        return AsyncResultIterator(state, self._make_prefetcher(), state.expand_page)

    def items(self) -> AsyncResultIterator[ItemT_co]:
        """Return an async iterator over the items of all pages; see :meth:`PageIterator.items`."""
        state = IterationState(self)
        return AsyncResultIterator(state, self._make_prefetcher(), state.expand_items)

    def search(self, expression: str) -> AsyncResultIterator[Any]:
        """Return an async iterator over the values of a JMESPath expression on each page.

        Of a list, it yields each element. See :meth:`PageIterator.search`.
        """
        state = IterationState(self)
        return AsyncResultIterator(state, self._make_prefetcher(), state.expand_search(expression))

    def result_key_iters(self) -> list[AsyncIterator[Any]]:
        """Return an async iterator over the items of each result key, all from one pass."""
        keys = self._spec.result_keys
        source = AsyncTee(aiter(self), len(keys))
        return [AsyncKeyIterator(source, index, key) for index, key in enumerate(keys)]

    async def build_full_result(self) -> dict[str, Any]:
        """Return all pages as one plain dictionary; see :meth:`PageIterator.build_full_result`."""
        state = IterationState(self)
        full_result = FullResult(self._spec.result_keys)
        expand = state.collect_into(full_result)
        async for _ in AsyncResultIterator(state, self._make_prefetcher(), expand):
            pass
        return state.finish(full_result)

    def _make_prefetcher(self) -> AsyncPrefetcher[PageResult[PageT_co]]:
        cursor = self._create_cursor()

        async def fetch() -> PageResult[PageT_co] | None:
            request = cursor.next_request()
            if request is None:
                return None
            page = self._method(**request)
            require_awaitable(page)
            return cursor.process_page(await page)

        return AsyncPrefetcher(fetch, self._options.prefetch)


class _State(Protocol):
    def attach_resume_token(self, error: PagerError) -> None: ...


class _ResultFetcher(Protocol[ResultT_co]):
    async def next_result(self) -> ResultT_co | None: ...
    async def aclose(self) -> None: ...


class AsyncResultIterator(AsyncIterator[T]):
    """One iteration over an :class:`AsyncPageIterator`, or over the walk of a client.

    Leaving the loop early drops it, and the fetching ahead ends with it; :meth:`aclose` does the
    same and waits for the end.
    """

    # No async generator: trio warns of those that are left before their end.

    def __init__(
        self,
        state: _State,
        prefetcher: _ResultFetcher[ResultT],
        expand: Callable[[ResultT], Iterator[T]],
    ) -> None:
        self._state = state
        self._prefetcher: _ResultFetcher[Any] = prefetcher
        self._expand: Callable[[Any], Iterator[T]] = expand
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
            result = await self._next_result()
            if result is not None:
                self._values = self._expand(result)

    async def aclose(self) -> None:
        """End the iteration and the fetching ahead."""
        if self._running:
            raise RuntimeError("this iteration is waiting for its next page, in another task")
        self._ended = True
        self._values = iter(())
        await self._prefetcher.aclose()

    async def _next_result(self) -> Any:
        self._running = True
        result = None
        try:
            result = await self._prefetcher.next_result()
        except PagerError as error:
            self._state.attach_resume_token(error)
            raise
        finally:
            self._running = False
            if result is None:  # the end, an error, or cancelled
                await self.aclose()
        return result
