"""Paginator and PageIterator: the sync drivers of a cursor."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any, Generic

from ..exceptions import PagerError, PaginationError
from .base import (
    BasePageIterator,
    BasePaginator,
    ItemT_co,
    IterationState,
    PageExpander,
    PageT_co,
    T,
)
from .cursor import PageResult
from .prefetch import prefetch
from .spec import Expression


class Paginator(BasePaginator[Callable[..., PageT_co]], Generic[PageT_co, ItemT_co]):
    """A paginator of an operation, as boto3's ``client.get_paginator`` returns.

    - ``method``: a function that takes the wire parameters of a request as keywords and returns a
      page: a dictionary, or an object that behaves like one (see :mod:`.cursor`).
    - ``spec``: the :class:`PaginationSpec` of the operation.
    - ``serialize_params``: a function that checks the parameters and returns them under their wire
      names. It raises :class:`ParamValidationError`. Default: None, no check.
    - ``name``: the operation's name in errors. Default: ``paginate``.

    Raises :class:`ParamValidationError` for an async function, which :class:`AsyncPaginator` takes.
    """

    _takes_async_functions = False

    def paginate(self, **params: Any) -> PageIterator[PageT_co, ItemT_co]:
        """Return an iterable over pages.

        ``PaginationConfig`` has boto3's keys and ``Prefetch``; all other keywords are parameters
        of the operation. Nothing is sent before the first page is requested.

        Raises :class:`ParamValidationError` that names every invalid parameter,
        :class:`StartingTokenError` for an invalid token, :class:`PaginationError` for a
        ``PageSize`` where the operation has no parameter for it.
        """
        return PageIterator(self._method, self._spec, *self._validate(params))


class PageIterator(
    BasePageIterator[Callable[..., PageT_co], PageT_co], Generic[PageT_co, ItemT_co]
):
    """The pages of one listing. Each iteration over it starts anew and shares nothing."""

    def __iter__(self) -> Generator[PageT_co]:
        state = IterationState(self)
        return self._iterate(state, state.expand_page)

    def items(self) -> Generator[ItemT_co]:
        """Return an iterator over the items of all pages.

        After each item, :attr:`resume_token` resumes right behind it: a program that stores the
        token with each item that it has finished can be stopped anywhere, and loses and repeats
        nothing.
        """
        state = IterationState(self)
        return self._iterate(state, state.expand_items)

    def search(self, expression: str) -> Generator[Any]:
        """Return an iterator over the values of a JMESPath expression on each page.

        Of a list, it yields each element. Raises :class:`ParamValidationError` for an expression
        that is not valid, and :class:`PaginationError` at a page on which it has no value.
        """
        state = IterationState(self)
        return self._iterate(state, state.expand_search(expression))

    def result_key_iters(self) -> list[Iterator[Any]]:
        """Return an iterator over the items of each result key, all from one pass."""

        def iterate(pages: Iterator[PageT_co], key: Expression) -> Iterator[Any]:
            for page in pages:
                items = key.search(page)
                yield from () if items is None else items

        keys = self._spec.result_keys
        return [
            iterate(pages, key)
            for pages, key in zip(itertools.tee(self, len(keys)), keys, strict=True)
        ]

    def build_full_result(self) -> dict[str, Any]:
        """Return all pages as one plain dictionary, as boto3 builds it.

        The result keys are joined, and the non-aggregate members are those of the first page.
        ``NextToken`` is present only where ``MaxItems`` has truncated the listing.
        """
        state = IterationState(self)
        for _ in self._iterate(state, state.collect):
            pass
        return state.finish()

    def _iterate(
        self, state: IterationState[PageT_co], expand: PageExpander[PageT_co, T]
    ) -> Generator[T]:
        try:
            for result in self._fetch_results():
                yield from expand(result)
        except PagerError as error:
            state.attach_resume_token(error)
            raise

    def _fetch_results(self) -> Generator[PageResult[PageT_co]]:
        cursor = self._create_cursor()

        def fetch() -> PageResult[PageT_co] | None:
            request = cursor.next_request()
            if request is None:
                return None
            page = self._method(**request)
            if isinstance(page, Awaitable):
                if isinstance(page, Coroutine):
                    page.close()  # or Python warns that it was never awaited
                raise PaginationError(
                    f"the method returned a {type(page).__name__} in place of a page; for an "
                    "async function, use AsyncPaginator"
                )
            return cursor.process_page(page)

        return prefetch(fetch, self._options.prefetch)
