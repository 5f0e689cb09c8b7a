"""The parameters of an operation, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict, ValidationInfo, field_validator

from ..exceptions import ParamValidationError
from .params import ParamValidator, param_members
from .shapes import Structure


class RequestStructure(Structure):
    """A structure among the parameters of an operation; types, constraints and names are strict."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _check_constraints(cls, value: Any, info: ValidationInfo) -> Any:
        wire_name = cls._alias_by_field[info.field_name or ""]
        validator = ParamValidator()
        if value is not None:
            validator.value(param_members(cls)[wire_name].kind, value, wire_name)
        if validator.problems:
            raise ValueError(validator.problems[0])
        return value


class Request(RequestStructure):
    """The parameters of an operation."""

    @classmethod
    def serialize_params(cls, params: Mapping[str, Any], operation_name: str) -> dict[str, Any]:
        """Return the parameters under their wire names, in the order of ``params``.

        ``params`` may use either spelling of a name, in structures too; a structure may be a
        dictionary or its model. Raises :class:`ParamValidationError` with a line for each parameter
        that is missing, unknown, given twice or not allowed.
        """
        validator = ParamValidator()
        wire_params = validator.structure(cls, params)
        if validator.problems:
            raise ParamValidationError(operation_name, validator.problems)
        return wire_params
