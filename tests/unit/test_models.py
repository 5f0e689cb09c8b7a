"""Shapes: attributes and keys, the dictionary that boto3 would return, and what is refused."""

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.exceptions import ParamValidationError, ResponseValidationError
from imagebuilder_pager.models import (
    LifecycleExecutionResource,
    LifecycleExecutionResourceAction,
    LifecycleExecutionResourceActionName,
    LifecycleExecutionResourceState,
    LifecycleExecutionResourceStatus,
    LifecycleExecutionSnapshotResource,
    LifecycleExecutionState,
    LifecycleExecutionStatus,
    ListLifecycleExecutionResourcesRequest,
    ListLifecycleExecutionResourcesResponse,
    ResponseMetadata,
)

PAGES = sorted((Path(__file__).parents[2] / "fixtures" / "pages").glob("*.json"))
EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
HEADERS = {
    "Date": "Mon, 03 Mar 2025 12:34:56 GMT",
    "Content-Type": "application/json",
    "x-amzn-RequestId": "7a1c5d0e-0000-4000-8000-000000000001",
    "X-Custom": "a, b",
}

Page = ListLifecycleExecutionResourcesResponse
ClientWith = Callable[..., ImageBuilder]
Boto3Answer = Callable[..., dict[str, Any]]


Read = Callable[[object], Page]


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """What a client makes of a body, given as bytes or as what JSON can say."""
    content: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=HEADERS, content=content.pop())

    keys: Any = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = ImageBuilder("us-west-2", http_client=http, **keys)

        def read(body: object) -> Page:
            content.append(body if isinstance(body, bytes) else json.dumps(body).encode())
            return client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)

        yield read


def same_as_boto3(read: Read, boto3_answer: Boto3Answer, body: bytes) -> bool:
    headers = {**HEADERS, "Content-Length": str(len(body))}
    return read(body).to_dict() == boto3_answer(body, 200, headers)


def wire(body: object) -> Page:
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return Page.from_json(json.dumps(body).encode(), metadata)


FULL_RESOURCE: dict[str, Any] = {
    "accountId": "123456789012",
    "resourceId": "ami-0d6a4cf7ae11c69b6",
    "state": {"status": "FAILED", "reason": "in use"},
    "action": {"name": "DELETE", "reason": "too old"},
    "region": "us-west-2",
    "snapshots": [{"snapshotId": "snap-1", "state": {"status": "SKIPPED", "reason": "kept"}}],
    "imageUris": ["123456789012.dkr.ecr.us-west-2.amazonaws.com/web:1"],
    "startTime": 1740967220,
    "endTime": 1740967244.118,
}
FULL_PAGE: dict[str, Any] = {
    "lifecycleExecutionId": EXECUTION_ID,
    "lifecycleExecutionState": {"status": "IN_PROGRESS", "reason": "running"},
    "resources": [FULL_RESOURCE],
    "nextToken": "more",
}


def test_attributes_read_every_member(read: Read) -> None:
    page = read(FULL_PAGE)
    assert page.lifecycle_execution_id == EXECUTION_ID
    assert isinstance(page.lifecycle_execution_state, LifecycleExecutionState)
    assert page.lifecycle_execution_state.status is LifecycleExecutionStatus.IN_PROGRESS
    assert page.lifecycle_execution_state.reason == "running"
    assert page.next_token == "more"
    (resource,) = page.resources
    assert isinstance(resource, LifecycleExecutionResource)
    assert resource.account_id == "123456789012"
    assert resource.resource_id == "ami-0d6a4cf7ae11c69b6"
    assert resource.region == "us-west-2"
    assert isinstance(resource.state, LifecycleExecutionResourceState)
    assert resource.state.status is LifecycleExecutionResourceStatus.FAILED
    assert resource.state.reason == "in use"
    assert isinstance(resource.action, LifecycleExecutionResourceAction)
    assert resource.action.name is LifecycleExecutionResourceActionName.DELETE
    assert resource.action.reason == "too old"
    (snapshot,) = resource.snapshots
    assert isinstance(snapshot, LifecycleExecutionSnapshotResource)
    assert snapshot.snapshot_id == "snap-1"
    assert snapshot.state is not None
    assert snapshot.state.status is LifecycleExecutionResourceStatus.SKIPPED
    assert resource.image_uris == ["123456789012.dkr.ecr.us-west-2.amazonaws.com/web:1"]
    assert resource.start_time == datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)
    assert resource.end_time == datetime(2025, 3, 3, 2, 0, 44, 118000, tzinfo=UTC)
    assert resource.start_time.utcoffset() == timedelta(0)


