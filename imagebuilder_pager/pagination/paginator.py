"""Paginator and PageIterator, and their async twins: the drivers of a cursor.

What both kinds share is in the two base classes, which do no I/O.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ..errors import PagerError, ParamValidationError, StartingTokenError
from .config import Options, parse_config
from .cursor import PageCursor, Position, Step
from .full_result import FullResult, as_dict
from .prefetch import AsyncFetcher, fetch_ahead
from .spec import Expression, PaginationSpec

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    ItemT = TypeVarWithDefault("ItemT", default=Any)
else:
    ItemT = TypeVar("ItemT")

__all__ = ["AsyncIteration", "AsyncPageIterator", "AsyncPaginator", "PageIterator", "Paginator"]

PageT = TypeVar("PageT")
T = TypeVar("T")

#: What an iteration makes of a step.
Unfold = Callable[[Step[PageT]], Iterator[T]]
#: Checks the parameters of a request and returns them under their wire names.
Prepare = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class _Paginator:
    """What a paginator knows of its operation, and how it checks what a caller asks for."""

    def __init__(
        self, spec: PaginationSpec, *, prepare: Prepare | None = None, name: str = "paginate"
    ) -> None:
        self._spec = spec
        self._prepare = prepare
        self._name = name

    @property
    def result_keys(self) -> tuple[Expression, ...]:
        """The paths of the items in a page; the first is the one that is counted."""
        return self._spec.result_keys

    def _checked(self, given: dict[str, Any]) -> tuple[Mapping[str, Any], Options]:
        options, problems = parse_config(given.pop("PaginationConfig", None), self._spec)
        params, more = self._problems(given)
        problems += more
        if not problems:
            # The first request, checked before it is needed: a bad token or page size shows here,
            # with the caller's own line in the traceback.
            first = new_cursor(self._spec, params, options).next_request()
            _, more = self._problems(first or {})
            problems = [self._in_config_terms(problem, options) for problem in more]
            if problems and all(problem.startswith("StartingToken:") for problem in problems):
                raise StartingTokenError("; ".join(problems))
        if problems:
            raise ParamValidationError(self._name, problems)
        return params, options

    def _problems(self, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
        if self._prepare is None:
            return params, []
        try:
            return self._prepare(params), []
        except ParamValidationError as error:
            return params, list(error.problems)

    def _in_config_terms(self, problem: str, options: Options) -> str:
        """A problem of the first request, by the name of what the caller has given."""
        name, _, text = problem.partition(": ")
        if name == self._spec.limit_key and options.page_size is not None:
            name = "PaginationConfig.PageSize"
        elif name in self._spec.input_tokens and options.starting_token is not None:
            name = "StartingToken"
        return f"{name}: {text}"


class _Pages(Generic[PageT]):
    """One listing as it was asked for, and the place that its caller has reached."""

    def __init__(self, spec: PaginationSpec, params: Mapping[str, Any], options: Options) -> None:
        self._spec = spec
        self._params = dict(params)
        self._options = options
        # The position of the page handed out last, and how many of its items were.
        self._place: tuple[Position, int] | None = None
        self._non_aggregate_part: dict[str, Any] = {}

    @property
    def result_keys(self) -> tuple[Expression, ...]:
        """The paths of the items in a page; the first is the one that is counted."""
        return self._spec.result_keys

    @property
    def resume_token(self) -> str | None:
        """A ``StartingToken`` that goes on right after the page, or item, last handed out.

        None before the first and after the last. Of several iterations at a time, the one that
        has moved last counts.
        """
        if self._place is None:
            return None
        position, items = self._place
        return position.token_after(items)

    @property
    def non_aggregate_part(self) -> dict[str, Any]:
        """The members that are the same on every page, as the first page has them."""
        return self._non_aggregate_part

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` that was asked for."""
        return self._options.starting_token

    def moved(self, place: tuple[Position, int], non_aggregate_part: dict[str, Any]) -> None:
        """An iteration has handed something out."""
        self._place = place
        self._non_aggregate_part = non_aggregate_part

    def _new_cursor(self) -> PageCursor[PageT]:
        return new_cursor(self._spec, self._params, self._options)


