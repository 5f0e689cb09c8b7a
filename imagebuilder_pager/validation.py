"""Checks of arguments and settings, and the sentences that errors say about them."""

from __future__ import annotations

from typing import TypeVar

from .exceptions import ParamValidationError

__all__ = ["NumberT", "validate_positive"]


NumberT = TypeVar("NumberT", float, int)


def validate_positive(name: str, value: NumberT | None) -> NumberT | None:
    """The argument of that name. Raises :class:`ParamValidationError` if it is no good number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1e9:
        raise ParamValidationError(
            "ImageBuilder", [f"{name}: {value!r} given; allowed: a number above 0, at most 1e9"]
        )
    return value
