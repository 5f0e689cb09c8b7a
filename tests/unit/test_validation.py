"""Checks of numbers, and the sentence of every error that rejects a value."""

import re
from typing import Any

import pytest

from imagebuilder_pager._validation import (
    describe_invalid_value,
    describe_value,
    validate_positive,
    validate_whole_number,
    validating,
)
from imagebuilder_pager.exceptions import InvalidConfigError, ParamValidationError, Problem


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (None, "None"),
        ("", "''"),
        ("a\nb", r"'a\nb'"),
        ("x" * 80, f"'{'x' * 80}'"),
        ("x" * 81, "a string of 81 characters"),
        (5, "5 (int)"),
        (-1.5, "-1.5 (float)"),
        (float("nan"), "nan (float)"),
        (True, "True (bool)"),
        (10**20 - 1, f"{10**20 - 1} (int)"),
        (10**20, "a whole number of more than 20 digits"),
        (-(10**5000), "a whole number of more than 20 digits"),
        (b"secret", "a bytes"),
        (["secret"], "a list"),
        (object(), "a object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_described_shortly_and_never_with_its_contents(
    value: object, description: str
) -> None:
    assert describe_value(value) == description
    problem = Problem("name", f"{description} given", "a or b")
    assert describe_invalid_value("name", value, "a or b") == problem


class Int64:
    """A whole number as numpy has it: not an int, and convertible to one without loss."""

    def __index__(self) -> int:
        return 5


@pytest.mark.parametrize(
    ("value", "options"),
    [
        *((value, {"minimum": 5, "maximum": 7}) for value in (5, 6, 7)),
        (10**30, {"minimum": 0}),
        *(
            (value, {"minimum": 5, "convert": True})
            for value in (5, "5", " 5 ", "05", "+5", 5.0, Int64())
        ),
    ],
)
def test_whole_numbers_within_the_bounds_are_returned(value: Any, options: Any) -> None:
    number = validate_whole_number("n", value, **options)
    assert number == (5 if options.get("convert") else value)
    assert type(number) is int


@pytest.mark.parametrize(
    ("value", "allowed", "options"),
    [
        *(
            (value, " from 1 to 100", {"minimum": 1, "maximum": 100})
            for value in (0, -1, 101, True, 1.0, "5", None, [5])
        ),
        (-1, ", 0 or more", {"minimum": 0}),
        *(
            (value, ", 1 or more", {"minimum": 1, "convert": True})
            for value in ("", "five", "5.0", "0", "-5", 5.5, float("inf"), True, b"5")
        ),
    ],
)
def test_any_other_value_is_rejected_with_the_bounds(
    value: object, allowed: str, options: Any
) -> None:
    message = f"n: {describe_value(value)} given; allowed: a whole number{allowed}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        validate_whole_number("n", value, **options)


@pytest.mark.parametrize("value", [None, 1, 0.001, 1e9])
def test_positive_numbers_and_none_are_returned(value: float | None) -> None:
    assert validate_positive("timeout", value) == value


@pytest.mark.parametrize("value", [0, -1, 1e9 + 1, float("nan"), float("inf"), True, "5", [1]])
def test_a_number_that_is_not_positive_is_an_invalid_parameter(value: Any) -> None:
    with pytest.raises(ParamValidationError) as caught, validating("ImageBuilder"):
        validate_positive("timeout", value)
    assert caught.value.problems == (
        Problem("timeout", f"{describe_value(value)} given", "a number above 0, at most 1e9"),
    )


def test_only_the_error_of_a_check_becomes_an_invalid_parameter() -> None:
    for error in (ValueError("a bug"), InvalidConfigError("a file")):
        with pytest.raises(ValueError, match=r"^a ") as caught, validating("ImageBuilder"):
            raise error
        assert caught.value is error
