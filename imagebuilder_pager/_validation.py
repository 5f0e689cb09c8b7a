"""Checks of numbers, and the problem of every error that rejects a value.

A check raises :class:`InvalidValueError` with the problem; its caller makes a
:class:`ParamValidationError` of that, by :func:`validating`.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import SupportsIndex, TypeVar

from .exceptions import MissingDependencyException, ParamValidationError, Problem

NumberT = TypeVar("NumberT", float, int)

#: The pattern of a role's ARN by STS: its account id, then its path and name.
ROLE_ARN = r"arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]{1,576})"
_MAX_SHOWN_LENGTH = 80
_MAX_SHOWN_NUMBER = 10**20


def describe_value(value: object) -> str:
    """Describe a value for an error: a number with its type, a long string by its length alone."""
    if value is None:
        return "None"
    if isinstance(value, str):
        short = len(value) <= _MAX_SHOWN_LENGTH
        return repr(value) if short else f"a string of {len(value)} characters"
    if isinstance(value, int) and abs(value) >= _MAX_SHOWN_NUMBER:
        return "a whole number of more than 20 digits"
    if isinstance(value, (int, float)):
        return f"{value} ({type(value).__name__})"
    return f"a {type(value).__name__}"


def without_userinfo(url: object) -> str:
    """Return a URL as an error may show it, valid or not: anything before an @ can be a password.

    No error shows the URL of a setting or a redirect in another way.
    """
    return re.sub(r"\A(https?://)?.*@", r"\1...@", str(url), flags=re.DOTALL)[:120]


def describe_invalid_value(name: str, value: object, allowed: str) -> Problem:
    """Return the problem of a parameter whose value is not allowed."""
    return Problem(name, f"{describe_value(value)} given", allowed)


def did_you_mean(known: Iterable[str], *given: object) -> str:
    """Return the question that ends an error of misspelt names, "" if none is similar.

    Case, ``-`` and ``_`` make no difference, so AWS's name of an operation finds its method.
    """
    import difflib  # which only an error needs

    def key(name: object) -> str:
        return re.sub("[-_]", "", str(name)).lower()

    by_key = {key(name): name for name in known}
    matches = [difflib.get_close_matches(key(name), by_key, n=1, cutoff=0.75) for name in given]
    names = [by_key[match] for found in matches for match in found]
    return f"did you mean {', '.join(names)}?" if names else ""


class InvalidValueError(ValueError):
    """A value that a check rejects; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


def validate_whole_number(
    name: str, value: object, *, minimum: int, maximum: int | None = None, convert: bool = False
) -> int:
    """Return the value if it is a whole number from ``minimum`` to ``maximum``.

    With ``convert``, a numeric string or a float such as ``2.0`` is converted, as botocore does.
    Raises :class:`InvalidValueError` for all else.
    """
    number = _to_whole_number(value) if convert else value
    if (
        isinstance(number, int)
        and not isinstance(number, bool)
        and minimum <= number
        and (maximum is None or number <= maximum)
    ):
        return number
    bounds = f", {minimum} or more" if maximum is None else f" from {minimum} to {maximum}"
    raise InvalidValueError(describe_invalid_value(name, value, f"a whole number{bounds}"))


def _to_whole_number(value: object) -> object:
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return operator.index(value)  # an int, or one of numpy's
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    return value


def collect_whole_number(
    name: str, value: object, problems: list[Problem], minimum: int, maximum: int | None = None
) -> int | None:
    """Return the value as a whole number, None for None.

    A numeric string is converted. For all else, add a problem and return None.
    """
    if value is None:
        return None
    try:
        return validate_whole_number(name, value, minimum=minimum, maximum=maximum, convert=True)
    except InvalidValueError as error:
        problems.append(error.problem)
        return None


def validate_positive(name: str, value: NumberT | None) -> NumberT | None:
    """Return the value if it is None or a number above 0 and at most 1e9.

    Raises :class:`InvalidValueError` for all else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1e9:
        allowed = "a number above 0, at most 1e9"
        raise InvalidValueError(describe_invalid_value(name, value, allowed))
    return value


def is_coroutine_function(function: object) -> bool:
    """Return whether a call of the object returns a coroutine, or an async generator."""
    call = getattr(type(function), "__call__", None)  # noqa: B004 - of an object
    return any(
        inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)
        for called in (function, call)
    )


def validate_function(name: str, value: object, allowed: str) -> None:
    """Raise :class:`InvalidValueError` for all but a function that is no coroutine function."""
    if not callable(value) or is_coroutine_function(value):
        given = (
            "a coroutine function given" if callable(value) else f"{describe_value(value)} given"
        )
        raise InvalidValueError(Problem(name, given, f"{allowed}, not a coroutine function"))


@contextmanager
def validating(owner: str) -> Iterator[None]:
    """Turn the error of a check into a :class:`ParamValidationError` of ``owner``."""
    try:
        yield
    except InvalidValueError as error:
        raise ParamValidationError(owner, [error.problem]) from None


def is_missing(error: ModuleNotFoundError, packages: Collection[str]) -> bool:
    """Return whether a package is not installed; a broken one lacks only a module."""
    from importlib.util import find_spec

    package = (error.name or "").partition(".")[0]
    return package in packages and find_spec(package) is None


@contextmanager
def importing(*packages: str, purpose: str, otherwise: str) -> Iterator[None]:
    """Turn a failed import of one of the packages into the sentence that says what to do.

    ``purpose`` needs the packages, ``otherwise`` does without them. Raises
    :class:`MissingDependencyException`, which names those that are not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not is_missing(error, packages):
            raise
    else:
        return
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    raise MissingDependencyException(
        f"{purpose} needs {', '.join(missing)}, not installed here: "
        f"pip install {' '.join(missing)}, or {otherwise}"
    )
