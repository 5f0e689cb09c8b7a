"""Paginator and PageIterator, and their async twins: the drivers of a cursor.

What both kinds share is in the two base classes, which do no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import PagerError, ParamValidationError, StartingTokenError
from .config import PaginationOptions, parse_config
from .cursor import PageCursor, PagePosition, PageResult
from .full_result import FullResult, to_plain_dict
from .spec import Expression, PaginationSpec

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    ItemT = TypeVarWithDefault("ItemT", default=Any)
else:
    ItemT = TypeVar("ItemT")

PageT = TypeVar("PageT")
T = TypeVar("T")

#: What an iteration makes of a step.
PageExpander = Callable[[PageResult[PageT]], Iterator[T]]
#: Checks the parameters of a request and returns them under their wire names.
ParamSerializer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class BasePaginator:
    """What a paginator knows of its operation, and how it checks what a caller asks for."""

    def __init__(
        self,
        spec: PaginationSpec,
        *,
        serialize_params: ParamSerializer | None = None,
        name: str = "paginate",
    ) -> None:
        self._spec = spec
        self._serialize_params = serialize_params
        self._name = name

    @property
    def result_keys(self) -> tuple[Expression, ...]:
        """The paths of the items in a page; the first is the one that is counted."""
        return self._spec.result_keys

    def _validate(self, given: dict[str, Any]) -> tuple[Mapping[str, Any], PaginationOptions]:
        options, problems = parse_config(given.pop("PaginationConfig", None), self._spec)
        params, more = self._problems(given)
        problems += more
        if not problems:
            # The first request, checked before it is needed: a bad token or page size shows here,
            # with the caller's own line in the traceback.
            first = new_cursor(self._spec, params, options).next_request()
            _, more = self._problems(first or {})
            problems = [self._name_by_config_key(problem, options) for problem in more]
            if problems and all(problem.startswith("StartingToken:") for problem in problems):
                raise StartingTokenError("; ".join(problems))
        if problems:
            raise ParamValidationError(self._name, problems)
        return params, options

    def _problems(self, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
        if self._serialize_params is None:
            return params, []
        try:
            return self._serialize_params(params), []
        except ParamValidationError as error:
            return params, list(error.problems)

    def _name_by_config_key(self, problem: str, options: PaginationOptions) -> str:
        """A problem of the first request, by the name of what the caller has given."""
        name, _, text = problem.partition(": ")
        if name == self._spec.limit_key and options.page_size is not None:
            name = "PaginationConfig.PageSize"
        elif name in self._spec.input_tokens and options.starting_token is not None:
            name = "StartingToken"
        return f"{name}: {text}"


class BasePageIterator(Generic[PageT]):
    """One listing as it was asked for, and the place that its caller has reached."""

    def __init__(
        self, spec: PaginationSpec, params: Mapping[str, Any], options: PaginationOptions
    ) -> None:
        self._spec = spec
        self._params = dict(params)
        self._options = options
        # The position of the page handed out last, and how many of its items were.
        self._position: tuple[PagePosition, int] | None = None
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
        if self._position is None:
            return None
        position, items = self._position
        return position.token_after(items)

    @property
    def non_aggregate_part(self) -> dict[str, Any]:
        """The members that are the same on every page, as the first page has them."""
        return self._non_aggregate_part

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` that was asked for."""
        return self._options.starting_token

    def record_position(
        self, place: tuple[PagePosition, int], non_aggregate_part: dict[str, Any]
    ) -> None:
        """An iteration has handed something out."""
        self._position = place
        self._non_aggregate_part = non_aggregate_part

    def _new_cursor(self) -> PageCursor[PageT]:
        return new_cursor(self._spec, self._params, self._options)


class IterationState(Generic[PageT]):
    """One iteration over a listing: what its caller gets of each step, and how far it has got.

    The sync and the async iteration fetch the steps, this does all else.
    """

    def __init__(self, pages: BasePageIterator[PageT]) -> None:
        self._pages = pages
        self._position: tuple[PagePosition, int] | None = None

    def record_yielded(self, step: PageResult[PageT], items: int | None = None) -> None:
        """The caller has the first ``items`` items of the step, None for all of it."""
        self._position = step.position, step.position.item_count if items is None else items
        self._pages.record_position(self._position, step.non_aggregate_part)

    def attach_resume_token(self, error: PagerError) -> None:
        """Notes in an error where the caller, who gets it now, can go on."""
        if self._position is None:
            error.resume_token = self._pages.starting_token
        else:
            position, items = self._position
            error.resume_token = position.token_after(items)

    def expand_page(self, step: PageResult[PageT]) -> Iterator[PageT]:
        """The page itself."""
        self.record_yielded(step)
        yield step.page

    def expand_items(self, step: PageResult[PageT]) -> Iterator[Any]:
        """The items of the page."""
        items = self._pages.result_keys[0].search(step.page)
        for number, item in enumerate(() if items is None else items, start=1):
            self.record_yielded(step, number)
            yield item
        self.record_yielded(step)

    def expand_search(self, expression: str) -> PageExpander[PageT, Any]:
        """What a JMESPath expression finds on the page; of a list, its elements."""
        import jmespath

        compiled = jmespath.compile(expression)

        def found_in(step: PageResult[PageT]) -> Iterator[Any]:
            self.record_yielded(step)
            found = compiled.search(to_plain_dict(step.page))
            yield from found if isinstance(found, list) else [found]

        return found_in

    def collect_into(self, result: FullResult) -> PageExpander[PageT, PageResult[PageT]]:
        """Adds the page to a full result, of which the caller has nothing before it is whole."""

        def add(step: PageResult[PageT]) -> Iterator[PageResult[PageT]]:
            result.add(step)
            yield step

        return add


def new_cursor(
    spec: PaginationSpec, params: Mapping[str, Any], options: PaginationOptions
) -> PageCursor[Any]:
    """A cursor at the beginning of a listing."""
    return PageCursor(
        spec,
        params,
        max_items=options.max_items,
        page_size=options.page_size,
        starting_token=options.starting_token,
    )
