"""Paginator and PageIterator: the sync drivers of a cursor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Generic

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
from .prefetch import prefetch
from .spec import Expression, PaginationSpec

__all__ = ["PageIterator", "Paginator"]


class Paginator(BasePaginator, Generic[PageT, ItemT]):
    """Pages through what ``method`` lists, as ``spec`` says.

    ``method`` is called with the wire parameters of a request as keywords and returns a page: a
    dictionary, or an object that behaves like one (see :mod:`.cursor`). ``prepare``, where it is
    given, checks the parameters at :meth:`paginate` and translates their names; it raises
    :class:`ParamValidationError`. ``name`` is what errors call the operation.
    """

    def __init__(
        self,
        method: Callable[..., PageT],
        spec: PaginationSpec,
        *,
        serialize_params: ParamSerializer | None = None,
        name: str = "paginate",
    ) -> None:
        super().__init__(spec, serialize_params=serialize_params, name=name)
        self._method = method

    def paginate(self, **params: Any) -> PageIterator[PageT, ItemT]:
        """An iterable over pages.

        ``PaginationConfig`` is boto3's, and ``Prefetch``; all other keywords are the operation's.
        Nothing is sent before the first page is asked for.

        Raises :class:`ParamValidationError` that names every bad parameter,
        :class:`StartingTokenError` for a bad token, :class:`PaginationError` for a ``PageSize``
        that the operation has no parameter for.
        """
        return PageIterator(self._method, self._spec, *self._validate(params))


class PageIterator(BasePageIterator[PageT], Generic[PageT, ItemT]):
    """The pages of one listing. Each iteration over it starts anew, and shares nothing."""

    def __init__(
        self,
        method: Callable[..., PageT],
        spec: PaginationSpec,
        params: Mapping[str, Any],
        options: PaginationOptions,
    ) -> None:
        super().__init__(spec, params, options)
        self._method = method

    def __iter__(self) -> Generator[PageT]:
        run = IterationState(self)
        return self._iterate(run, run.expand_page)

    def items(self) -> Generator[ItemT]:
        """The items of all pages, one by one.

        After each, :attr:`resume_token` goes on right behind it: a program that stores the token
        with each item it has finished can be stopped anywhere, and loses and repeats nothing.
        """
        run = IterationState(self)
        return self._iterate(run, run.expand_items)

    def search(self, expression: str) -> Generator[Any]:
        """What a JMESPath expression finds on each page; of a list, each element by itself."""
        run = IterationState(self)
        return self._iterate(run, run.expand_search(expression))

    def result_key_iters(self) -> list[Iterator[Any]]:
        """An iterator over the items of each result key, all from one run through the pages."""

        def of_key(pages: Iterator[PageT], key: Expression) -> Iterator[Any]:
            for page in pages:
                found = key.search(page)
                yield from () if found is None else found

        keys = self._spec.result_keys
        return [
            of_key(pages, key)
            for pages, key in zip(itertools.tee(self, len(keys)), keys, strict=True)
        ]

    def build_full_result(self) -> dict[str, Any]:
        """All pages as one plain dictionary, as boto3 builds it.

        The result keys are put together, the non-aggregate members are those of the first page,
        and ``NextToken`` is there only when ``MaxItems`` has cut the listing off.
        """
        run = IterationState(self)
        result = FullResult(self._spec.result_keys)
        for _ in self._iterate(run, run.collect_into(result)):
            pass
        if result.last is not None:
            run.record_yielded(result.last)
        return result.finish()

    def _iterate(self, run: IterationState[PageT], unfold: PageExpander[PageT, T]) -> Generator[T]:
        try:
            for step in self._fetch_results():
                yield from unfold(step)
        except PagerError as error:
            run.attach_resume_token(error)
            raise

    def _fetch_results(self) -> Generator[PageResult[PageT]]:
        cursor = self._new_cursor()

        def fetch() -> PageResult[PageT] | None:
            request = cursor.next_request()
            return None if request is None else cursor.process_page(self._method(**request))

        return prefetch(fetch, self._options.prefetch)
