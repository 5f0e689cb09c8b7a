"""The parameters of an operation, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from ..exceptions import ParamValidationError
from ..validation import describe_invalid_value
from .fields import Constraints
from .shapes import Structure

__all__ = ["Request", "type_and_constraints"]


class Request(Structure):
    """The parameters of an operation; types, constraints and names are strict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    _constraints_by_field: ClassVar[dict[str, Constraints | None]] = {}

    @field_validator("*")
    @classmethod
    def _check_constraints(cls, value: Any, info: ValidationInfo) -> Any:
        constraints = cls._constraints_by_field.get(info.field_name or "")
        if constraints is not None and value is not None and not constraints.allows(value):
            raise ValueError("not allowed")  # _describe_problem describes it
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._constraints_by_field = {
            name: type_and_constraints(info)[1] for name, info in cls.model_fields.items()
        }

    @classmethod
    def serialize_params(cls, params: Mapping[str, Any], operation_name: str) -> dict[str, Any]:
        """Return the parameters under their wire names, in the order of ``params``.

        ``params`` may use either spelling of a name. Raises :class:`ParamValidationError` with a
        line for each parameter that is missing, unknown, given twice or not allowed.
        """
        wire_params: dict[str, Any] = {}
        keys: dict[str, str] = {}
        problems = []
        for key, value in params.items():
            name = cls._alias_by_field.get(key, key)
            if name in wire_params:
                problems.append(
                    f"{name}: given twice, as {keys[name]} and as {key}; allowed: one of the two"
                )
            wire_params[name] = value
            keys[name] = key
        problems += [
            cls._describe_problem(name, "null", wire_params)
            for name, value in wire_params.items()
            if value is None
        ]
        try:
            cls.model_validate(wire_params, by_alias=True, by_name=False)
        except ValidationError as error:
            problems += [
                cls._describe_problem(str(details["loc"][0]), details["type"], wire_params)
                for details in error.errors(include_url=False)
            ]
        if problems:
            # Without repeats: Pydantic rejects some of the nulls too.
            raise ParamValidationError(operation_name, dict.fromkeys(problems))
        return wire_params

    @classmethod
    def _describe_problem(cls, name: str, error_type: str, wire_params: dict[str, Any]) -> str:
        if name not in cls._field_by_alias:
            return f"{name}: unknown parameter; allowed: {', '.join(cls._field_by_alias)}"
        field = cls.model_fields[cls._field_by_alias[name]]
        python_type, constraints = type_and_constraints(field)
        allowed = python_type.__name__ if constraints is None else constraints.describe(python_type)
        if error_type == "missing":
            return f"{name}: missing, and required; allowed: {allowed}"
        return describe_invalid_value(name, wire_params[name], allowed)


def type_and_constraints(field: FieldInfo) -> tuple[type, Constraints | None]:
    """Return the Python type of a scalar member, and its constraints or None."""
    # Pydantic moves the metadata of a required member from its annotation to the field.
    return _find_constraints(Annotated[field.annotation, *field.metadata, None]) or (str, None)


def _find_constraints(annotation: Any) -> tuple[type, Constraints] | None:
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, Constraints):
            return get_args(annotation)[0], item
    return next(filter(None, map(_find_constraints, get_args(annotation))), None)
