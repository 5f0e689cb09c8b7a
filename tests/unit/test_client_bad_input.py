"""Invalid parameters: the errors, which are raised before anything is sent."""

import json
from typing import Any, cast

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
)
from imagebuilder_pager.pagination import encode_token
from tests.fakes.clients import EXECUTION, OPERATION, ClientWith, list_page
from tests.fakes.services import RecordingService, fail_on_request


@pytest.fixture
def recorder() -> RecordingService:
    return RecordingService()


NAMES = "lifecycleExecutionId, parentResourceId, maxResults, nextToken"
CONFIG_KEYS = "MaxItems, PageSize, StartingToken, Prefetch"
INVALID_PARAMS: list[tuple[dict[str, Any], list[str]]] = [
    (
        {},
        ["lifecycleExecutionId: missing, and required; allowed: a string"],
    ),
    (
        {"lifecycleExecutionId": 7},
        ["lifecycleExecutionId: 7 (int) given; allowed: a string"],
    ),
    (
        {"lifecycleExecutionId": None},
        ["lifecycleExecutionId: None given; allowed: a string"],
    ),
    (
        {**EXECUTION, "parentResourceId": ""},
        ["parentResourceId: '' given; allowed: a string, 1 character or more"],
    ),
    (
        {**EXECUTION, "lifecycle_execution_id": EXAMPLE_EXECUTION_ID},
        [f"lifecycle_execution_id: unknown parameter; allowed: {NAMES}"],
    ),
    ({**EXECUTION, "colour": "red"}, [f"colour: unknown parameter; allowed: {NAMES}"]),
]
INVALID_CONFIGS: list[tuple[Any, list[str]]] = [
    (
        {"PageSize": 0},
        ["PaginationConfig.PageSize: 0 (int) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": -5},
        ["PaginationConfig.PageSize: -5 (int) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": "many"},
        ["PaginationConfig.PageSize: 'many' given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": 2.5},
        ["PaginationConfig.PageSize: 2.5 (float) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"MaxItems": -1},
        ["PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": "ten"},
        ["PaginationConfig.MaxItems: 'ten' given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": 1.5},
        ["PaginationConfig.MaxItems: 1.5 (float) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": True},
        ["PaginationConfig.MaxItems: True (bool) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": float("inf")},
        ["PaginationConfig.MaxItems: inf (float) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": [1]},
        ["PaginationConfig.MaxItems: a list given; allowed: a whole number, 0 or more"],
    ),
    (
        {"Limit": 5},
        [f"PaginationConfig: unknown key 'Limit'; allowed: {CONFIG_KEYS}"],
    ),
    (
        {"max_items": 5, "pageSize": 5},
        [
            f"PaginationConfig: unknown key 'max_items'; allowed: {CONFIG_KEYS}",
            f"PaginationConfig: unknown key 'pageSize'; allowed: {CONFIG_KEYS}",
        ],
    ),
    (
        [("MaxItems", 5)],
        [f"PaginationConfig: a list given; allowed: a mapping with {CONFIG_KEYS}"],
    ),
]


def error_text(problems: list[str]) -> str:
    return "ListLifecycleExecutionResources: invalid parameters; nothing was sent" + "".join(
        f"\n  - {problem}" for problem in problems
    )


@pytest.mark.parametrize(
    ("token", "given"),
    [
        (encode_token({"nextToken": 123}), "123 (int)"),
        (encode_token({"nextToken": {"a": 1}}), "a dict"),
        (encode_token({"nextToken": b"bytes"}), "a bytes"),
        (encode_token({"nextToken": ""}), "''"),
    ],
)
def test_a_starting_token_with_an_invalid_next_token_is_an_error(
    client_with: ClientWith, token: str, given: str
) -> None:
    paginator = client_with(fail_on_request).get_paginator("list_lifecycle_execution_resources")
    with pytest.raises(exceptions.StartingTokenError) as caught:
        paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"StartingToken": token}
        )
    assert str(caught.value) == (
        f"StartingToken: {given} given; allowed: a string, 1 character or more"
    )


def test_an_invalid_starting_token_is_named_with_other_errors(
    client_with: ClientWith,
) -> None:
    paginator = client_with(fail_on_request).get_paginator("list_lifecycle_execution_resources")
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
            parentResourceId="",
            PaginationConfig={"StartingToken": encode_token({"nextToken": 1})},
        )
    problems = [problem.parameter for problem in caught.value.problems]
    assert problems == ["parentResourceId", "StartingToken"]