def test_keys_read_the_same_members_as_attributes(read: Read) -> None:
    page = read(FULL_PAGE)
    assert page["resources"] is page.resources
    assert page["resources"][0]["state"]["status"] == "FAILED"
    assert page["resources"][0]["snapshots"][0]["snapshotId"] == "snap-1"
    assert page.get("lifecycleExecutionId") == EXECUTION_ID
    assert page.get("nextToken") == "more"
    assert "lifecycleExecutionState" in page
    assert page.keys() == [
        "lifecycleExecutionId",
        "lifecycleExecutionState",
        "resources",
        "nextToken",
        "ResponseMetadata",
    ]
    assert list(page) == page.keys()
    assert page.items() == [(key, page[key]) for key in page.keys()]
    assert page.values() == [page[key] for key in page]
    resource = page.resources[0]
    assert resource.keys() == list(FULL_RESOURCE)
    assert dict(resource)["startTime"] == resource.start_time


@pytest.mark.parametrize("name", ["resource_id", "resourceid", "", "state.status", "other"])
def test_only_wire_names_are_keys(name: str) -> None:
    resource = wire(FULL_PAGE).resources[0]
    assert name not in resource
    assert resource.get(name) is None
    assert resource.get(name, "default") == "default"
    with pytest.raises(KeyError) as caught:
        resource[name]
    assert caught.value.args == (name,)


@pytest.mark.parametrize("body", [{}, {"lifecycleExecutionId": None, "resources": None}])
def test_absent_and_null_members_are_absent(body: object) -> None:
    page = wire(body)
    assert page.lifecycle_execution_id is None
    assert page.lifecycle_execution_state is None
    assert page.next_token is None
    assert page.keys() == ["ResponseMetadata"]
    assert "lifecycleExecutionId" not in page
    with pytest.raises(KeyError):
        page["lifecycleExecutionId"]
    assert page.to_dict().keys() == {"ResponseMetadata"}


@pytest.mark.parametrize("resource", [{}, {"snapshots": None, "imageUris": None}])
def test_an_absent_list_reads_as_empty(resource: object) -> None:
    page = wire({"resources": [resource]})
    for values in (page.resources[0].snapshots, page.resources[0]["imageUris"]):
        assert isinstance(values, list)
        assert list(values) == []
    assert "snapshots" not in page.resources[0]
    assert page.to_dict()["resources"] == [{}]
    assert list(wire({}).resources) == []


def test_an_empty_list_is_not_an_absent_one() -> None:
    page = wire({"resources": []})
    assert "resources" in page
    assert page.to_dict()["resources"] == []


def test_a_null_in_a_list_keeps_its_place() -> None:
    page = wire({"resources": [None, {"imageUris": ["a", None]}]})
    assert page["resources"][0] is None
    assert len(page.resources) == 2
    assert page.to_dict()["resources"] == [None, {"imageUris": ["a", None]}]


def test_unknown_enum_values_are_kept() -> None:
    page = wire({"resources": [{"state": {"status": "DEFERRED"}, "action": {"name": ""}}]})
    state = page.resources[0].state
    assert state is not None
    assert state.status == "DEFERRED"
    assert type(state.status) is str
    assert page["resources"][0]["action"]["name"] == ""


def test_unknown_members_are_kept_as_keys_and_not_in_to_dict() -> None:
    page = wire({"totalCount": 1, "resources": [{"tags": {"team": ["a", None, 2.5]}}]})
    assert page["totalCount"] == 1
    assert page.keys() == ["resources", "totalCount", "ResponseMetadata"]
    assert page.resources[0].keys() == ["tags"]
    assert page.resources[0].get("tags") == {"team": ["a", None, 2.5]}
    assert page.to_dict()["resources"] == [{}]
    assert "totalCount" not in page.to_dict()


def test_enum_values_are_plain_strings_in_to_dict() -> None:
    result = wire(FULL_PAGE).to_dict()
    assert type(result["lifecycleExecutionState"]["status"]) is str
    assert type(result["resources"][0]["action"]["name"]) is str
    assert type(result["resources"]) is list
    assert type(result["resources"][0]) is dict


