"""The parameters of a request: read from its body or query, and validated as the service does.

The types, limits and patterns are those of the request models, as deep as they go.
"""

from __future__ import annotations

import enum
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from ..models.params import param_members
from ..models.shapes import Structure
from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from ..models.fields import Constraints
    from ..models.params import ParamKind
    from ..operations import Operation

_MAX_SHOWN_VALUE = 80  # characters of an invalid value in a message
_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
}


def read_parameters(operation: Operation[Any], request: httpx.Request) -> dict[str, Any]:
    """Return the valid parameters of a request, by their wire names.

    Those that are null are left out, as AWS's parsers do, and so are unknown ones. Raises
    ``ServiceError``: ``SerializationException`` if the request cannot be parsed, and
    ``InvalidRequestException`` with every violation of the model.
    """
    if operation.http_method == "GET":
        given = _parse_query(request.url.query)
    else:
        given = _parse_body(request.read())
    known = {name: given[name] for name in param_members(operation.request) if name in given}
    violations = list(_structure_violations(operation.request, known, ""))
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise ServiceError(
            "InvalidRequestException",
            f"{len(violations)} validation {noun} detected: {'; '.join(violations)}",
        )
    return known


def _parse_query(query: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(query.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise ServiceError("SerializationException", "The query is not valid UTF-8.") from None


def _parse_body(body: bytes) -> dict[str, Any]:
    try:
        # rest-json may send an input without members as an empty body.
        members = json.loads(body.decode(), parse_constant=_reject_constant) if body else {}
    except (ValueError, RecursionError):
        raise ServiceError(
            "SerializationException", "The request body is not valid JSON."
        ) from None
    if not isinstance(members, dict):
        raise ServiceError("SerializationException", "The request body has to be a JSON object.")
    return {name: value for name, value in members.items() if value is not None}


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _structure_violations(
    shape: type[Structure], value: Mapping[str, Any], path: str
) -> Iterator[str]:
    for name, member in param_members(shape).items():
        inner = value.get(name)
        if inner is not None:
            yield from _violations(member.kind, inner, f"{path}{name}")
        elif member.required:
            yield _violation(f"{path}{name}", None, "not be null")


def _violations(kind: ParamKind, value: Any, path: str) -> Iterator[str]:
    """Yield a sentence for each rule that a value violates."""
    if issubclass(kind.python_type, Structure):
        if isinstance(value, dict):
            yield from _structure_violations(kind.python_type, value, f"{path}.")
        else:
            yield _violation(path, value, "be an object")
        return
    choices = _enum_values(kind.python_type)
    python_type = str if choices else kind.python_type
    if not isinstance(value, python_type) or (isinstance(value, bool) and python_type is int):
        yield _violation(path, value, f"be {_TYPE_NAMES[python_type]}")
        return
    if choices and value not in choices:
        yield _violation(path, value, f"satisfy enum value set: [{', '.join(choices)}]")
    if kind.constraints is not None:
        for rule in _broken_rules(kind.constraints, value):
            yield _violation(path, value, rule)
    if kind.items is not None and isinstance(value, list):
        # AWS counts the items of a list from 1.
        for number, item in enumerate(value, start=1):
            yield from _violations(kind.items, item, f"{path}.{number}.member")


def _enum_values(python_type: type) -> list[str]:
    return [item.value for item in python_type] if issubclass(python_type, enum.Enum) else []


def _broken_rules(constraints: Constraints, value: Any) -> Iterator[str]:
    measure, size = ("value", value) if isinstance(value, int) else ("length", len(value))
    if constraints.min is not None and size < constraints.min:
        yield f"have {measure} greater than or equal to {constraints.min}"
    if constraints.max is not None and size > constraints.max:
        yield f"have {measure} less than or equal to {constraints.max}"
    if constraints.pattern is not None and not re.fullmatch(constraints.pattern, value):
        yield f"satisfy regular expression pattern: {constraints.pattern}"


def _violation(path: str, value: object, rule: str) -> str:
    shown = (
        "null" if value is None else f"'{value if isinstance(value, str) else json.dumps(value)}'"
    )
    if len(shown) > _MAX_SHOWN_VALUE:
        shown = f"{shown[:_MAX_SHOWN_VALUE]}...'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"
