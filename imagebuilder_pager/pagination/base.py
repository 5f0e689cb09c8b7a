"""The part of the drivers that does no I/O: the sync and the async ones share it.

A driver fetches the pages of a cursor. The checks before it, the results of each iteration,
and where the caller can resume, are decided here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from .._validation import describe_value, importing
from ..exceptions import (
    PagerError,
    PaginationError,
    ParamValidationError,
    Problem,
    StartingTokenError,
)
from .config import PaginationOptions, parse_config
from .cursor import PageCursor, PagePosition, PageResult, first_request
from .full_result import FullResult, to_plain_dict
from .spec import Expression, PaginationSpec

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    ItemT_co = TypeVarWithDefault("ItemT_co", default=Any, covariant=True)
else:
    ItemT_co = TypeVar("ItemT_co", covariant=True)

# Covariant: a paginator of images is a paginator of objects, since it gives pages and takes none.
MethodT_co = TypeVar("MethodT_co", covariant=True)
PageT_co = TypeVar("PageT_co", covariant=True)
PageT = TypeVar("PageT")
T = TypeVar("T")

#: Makes of a page the values that an iteration yields.
PageExpander = Callable[[PageResult[PageT]], Iterator[T]]
#: Checks the parameters of a request and returns them under their wire names.
ParamSerializer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class BasePaginator(Generic[MethodT_co]):
    """An operation that can be paginated, and the check of a caller's parameters."""

    _takes_async_functions: ClassVar[bool]

    def __init__(
        self,
        method: MethodT_co,
        spec: PaginationSpec,
        *,
        serialize_params: ParamSerializer | None = None,
        name: str = "paginate",
    ) -> None:
        is_async = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        if is_async and not self._takes_async_functions:
            allowed = "a function that returns a page; for an async function, use AsyncPaginator"
            raise ParamValidationError(
                "Paginator", [Problem("method", "an async function given", allowed)]
            )
        self._method = method
        self._spec = spec
        self._serialize_params = serialize_params
        self._name = name

    @property
    def result_keys(self) -> tuple[Expression, ...]:
        """The paths of the items in a page; the first is the one that is counted."""
        return self._spec.result_keys

    def _validate(self, params: dict[str, Any]) -> tuple[Mapping[str, Any], PaginationOptions]:
        """Return the wire parameters of the first request, and the options.

        An invalid token or page size is reported here, with the caller's line in the traceback.
        """
        options, problems = parse_config(params.pop("PaginationConfig", None), self._spec)
        request: Mapping[str, Any] = first_request(
            self._spec, params, options.page_size, options.start
        )
        if self._serialize_params is not None:
            try:
                request = self._serialize_params(request)
            except ParamValidationError as error:
                problems += [self._name_by_config_key(one, options) for one in error.problems]
        if problems and all(problem.parameter == "StartingToken" for problem in problems):
            raise StartingTokenError(problems[0])
        if problems:
            raise ParamValidationError(self._name, problems)
        return request, options

    def _name_by_config_key(self, problem: Problem, options: PaginationOptions) -> Problem:
        """Name a parameter of the first request by the ``PaginationConfig`` key it came from."""
        name = problem.parameter
        if name == self._spec.limit_key and options.page_size is not None:
            return problem._replace(parameter="PaginationConfig.PageSize")
        if name in self._spec.input_tokens and options.starting_token is not None:
            return problem._replace(parameter="StartingToken")
        return problem


class BasePageIterator(Generic[MethodT_co, PageT_co]):
    """One listing with its parameters, and the position that its caller has reached."""

    def __init__(
        self,
        method: MethodT_co,
        spec: PaginationSpec,
        params: Mapping[str, Any],
        options: PaginationOptions,
    ) -> None:
        self._method = method
        self._spec = spec
        self._params = dict(params)
        self._options = options
        # The iteration that yielded last.
        self._latest: IterationState[PageT_co] | None = None

    @property
    def result_keys(self) -> tuple[Expression, ...]:
        """The paths of the items in a page; the first is the one that is counted."""
        return self._spec.result_keys

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that resumes right after the last page or item yielded.

        None before the first and after the last. With several iterations at once, it is that of
        the iteration that yielded last.
        """
        return None if self._latest is None else self._latest.resume_token

    @property
    def position(self) -> PagePosition | None:
        """The position of the page yielded last, None before the first.

        With :meth:`PagePosition.token_after`, any item of the page can be resumed at later.
        """
        return None if self._latest is None else self._latest.position

    @property
    def non_aggregate_part(self) -> dict[str, Any]:
        """The members that are the same on every page, as the first page has them."""
        return {} if self._latest is None else self._latest.non_aggregate_part

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` of the ``PaginationConfig``."""
        return self._options.starting_token

    def _create_cursor(self) -> PageCursor[PageT_co]:
        options = self._options
        # The page size is in the parameters.
        return PageCursor(
            self._spec, self._params, max_items=options.max_items, starting_token=options.start
        )


