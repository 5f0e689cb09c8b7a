"""Shapes: attributes and keys read the same members, and pages are dictionaries as of boto3."""

import copy
import json
import operator
import pickle
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import models
from imagebuilder_pager.models import (
    LifecycleExecutionResource,
    LifecycleExecutionResourceActionName,
    LifecycleExecutionResourceStatus,
    LifecycleExecutionSnapshotResource,
    LifecycleExecutionState,
    LifecycleExecutionStatus,
    LifecyclePolicySummary,
    ResponseMetadata,
)
from imagebuilder_pager.models.shapes import Shape, json_default
from imagebuilder_pager.pagination import PaginationSpec, Paginator
from tests.fakes.pages import (
    EXECUTION_ID,
    FULL_PAGE,
    FULL_RESOURCE,
    RESPONSE_HEADERS,
    Page,
    page_of,
    read_page,
)

METADATA = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}

# Attributes and keys


def test_attributes_and_keys_read_every_member() -> None:
    page = read_page(FULL_PAGE)
    assert page.lifecycle_execution_id == EXECUTION_ID
    assert isinstance(page.lifecycle_execution_state, LifecycleExecutionState)
    assert page.lifecycle_execution_state.status is LifecycleExecutionStatus.IN_PROGRESS
    assert page.next_token == page.get("nextToken") == "more"
    (resource,) = page.resources
    assert isinstance(resource, LifecycleExecutionResource)
    assert resource.account_id == "123456789012"
    assert resource.state is not None
    assert resource.state.status is LifecycleExecutionResourceStatus.FAILED
    assert resource.action is not None
    assert resource.action.name is LifecycleExecutionResourceActionName.DELETE
    (snapshot,) = resource.snapshots
    assert isinstance(snapshot, LifecycleExecutionSnapshotResource)
    assert snapshot.snapshot_id == "snap-1"
    assert resource.image_uris == FULL_RESOURCE["imageUris"]
    assert resource.start_time == datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)
    assert resource.start_time.utcoffset() == timedelta(0)

    assert page["resources"] is page.resources
    assert page["resources"][0]["state"]["status"] == "FAILED"
    assert list(page) == [*FULL_PAGE, "ResponseMetadata"]
    assert list(page.items()) == [(key, page[key]) for key in page.keys()]
    assert list(page.values()) == [page[key] for key in page]


@pytest.mark.parametrize("name", ["resource_id", "resourceid", "", "state.status", "other"])
def test_only_wire_names_are_keys(name: str) -> None:
    resource = page_of(FULL_PAGE).resources[0]
    assert name not in resource
    assert resource.get(name) is None
    assert resource.get(name, "default") == "default"
    with pytest.raises(KeyError) as caught:
        resource[name]
    assert caught.value.args == (name,)


NULLS = dict.fromkeys(("state", "startTime", "snapshots", "imageUris"))


@pytest.mark.parametrize("members", [{}, NULLS], ids=["absent", "null"])
def test_absent_and_null_members_are_absent_and_read_as_none_or_empty(members: object) -> None:
    page = page_of({"resources": [members]})
    (resource,) = page.resources
    assert resource.state is None
    assert resource.start_time is None
    for values in (resource.snapshots, resource["imageUris"]):
        assert isinstance(values, list)
        assert list(values) == []
    for name in NULLS:
        assert name not in resource
    with pytest.raises(KeyError):
        resource["state"]
    assert list(resource) == []
    assert page.to_dict()["resources"] == [{}]
    assert list(page_of({}).resources) == []
    (with_empty,) = page_of({"resources": [{"snapshots": []}]}).resources
    assert "snapshots" in with_empty


@pytest.mark.parametrize("policy", [{}, {"tags": None}])
def test_an_absent_map_reads_as_empty(policy: Any) -> None:
    summary = LifecyclePolicySummary.model_validate(policy)
    assert summary.tags == summary["tags"] == {}
    assert "tags" not in summary
    assert LifecyclePolicySummary.model_validate({"tags": {"a": None}}).to_dict() == {
        "tags": {"a": None}
    }


def test_unknown_enum_values_and_members_are_kept() -> None:
    sent = {"state": {"status": "DEFERRED"}, "tags": {"a": [None]}}
    page = page_of({"totalCount": 1, "resources": [sent]})
    assert list(page) == ["resources", "totalCount", "ResponseMetadata"]
    (resource,) = page.resources
    assert resource.state is not None
    assert resource.state.status == "DEFERRED"
    assert type(resource.state.status) is str
    assert resource.get("tags") == {"a": [None]}
    assert page.to_dict()["resources"] == [{"state": {"status": "DEFERRED"}}]


def test_to_dict_has_plain_values() -> None:
    result = page_of(FULL_PAGE).to_dict()
    assert type(result["lifecycleExecutionState"]["status"]) is str
    assert type(result["resources"]) is list
    assert type(result["resources"][0]) is dict


