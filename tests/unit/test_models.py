"""Shapes: attributes and keys read the same members, and pages can be changed and copied."""

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagebuilder_pager.models import (
    LifecycleExecutionResource,
    LifecycleExecutionResourceAction,
    LifecycleExecutionResourceActionName,
    LifecycleExecutionResourceState,
    LifecycleExecutionResourceStatus,
    LifecycleExecutionSnapshotResource,
    LifecycleExecutionState,
    LifecycleExecutionStatus,
    ResponseMetadata,
)
from tests.fakes.pages import (
    EXECUTION_ID,
    FULL_PAGE,
    FULL_RESOURCE,
    RESPONSE_HEADERS,
    Page,
    page_of,
    read_page,
)


def test_attributes_read_every_member() -> None:
    page = read_page(FULL_PAGE)
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


def test_keys_read_the_same_members_as_attributes() -> None:
    page = read_page(FULL_PAGE)
    assert page["resources"] is page.resources
    assert page["resources"][0]["state"]["status"] == "FAILED"
    assert page["resources"][0]["snapshots"][0]["snapshotId"] == "snap-1"
    assert page.get("lifecycleExecutionId") == EXECUTION_ID
    assert page.get("nextToken") == "more"
    assert "lifecycleExecutionState" in page
    assert list(page.keys()) == [
        "lifecycleExecutionId",
        "lifecycleExecutionState",
        "resources",
        "nextToken",
        "ResponseMetadata",
    ]
    assert list(page) == list(page.keys())
    assert list(page.items()) == [(key, page[key]) for key in page.keys()]
    assert list(page.values()) == [page[key] for key in page]
    resource = page.resources[0]
    assert list(resource.keys()) == list(FULL_RESOURCE)
    assert dict(resource)["startTime"] == resource.start_time


@pytest.mark.parametrize("name", ["resource_id", "resourceid", "", "state.status", "other"])
def test_only_wire_names_are_keys(name: str) -> None:
    resource = page_of(FULL_PAGE).resources[0]
    assert name not in resource
    assert resource.get(name) is None
    assert resource.get(name, "default") == "default"
    with pytest.raises(KeyError) as caught:
        resource[name]
    assert caught.value.args == (name,)


@pytest.mark.parametrize("body", [{}, {"lifecycleExecutionId": None, "resources": None}])
def test_absent_and_null_members_are_absent(body: object) -> None:
    page = page_of(body)
    assert page.lifecycle_execution_id is None
    assert page.lifecycle_execution_state is None
    assert page.next_token is None
    assert list(page.keys()) == ["ResponseMetadata"]
    assert "lifecycleExecutionId" not in page
    with pytest.raises(KeyError):
        page["lifecycleExecutionId"]
    assert page.to_dict().keys() == {"ResponseMetadata"}


@pytest.mark.parametrize("resource", [{}, {"snapshots": None, "imageUris": None}])
def test_an_absent_list_reads_as_empty(resource: object) -> None:
    page = page_of({"resources": [resource]})
    for values in (page.resources[0].snapshots, page.resources[0]["imageUris"]):
        assert isinstance(values, list)
        assert list(values) == []
    assert "snapshots" not in page.resources[0]
    assert page.to_dict()["resources"] == [{}]
    assert list(page_of({}).resources) == []


def test_an_empty_list_is_not_an_absent_one() -> None:
    page = page_of({"resources": []})
    assert "resources" in page
    assert page.to_dict()["resources"] == []


def test_a_null_in_a_list_keeps_its_place() -> None:
    page = page_of({"resources": [None, {"imageUris": ["a", None]}]})
    assert page["resources"][0] is None
    assert len(page.resources) == 2
    assert page.to_dict()["resources"] == [None, {"imageUris": ["a", None]}]


def test_unknown_enum_values_are_kept() -> None:
    page = page_of({"resources": [{"state": {"status": "DEFERRED"}, "action": {"name": ""}}]})
    state = page.resources[0].state
    assert state is not None
    assert state.status == "DEFERRED"
    assert type(state.status) is str
    assert page["resources"][0]["action"]["name"] == ""


def test_unknown_members_are_kept_as_keys_and_not_in_to_dict() -> None:
    page = page_of({"totalCount": 1, "resources": [{"tags": {"team": ["a", None, 2.5]}}]})
    assert page["totalCount"] == 1
    assert list(page.keys()) == ["resources", "totalCount", "ResponseMetadata"]
    assert list(page.resources[0].keys()) == ["tags"]
    assert page.resources[0].get("tags") == {"team": ["a", None, 2.5]}
    assert page.to_dict()["resources"] == [{}]
    assert "totalCount" not in page.to_dict()


def test_enum_values_are_plain_strings_in_to_dict() -> None:
    result = page_of(FULL_PAGE).to_dict()
    assert type(result["lifecycleExecutionState"]["status"]) is str
    assert type(result["resources"][0]["action"]["name"]) is str
    assert type(result["resources"]) is list
    assert type(result["resources"][0]) is dict


def test_hostile_names_do_not_take_effect() -> None:
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
    page = read_page(hostile)
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


def test_response_metadata_has_boto3s_members() -> None:
    metadata = read_page({"resources": []}).response_metadata
    assert isinstance(metadata, ResponseMetadata)
    assert metadata.request_id == metadata["RequestId"] == RESPONSE_HEADERS["x-amzn-RequestId"]
    assert metadata.http_status_code == metadata["HTTPStatusCode"] == 200
    assert metadata.http_headers == metadata["HTTPHeaders"]
    assert metadata.http_headers["x-custom"] == "a, b"
    assert metadata.retry_attempts == metadata["RetryAttempts"] == 0


def test_constraints_do_not_hold_for_responses() -> None:
    """What the service has sent is taken as it is, a text beyond its own limits too."""
    page = page_of({"lifecycleExecutionId": "", "nextToken": "x" * 70_000})
    assert page.lifecycle_execution_id == ""
    assert page["nextToken"] == "x" * 70_000


def test_a_copy_takes_items_and_leaves_the_original() -> None:
    page = page_of(FULL_PAGE)
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
    page = page_of(FULL_PAGE)
    page["resources"] = None
    assert list(page.resources) == []
    assert "resources" not in page
    assert "resources" not in page.to_dict()


def test_items_can_be_set_by_their_wire_names() -> None:
    page = page_of(FULL_PAGE)
    page["lifecycleExecutionId"] = "other"
    assert page.lifecycle_execution_id == "other"
    page["lifecycle_execution_id"] = "a member that AWS does not have"
    assert page.lifecycle_execution_id == "other"


def test_pages_are_equal_deep_copied_and_pickled() -> None:
    page = page_of(FULL_PAGE)
    page.resume_token = "token"
    assert page_of(FULL_PAGE) == page_of(FULL_PAGE)
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
    page = page_of({})
    page.resources.append(LifecycleExecutionResource(resource_id="ami-1"))
    assert "resources" in page
    assert page.to_dict()["resources"] == [{"resourceId": "ami-1"}]


def test_a_naive_time_given_by_hand_is_in_utc() -> None:
    naive = datetime(2025, 3, 3)  # noqa: DTZ001  # that is the case
    assert LifecycleExecutionResource(start_time=naive).start_time == naive.replace(tzinfo=UTC)