class _Run(Generic[PageT]):
    """One iteration over a listing: what its caller gets of each step, and how far it has got.

    The sync and the async iteration fetch the steps, this does all else.
    """

    def __init__(self, pages: _Pages[PageT]) -> None:
        self._pages = pages
        self._place: tuple[Position, int] | None = None

    def hand_out(self, step: Step[PageT], items: int | None = None) -> None:
        """The caller has the first ``items`` items of the step, None for all of it."""
        self._place = step.position, step.position.count if items is None else items
        self._pages.moved(self._place, step.non_aggregate_part)

    def sign(self, error: PagerError) -> None:
        """Notes in an error where the caller, who gets it now, can go on."""
        if self._place is None:
            error.resume_token = self._pages.starting_token
        else:
            position, items = self._place
            error.resume_token = position.token_after(items)

    def page_of(self, step: Step[PageT]) -> Iterator[PageT]:
        """The page itself."""
        self.hand_out(step)
        yield step.page

    def items_of(self, step: Step[PageT]) -> Iterator[Any]:
        """The items of the page."""
        items = self._pages.result_keys[0].search(step.page)
        for number, item in enumerate(() if items is None else items, start=1):
            self.hand_out(step, number)
            yield item
        self.hand_out(step)

    def finder(self, expression: str) -> Unfold[PageT, Any]:
        """What a JMESPath expression finds on the page; of a list, its elements."""
        import jmespath

        compiled = jmespath.compile(expression)

        def found_in(step: Step[PageT]) -> Iterator[Any]:
            self.hand_out(step)
            found = compiled.search(as_dict(step.page))
            yield from found if isinstance(found, list) else [found]

        return found_in

    def collector(self, result: FullResult) -> Unfold[PageT, Step[PageT]]:
        """Adds the page to a full result, of which the caller has nothing before it is whole."""

        def add(step: Step[PageT]) -> Iterator[Step[PageT]]:
            result.add(step)
            yield step

        return add


class Paginator(_Paginator, Generic[PageT, ItemT]):
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
        prepare: Prepare | None = None,
        name: str = "paginate",
    ) -> None:
        super().__init__(spec, prepare=prepare, name=name)
        self._method = method

    def paginate(self, **params: Any) -> PageIterator[PageT, ItemT]:
        """An iterable over pages.

        ``PaginationConfig`` is boto3's, and ``Prefetch``; all other keywords are the operation's.
        Nothing is sent before the first page is asked for.

        Raises :class:`ParamValidationError` that names every bad parameter,
        :class:`StartingTokenError` for a bad token, :class:`PaginationError` for a ``PageSize``
        that the operation has no parameter for.
        """
        return PageIterator(self._method, self._spec, *self._checked(params))


class PageIterator(_Pages[PageT], Generic[PageT, ItemT]):
    """The pages of one listing. Each iteration over it starts anew, and shares nothing."""

    def __init__(
        self,
        method: Callable[..., PageT],
        spec: PaginationSpec,
        params: Mapping[str, Any],
        options: Options,
    ) -> None:
        super().__init__(spec, params, options)
        self._method = method

    def __iter__(self) -> Generator[PageT]:
        run = _Run(self)
        return self._each(run, run.page_of)

    def items(self) -> Generator[ItemT]:
        """The items of all pages, one by one.

        After each, :attr:`resume_token` goes on right behind it: a program that stores the token
        with each item it has finished can be stopped anywhere, and loses and repeats nothing.
        """
        run = _Run(self)
        return self._each(run, run.items_of)

    def search(self, expression: str) -> Generator[Any]:
        """What a JMESPath expression finds on each page; of a list, each element by itself."""
        run = _Run(self)
        return self._each(run, run.finder(expression))

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
        run = _Run(self)
        result = FullResult(self._spec.result_keys)
        for _ in self._each(run, run.collector(result)):
            pass
        if result.last is not None:
            run.hand_out(result.last)
        return result.finish()

    def _each(self, run: _Run[PageT], unfold: Unfold[PageT, T]) -> Generator[T]:
        try:
            for step in self._steps():
                yield from unfold(step)
        except PagerError as error:
            run.sign(error)
            raise

    def _steps(self) -> Generator[Step[PageT]]:
        cursor = self._new_cursor()

        def fetch() -> Step[PageT] | None:
            request = cursor.next_request()
            return None if request is None else cursor.step(self._method(**request))

        return fetch_ahead(fetch, self._options.prefetch)


