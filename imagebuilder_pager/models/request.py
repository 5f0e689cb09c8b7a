"""Request: the parameters of an operation, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from ..exceptions import ParamValidationError
from .fields import Constraints
from .shapes import Shape

__all__ = ["Request", "type_and_constraints"]


class Request(Shape):
    """The parameters of an operation: strict in types, limits and names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    _constraints_by_field: ClassVar[dict[str, Constraints | None]] = {}

    @field_validator("*")
    @classmethod
    def _check_constraints(cls, value: Any, info: ValidationInfo) -> Any:
        limit = cls._constraints_by_field.get(info.field_name or "")
        if limit is not None and value is not None and not limit.allows(value):
            raise ValueError("is not within the limit")  # worded by _problem
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._constraints_by_field = {
            name: type_and_constraints(info)[1] for name, info in cls.model_fields.items()
        }

    @classmethod
    def serialize_params(cls, params: Mapping[str, Any], operation_name: str) -> dict[str, Any]:
        """The parameters under their wire names, in the order given.

        ``params`` may use either spelling of a name. Raises :class:`ParamValidationError` with a
        line for each parameter that is missing, unknown, given twice or not allowed.
        """
        wire: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        problems = []
        for key, value in params.items():
            name = cls._alias_by_field.get(key, key)
            if name in wire:
                problems.append(
                    f"{name}: given twice, as {spelled[name]} and as {key}; allowed: one of the two"
                )
            wire[name] = value
            spelled[name] = key
        problems += [
            cls._describe_problem(name, "null", wire)
            for name, value in wire.items()
            if value is None
        ]
        try:
            cls.model_validate(wire, by_alias=True, by_name=False)
        except ValidationError as error:
            problems += [
                cls._describe_problem(str(details["loc"][0]), details["type"], wire)
                for details in error.errors(include_url=False)
            ]
        if problems:
            # Pydantic may have found fault with a null as well.
            raise ParamValidationError(operation_name, dict.fromkeys(problems))
        return wire

    @classmethod
    def _describe_problem(cls, name: str, kind: str, wire: dict[str, Any]) -> str:
        if name not in cls._field_by_alias:
            return f"{name}: unknown parameter; allowed: {', '.join(cls._field_by_alias)}"
        python_type, limit = type_and_constraints(cls.model_fields[cls._field_by_alias[name]])
        allowed = limit.describe(python_type) if limit is not None else python_type.__name__
        if kind == "missing":
            return f"{name}: missing, and required; allowed: {allowed}"
        return f"{name}: {_describe_value(wire[name])} given; allowed: {allowed}"


def type_and_constraints(field: FieldInfo) -> tuple[type, Constraints | None]:
    """The Python type of a scalar member, and its limit where the service model sets one."""
    # Pydantic moves the metadata of a required member from its annotation to the field.
    return _find_constraints(Annotated[field.annotation, *field.metadata, None]) or (str, None)


def _find_constraints(annotation: Any) -> tuple[type, Constraints] | None:
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, Constraints):
            return get_args(annotation)[0], item
    return next(filter(None, map(_find_constraints, get_args(annotation))), None)


def _describe_value(value: object) -> str:
    """A value as an error shows it: its type beside it, and of long strings the length alone."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else f"a string of {len(value)} characters"
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a whole number of more than 20 digits"
    if isinstance(value, (int, float)):
        return f"{value} ({type(value).__name__})"
    return f"a {type(value).__name__}"
