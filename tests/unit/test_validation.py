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
def test_a_value_is_described_shortly_and_never_with_what_it_contains(
    value: object, description: str
) -> None:
    assert describe_value(value) == description
    problem = Problem("name", f"{description} given", "a or b")
    assert describe_invalid_value("name", value, "a or b") == problem


@pytest.mark.parametrize("value", [1, 2, 100])
def test_whole_numbers_within_the_bounds_are_returned(value: int) -> None:
    assert validate_whole_number("n", value, minimum=1, maximum=100) == value


@pytest.mark.parametrize("value", [0, -1, 101, True, 1.0, "5", None, [5]])
def test_any_other_value_is_rejected_with_the_bounds(value: object) -> None:
    message = f"n: {describe_value(value)} given; allowed: a whole number from 1 to 100"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        validate_whole_number("n", value, minimum=1, maximum=100)


def test_without_a_maximum_any_large_number_is_allowed() -> None:
    assert validate_whole_number("n", 10**30, minimum=0) == 10**30
    with pytest.raises(ValueError, match=r"^n: -1 \(int\) given; allowed: a whole number, 0 or"):
        validate_whole_number("n", -1, minimum=0)


@pytest.mark.parametrize("value", [5, "5", " 5 ", "05", "+5", 5.0])
def test_with_convert_numeric_strings_and_whole_floats_are_numbers(value: object) -> None:
    assert validate_whole_number("n", value, minimum=1, convert=True) == 5


@pytest.mark.parametrize("value", ["", "five", "5.0", "0", "-5", 5.5, float("inf"), True, b"5"])
def test_with_convert_any_other_value_is_rejected_as_it_was_given(value: object) -> None:
    message = f"n: {describe_value(value)} given; allowed: a whole number, 1 or more"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        validate_whole_number("n", value, minimum=1, convert=True)


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


class Int64:
    """A whole number as numpy has it: no int, and convertible to one without loss."""

    def __index__(self) -> int:
        return 50


def test_a_whole_number_of_another_library_is_converted() -> None:
    assert validate_whole_number("n", Int64(), minimum=1, convert=True) == 50
    with pytest.raises(ValueError, match=r"^n: True \(bool\) given"):
        validate_whole_number("n", True, minimum=1, convert=True)