class AsyncPaginator(_Paginator, Generic[PageT, ItemT]):
    """The async twin of :class:`Paginator`: ``method`` returns an awaitable page."""

    def __init__(
        self,
        method: Callable[..., Awaitable[PageT]],
        spec: PaginationSpec,
        *,
        prepare: Prepare | None = None,
        name: str = "paginate",
    ) -> None:
        super().__init__(spec, prepare=prepare, name=name)
        self._method = method

    def paginate(self, **params: Any) -> AsyncPageIterator[PageT, ItemT]:
        """An async iterable over pages; see :meth:`Paginator.paginate`."""
        return AsyncPageIterator(self._method, self._spec, *self._checked(params))


class AsyncPageIterator(_Pages[PageT], Generic[PageT, ItemT]):
    """The async twin of :class:`PageIterator`, for asyncio and trio.

    Cancelling the task that iterates, at any moment, leaves :attr:`resume_token` right.
    """

    def __init__(
        self,
        method: Callable[..., Awaitable[PageT]],
        spec: PaginationSpec,
        params: Mapping[str, Any],
        options: Options,
    ) -> None:
        super().__init__(spec, params, options)
        self._method = method

    def __aiter__(self) -> AsyncIteration[PageT]:
        run = _Run(self)
        return AsyncIteration(run, self._fetcher(), run.page_of)

    def items(self) -> AsyncIteration[ItemT]:
        """The items of all pages, one by one; see :meth:`PageIterator.items`."""
        run = _Run(self)
        return AsyncIteration(run, self._fetcher(), run.items_of)

    def search(self, expression: str) -> AsyncIteration[Any]:
        """What a JMESPath expression finds on each page; of a list, each element by itself."""
        run = _Run(self)
        return AsyncIteration(run, self._fetcher(), run.finder(expression))

    async def build_full_result(self) -> dict[str, Any]:
        """All pages as one plain dictionary; see :meth:`PageIterator.build_full_result`."""
        run = _Run(self)
        result = FullResult(self._spec.result_keys)
        async for _ in AsyncIteration(run, self._fetcher(), run.collector(result)):
            pass
        if result.last is not None:
            run.hand_out(result.last)
        return result.finish()

    def _fetcher(self) -> AsyncFetcher[Step[PageT]]:
        cursor = self._new_cursor()

        async def fetch() -> Step[PageT] | None:
            request = cursor.next_request()
            return None if request is None else cursor.step(await self._method(**request))

        return AsyncFetcher(fetch, self._options.prefetch)


class AsyncIteration(AsyncIterator[T]):
    """One run through an :class:`AsyncPageIterator`.

    Leaving the loop early drops it, and whatever it was fetching ahead; :meth:`aclose` does the
    same and waits for the end of it.
    """

    # No async generator: trio warns of those that are left before their end.

    def __init__(
        self, run: _Run[PageT], fetcher: AsyncFetcher[Step[PageT]], unfold: Unfold[PageT, T]
    ) -> None:
        self._run = run
        self._fetcher = fetcher
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
            step = await self._next_step()
            if step is not None:
                self._values = self._unfold(step)

    async def aclose(self) -> None:
        """Ends the iteration, and what it was fetching ahead."""
        if self._running:
            raise RuntimeError("this iteration is waiting for its next page, in another task")
        self._ended = True
        self._values = iter(())
        await self._fetcher.aclose()

    async def _next_step(self) -> Step[Any] | None:
        self._running = True
        step = None
        try:
            step = await self._fetcher.next_step()
        except PagerError as error:
            self._run.sign(error)
            raise
        finally:
            self._running = False
            if step is None:  # the end, an error, or cancelled
                await self.aclose()
        return step


def new_cursor(
    spec: PaginationSpec, params: Mapping[str, Any], options: Options
) -> PageCursor[Any]:
    """A cursor at the beginning of a listing."""
    return PageCursor(
        spec,
        params,
        max_items=options.max_items,
        page_size=options.page_size,
        starting_token=options.starting_token,
    )
