"""AsyncPaginator and AsyncPageIterator: the async drivers of a cursor."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from .._async_runtime import Event, current_runtime
from ..exceptions import PagerError, PaginationError
from .async_prefetch import AsyncPrefetcher
from .base import (
    BasePageIterator,
    BasePaginator,
    ItemT_co,
    IterationState,
    PageT_co,
    T,
)
from .cursor import PageResult
from .spec import Expression

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class AsyncPaginator(
    BasePaginator[Callable[..., Awaitable[PageT_co]]], Generic[PageT_co, ItemT_co]
):
    """The async twin of :class:`Paginator`: ``method`` returns an awaitable page."""

    _takes_async_functions = True

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
        source = _SharedPages(aiter(self))
        return [_KeyIterator(source, key) for key in self._spec.result_keys]

    async def build_full_result(self) -> dict[str, Any]:
        """Return all pages as one plain dictionary; see :meth:`PageIterator.build_full_result`."""
        state = IterationState(self)
        async for _ in AsyncResultIterator(state, self._make_prefetcher(), state.collect):
            pass
        return state.finish()

    def _make_prefetcher(self) -> AsyncPrefetcher[PageResult[PageT_co]]:
        cursor = self._create_cursor()

        async def fetch() -> PageResult[PageT_co] | None:
            request = cursor.next_request()
            if request is None:
                return None
            page = self._method(**request)
            if not isinstance(page, Awaitable):
                raise PaginationError(
                    f"the method returned a {type(page).__name__} in place of an awaitable; for a "
                    "function that is not async, use Paginator"
                )
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


class _SharedPages:
    """The pages of one iteration, for several readers; tasks may read at the same time.

    The pass ends for all of them where it ends for one, also by an error or a cancellation.
    """

    def __init__(self, pages: AsyncIterator[Any]) -> None:
        self._pages = pages
        self._fetched: Event | None = None
        self._end: Exception | None = None
        #: The pages that a reader has not had yet, of each reader.
        self.queues: list[deque[Any]] = []

    async def fetch(self) -> None:
        """Add the next page to all queues, or wait for the task that does so.

        Raises ``StopAsyncIteration`` after the last page, and the error that ended the pass.
        """
        if self._fetched is not None:
            await self._fetched.wait()
            return
        if self._end is not None:
            raise self._end
        self._fetched = current_runtime().event()
        self._end = RuntimeError("another task that read the same pages was cancelled")
        try:
            page = await anext(self._pages)
        except Exception as error:
            self._end = error
            raise
        else:
            self._end = None
            for queue in self.queues:
                queue.append(page)
        finally:
            self._fetched.set()
            self._fetched = None


class _KeyIterator(AsyncIterator[Any]):
    """The items of one result key, by one reader of the pages."""

    def __init__(self, source: _SharedPages, key: Expression) -> None:
        self._source = source
        self._key = key
        self._pages: deque[Any] = deque()
        self._items: deque[Any] = deque()
        source.queues.append(self._pages)

    async def __anext__(self) -> Any:
        while not self._items:
            while not self._pages:
                await self._source.fetch()
            items = self._key.search(self._pages.popleft())
            self._items.extend(() if items is None else items)
        return self._items.popleft()
