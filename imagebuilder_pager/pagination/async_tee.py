"""One async pass over pages, read by several iterators, each at its own pace."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

from .._async_runtime import Event, current_runtime
from .spec import Expression


class AsyncTee:
    """The pages of one iteration, for several readers; tasks may read at the same time.

    The pass ends for all of them where it ends for one, also by an error or a cancellation.
    """

    def __init__(self, pages: AsyncIterator[Any], readers: int) -> None:
        self._pages = pages
        self._queues: list[deque[Any]] = [deque() for _ in range(readers)]
        self._fetched: Event | None = None
        self._ended = False
        self._error: BaseException | None = None

    async def next_page(self, reader: int) -> Any:
        """Return the next page of a reader.

        Raises ``StopAsyncIteration`` after the last one, and the error that ended the pass.
        """
        queue = self._queues[reader]
        while not queue:
            if self._fetched is not None:
                await self._fetched.wait()
            elif self._error is not None:
                raise self._error
            elif self._ended:
                raise StopAsyncIteration
            else:
                await self._fetch()
        return queue.popleft()

    async def _fetch(self) -> None:
        fetched = self._fetched = current_runtime().event()
        try:
            page = await anext(self._pages)
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:
            self._error = error
            raise
        except BaseException:
            self._error = RuntimeError("another task that read the same pages was cancelled")
            raise
        else:
            for queue in self._queues:
                queue.append(page)
        finally:
            self._fetched = None
            fetched.set()


class AsyncKeyIterator(AsyncIterator[Any]):
    """The items of one result key, as one reader of the pages."""

    def __init__(self, source: AsyncTee, reader: int, key: Expression) -> None:
        self._source = source
        self._reader = reader
        self._key = key
        self._items: deque[Any] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            page = await self._source.next_page(self._reader)
            items = self._key.search(page)
            self._items.extend(() if items is None else items)
        return self._items.popleft()
