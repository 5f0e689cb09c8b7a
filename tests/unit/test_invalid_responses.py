"""Timestamps in every form, and responses that do not fit the model."""

from datetime import UTC, datetime

import httpx
import pytest

from imagebuilder_pager.exceptions import ResponseValidationError
from tests.fakes.pages import EXECUTION_ID, RESPONSE_HEADERS, ClientWith, page_of, read_page


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1740967220, datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
        (1740967220.5, datetime(2025, 3, 3, 2, 0, 20, 500000, tzinfo=UTC)),
        (1740967220.000001, datetime(2025, 3, 3, 2, 0, 20, 1, tzinfo=UTC)),
        (4102444800, datetime(2100, 1, 1, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (-62135596800, datetime(1, 1, 1, tzinfo=UTC)),
        ("1740967220.25", datetime(2025, 3, 3, 2, 0, 20, 250000, tzinfo=UTC)),
        ("2025-03-03T02:00:20Z", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
        ("2025-03-03T04:00:20+02:00", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
        ("Mon, 03 Mar 2025 02:00:20 GMT", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
    ],
)
def test_a_timestamp_in_any_form_is_aware_and_in_utc(seconds: object, expected: datetime) -> None:
    moment = page_of({"resources": [{"startTime": seconds}]}).resources[0].start_time
    assert moment == expected
    assert moment.tzinfo is not None


ADVICE = '\n  on_invalid_response="warn" gives these members as they were sent'
REFUSED: list[tuple[object, list[str]]] = [
    (
        {"resources": [{"state": {"status": 5}}]},
        ["resources[0].state.status: Input should be a valid string"],
    ),
    (
        {"resources": [{}, {"action": {"name": ["DELETE"]}}]},
        ["resources[1].action.name: Input should be a valid string"],
    ),
    (
        {"lifecycleExecutionState": {"status": True}},
        ["lifecycleExecutionState.status: Input should be a valid string"],
    ),
    ({"resources": {}}, ["resources: Input should be a valid array"]),
    ({"resources": "none"}, ["resources: Input should be a valid array"]),
    ({"resources": [{}, {}, 5]}, ["resources[2]: Input should be an object"]),
    ({"resources": [[]]}, ["resources[0]: Input should be an object"]),
    (
        {"resources": [{"imageUris": ["a", 1]}]},
        ["resources[0].imageUris[1]: Input should be a valid string"],
    ),
    (
        {"resources": [{"startTime": True}]},
        ["resources[0].startTime: Input should be a timestamp in epoch seconds"],
    ),
    (
        {"resources": [{"endTime": {}}]},
        ["resources[0].endTime: Input should be a timestamp in epoch seconds"],
    ),
    (
        {"resources": [{"startTime": 1e300}]},
        [
            "resources[0].startTime: Input should be a timestamp in epoch seconds, within the "
            "years 1 to 9999"
        ],
    ),
    (
        {"resources": [{"startTime": float("nan")}]},
        [
            "resources[0].startTime: Input should be a timestamp in epoch seconds, within the "
            "years 1 to 9999"
        ],
    ),
    (
        {"resources": [{"startTime": "Sun, 01 Mar 2026 12:00:00 +99999999999999999999"}]},
        [
            "resources[0].startTime: Input should be a timestamp in epoch seconds, ISO 8601 or as "
            "an HTTP date"
        ],
    ),
    (
        {"resources": [{"startTime": "yesterday"}]},
        [
            "resources[0].startTime: Input should be a timestamp in epoch seconds, ISO 8601 or as "
            "an HTTP date"
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
            "nextToken: Input should be a valid string",
            "lifecycleExecutionId: Input should be a valid string",
            "lifecycleExecutionState: Input should be an object",
            "resources[1].snapshots[1].snapshotId: Input should be a valid string",
            "resources[1].snapshots[1].state: Input should be an object",
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


def test_an_invalid_response_without_a_request_id_says_so(client_with: ClientWith) -> None:
    client = client_with(lambda _: httpx.Response(200, json={"nextToken": 5}))
    with pytest.raises(ResponseValidationError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert caught.value.request_id is None
    assert str(caught.value) == (
        "ListLifecycleExecutionResources: the response is not valid "
        "(request id unknown)\n  - nextToken: Input should be a valid string"
    )


def test_what_the_service_sent_is_not_in_the_error() -> None:
    with pytest.raises(ResponseValidationError) as caught:
        read_page({"nextToken": {"private": "sesame"}})
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_invalid_page_is_never_yielded_in_part(client_with: ClientWith) -> None:
    answers = [
        {"resources": [{"resourceId": "a"}], "nextToken": "t"},
        {"resources": [{"resourceId": "b"}, {"resourceId": 7}]},
    ]
    client = client_with(lambda _: httpx.Response(200, json=answers.pop(0)))
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    found = []
    with pytest.raises(ResponseValidationError, match=r"resources\[1\]\.resourceId"):  # noqa: PT012
        for page in paginator.paginate(lifecycleExecutionId=EXECUTION_ID):
            found += [resource.resource_id for resource in page.resources]
    assert found == ["a"]