def test_hostile_names_do_not_take_effect() -> None:
    names = ("next_token", "lifecycle_execution_id", "resume_token", "_resume_token", "NextToken")
    hostile: dict[str, Any] = {
        **dict.fromkeys((*names, "to_dict", "__class__", "model_fields"), "evil"),
        "response_metadata": {"HTTPStatusCode": 500},
        "_response_metadata": {"HTTPStatusCode": 500},
        "ResponseMetadata": {"HTTPStatusCode": 500},
        "__dict__": {"next_token": "evil"},
        "_alias_by_field": {},
        "resources": [{"resource_id": "evil", "keys": "evil", "__pydantic_extra__": "evil"}],
    }
    page = read_page(hostile)
    assert type(page) is Page
    assert page.next_token is page.lifecycle_execution_id is page.resume_token is None
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


def test_a_page_made_by_hand_takes_either_spelling() -> None:
    naive = datetime(2025, 3, 3)  # noqa: DTZ001  # that is the case
    page = Page(
        lifecycle_execution_id=EXECUTION_ID,
        resources=[LifecycleExecutionResource(resourceId="ami-1", start_time=naive)],  # type: ignore[call-arg]
    )
    assert page.to_dict() == {
        "lifecycleExecutionId": EXECUTION_ID,
        "resources": [{"resourceId": "ami-1", "startTime": naive.replace(tzinfo=UTC)}],
    }
    assert page.response_metadata is None
    assert "ResponseMetadata" not in page


# Changes and copies


def test_a_member_that_is_set_to_none_is_absent_and_a_list_is_read_as_empty() -> None:
    page = page_of(FULL_PAGE)
    page["nextToken"] = page["resources"] = None
    assert page.next_token is None
    assert list(page.resources) == []
    assert not {"nextToken", "resources"} & (set(page) | page.to_dict().keys())
    page.resources.append(LifecycleExecutionResource(resource_id="ami-1"))
    page.resources[0].setdefault("snapshots", []).append("s")
    assert page.to_dict()["resources"] == [{"resourceId": "ami-1", "snapshots": ["s"]}]


def test_a_union_with_a_dictionary_is_a_dictionary() -> None:
    page = page_of({"resources": [], "nextToken": "t"})
    del page["ResponseMetadata"]
    assert page | {"nextToken": "u", "a": 1} == {"resources": [], "nextToken": "u", "a": 1}
    assert {"nextToken": "u", "a": 1} | page == {"nextToken": "t", "a": 1, "resources": []}
    assert page | page == {"resources": [], "nextToken": "t"}
    assert type(page | {}) is dict
    same = page
    same |= {"nextToken": "u"}
    assert same is page
    assert page.next_token == "u"
    with pytest.raises(TypeError):
        page | [("a", 1)]  # type: ignore[operator]  # that is the case


def test_a_page_equals_its_dictionaries() -> None:
    page = page_of({**FULL_PAGE, "new": 1})
    page.resume_token = "token"
    for same in (page.to_dict(), dict(page), {**page}):
        assert page == same
        assert same == page
    assert page.resources == page.to_dict()["resources"]
    for other in ({**page, "nextToken": "other"}, {}, [*page]):
        assert page != other
    assert page.resources[0] != {**page.to_dict()["resources"][0], "region": "other"}


def test_a_page_is_read_as_a_dictionary() -> None:
    page = page_of(FULL_PAGE)
    assert isinstance(page, MutableMapping)
    assert isinstance(page["resources"][0]["state"], Mapping)
    match page:
        case {"resources": [{"resourceId": str(found), "state": {"status": "FAILED"}}]}:
            assert found == FULL_RESOURCE["resourceId"]
        case _:
            pytest.fail("no match")
    resource = page.resources[0]
    assert resource.keys() == FULL_RESOURCE.keys()
    assert resource.keys() & {"region", "other"} == {"region"}
    assert ("region", "us-west-2") in resource.items()
    assert "us-west-2" in resource.values()


@pytest.mark.parametrize(
    ("again", "is_shallow"),
    [
        (copy.copy, True),
        (Page.copy, True),
        (copy.deepcopy, False),
        (lambda page: pickle.loads(pickle.dumps(page)), False),
    ],
    ids=["copy", "method", "deepcopy", "pickle"],
)
def test_a_changed_page_is_copied_as_it_is_and_apart(again: Any, *, is_shallow: bool) -> None:
    page = page_of({**FULL_PAGE, "new": {"a": [1]}})
    page.resume_token = "token"
    assert page["ResponseMetadata"].pop("RetryAttempts") == 0
    del page["nextToken"]
    before = dict(page)
    other = again(page)
    assert type(other) is Page
    assert dict(other) == before
    assert other == page
    assert (other.resources is page.resources) is is_shallow
    other["resources"] = []
    del other["new"]
    other["added"] = 1
    other.resume_token = "other"
    assert other["NextToken"] == "other"
    assert dict(page) == before
    assert page.resume_token == "token"