class IterationState(Generic[PageT]):
    """One iteration over a listing: the part of each page for the caller, and the progress."""

    def __init__(self, pages: BasePageIterator[Any, PageT]) -> None:
        self._pages = pages
        self._full_result = FullResult(pages.result_keys)
        #: The position of the last page yielded, and how many of its items were yielded.
        self.position: PagePosition | None = None
        self.items: int = 0
        self.non_aggregate_part: dict[str, Any] = {}

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after the last page or item yielded."""
        return None if self.position is None else self.position.token_after(self.items)

    def record_yielded(self, result: PageResult[PageT], items: int | None = None) -> None:
        """Record that the caller has the first ``items`` items of the page, or all with None."""
        self.position = result.position
        self.items = result.position.item_count if items is None else items
        self.non_aggregate_part = result.non_aggregate_part
        self._pages._latest = self

    def attach_resume_token(self, error: PagerError) -> None:
        """Set on an error the token that resumes after the caller's last page or item."""
        error.resume_token = (
            self._pages.starting_token if self.position is None else self.resume_token
        )

    def expand_page(self, result: PageResult[PageT]) -> Iterator[PageT]:
        """Yield the page itself."""
        self.record_yielded(result)
        yield result.page

    def expand_items(self, result: PageResult[PageT]) -> Iterator[Any]:
        """Yield the items of the page."""
        items = self._pages.result_keys[0].search(result.page)
        for number, item in enumerate(() if items is None else items, start=1):
            self.record_yielded(result, number)
            yield item
        self.record_yielded(result)

    def expand_search(self, expression: str) -> PageExpander[PageT, Any]:
        """Return an expander that yields the value of a JMESPath expression on the page.

        Of a list, it yields each element. Raises :class:`ParamValidationError` for an expression
        that is not valid on any page. The expander raises :class:`PaginationError` where it has no
        value on its page, such as the length of a number.
        """
        compiled = _compile_search(expression)
        from jmespath.exceptions import JMESPathError

        def expand(result: PageResult[PageT]) -> Iterator[Any]:
            try:
                value = compiled.search(to_plain_dict(result.page))
            except JMESPathError as error:
                raise PaginationError(f"search: {describe_value(expression)}: {error}") from error
            self.record_yielded(result)
            yield from value if isinstance(value, list) else [value]

        return expand

    def collect(self, result: PageResult[PageT]) -> Iterator[None]:
        """Add the page to the full result, and yield nothing."""
        self._full_result.add(result)
        yield from ()

    def finish(self) -> dict[str, Any]:
        """Return the full result, which is yielded as a whole or not at all."""
        if self._full_result.last_page is not None:
            self.record_yielded(self._full_result.last_page)
        return self._full_result.finish()


def _compile_search(expression: str) -> Any:
    """Return the compiled expression, checked."""
    with importing("jmespath", purpose="search", otherwise="filter the pages in Python"):
        import jmespath
        from jmespath.exceptions import JMESPathError

    given = f"{describe_value(expression)} given"
    if not isinstance(expression, str):
        raise ParamValidationError(
            "search", [Problem("expression", given, "a JMESPath expression")]
        )
    try:
        compiled = jmespath.compile(expression)
        reasons = list(_find_invalid_calls(compiled.parsed))
    except JMESPathError as error:
        # The lines after the first repeat the expression.
        reasons = [str(error).splitlines()[0].removesuffix(":").removesuffix(", for expression")]
    except RecursionError:
        reasons = ["nested too deeply"]
    if reasons:
        raise ParamValidationError("search", [Problem("expression", f"{given}; {reasons[0]}")])
    return compiled


def _find_invalid_calls(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield an error for each call of an unknown function or with too few or many arguments.

    jmespath itself finds them only on a page.
    """
    from jmespath.functions import Functions

    if node["type"] == "function_expression":
        name, count = node["value"], len(node["children"])
        function = Functions.FUNCTION_TABLE.get(name)
        if function is None:
            yield f"unknown function {name}()"
        else:
            signature = function["signature"]
            is_variadic = bool(signature) and bool(signature[-1].get("variadic"))
            if count < len(signature) or (count > len(signature) and not is_variadic):
                at_least = "at least " if is_variadic else ""
                yield f"{name}() takes {at_least}{len(signature)} arguments, not {count}"
    for child in node["children"]:
        if isinstance(child, Mapping):  # a slice has numbers
            yield from _find_invalid_calls(child)