def test_hostile_names_do_not_take_effect(read: Read) -> None:
    hostile: dict[str, Any] = {
        "next_token": "evil",
        "lifecycle_execution_id": "evil",
        "resume_token": "evil",
        "_resume_token": "evil",
        "response_metadata": {"HTTPStatusCode": 500},
        "_response_metadata": {"HTTPStatusCode": 500},
        "ResponseMetadata": {"HTTPStatusCode": 500},
        "NextToken": "evil",
        "to_dict": "evil",
        "__class__": "evil",
        "__dict__": {"next_token": "evil"},
        "model_fields": "evil",
        "_alias_by_field": {},
        "resources": [{"resource_id": "evil", "keys": "evil", "__pydantic_extra__": "evil"}],
    }
    page = read(hostile)
    assert type(page) is Page
    assert page.next_token is None
    assert page.lifecycle_execution_id is None
    assert page.resume_token is None
    assert page["NextToken"] is None
    assert "NextToken" not in page
    assert page.response_metadata is not None
    assert page.response_metadata.http_status_code == 200
    assert page["ResponseMetadata"] == page.response_metadata
    assert page.resources[0].resource_id is None
    result = page.to_dict()
    assert result.keys() == {"resources", "ResponseMetadata"}
    assert result["resources"] == [{}]
    assert result["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert page["next_token"] == "evil"


def test_response_metadata_has_boto3s_members(read: Read) -> None:
    metadata = read(b"{}").response_metadata
    assert isinstance(metadata, ResponseMetadata)
    assert metadata.request_id == metadata["RequestId"] == HEADERS["x-amzn-RequestId"]
    assert metadata.http_status_code == metadata["HTTPStatusCode"] == 200
    assert metadata.http_headers == metadata["HTTPHeaders"]
    assert metadata.http_headers["x-custom"] == "a, b"
    assert metadata.retry_attempts == metadata["RetryAttempts"] == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_fixture_page_is_as_boto3_has_it(
    read: Read, boto3_answer: Boto3Answer, path: Path
) -> None:
    assert same_as_boto3(read, boto3_answer, path.read_bytes())


def test_without_a_request_id_it_is_absent_as_in_boto3(
    client_with: ClientWith, boto3_answer: Boto3Answer
) -> None:
    client = client_with(lambda _: httpx.Response(200, content=b"{}"))
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert page.to_dict() == boto3_answer(b"{}", 200, {"Content-Length": "2"})
    assert page.response_metadata is not None
    assert page.response_metadata.request_id is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
TEXT = st.none() | st.text(max_size=20)
# The years 1 to 9999: what a datetime can say. Their ends are left to other tests, since
# boto3 makes local times of them.
SECONDS = st.integers(-62_000_000_000, 253_000_000_000)
FRACTIONS = st.floats(-62_000_000_000, 253_000_000_000)
TIMESTAMP = (
    st.none()
    | SECONDS
    | FRACTIONS
    | SECONDS.map(str)
    | FRACTIONS.map(str)
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001  # wall time
        lambda moment: moment.isoformat() + "Z"
    )
    | st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30)).map(  # noqa: DTZ001
        lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    )
)


