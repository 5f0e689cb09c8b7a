"""``on_invalid_response``: the errors, the warnings, and bounds of their texts and work."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import pickle
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.fleet import FleetDatabase, run_fleet
from tests.fakes.broken_members import RUN, as_sent, make_broken_account
from tests.fakes.clients import OPERATION, ClientWith
from tests.fakes.pages import (
    EXECUTION_ID,
    FULL_PAGE,
    FULL_RESOURCE,
    RESPONSE_HEADERS,
    Boto3Response,
    read_page,
)

NAME = "ListLifecycleExecutionResources"
REQUEST_ID = RESPONSE_HEADERS["x-amzn-RequestId"]
OTHER_ID = "lce-87654321-1234-1234-1234-123456789012"
LISTING: Any = {"lifecycleExecutionId": EXECUTION_ID}
MODES = ("raise", "warn")

Read = Callable[..., Any]


@pytest.fixture
def read(client_with: ClientWith) -> Read:
    """Return a function that reads a body with a client, by default one that warns."""

    def read(body: object, mode: str = "warn", name: str = OPERATION, **params: Any) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = httpx.Response(200, headers=RESPONSE_HEADERS, content=content)
        client = client_with(lambda _: response, on_invalid_response=mode)
        return getattr(client, name)(**(params or LISTING))

    return read


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    levels = (logging.WARNING, logging.ERROR)
    return [record.getMessage() for record in caplog.records if record.levelno in levels]


@pytest.mark.parametrize("value", ["ignore", "", "WARN", None, True, 1, ["warn"]])
@pytest.mark.parametrize("kind", [ImageBuilder, AsyncImageBuilder, "fleet"])
def test_any_other_mode_is_refused(kind: Any, value: Any, tmp_path: Path) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:  # noqa: PT012
        if kind == "fleet":
            with FleetDatabase(str(tmp_path / "fleet.sqlite")) as database:
                run_fleet([], database, on_invalid_response=value)
        else:
            kind("us-west-2", on_invalid_response=value)
    (problem,) = caught.value.problems
    assert re.fullmatch(r'on_invalid_response: .+ given; allowed: "raise" or "warn"', str(problem))


# With warn.


def test_members_that_do_not_match_keep_the_value_that_was_sent(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    body = copy.deepcopy(FULL_PAGE)
    body["lifecycleExecutionState"] = ["a"]
    broken = {"state": {"status": 5, "reason": "x"}, "startTime": [], "imageUris": ["a", 1]}
    body["resources"] += [7, {**FULL_RESOURCE, **broken}, None]
    page = read(body)
    assert page.lifecycle_execution_state == page["lifecycleExecutionState"] == ["a"]
    assert page.resources[1] == page["resources"][1] == 7
    assert page.resources[2].state.status == page["resources"][2]["state"]["status"] == 5
    assert page.resources[2].state.reason == "x"
    assert page.resources[2].start_time == page["resources"][2].get("startTime") == []
    assert page.resources[2].image_uris == ["a", 1]
    assert page.resources[3] is None
    assert page.resume_token is None
    assert page["nextToken"] == "more"
    assert as_sent({**page.to_dict(), "ResponseMetadata": None}) == {
        **body,
        "ResponseMetadata": None,
    }
    assert "startTime" in page.resources[2]
    assert warnings_of(caplog) == [
        f"{NAME}: the response does not match the service model (request id {REQUEST_ID}): as they "
        "were sent: lifecycleExecutionState, resources[], resources[].state.status, "
        "resources[].imageUris[], resources[].startTime"
    ]


def test_a_page_with_such_members_is_copied_changed_and_shown_as_any(read: Read) -> None:
    page = read({"resources": [{"state": 5, "resourceId": {"a": [1]}}], "nextToken": "t"})
    for other in (copy.copy(page), copy.deepcopy(page), pickle.loads(pickle.dumps(page))):
        assert other == page
        assert other.to_dict() == page.to_dict()
    resource = page.resources[0]
    assert resource.pop("state") == 5
    assert "state" not in resource
    assert dict(resource) == {"resourceId": {"a": [1]}}
    assert "resourceId" in repr(resource) or "resource_id" in repr(resource)


def test_a_path_is_named_once_and_at_most_ten_are(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    tags = {f"key-{number}": number for number in range(13)}
    policies = [{"name": 1, "tags": tags}] * 3
    page = read(
        {"lifecyclePolicySummaryList": policies}, name="list_lifecycle_policies", maxResults=5
    )
    assert page.to_dict()["lifecyclePolicySummaryList"] == policies
    (message,) = warnings_of(caplog)
    named = [f"lifecyclePolicySummaryList[].tags.key-{number}" for number in range(9)]
    assert message.partition("as they were sent: ")[2] == (
        ", ".join(["lifecyclePolicySummaryList[].name", *named]) + " and more"
    )


def test_nothing_from_outside_makes_the_warning_longer_or_two_lines(
    client_with: ClientWith, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "local-secret-access-key-0123456789"
    tags = {"a\nb\x1b[2J": 1, "x" * 5000: 2, f"is {secret}": 3, f"{'x' * 180}{secret}": 4}
    body = {"lifecyclePolicySummaryList": [{"tags": tags}]}
    client = client_with(
        lambda _: httpx.Response(200, json=body, headers={"x-amzn-RequestId": f"r {secret}"}),
        on_invalid_response="warn",
        aws_secret_access_key=secret,
    )
    client.list_lifecycle_policies()
    (message,) = warnings_of(caplog)
    assert message.isprintable()
    assert len(message) < 1000
    assert secret[:8] not in message
    assert "r?(removed)" in message


NO_PAGES: list[dict[str, Any]] = [
    {},
    {"message": "down", "code": "", "next_token": "t"},
    {"lifecycleExecutionId": EXECUTION_ID, "Resources": []},
    {"nextToken": None, "resources": None, "data": {"resources": []}},
]


@pytest.mark.parametrize(
    ("name", "body", "missing", "meaning"),
    [
        *((OPERATION, body, "resources, nextToken", "an empty last page") for body in NO_PAGES),
        ("get_lifecycle_execution", {"other": 1}, "lifecycleExecution", "a response"),
    ],
)
def test_an_object_without_items_and_token_is_an_empty_page_or_an_error(  # noqa: PLR0917
    read: Read, caplog: pytest.LogCaptureFixture, name: str, body: Any, missing: str, meaning: str
) -> None:
    with pytest.raises(exceptions.ResponseParserError) as caught:
        read(body, "raise", name)
    operation = {OPERATION: NAME}.get(name, "GetLifecycleExecution")
    assert str(caught.value) == (
        f"{operation}: the response has none of the members that it should have ({missing}): "
        f"HTTP status 200, application/json, {json.dumps(body)!r}\n"
        f'  on_invalid_response="warn" takes it for {meaning}'
    )
    assert warnings_of(caplog) == []
    page = read(body, "warn", name)
    known = {key: body[key] for key in type(page).wire_names() if body.get(key) is not None}
    metadata = page.to_dict().pop("ResponseMetadata")
    assert page.to_dict() == {**known, "ResponseMetadata": metadata}
    (message,) = warnings_of(caplog)
    assert message.endswith(f"(request id {REQUEST_ID}): it has none of {missing}")


def test_with_members_that_do_not_match_it_is_still_one_warning(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    read({"lifecycleExecutionId": 5})
    (message,) = warnings_of(caplog)
    assert message.endswith(
        "as they were sent: lifecycleExecutionId; it has none of resources, nextToken"
    )


def test_a_listing_ends_at_an_empty_last_page(
    client_with: ClientWith, caplog: pytest.LogCaptureFixture
) -> None:
    responses: list[Any] = [{"resources": [{"resourceId": "a"}], "nextToken": "t"}, {"error": 1}]
    client = client_with(
        lambda _: httpx.Response(200, json=responses.pop(0)), on_invalid_response="warn"
    )
    listing = client.get_paginator(OPERATION).paginate(**LISTING)
    assert [page.to_dict().get("resources") for page in listing] == [[{"resourceId": "a"}], None]
    assert listing.resume_token is None
    assert len(warnings_of(caplog)) == 1


def test_a_page_that_only_python_can_read_is_read_with_its_mismatches(read: Read) -> None:
    body = (
        rb'{"lifecyclePolicySummaryList":[{"name":1,"description":"\ud800","tags":{"\ud800":1}}]}'
    )
    page = read(body, "warn", "list_lifecycle_policies", maxResults=5)
    assert page.to_dict()["lifecyclePolicySummaryList"] == [
        {"name": 1, "description": "\ud800", "tags": {"\ud800": 1}}
    ]


def test_each_page_that_boto3_can_read_is_boto3s(boto3_answer: Boto3Response) -> None:
    compared = 0
    for resource in make_broken_account().resources[RUN, None]:
        body = json.dumps({"resources": [resource]}).encode()
        ours = as_sent(read_page(body, on_invalid_response="warn").to_dict()["resources"])
        assert ours == [resource]
        try:
            theirs = boto3_answer(body)
        except Exception:  # noqa: BLE001 - any failure of botocore's parser
            continue
        # boto3 takes True for a second past 1970.
        assert ours == as_sent(theirs["resources"])
        compared += 1
    assert compared > 20


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FULL_RESOURCE, *FULL_PAGE, "status", "reason", "snapshotId", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(members=st.dictionaries(st.sampled_from([*FULL_PAGE, "requestId", "x"]), JSON))
def test_any_json_is_an_error_of_the_library_or_a_page_as_it_was_sent(
    members: dict[str, Any],
) -> None:
    try:
        page: Any = read_page(members, on_invalid_response="warn")
    except exceptions.PagerError:
        return
    for wire, value in page.to_dict().items():
        if wire != "ResponseMetadata" and not isinstance(value, (list, dict)):
            assert value == members[wire]
    for one, sent in zip(page.resources, members.get("resources") or [], strict=True):
        if not isinstance(sent, dict):
            assert one == sent


# In both.

UNREADABLE, INVALID = exceptions.ResponseParserError, exceptions.ResponseValidationError
FATAL: dict[str, tuple[Any, type[exceptions.PagerError], str]] = {
    "list": ([], UNREADABLE, "not a JSON object"),
    "null": (None, UNREADABLE, "not a JSON object"),
    "HTML": (b"<html>", UNREADABLE, "not JSON"),
    "cut off": (b'{"resources":[{"resourceId":1', UNREADABLE, "not JSON"),
    "code": ({"code": "X", "resources": [{}]}, exceptions.ClientError, "refused: X"),
    "__type": ({"__type": "a#X", "nextToken": "t"}, exceptions.ClientError, "refused: X"),
    "code and a mismatch": ({"code": "X", "resources": [1]}, exceptions.ClientError, "X"),
    "items": ({"resources": {}}, INVALID, "- resources: "),
    "inner list": (
        {"resources": [{}, {"snapshots": {"a": 1}}]},
        INVALID,
        r"- resources\[1\].snapshots: ",
    ),
    "token": ({"resources": [{}], "nextToken": 5}, INVALID, "- nextToken: "),
    "token and a mismatch": ({"resources": [1], "nextToken": ["t"]}, INVALID, "- nextToken: "),
    "token after many mismatches": (
        {"resources": [1] * 50, "nextToken": 5},
        INVALID,
        r"- nextToken: .*\n  - resources\[0\](.|\n)*and 41 more$",
    ),
    "items, from which nothing can be taken": (
        b'{"resources":[{"state":5,"snapshots":[5]}],"resources":{"0":5}}',
        INVALID,
        "- resources: ",
    ),
    "another execution's": (
        {"resources": [1], "lifecycleExecutionId": OTHER_ID},
        INVALID,
        "Response should be for the id of this request",
    ),
    **{
        f"many {what}": (
            b'{"resources":[' + b",".join([item] * 250_001) + b"]}",
            UNREADABLE,
            "more than 500,000 opening brackets and commas, far more",
        )
        for what, item in {"objects": b"{}", "lists": b"[]", "values": b"1,1"}.items()
    },
}


@pytest.mark.parametrize(("body", "kind", "text"), FATAL.values(), ids=FATAL)
@pytest.mark.parametrize("mode", MODES)
def test_a_response_without_usable_items_or_token_is_an_error_in_both(  # noqa: PLR0917
    read: Read, caplog: pytest.LogCaptureFixture, mode: str, body: Any, kind: type, text: str
) -> None:
    with pytest.raises(kind, match=text) as caught:
        read(body, mode)
    assert type(caught.value) is kind
    assert "on_invalid_response" not in str(caught.value)
    assert not [record for record in caplog.records if "does not match" in record.getMessage()]


@pytest.mark.parametrize("mode", MODES)
def test_a_member_of_the_model_is_no_error_whatever_it_is_called(read: Read, mode: str) -> None:
    arn = "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0/1"
    params = {"imageBuildVersionArn": arn}
    body = {"workflowExecutions": [], "message": "no more", "Message": "x", "code": 5}
    page = read(body, mode, "list_workflow_executions", **params)
    assert page.message == "no more"
    with pytest.raises(exceptions.ClientError, match="Down: no more"):
        read({**body, "code": "Down"}, mode, "list_workflow_executions", **params)


# Bounds of the texts and of the work.


def test_an_error_names_ten_problems_and_how_many_more_there_are(read: Read) -> None:
    with pytest.raises(exceptions.ResponseValidationError) as caught:
        read({"resources": [1] * 12}, "raise")
    error = caught.value
    assert [path for path, _ in error.problems] == [f"resources[{n}]" for n in range(10)]
    assert error.problem_count == 12
    assert str(error).endswith(
        "\n  - resources[9]: Input should be an object\n  and 2 more\n  "
        'on_invalid_response="warn" gives these members as they were sent'
    )
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, again.problem_count, str(again)) == (error.problems, 12, str(error))


def repeated(item: bytes, start: bytes = b'{"resources":[', end: bytes = b"]}") -> Any:
    return lambda items: start + b",".join([item] * items) + end


def many_keys(items: int) -> bytes:
    tags = dict.fromkeys(map(str, range(items)), 1)
    return json.dumps({"lifecyclePolicySummaryList": [{"tags": tags}]}).encode()


BODIES: dict[str, Any] = {
    "items": repeated(b"1"),
    "members": repeated(b'{"resourceId":1,"startTime":{}}'),
    "items in an item": repeated(b"1", b'{"resources":[{"imageUris":[', b"]}]}"),
    "keys of a map": many_keys,
    "items, cut off": repeated(b"1", end=b""),
    "quotes, cut off": lambda items: b'{"a":"' + b'\\"' * items,
    "quotes behind many objects": lambda items: b"{" * 100_001 + b'"' + b'\\"' * (256 * items),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_work_for_an_invalid_page_is_linear(read: Read, mode: str, body: Any) -> None:
    def work(items: int) -> tuple[float, float]:
        """Return the seconds, and the bytes of memory for each byte of the body.

        Each is the least of three, since the threads and imports of other tests take some, too.
        """
        content = body(items)

        def attempt() -> None:
            with contextlib.suppress(exceptions.PagerError):
                read(content, mode, name, **params)

        def seconds() -> float:
            started = time.thread_time()
            attempt()
            return time.thread_time() - started

        def memory() -> float:
            tracemalloc.start()
            try:
                attempt()
                return tracemalloc.get_traced_memory()[1] / len(content)
            finally:
                tracemalloc.stop()

        return min(seconds() for _ in range(3)), min(memory() for _ in range(3))

    name, params = (
        ("list_lifecycle_policies", {"maxResults": 5}) if body is many_keys else (OPERATION, {})
    )
    (seconds, _), (more_seconds, memory) = work(500), work(2_000)
    assert (
        more_seconds < 10 * seconds
    )  # 4 times as much; quadratic work would take 16 times as long
    assert memory < 45  # an item that does not match and is described takes hundreds


@pytest.mark.parametrize("body", [b"{", b"[]", b"{" * 1_000])
def test_an_error_does_not_keep_the_body(read: Read, body: bytes) -> None:
    """The error of a parser does, and what an error is raised from is redacted, too."""
    with pytest.raises(exceptions.ResponseParserError) as caught:
        read(body)
    assert caught.value.__context__ is None
