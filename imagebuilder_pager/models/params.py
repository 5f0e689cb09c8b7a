"""Checking and renaming of parameters, as deep as they go.

The rule: what is sent is what the service model allows. Every error has the path of what is wrong,
in wire names: ``filters[0].values[3]``.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from .._validation import describe_invalid_value
from ..exceptions import Problem
from .fields import Constraints
from .shapes import Structure

_SCALARS: Mapping[type, str] = {str: "a string", int: "a whole number", bool: "True or False"}


class ParamKind(NamedTuple):
    """The kind of a parameter: its Python type, its constraints, and the kinds inside of it.

    ``items`` is the kind of a list's items or of a map's values, ``keys`` that of a map's keys.
    """

    python_type: type
    constraints: Constraints | None = None
    items: ParamKind | None = None
    keys: ParamKind | None = None

    def allows(self, value: object) -> bool:
        """Return whether the value itself is allowed, whatever is inside of it."""
        if issubclass(self.python_type, Structure):
            return isinstance(value, (Mapping, self.python_type))
        if issubclass(self.python_type, enum.Enum):
            return isinstance(value, str) and value in [item.value for item in self.python_type]
        if self.python_type is list:
            right_type = isinstance(value, (list, tuple))
        elif self.python_type is dict:
            right_type = isinstance(value, Mapping)
        else:
            right_type = isinstance(value, self.python_type)
            if isinstance(value, bool) and self.python_type is not bool:
                right_type = False  # a bool is an int too
        return right_type and (self.constraints is None or self.constraints.allows(value))

    def describe(self) -> str:
        """Describe the values allowed, for an error: ``a string of 1 to 1024 characters``."""
        if issubclass(self.python_type, Structure):
            return f"a dictionary with {', '.join(param_members(self.python_type))}"
        if issubclass(self.python_type, enum.Enum):
            return ", ".join(item.value for item in self.python_type)
        if self.constraints is not None:
            return self.constraints.describe(self.python_type)
        return _SCALARS.get(self.python_type) or f"a {self.python_type.__name__}"


class Member(NamedTuple):
    """A member of a structure of parameters, by its wire name."""

    kind: ParamKind
    required: bool


class ParamValidator:
    """A check of an operation's parameters; ``problems`` has all that is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def structure(
        self, shape: type[Structure], params: Mapping[str, Any], path: str = ""
    ) -> dict[str, Any]:
        """Return the members of a structure under their wire names, in the order given."""
        members = param_members(shape)
        prefix = f"{path}." if path else ""
        wire_params: dict[str, Any] = {}
        keys: dict[str, str] = {}
        unknown = []
        for key, value in params.items():
            name = _wire_name_by_spelling(shape).get(key)
            if name is None:
                unknown.append(Problem(f"{prefix}{key}", "unknown parameter", ", ".join(members)))
            elif name in wire_params:
                self.problems.append(
                    Problem(
                        f"{prefix}{name}",
                        f"given twice, as {keys[name]} and as {key}",
                        "one of the two",
                    )
                )
            else:
                wire_params[name] = value
                keys[name] = key
        for name, member in members.items():
            if name in wire_params:
                wire_params[name] = self.value(member.kind, wire_params[name], prefix + name)
            elif member.required:
                self.problems.append(
                    Problem(f"{prefix}{name}", "missing, and required", member.kind.describe())
                )
        self.problems += unknown
        return wire_params

    def value(self, kind: ParamKind, value: Any, path: str) -> Any:
        """Return the value of a parameter as it is sent."""
        if not kind.allows(value):
            self.problems.append(_describe_problem(path, value, kind))
            return value
        if issubclass(kind.python_type, Structure):
            members = (
                value.model_dump(by_alias=True, exclude_unset=True)
                if isinstance(value, Structure)
                else value
            )
            return self.structure(kind.python_type, members, path)
        if kind.keys is not None and kind.items is not None:
            return {
                self.value(kind.keys, key, f"{path}, a key"): self.value(
                    kind.items, item, f"{path}[{key!r}]"
                )
                for key, item in value.items()
            }
        if kind.items is not None:
            return [
                self.value(kind.items, item, f"{path}[{index}]") for index, item in enumerate(value)
            ]
        return value.value if isinstance(value, enum.Enum) else value


def _describe_problem(path: str, value: Any, kind: ParamKind) -> Problem:
    allowed = kind.describe()
    is_list = kind.python_type is list and isinstance(value, (list, tuple))
    if is_list or (kind.python_type is dict and isinstance(value, Mapping)):
        unit = "items" if is_list else "members"
        return Problem(path, f"a {type(value).__name__} of {len(value)} {unit} given", allowed)
    return describe_invalid_value(path, value, allowed)


@cache
def param_members(shape: type[Structure]) -> dict[str, Member]:
    """Return the members of a structure of parameters, by their wire names."""
    return {
        # Pydantic moves the metadata of a required member from its annotation to the field.
        field.alias or name: Member(
            _kind_of(Annotated[field.annotation, *field.metadata, None]), field.is_required()
        )
        for name, field in shape.model_fields.items()
    }


@cache
def _wire_name_by_spelling(shape: type[Structure]) -> dict[str, str]:
    """Return the wire names by both spellings of each.

    An attribute ends in an underscore where its name is that of a method of a dictionary.
    """
    wire_names = shape.wire_names()
    attributes = [name.removesuffix("_") for name in shape.model_fields]
    return dict(zip((*attributes, *wire_names), wire_names * 2, strict=True))


def _kind_of(annotation: Any) -> ParamKind:
    """Return the kind that a member's annotation stands for."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        constraints = [item for item in arguments[1:] if isinstance(item, Constraints)]
        kind = _kind_of(arguments[0])
        return kind._replace(constraints=constraints[0]) if constraints else kind
    if origin in {Union, types.UnionType}:
        (present,) = [item for item in arguments if item is not types.NoneType]
        return _kind_of(present)
    if origin is list:
        return ParamKind(list, items=_kind_of(arguments[0]))
    if origin is dict:
        return ParamKind(dict, keys=_kind_of(arguments[0]), items=_kind_of(arguments[1]))
    if annotation in _SCALARS or issubclass(annotation, (Structure, enum.Enum)):
        return ParamKind(annotation)
    raise TypeError(f"{annotation!r} is not a type of parameters")
