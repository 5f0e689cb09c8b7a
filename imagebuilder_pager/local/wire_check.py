"""The check of an account's pages and structures, by the response models.

The rule: the models decide, as for a client, but no value is converted to its type, and an unknown
member is a problem: it is more often misspelt than new. The models take long to import, so this
file is imported only for a check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .._validation import describe_invalid_value
from ..exceptions import Problem
from ..models.shapes import parts_of
from .routes import require_operation, suggest
from .wire import copy_as_wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..models.shapes import Shape
    from .wire import WireDict

_MAX_PROBLEMS = 10  # in an error
STRICT_HINT = "If strict is false, nothing is checked."
_NOT_OF_THE_SERVICE = ("ResponseMetadata", "NextToken")  # clients add them to a response


def read_pages(
    pages: Mapping[str, Iterable[WireDict]], *, strict: bool
) -> dict[str, tuple[WireDict, ...]]:
    """Return the pages of an account as in JSON, by the operation's name.

    Raises ``ValueError`` for pages that cannot be served and, if ``strict``, for those that do not
    match the operation's response.
    """
    if not isinstance(pages, Mapping):
        raise ValueError(f"pages: a {type(pages).__name__} given; allowed: a dictionary")
    read = {name: _read_list(name, given) for name, given in pages.items()}
    if strict:
        for given in read.values():
            for page in given:
                for name in _NOT_OF_THE_SERVICE:
                    page.pop(name, None)
        raise_problems(_page_problems(read), STRICT_HINT)
    return {name: tuple(_copy_pages(name, given)) for name, given in read.items()}


def _read_list(name: str, given: object) -> list[dict[str, Any]]:
    try:
        operation = require_operation(name)
    except ValueError as error:
        raise ValueError(f"pages: {error}") from None
    pages: list[Any] = list(given) if isinstance(given, Iterable) else [given]
    if isinstance(given, (str, Mapping)) or not all(isinstance(page, Mapping) for page in pages):
        raise ValueError(f"pages[{name!r}] is not a list of pages, each a dictionary")
    if not pages or (not operation.is_paginated and len(pages) > 1):
        allowed = "1 or more" if operation.is_paginated else "1"
        raise ValueError(f"pages[{name!r}] has {len(pages)} pages, not {allowed}")
    return [dict(page) for page in pages]


def _page_problems(pages: Mapping[str, Iterable[WireDict]]) -> Iterator[str]:
    for name, given in pages.items():
        operation = require_operation(name)
        key = operation.result_key
        for index, page in enumerate(given):
            path = f"{name}[{index}]"
            yield from _check_structure(operation.response, page, path)
            if key is not None and page.get(key) is None:
                yield f"{path} has no {key}; an empty page is {{{key!r}: []}}"


def _copy_pages(name: str, pages: Iterable[WireDict]) -> Iterator[WireDict]:
    for index, page in enumerate(pages):
        try:
            yield copy_as_wire(page)
        except TypeError as error:
            raise ValueError(f"{name}[{index}]: {error}") from None


def raise_problems(problems: Iterable[str], *hint: str) -> None:
    """Raise ``ValueError`` with the first ten problems and the hint, if there is a problem."""
    found = list(problems)
    if not found:
        return
    lines = found[:_MAX_PROBLEMS]
    if more := len(found) - len(lines):
        lines.append(f"and {more} more")
    raise ValueError("\n  ".join([*lines, *hint]))


def _check_structure(model: type[Shape], given: Mapping[str, Any], path: str) -> Iterator[str]:
    annotations = {str(info.alias): info.annotation for info in model.model_fields.values()}
    for key, value in given.items():
        if key in annotations:
            yield from check_value(annotations[key], value, f"{path}.{key}")
        else:
            hint = suggest(key, annotations)
            yield str(Problem(f"{path}.{key}", f"unknown member; {hint}"))


def check_value(annotation: Any, value: Any, path: str) -> Iterator[str]:
    """Yield the problems of a value by its type in a model."""
    if value is None:
        return  # null is the same as absent
    container, inner = parts_of(annotation)
    if container is None:
        try:
            inner.validate_python(value, strict=True)
        except ValidationError as error:
            text = error.errors(include_url=False, include_input=False)[0]["msg"]
            allowed = text.removeprefix("Input should be ")
            yield str(describe_invalid_value(path, value, allowed))
    elif container is list:
        if not isinstance(value, (list, tuple)):
            yield str(describe_invalid_value(path, value, "a list"))
            return
        for index, item in enumerate(value):
            yield from check_value(inner, item, f"{path}[{index}]")
    elif not isinstance(value, Mapping):
        yield str(describe_invalid_value(path, value, "an object"))
    elif container is dict:
        for key, item in value.items():
            yield from check_value(inner, item, f"{path}[{key!r}]")
    else:
        yield from _check_structure(inner, value, path)