def structure(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any of the members, perhaps null, and perhaps some that the model does not have."""
    unknown = st.dictionaries(st.text(max_size=12), JSON, max_size=1)
    known = st.fixed_dictionaries({}, optional=members)
    return st.builds(lambda a, b: {**a, **b}, unknown, known)


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(st.none() | items, max_size=3)


def enum_values(enum: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*enum]) | TEXT


STATE = structure(status=enum_values(LifecycleExecutionResourceStatus), reason=TEXT)
RESOURCE = structure(
    accountId=TEXT,
    resourceId=TEXT,
    state=st.none() | STATE,
    action=st.none()
    | structure(name=enum_values(LifecycleExecutionResourceActionName), reason=TEXT),
    region=TEXT,
    snapshots=several(structure(snapshotId=TEXT, state=st.none() | STATE)),
    imageUris=several(st.text(max_size=10)),
    startTime=TIMESTAMP,
    endTime=TIMESTAMP,
)
BODY = structure(
    lifecycleExecutionId=TEXT,
    lifecycleExecutionState=st.none()
    | structure(status=enum_values(LifecycleExecutionStatus), reason=TEXT),
    resources=several(RESOURCE),
    nextToken=TEXT,
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=BODY)
def test_any_body_is_as_boto3_has_it(
    read: Read, boto3_answer: Boto3Answer, body: dict[str, Any]
) -> None:
    assert same_as_boto3(read, boto3_answer, json.dumps(body).encode())


@settings(max_examples=200, deadline=None)
@given(body=BODY)
def test_any_body_keeps_what_it_has(body: dict[str, Any]) -> None:
    """Keys are those of the body, but for null members; nothing of it is lost."""
    page = wire(body)
    known = {"lifecycleExecutionId", "lifecycleExecutionState", "resources", "nextToken"}
    there = {name for name, value in body.items() if name not in known or value is not None}
    assert set(page.keys()) - {"ResponseMetadata"} == there - {"ResponseMetadata", "NextToken"}
    for name in there - known - {"ResponseMetadata", "NextToken"}:
        assert page[name] == body[name]
    assert len(page.resources) == len(body.get("resources") or ())


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
def test_timestamps(seconds: object, expected: datetime) -> None:
    moment = wire({"resources": [{"startTime": seconds}]}).resources[0].start_time
    assert moment == expected
    assert moment.tzinfo is not None


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
            "lifecycleExecutionId: Input should be a valid string",
            "lifecycleExecutionState: Input should be an object",
            "resources[1].snapshots[1].snapshotId: Input should be a valid string",
            "resources[1].snapshots[1].state: Input should be an object",
            "nextToken: Input should be a valid string",
        ],
    ),
]


@pytest.mark.parametrize(("body", "problems"), REFUSED)
def test_wrong_members_are_all_named(read: Read, body: object, problems: list[str]) -> None:
    with pytest.raises(ResponseValidationError) as caught:
        read(body)
    error = caught.value
    assert str(error) == (
        "ListLifecycleExecutionResources was answered with an invalid response "
        f"(request id {HEADERS['x-amzn-RequestId']})"
        + "".join(f"\n  - {problem}" for problem in problems)
    )
    assert error.operation_name == "ListLifecycleExecutionResources"
    assert error.request_id == HEADERS["x-amzn-RequestId"]
    assert [f"{path}: {text}" for path, text in error.problems] == problems


def test_a_wrong_answer_without_a_request_id_says_so(client_with: ClientWith) -> None:
    client = client_with(lambda _: httpx.Response(200, json={"nextToken": 5}))
    with pytest.raises(ResponseValidationError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert caught.value.request_id is None
    assert str(caught.value) == (
        "ListLifecycleExecutionResources was answered with an invalid response "
        "(request id unknown)\n  - nextToken: Input should be a valid string"
    )


def test_what_the_service_sent_is_not_in_the_error(read: Read) -> None:
    with pytest.raises(ResponseValidationError) as caught:
        read({"nextToken": {"private": "sesame"}})
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_wrong_page_is_never_half_handed_out(client_with: ClientWith) -> None:
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


def test_limits_do_not_hold_for_answers() -> None:
    """What the service has sent is taken as it is, a text beyond its own limits too."""
    page = wire({"lifecycleExecutionId": "", "nextToken": "x" * 70_000})
    assert page.lifecycle_execution_id == ""
    assert page["nextToken"] == "x" * 70_000


def test_a_copy_takes_items_and_leaves_the_original() -> None:
    page = wire(FULL_PAGE)
    copied = copy.copy(page)
    copied["resources"] = []
    copied["nextToken"] = None
    copied["other"] = 1
    copied.resume_token = "token"
    assert copied.resources == []
    assert copied["resources"] == []
    assert "nextToken" not in copied
    assert copied["other"] == 1
    assert copied["NextToken"] == "token"
    assert copied.response_metadata == page.response_metadata
    assert len(page.resources) == 1
    assert page.next_token == "more"
    assert "other" not in page
    assert page.resume_token is None


def test_a_list_set_to_none_is_absent() -> None:
    page = wire(FULL_PAGE)
    page["resources"] = None
    assert list(page.resources) == []
    assert "resources" not in page
    assert "resources" not in page.to_dict()


def test_items_can_be_set_by_their_wire_names() -> None:
    page = wire(FULL_PAGE)
    page["lifecycleExecutionId"] = "other"
    assert page.lifecycle_execution_id == "other"
    page["lifecycle_execution_id"] = "a member that AWS does not have"
    assert page.lifecycle_execution_id == "other"


def test_pages_are_equal_deep_copied_and_pickled() -> None:
    page = wire(FULL_PAGE)
    page.resume_token = "token"
    assert wire(FULL_PAGE) == wire(FULL_PAGE)
    for again in (copy.deepcopy(page), pickle.loads(pickle.dumps(page))):
        assert again == page
        assert again.to_dict() == page.to_dict()
        assert again.resume_token == "token"
        assert again.resources is not page.resources


def test_a_page_made_by_hand_takes_either_spelling() -> None:
    page = Page(
        lifecycle_execution_id=EXECUTION_ID,
        resources=[LifecycleExecutionResource(resourceId="ami-1")],  # type: ignore[call-arg]
    )
    assert page.to_dict() == {
        "lifecycleExecutionId": EXECUTION_ID,
        "resources": [{"resourceId": "ami-1"}],
    }
    assert page.response_metadata is None
    assert "ResponseMetadata" not in page


def test_an_absent_list_that_was_added_to_is_there() -> None:
    page = wire({})
    page.resources.append(LifecycleExecutionResource(resource_id="ami-1"))
    assert "resources" in page
    assert page.to_dict()["resources"] == [{"resourceId": "ami-1"}]


def test_a_naive_time_given_by_hand_is_in_utc() -> None:
    naive = datetime(2025, 3, 3)  # noqa: DTZ001  # that is the case
    assert LifecycleExecutionResource(start_time=naive).start_time == naive.replace(tzinfo=UTC)


# Requests


def serialize_params(params: dict[str, Any]) -> dict[str, Any]:
    return ListLifecycleExecutionResourcesRequest.serialize_params(params, "Op")


def problems_of(params: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ParamValidationError) as caught:
        serialize_params(params)
    return caught.value.problems


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
    assert sorted(caught.value.problems) == [
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
