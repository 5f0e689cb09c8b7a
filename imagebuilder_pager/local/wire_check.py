"""The check of an account's structures: members and types as the response models have them.

The models decide, as they do for a client; but a value has to be of its very type, and an unknown
member is a problem, since it is misspelt more often than it is new. The models take long to import,
so this file is imported where something is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .. import models
from .._validation import describe_invalid_value
from ..exceptions import Problem
from ..models.shapes import parts_of
from .routes import require_operation
from .suggestions import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..models.shapes import Shape
    from .wire import WireDict

_MAX_PROBLEMS = 10  # in an error


def check_pages(pages: Mapping[str, Sequence[WireDict]]) -> None:
    """Raise ``ValueError`` if pages, by the operation's name, do not match its response."""
    _raise_problems(_page_problems(pages))


def check_structures(structures: Iterable[tuple[str, str, WireDict]]) -> None:
    """Raise ``ValueError`` if a structure does not match its model.

    Each has its path for the message, the name of its model, and its members.
    """
    _raise_problems(
        problem
        for path, model, members in structures
        for problem in _check_structure(getattr(models, model), members, path)
    )


def _raise_problems(problems: Iterator[str]) -> None:
    found = list(problems)
    if not found:
        return
    lines = found[:_MAX_PROBLEMS]
    if more := len(found) - len(lines):
        lines.append(f"and {more} more")
    raise ValueError("\n  ".join([*lines, "If strict is false, nothing is checked."]))


def _page_problems(pages: Mapping[str, Sequence[WireDict]]) -> Iterator[str]:
    for name, given in pages.items():
        response = require_operation(name).response
        for index, page in enumerate(given):
            yield from _check_structure(response, page, f"{name}[{index}]")


@cache
def _annotations(model: type[Shape]) -> dict[str, Any]:
    """Return the types of the members by their names on the wire."""
    return {str(info.alias): info.annotation for info in model.model_fields.values()}


def _check_structure(model: type[Shape], given: Mapping[str, Any], path: str) -> Iterator[str]:
    annotations = _annotations(model)
    for key, value in given.items():
        if key in annotations:
            yield from _check_value(annotations[key], value, f"{path}.{key}")
        else:
            hint = suggest(key, annotations)
            yield str(Problem(f"{path}.{key}", f"unknown member; {hint}"))


def _check_value(annotation: Any, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return  # as an absent one
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
            yield from _check_value(inner, item, f"{path}[{index}]")
    elif not isinstance(value, Mapping):
        yield str(describe_invalid_value(path, value, "an object"))
    elif container is dict:
        for key, item in value.items():
            yield from _check_value(inner, item, f"{path}[{key!r}]")
    else:
        yield from _check_structure(inner, value, path)
