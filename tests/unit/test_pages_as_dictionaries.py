"""A page does what a dictionary does, as code written for boto3 expects."""

import copy
import json
import pickle
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.models.shapes import json_default
from imagebuilder_pager.pagination import PaginationSpec, Paginator
from tests.fakes.pages import EXECUTION_ID, FULL_PAGE, FULL_RESOURCE, Page, page_of

METADATA = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}


def test_a_page_and_its_structures_are_mutable_mappings() -> None:
    page = page_of(FULL_PAGE)
    assert isinstance(page, MutableMapping)
    assert isinstance(page.resources[0], MutableMapping)
    assert isinstance(page["resources"][0]["state"], Mapping)


def test_pop_removes_a_member_and_returns_it() -> None:
    page = page_of(FULL_PAGE)
    assert page.pop("ResponseMetadata", None) == METADATA
    assert page.pop("ResponseMetadata", None) is None
    assert page.response_metadata is None
    assert page.pop("nextToken") == "more"
    assert page.next_token is None
    resources = page.pop("resources")
    assert resources[0]["resourceId"] == FULL_RESOURCE["resourceId"]
    assert page.pop("resources", "default") == "default"
    assert page.resources == []
    assert list(page) == ["lifecycleExecutionId", "lifecycleExecutionState"]
    assert page.to_dict().keys() == {"lifecycleExecutionId", "lifecycleExecutionState"}


@pytest.mark.parametrize("key", ["nextToken", "other", "NextToken", "next_token"])
def test_what_is_absent_cannot_be_popped_or_deleted(key: str) -> None:
    page = page_of({"resources": []})
    with pytest.raises(KeyError):
        page.pop(key)
    with pytest.raises(KeyError):
        del page[key]


def test_an_absent_list_cannot_be_deleted_and_is_set_by_setdefault() -> None:
    resource = page_of({"resources": [{}]}).resources[0]
    with pytest.raises(KeyError):
        del resource["snapshots"]
    assert resource.setdefault("imageUris", ["a"]) == ["a"]
    assert resource.image_uris == ["a"]
    resource.setdefault("snapshots", []).append("s")
    assert resource["snapshots"] == ["s"]


def test_members_are_deleted_by_their_wire_names() -> None:
    page = page_of({**FULL_PAGE, "totalCount": 1})
    page.resume_token = "token"
    for key in ("totalCount", "NextToken", "ResponseMetadata", "nextToken", "resources"):
        del page[key]
        assert key not in page
        assert page.get(key) is None
    assert len(page) == 2
    page.clear()
    assert len(page) == 0


def test_len_counts_the_members_that_are_there() -> None:
    page = page_of({"nextToken": None, "resources": [{}, {"resourceId": "a", "tags": {}}]})
    assert len(page) == 2  # resources and ResponseMetadata
    assert [len(resource) for resource in page.resources] == [0, 2]


def test_update_and_in_place_union_set_members() -> None:
    page = page_of(FULL_PAGE)
    page.update({"nextToken": "other"}, lifecycleExecutionId="id")
    assert (page.next_token, page.lifecycle_execution_id) == ("other", "id")
    same = page
    same |= {"nextToken": "third", "NextToken": "token", "team": "a"}
    assert same is page
    assert (page.next_token, page.resume_token, page["team"]) == ("third", "token", "a")


def test_a_union_with_a_dictionary_is_a_dictionary() -> None:
    page = page_of({"resources": [], "nextToken": "t"})
    del page["ResponseMetadata"]
    assert page | {"nextToken": "u", "a": 1} == {"resources": [], "nextToken": "u", "a": 1}
    assert {"nextToken": "u", "a": 1} | page == {"nextToken": "t", "a": 1, "resources": []}
    assert page | page == {"resources": [], "nextToken": "t"}
    assert type(page | {}) is dict
    with pytest.raises(TypeError):
        page | [("a", 1)]  # type: ignore[operator]  # that is the case


def test_a_page_equals_its_dictionaries() -> None:
    page = page_of({**FULL_PAGE, "new": 1})
    page.resume_token = "token"
    assert page == page.to_dict()
    assert page.to_dict() == page
    assert page == dict(page)
    assert page == {**page}
    assert page.resources[0] == page.resources[0].to_dict()
    assert page.resources == page.to_dict()["resources"]
    assert page != {**page, "nextToken": "other"}
    assert page != {}
    assert page != [*page]
    assert page.resources[0] != {**page.to_dict()["resources"][0], "region": "other"}


def test_a_page_matches_a_pattern() -> None:
    match page_of(FULL_PAGE):
        case {"resources": [{"resourceId": str(found), "state": {"status": "FAILED"}}]}:
            assert found == FULL_RESOURCE["resourceId"]
        case _:
            pytest.fail("no match")


