"""The parameters of a request: read from its body or query, and validated as the service does.

The rule: each parameter has the type, limits, pattern and values of the operation's row, and so
have the members within it. Nulls and unknown parameters are ignored.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from .._params import Param
    from .._rows import Operation

_MAX_SHOWN_VALUE = 80  # characters of an invalid value in a message
_TYPES: Mapping[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "integer": (int, "an integer"),
    "boolean": (bool, "a boolean"),
    "list": (list, "a list"),
    "structure": (dict, "an object"),
}


def read_parameters(operation: Operation, request: httpx.Request) -> dict[str, Any]:
    """Return the valid parameters of a request, by their wire names.

    Nulls are left out, as by AWS's parsers. Raises ``ServiceError``: ``SerializationException`` if
    the request cannot be parsed, and ``InvalidRequestException`` with every violation of the model.
    """
    given = parse_members(request)
    known = {name: given[name] for name in operation.params if name in given}
    violations = list(_member_violations(operation.params, known, ""))
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise ServiceError(
            "InvalidRequestException",
            f"{len(violations)} validation {noun} detected: {'; '.join(violations)}",
        )
    return known


def parse_members(request: httpx.Request) -> dict[str, Any]:
    """Return all members of a request as they were sent, without nulls.

    Raises ``ServiceError`` if the request cannot be parsed.
    """
    problem = "The request body is not valid JSON."
    try:
        if request.method == "GET":
            problem = "The query is not valid UTF-8."
            query = request.url.query.decode()
            return dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
        # rest-json may send an input without members as an empty body.
        body = request.read().decode() or "{}"
        members = json.loads(body, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", problem) from None
    if not isinstance(members, dict):
        raise ServiceError("SerializationException", "The request body has to be a JSON object.")
    return {name: value for name, value in members.items() if value is not None}


def find_members(request: httpx.Request) -> dict[str, Any] | None:
    """Return the result of ``parse_members``, or None if the request cannot be parsed."""
    try:
        return parse_members(request)
    except ServiceError:
        return None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _member_violations(
    params: Mapping[str, Param], value: Mapping[str, Any], path: str
) -> Iterator[str]:
    for name, param in params.items():
        inner = value.get(name)
        if inner is not None:
            yield from _violations(param, inner, f"{path}{name}")
        elif param.required:
            yield _violation(f"{path}{name}", None, "not be null")


def _violations(param: Param, value: Any, path: str) -> Iterator[str]:
    """Yield a sentence for each rule that a value violates."""
    python_type: Any
    python_type, kind = _TYPES[param.type]
    if not isinstance(value, python_type) or (isinstance(value, bool) and param.type == "integer"):
        yield _violation(path, value, f"be {kind}")
        return
    for rule in _broken_rules(param, value):
        yield _violation(path, value, rule)
    if param.item is not None:
        # AWS counts the items of a list from 1.
        for number, item in enumerate(value, start=1):
            yield from _violations(param.item, item, f"{path}.{number}.member")
    if param.members:
        yield from _member_violations(param.members, value, f"{path}.")


def _broken_rules(param: Param, value: Any) -> Iterator[str]:
    if param.enum and value not in param.enum:
        yield f"satisfy enum value set: [{', '.join(param.enum)}]"
    measure, size = "value", value
    if param.type in {"string", "list"}:
        measure, size = "length", len(value)
    if param.minimum is not None and size < param.minimum:
        yield f"have {measure} greater than or equal to {param.minimum}"
    if param.maximum is not None and size > param.maximum:
        yield f"have {measure} less than or equal to {param.maximum}"
    if param.pattern is not None and not re.fullmatch(param.pattern, value):
        yield f"satisfy regular expression pattern: {param.pattern}"


def _violation(path: str, value: object, rule: str) -> str:
    shown = (
        "null" if value is None else f"'{value if isinstance(value, str) else json.dumps(value)}'"
    )
    if len(shown) > _MAX_SHOWN_VALUE:
        shown = f"{shown[:_MAX_SHOWN_VALUE]}...'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"
