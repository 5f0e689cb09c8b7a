"""Timestamps in every form, and pages that do not fit the model or the request."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from imagebuilder_pager.exceptions import ResponseValidationError
from tests.fakes.pages import EXECUTION_ID, RESPONSE_HEADERS, ClientWith, page_of, read_page


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (-62135596800, datetime(1, 1, 1, tzinfo=UTC)),
        (1740967220.000001, datetime(2025, 3, 3, 2, 0, 20, 1, tzinfo=UTC)),
        ("2025-03-03T04:00:20+02:00", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_the_same_moment_and_aware(sent: object, expected: datetime) -> None:
    """The ends of the range, a microsecond and an offset; other forms are compared with boto3."""
    moment = page_of({"resources": [{"startTime": sent}]}).resources[0].start_time
    assert moment == expected
    assert moment.tzinfo is not None


ADVICE = '\n  on_invalid_response="warn" gives these members as they were sent'
STRING = "Input should be a valid string"
OBJECT = "Input should be an object"
TIMESTAMP = "Input should be a timestamp in epoch seconds"
IN_RANGE = f"{TIMESTAMP}, within the years 1 to 9999"
A_DATE = f"{TIMESTAMP}, ISO 8601 or as an HTTP date"
REFUSED: list[tuple[object, list[str]]] = [
    ({"resources": "none"}, ["resources: Input should be a valid array"]),
    (
        {
            "lifecycleExecutionState": {"status": True},
            "resources": [
                {"state": {"status": 5}},
                {"action": {"name": ["DELETE"]}, "imageUris": ["a", 1]},
                5,
                [],
            ],
        },
        [
            f"lifecycleExecutionState.status: {STRING}",
            f"resources[0].state.status: {STRING}",
            f"resources[1].action.name: {STRING}",
            f"resources[1].imageUris[1]: {STRING}",
            f"resources[2]: {OBJECT}",
            f"resources[3]: {OBJECT}",
        ],
    ),
    (
        {
            "resources": [
                {"startTime": True, "endTime": {}},
                {"startTime": 1e300, "endTime": float("nan")},
                {"startTime": "yesterday"},
                {"startTime": "Sun, 01 Mar 2026 12:00:00 +99999999999999999999"},
            ]
        },
        [
            f"resources[0].startTime: {TIMESTAMP}",
            f"resources[0].endTime: {TIMESTAMP}",
            f"resources[1].startTime: {IN_RANGE}",
            f"resources[1].endTime: {IN_RANGE}",
            f"resources[2].startTime: {A_DATE}",
            f"resources[3].startTime: {A_DATE}",
        ],
    ),
    (
        {
            "lifecycleExecutionId": 1,
            "lifecycleExecutionState": "SUCCESS",
            "resources": [{}, {"snapshots": [{}, {"snapshotId": {}, "state": 1}]}],
            "nextToken": ["a"],
        },
        [
            f"nextToken: {STRING}",
            f"lifecycleExecutionId: {STRING}",
            f"lifecycleExecutionState: {OBJECT}",
            f"resources[1].snapshots[1].snapshotId: {STRING}",
            f"resources[1].snapshots[1].state: {OBJECT}",
        ],
    ),
]


@pytest.mark.parametrize(("body", "problems"), REFUSED)
def test_all_invalid_members_are_named(body: object, problems: list[str]) -> None:
    with pytest.raises(ResponseValidationError) as caught:
        read_page(body)
    error = caught.value
    assert str(error) == (
        "ListLifecycleExecutionResources: the response is not valid "
        f"(request id {RESPONSE_HEADERS['x-amzn-RequestId']})"
        + "".join(f"\n  - {problem}" for problem in problems)
        + ("" if {"nextToken", "resources"} & {path for path, _ in error.problems} else ADVICE)
    )
    assert error.operation_name == "ListLifecycleExecutionResources"
    assert error.request_id == RESPONSE_HEADERS["x-amzn-RequestId"]
    assert [f"{path}: {text}" for path, text in error.problems] == problems
    assert error.__cause__ is error.__context__ is None  # which would have the values


OTHER_ID = "lce-87654321-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ({"resources": [{"resourceId": "b"}, {"resourceId": 7}]}, "resources[1].resourceId"),
        ({"lifecycleExecutionId": OTHER_ID, "resources": [{}]}, "lifecycleExecutionId"),
    ],
    ids=["invalid", "of another execution"],
)
def test_a_page_that_is_an_error_is_not_yielded_and_is_resumed_at(
    client_with: ClientWith, page: dict[str, Any], path: str
) -> None:
    responses = [{"resources": [{"resourceId": "a"}], "nextToken": "t"}, page]
    client = client_with(
        lambda _: httpx.Response(
            200, json=responses.pop(0), headers={"x-amzn-RequestId": str(len(responses))}
        )
    )
    pages = iter(
        client.get_paginator("list_lifecycle_execution_resources").paginate(
            lifecycleExecutionId=EXECUTION_ID
        )
    )
    token = next(pages).resume_token
    with pytest.raises(ResponseValidationError) as caught:
        next(pages)
    assert caught.value.request_id == "0"
    assert [problem[0] for problem in caught.value.problems] == [path]
    assert caught.value.resume_token == token is not None