@pytest.mark.parametrize(("params", "problems"), INVALID_PARAMS)
def test_an_invalid_call_is_an_error_before_anything_is_sent(
    client_with: ClientWith, params: dict[str, Any], problems: list[str]
) -> None:
    client = client_with(fail_on_request)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        client.list_lifecycle_execution_resources(**params)
    assert str(caught.value) == error_text(problems)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"maxResults": 0}, "maxResults: 0 (int) given; allowed: a whole number, 1 or more"),
        ({"maxResults": "5"}, "maxResults: '5' given; allowed: a whole number, 1 or more"),
        ({"nextToken": ""}, "nextToken: '' given; allowed: a string, 1 character or more"),
    ],
)
def test_an_invalid_page_size_or_token_of_a_call_is_an_error(
    client_with: ClientWith, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        list_page(client_with(fail_on_request), **params)
    assert str(caught.value) == error_text([problem])


@pytest.mark.parametrize(("params", "problems"), INVALID_PARAMS)
def test_invalid_parameters_are_an_error_at_paginate(
    client_with: ClientWith, params: dict[str, Any], problems: list[str]
) -> None:
    paginator: Any = client_with(fail_on_request).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(**params)
    assert str(caught.value) == error_text(problems)


@pytest.mark.parametrize(("config", "problems"), INVALID_CONFIGS)
def test_an_invalid_config_is_an_error_at_paginate(
    client_with: ClientWith, config: Any, problems: list[str]
) -> None:
    paginator: Any = client_with(fail_on_request).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(**EXECUTION, PaginationConfig=config)
    assert str(caught.value) == error_text(problems)


def test_one_error_names_everything_that_is_invalid(client_with: ClientWith) -> None:
    paginator: Any = client_with(fail_on_request).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(
            parentResourceId="",
            colour="red",
            PaginationConfig={"MaxItems": -1, "PageSize": 0, "Limit": 5},
        )
    first, *lines = str(caught.value).split("\n")
    assert first == "ListLifecycleExecutionResources: invalid parameters; nothing was sent"
    assert sorted(lines) == [
        "  - PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more",
        "  - PaginationConfig.PageSize: 0 (int) given; allowed: a whole number, 1 or more",
        f"  - PaginationConfig: unknown key 'Limit'; allowed: {CONFIG_KEYS}",
        f"  - colour: unknown parameter; allowed: {NAMES}",
        "  - lifecycleExecutionId: missing, and required; allowed: a string",
        "  - parentResourceId: '' given; allowed: a string, 1 character or more",
    ]


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (5, "StartingToken: 5 (int) given; allowed: the NextToken of an earlier result"),
        ("", "StartingToken: '' given; allowed: the NextToken of an earlier result"),
        (
            "WzFd",  # [1]
            "StartingToken: JSON in base64, but a list; allowed: an object that a paginator has "
            "made, or a token of the service",
        ),
        (
            "eyJuZXh0VG9rZW4iOiAiYSIsICJtYXhSZXN1bHRzIjogNX0=",  # nextToken and maxResults
            "StartingToken: it would set 'maxResults'; allowed: 'nextToken' and an offset",
        ),
    ],
)
def test_an_invalid_starting_token_is_an_error_at_paginate(
    client_with: ClientWith, token: object, text: str
) -> None:
    paginator: Any = client_with(fail_on_request).get_paginator(OPERATION)
    with pytest.raises(exceptions.StartingTokenError) as caught:
        paginator.paginate(**EXECUTION, PaginationConfig={"StartingToken": token})
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "config", [None, {}, {"MaxItems": None, "PageSize": None, "StartingToken": None}]
)
def test_an_empty_config_is_the_same_as_no_config(
    client_with: ClientWith, recorder: RecordingService, config: Any
) -> None:
    paginator = client_with(recorder).get_paginator("list_lifecycle_execution_resources")
    pages: Any = paginator.paginate(**cast("Any", EXECUTION), PaginationConfig=config)
    assert len(list(pages)) == 1
    assert json.loads(recorder.request.content) == EXECUTION


def test_nothing_is_sent_before_the_first_page_is_requested(client_with: ClientWith) -> None:
    paginator = client_with(fail_on_request).get_paginator("list_lifecycle_execution_resources")
    iter(paginator.paginate(**cast("Any", EXECUTION)))