def test_views_are_those_of_a_dictionary() -> None:
    resource = page_of(FULL_PAGE).resources[0]
    assert resource.keys() == FULL_RESOURCE.keys()
    assert resource.keys() & {"region", "other"} == {"region"}
    assert ("region", "us-west-2") in resource.items()
    assert "us-west-2" in resource.values()


def test_copy_is_shallow_and_apart() -> None:
    page = page_of(FULL_PAGE)
    copied = page.copy()
    del copied["nextToken"]
    copied["new"] = 1
    assert page.next_token == "more"
    assert "new" not in page
    assert copied.resources is page.resources


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda page: pickle.loads(pickle.dumps(page))]
)
def test_a_changed_page_is_copied_and_pickled_as_it_is(again: Any) -> None:
    page = page_of({**FULL_PAGE, "new": {"a": [1]}})
    page.resume_token = "token"
    assert page["ResponseMetadata"].pop("RetryAttempts") == 0
    del page["nextToken"]
    other = again(page)
    assert type(other) is Page
    assert dict(other) == dict(page)
    assert other == page


def test_a_change_of_the_metadata_stays() -> None:
    page = page_of(FULL_PAGE)
    page["ResponseMetadata"]["HTTPHeaders"].clear()
    del page["ResponseMetadata"][
        "RequestId" if "RequestId" in page["ResponseMetadata"] else "RetryAttempts"
    ]
    page["ResponseMetadata"]["HostId"] = "h"
    assert page.to_dict()["ResponseMetadata"] == {
        "HTTPStatusCode": 200,
        "HTTPHeaders": {},
        "HostId": "h",
    }


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


def test_a_lone_surrogate_is_read_as_boto3_reads_it() -> None:
    body = b'{"resources":[{"state":{"reason":"half \\ud83d","status":"\\udc00"},"startTime":0}]}'
    page = Page.from_json(body, METADATA)
    assert page["resources"][0]["state"] == {"reason": "half \ud83d", "status": "\udc00"}
    assert page.resources[0].start_time == datetime(1970, 1, 1, tzinfo=UTC)
    assert page.to_dict() == {
        "resources": [
            {
                "state": {"reason": "half \ud83d", "status": "\udc00"},
                "startTime": datetime(1970, 1, 1, tzinfo=UTC),
            }
        ],
        "ResponseMetadata": METADATA,
    }


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


KEYS = st.sampled_from(
    ["lifecycleExecutionId", "nextToken", "resources", "new", "NextToken", "lifecycle_execution_id"]
)
OPERATION = st.one_of(
    st.tuples(st.just("set"), KEYS),
    st.tuples(st.just("pop"), KEYS),
    st.tuples(st.just("del"), KEYS),
    st.tuples(st.just("setdefault"), KEYS),
    st.tuples(st.just("popitem"), st.just("")),
)


@given(st.lists(OPERATION, max_size=12))
def test_any_changes_have_the_effect_that_they_have_on_a_dictionary(
    changes: list[tuple[str, str]],
) -> None:
    page = page_of({"lifecycleExecutionId": EXECUTION_ID, "resources": [{}]})
    del page["ResponseMetadata"]
    expected: dict[str, Any] = dict(page)
    for number, (change, key) in enumerate(changes):
        value: Any = [number] if key == "resources" else str(number)
        if change == "set":
            page[key] = expected[key] = value
        elif change == "pop":
            assert page.pop(key, None) == expected.pop(key, None)
        elif change == "setdefault":
            assert page.setdefault(key, value) == expected.setdefault(key, value)
        elif change == "popitem" and expected:
            name, found = page.popitem()
            assert expected.pop(name) == found
        elif change == "del" and key in expected:
            del page[key], expected[key]
        assert page == expected
        assert dict(page) == expected
        assert len(page) == len(expected)
        assert all((name in page) is (name in expected) for name in (*expected, key))


def test_popitem_and_reversed_begin_at_the_end_as_of_a_dictionary() -> None:
    body = {"lifecycleExecutionId": EXECUTION_ID, "resources": [{}]}
    page, expected = page_of(body), page_of(body).to_dict()
    assert list(reversed(page)) == list(reversed(expected))
    while expected:
        assert page.popitem()[0] == expected.popitem()[0]
    with pytest.raises(KeyError, match="popitem"):
        page.popitem()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_every_member_of_a_response_has_a_wire_name(operation: Any) -> None:
    assert operation.rest_json.members == operation.response.wire_names()


def test_a_model_whose_members_have_no_wire_names_is_an_error() -> None:
    """Its data would be lost in silence."""
    with pytest.raises(TypeError, match=r"Nameless\.next_token has no wire name"):

        class Nameless(Page, alias_generator=None):
            next_token: str | None = None