def test_a_change_of_the_metadata_stays() -> None:
    page = page_of(FULL_PAGE)
    page["ResponseMetadata"]["HTTPHeaders"].clear()
    del page["ResponseMetadata"]["RetryAttempts"]
    page["ResponseMetadata"]["HostId"] = "h"
    assert page.to_dict()["ResponseMetadata"] == {
        "HTTPStatusCode": 200,
        "HTTPHeaders": {},
        "HostId": "h",
    }


# Other forms


def test_a_page_read_again_from_its_dictionary_has_its_metadata() -> None:
    page = page_of(FULL_PAGE)
    page.resume_token = "token"
    for source in (page.to_dict(), dict(page), {**page}):
        again = Page.model_validate(source)
        assert "ResponseMetadata" in again
        assert again.get("ResponseMetadata") == METADATA
        assert again["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert again.to_dict() == page.to_dict()
    assert Page.model_validate(dict(page)).resume_token == "token"
    assert Page(**page.to_dict()).response_metadata == METADATA


@pytest.mark.parametrize("metadata", [None, 5, "x", []])
def test_metadata_of_a_wrong_type_is_absent(metadata: object) -> None:
    page = Page.model_validate({"resources": [], "ResponseMetadata": metadata, "NextToken": 5})
    assert list(page) == ["resources"]
    assert page.to_dict() == {"resources": []}


@pytest.mark.parametrize("body", [FULL_PAGE, {"resources": [{}]}, {"nextToken": "t"}, {}])
def test_a_dump_read_again_is_the_same_page(body: object) -> None:
    """A dump has no members that the page has not, such as empty lists."""
    page = page_of(body)
    del page["ResponseMetadata"]
    for by_alias in (True, False):
        dump = page.model_dump(by_alias=by_alias)
        text = page.model_dump_json(by_alias=by_alias)
        in_json = page.model_dump(mode="json", by_alias=by_alias)
        assert json.loads(text) == in_json
        for again in (
            Page.model_validate(dump),
            Page.model_validate(in_json),
            Page.model_validate_json(text),
        ):
            assert again == page
            assert list(again) == list(page)
            assert again.to_dict() == page.to_dict()


def test_a_dump_has_the_names_of_attributes_and_an_endpoint_of_fastapi_those_of_the_api() -> None:
    """As the recipe for JSON says."""
    fastapi = pytest.importorskip("fastapi", reason="fastapi, of the extra dev, is not installed")
    testclient = pytest.importorskip("fastapi.testclient")
    page = page_of({"resources": [{"resourceId": "ami-1"}]})
    app = fastapi.FastAPI()
    app.get("/page")(lambda: page)
    app.get("/resources", response_model_exclude_none=True)(return_resources)
    app.get("/attributes", response_model_by_alias=False)(return_resources)
    get = testclient.TestClient(app).get
    assert get("/page").json()["resources"][0].keys() >= {"resourceId", "startTime"}
    assert get("/resources").json() == [{"resourceId": "ami-1"}]
    [resource] = get("/attributes").json()
    dump = json.loads(page.model_dump_json())
    assert resource == dump["resources"][0]
    assert resource["resource_id"] == "ami-1"
    assert resource["start_time"] is None
    short = page.model_dump_json(by_alias=True, exclude_none=True)
    assert json.loads(short)["resources"] == page.to_dict()["resources"]


def return_resources() -> list[LifecycleExecutionResource]:
    return page_of({"resources": [{"resourceId": "ami-1"}]}).resources


def test_a_dump_has_timestamps_in_iso_8601_and_no_warning() -> None:
    """Warnings are errors here."""
    page = page_of({"resources": [{"startTime": 1740967220, "endTime": 1740967244.118}]})
    [resource] = json.loads(page.model_dump_json(by_alias=True))["resources"]
    assert resource["startTime"] == "2025-03-03T02:00:20Z"
    assert resource["endTime"] == "2025-03-03T02:00:44.118000Z"
    [resource] = page.model_dump(mode="json")["resources"]
    assert resource["start_time"] == "2025-03-03T02:00:20Z"
    [resource] = page.model_dump()["resources"]
    assert resource["start_time"] == datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_every_model_has_a_json_schema(mode: Literal["validation", "serialization"]) -> None:
    """A web framework describes its responses by it."""
    names = [getattr(models, name) for name in dir(models)]
    shapes = [one for one in names if isinstance(one, type) and issubclass(one, Shape)]
    schemas = {shape.__name__: shape.model_json_schema(mode=mode) for shape in shapes}
    assert len(schemas) > 50
    started = schemas["LifecycleExecution"]["properties"]["startTime"]
    assert started["anyOf"][0] == {"type": "string", "format": "date-time"}


def test_json_writes_a_page_with_the_default_at_hand() -> None:
    page = page_of(FULL_PAGE)
    written = json.loads(
        json.dumps({"page": page, "more": [page.resources[0]]}, default=json_default)
    )
    resource = {
        **FULL_RESOURCE,
        "startTime": "2025-03-03T02:00:20+00:00",
        "endTime": "2025-03-03T02:00:44.118000+00:00",
    }
    assert written == {
        "page": {**FULL_PAGE, "resources": [resource], "ResponseMetadata": METADATA},
        "more": [resource],
    }
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        json.dumps({1}, default=json_default)
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(page)


def test_search_sees_dictionaries() -> None:
    spec = PaginationSpec(input_token="t", output_token="t", result_key="resources")
    page = page_of(FULL_PAGE)
    pages = Paginator(lambda **_: page, spec).paginate()
    assert list(pages.search("keys(@)")) == list(page)
    assert list(pages.search("resources[].keys(@)[]")) == list(FULL_RESOURCE)
    assert list(pages.search("type(resources[0].state)")) == ["object"]
    assert list(pages.search("merge(resources[0].state, {a: 'b'}).a")) == ["b"]


def test_unknown_members_nested_300_deep_are_kept() -> None:
    deep = '{"a":' * 150 + "[" * 150 + "]" * 150 + "}" * 150
    body = '{"resources":[{"resourceId":"a"}],"NextToken":"evil","new":' + deep + "}"
    page = Page.from_json(body.encode(), METADATA)
    assert page["resources"][0]["resourceId"] == "a"
    assert page["new"] == json.loads(deep)
    assert page.resume_token is None


def test_members_of_a_wrong_type_beside_a_lone_surrogate_are_named() -> None:
    with pytest.raises(ValueError, match="startTime"):
        Page.from_json(b'{"resources":[{"resourceId":"\\ud83d","startTime":{}}]}', METADATA)


# Beside a dictionary


CHANGES: dict[str, Callable[[Any, str, Any], object]] = {
    "set": operator.setitem,
    "del": lambda members, key, _: operator.delitem(members, key),
    "pop": lambda members, key, _: members.pop(key),
    "pop with a default": lambda members, key, value: members.pop(key, value),
    "setdefault": lambda members, key, value: members.setdefault(key, value),
    "update": lambda members, key, value: members.update({key: value}, added=value),
    "union": lambda members, key, value: members.__ior__({key: value}) is members,
    "clear": lambda members, *_: members.clear(),
}
VALUES: dict[str, Any] = {
    "lifecycleExecutionId": "id",
    "nextToken": "token",
    "resources": [1],
    "new": "value",
    "NextToken": "token",
    "ResponseMetadata": {**METADATA, "HostId": "h"},
    "lifecycle_execution_id": "a member that AWS does not have",
}


def outcome_of(change: str, members: Any, key: str) -> object:
    """Return what a change returns, or the arguments of its KeyError."""
    try:
        return CHANGES[change](members, key, copy.deepcopy(VALUES[key]))
    except KeyError as error:
        return error.args


@given(st.lists(st.tuples(st.sampled_from([*CHANGES]), st.sampled_from([*VALUES])), max_size=12))
def test_any_changes_have_the_effect_that_they_have_on_a_dictionary(
    changes: list[tuple[str, str]],
) -> None:
    page = page_of({"lifecycleExecutionId": EXECUTION_ID, "resources": [{}]})
    expected: dict[str, Any] = dict(page)
    for change, key in changes:
        assert outcome_of(change, page, key) == outcome_of(change, expected, key)
        assert page == expected
        assert dict(page) == expected
        assert len(page) == len(expected)
        assert all((name in page) is (name in expected) for name in VALUES)
        assert [page.get(name) for name in VALUES] == [expected.get(name) for name in VALUES]
        assert page.lifecycle_execution_id == expected.get("lifecycleExecutionId")
        assert page.next_token == expected.get("nextToken")
        assert page.resources == expected.get("resources", [])
        assert page.resume_token == expected.get("NextToken")
        assert page.response_metadata == expected.get("ResponseMetadata")


def test_popitem_and_reversed_begin_at_the_end_as_of_a_dictionary() -> None:
    body = {"lifecycleExecutionId": EXECUTION_ID, "resources": [{}]}
    page, expected = page_of(body), page_of(body).to_dict()
    assert list(reversed(page)) == list(reversed(expected))
    while expected:
        assert page.popitem() == expected.popitem()
    with pytest.raises(KeyError, match="popitem"):
        page.popitem()
