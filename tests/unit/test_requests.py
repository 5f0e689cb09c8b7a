"""Parameters of requests: both spellings, and every invalid one is named."""

from typing import Any

import pytest

from imagebuilder_pager.exceptions import ParamValidationError
from imagebuilder_pager.models import (
    ListLifecycleExecutionResourcesRequest,
)
from tests.fakes.pages import EXECUTION_ID


def serialize_params(params: dict[str, Any]) -> dict[str, Any]:
    return ListLifecycleExecutionResourcesRequest.serialize_params(params, "Op")


def problems_of(params: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ParamValidationError) as caught:
        serialize_params(params)
    return tuple(map(str, caught.value.problems))


def test_parameters_in_either_spelling_become_wire_names() -> None:
    wire_names = {
        "lifecycleExecutionId": EXECUTION_ID,
        "parentResourceId": "parent",
        "maxResults": 25,
        "nextToken": "token",
    }
    snake_case = {
        "lifecycle_execution_id": EXECUTION_ID,
        "parent_resource_id": "parent",
        "max_results": 25,
        "next_token": "token",
    }
    assert serialize_params(wire_names) == serialize_params(snake_case) == wire_names
    mixed = {"max_results": 25, "lifecycleExecutionId": EXECUTION_ID}
    assert list(serialize_params(mixed)) == ["maxResults", "lifecycleExecutionId"]


PATTERN = "^lce-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


ID = {"lifecycleExecutionId": EXECUTION_ID}


ID_ALLOWED = f"allowed: a string that matches {PATTERN}"


PARENT_ALLOWED = "allowed: a string of 1 to 1024 characters"


MAX_ALLOWED = "allowed: a whole number from 1 to 25"


TOKEN_ALLOWED = "allowed: a string of 1 to 65535 characters"


NAMES = "lifecycleExecutionId, parentResourceId, maxResults, nextToken"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, f"lifecycleExecutionId: missing, and required; {ID_ALLOWED}"),
        ({"lifecycleExecutionId": ""}, f"lifecycleExecutionId: '' given; {ID_ALLOWED}"),
        ({"lifecycleExecutionId": "lce-1"}, f"lifecycleExecutionId: 'lce-1' given; {ID_ALLOWED}"),
        ({"lifecycle_execution_id": 5}, f"lifecycleExecutionId: 5 (int) given; {ID_ALLOWED}"),
        ({"lifecycleExecutionId": None}, f"lifecycleExecutionId: None given; {ID_ALLOWED}"),
        ({"lifecycleExecutionId": [1]}, f"lifecycleExecutionId: a list given; {ID_ALLOWED}"),
        ({"lifecycleExecutionId": b"lce"}, f"lifecycleExecutionId: a bytes given; {ID_ALLOWED}"),
        (
            {"lifecycleExecutionId": EXECUTION_ID + "\n"},
            f"lifecycleExecutionId: '{EXECUTION_ID}\\n' given; {ID_ALLOWED}",
        ),
        (
            {"lifecycleExecutionId": EXECUTION_ID.replace("1", "\N{ARABIC-INDIC DIGIT ONE}")},
            f"lifecycleExecutionId: '{EXECUTION_ID.replace('1', chr(0x661))}' given; {ID_ALLOWED}",
        ),
        ({**ID, "parentResourceId": ""}, f"parentResourceId: '' given; {PARENT_ALLOWED}"),
        (
            {**ID, "parentResourceId": "x" * 1025},
            f"parentResourceId: a string of 1025 characters given; {PARENT_ALLOWED}",
        ),
        ({**ID, "parent_resource_id": None}, f"parentResourceId: None given; {PARENT_ALLOWED}"),
        ({**ID, "parentResourceId": {}}, f"parentResourceId: a dict given; {PARENT_ALLOWED}"),
        ({**ID, "maxResults": 0}, f"maxResults: 0 (int) given; {MAX_ALLOWED}"),
        ({**ID, "maxResults": 26}, f"maxResults: 26 (int) given; {MAX_ALLOWED}"),
        ({**ID, "maxResults": -1}, f"maxResults: -1 (int) given; {MAX_ALLOWED}"),
        ({**ID, "maxResults": "5"}, f"maxResults: '5' given; {MAX_ALLOWED}"),
        ({**ID, "maxResults": 5.0}, f"maxResults: 5.0 (float) given; {MAX_ALLOWED}"),
        ({**ID, "maxResults": True}, f"maxResults: True (bool) given; {MAX_ALLOWED}"),
        ({**ID, "max_results": None}, f"maxResults: None given; {MAX_ALLOWED}"),
        ({**ID, "nextToken": ""}, f"nextToken: '' given; {TOKEN_ALLOWED}"),
        (
            {**ID, "nextToken": "x" * 65536},
            f"nextToken: a string of 65536 characters given; {TOKEN_ALLOWED}",
        ),
        ({**ID, "next_token": 1}, f"nextToken: 1 (int) given; {TOKEN_ALLOWED}"),
        ({**ID, "limit": 5}, f"limit: unknown parameter; allowed: {NAMES}"),
        ({**ID, "limit": None}, f"limit: unknown parameter; allowed: {NAMES}"),
        ({**ID, "MaxResults": 5}, f"MaxResults: unknown parameter; allowed: {NAMES}"),
        (
            {**ID, "lifecycle_execution_id": EXECUTION_ID},
            "lifecycleExecutionId: given twice, as lifecycleExecutionId and as "
            "lifecycle_execution_id; allowed: one of the two",
        ),
        (
            {**ID, "max_results": 5, "maxResults": 5},
            "maxResults: given twice, as max_results and as maxResults; allowed: one of the two",
        ),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_allowed(
    params: dict[str, Any], problem: str
) -> None:
    assert problems_of(params) == (problem,)


def test_all_bad_parameters_are_named_at_once() -> None:
    with pytest.raises(ParamValidationError) as caught:
        serialize_params(
            {"maxResults": 0, "parentResourceId": None, "colour": "red", "nextToken": ""}
        )
    assert sorted(map(str, caught.value.problems)) == [
        f"colour: unknown parameter; allowed: {NAMES}",
        f"lifecycleExecutionId: missing, and required; {ID_ALLOWED}",
        f"maxResults: 0 (int) given; {MAX_ALLOWED}",
        f"nextToken: '' given; {TOKEN_ALLOWED}",
        f"parentResourceId: None given; {PARENT_ALLOWED}",
    ]
    lines = "".join(f"\n  - {problem}" for problem in caught.value.problems)
    assert str(caught.value) == f"Op: invalid parameters; nothing was sent{lines}"


@pytest.mark.parametrize(
    "params",
    [
        {"lifecycleExecutionId": "lce-ABCDEFab-0000-0000-0000-abcdefABCDEF"},
        {**ID, "parentResourceId": "x"},
        {**ID, "parentResourceId": "x" * 1024},
        {**ID, "maxResults": 1},
        {**ID, "maxResults": 25},
        {**ID, "nextToken": "x"},
        {**ID, "nextToken": "x" * 65535},
    ],
)
def test_the_ends_of_the_limits_are_allowed(params: dict[str, Any]) -> None:
    assert serialize_params(params) == params
