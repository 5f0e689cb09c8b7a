"""The expressions of ``search``: checked before anything is sent, with errors of this library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._validation import describe_value, importing
from ..exceptions import PaginationError, ParamValidationError, Problem


def compile_search(expression: str) -> Callable[[Any], Any]:
    """Return a function from a page, a dictionary, to the value of a JMESPath expression on it.

    Raises :class:`ParamValidationError` for an expression that is not valid on any page. The
    function raises :class:`PaginationError` where the expression has no value on its page, such as
    the length of a number.
    """
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

    def search(page: Any) -> Any:
        try:
            return compiled.search(page)
        except JMESPathError as error:
            raise PaginationError(f"search: {describe_value(expression)}: {error}") from error

    return search


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
