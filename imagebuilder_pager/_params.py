"""The parameters of an operation's row, and the check of the values given for them.

The rule: exactly those values are refused that boto3 refuses: a wrong type, a missing or unknown
parameter, a value under the model's minimum. Maximum, pattern and enum are checked by the service,
which may have changed them since. Every problem has the path of its parameter:
``filters[0].values[3]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ._validation import describe_invalid_value
from .exceptions import ParamValidationError, Problem

#: By the type of a parameter: the types of its values, as boto3 has them, its words in errors, and
#: the unit of its minimum. To Python, True is a whole number, too.
_TYPES: Mapping[str, tuple[Any, str, str]] = {
    "string": (str, "a string", "character"),
    "integer": (int, "a whole number", ""),
    "boolean": (bool, "True or False", ""),
    "list": ((list, tuple), "a list", "item"),
    "structure": (Mapping, "a dictionary", ""),
}


class Param(NamedTuple):
    """A parameter of an operation, a member of a structure, or the items of a list.

    - ``type``: ``string``, ``integer``, ``boolean``, ``list`` or ``structure``.
    - ``required``: whether a request has to have it.
    - ``minimum``, ``maximum``: of a number, of the characters of a string, of the items of a list.
    - ``pattern``, ``enum``: the regular expression and the values that the service takes.
    - ``item``: of a list, the kind of its items.
    - ``members``: of a structure, its members by their names.
    - ``text``: its purpose.
    """

    type: str
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    item: Param | None = None
    members: Mapping[str, Param] = {}
    text: str = ""

    def describe(self) -> str:
        """Describe the values that boto3 sends, for an error: ``a string, 1 character or more``."""
        _, kind, unit = _TYPES[self.type]
        if self.type == "structure":
            return f"{kind} with {', '.join(self.members)}"
        if self.minimum is None:
            return kind
        if unit:
            unit = f" {unit}{'' if self.minimum == 1 else 's'}"
        return f"{kind}, {self.minimum}{unit} or more"


def check_params(
    operation_name: str, params: Mapping[str, Param], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters of a request as plain values, in the order given.

    Raises :class:`ParamValidationError` that names each parameter that is missing, unknown or not
    allowed.
    """
    problems: list[Problem] = []
    checked = _check_members(params, given, "", problems)
    if problems:
        raise ParamValidationError(operation_name, problems)
    return checked


def _check_members(
    params: Mapping[str, Param], given: Mapping[str, Any], prefix: str, problems: list[Problem]
) -> dict[str, Any]:
    checked = {}
    for name, param in params.items():
        if param.required and name not in given:
            problems.append(Problem(prefix + name, "missing, and required", param.describe()))
    for name, value in given.items():
        if (known := params.get(name)) is None:
            problems.append(Problem(f"{prefix}{name}", "unknown parameter", ", ".join(params)))
        else:
            checked[name] = _check_value(known, value, f"{prefix}{name}", problems)
    return checked


def _check_value(param: Param, value: Any, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, _TYPES[param.type][0]):
        problems.append(describe_invalid_value(path, value, param.describe()))
        return None
    if param.minimum is not None:
        size = value if param.type == "integer" else len(value)
        if size < param.minimum:
            problem = describe_invalid_value(path, value, param.describe())
            if param.type == "list":
                problem = problem._replace(given=f"a list of {size} items given")
            problems.append(problem)
            return None
    if param.item is not None:
        return [
            _check_value(param.item, item, f"{path}[{index}]", problems)
            for index, item in enumerate(value)
        ]
    if param.members:
        return _check_members(param.members, value, f"{path}.", problems)
    return value
