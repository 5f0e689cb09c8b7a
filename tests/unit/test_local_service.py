"""The local Image Builder in process: its pages, its tokens and its errors."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    Account,
    Execution,
    LocalImageBuilder,
    generate_account,
)
from imagebuilder_pager.local.tokens import issue_token
from tests.fakes import local_operations
from tests.fakes.accounts import URL, signed_list_request, signed_request
from tests.fakes.clocks import FakeClock
from tests.fakes.local_operations import error

EMPTY_ID = "lce-00000000-0000-0000-0000-000000000000"
ACCOUNT = Account(
    executions=(
        Execution(
            EXAMPLE_EXECUTION_ID,
            {"status": "IN_PROGRESS", "reason": "Still at it."},
            resources=tuple({"resourceId": f"image-{n}"} for n in range(60)),
            children_by_parent={
                "image-0": tuple({"resourceId": f"ami-{n}"} for n in range(30)),
                "image-1": ({"resourceId": "ami-x"},),
            },
        ),
        Execution(EMPTY_ID, {"status": "PENDING"}),
    )
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Return the clock of the service and of botocore's signatures."""
    clock = FakeClock()
    monkeypatch.setattr("botocore.auth.get_current_datetime", clock.now)
    return clock


@pytest.fixture
def service(clock: FakeClock) -> LocalImageBuilder:
    return LocalImageBuilder(ACCOUNT, clock=clock.now)


def send(service: LocalImageBuilder, **parameters: Any) -> httpx.Response:
    return service(signed_list_request(**parameters))


def page(service: LocalImageBuilder, **parameters: Any) -> dict[str, Any]:
    return next(pages(service, **parameters))


def pages(service: LocalImageBuilder, **parameters: Any) -> Iterator[dict[str, Any]]:
    listing = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, **parameters}
    return local_operations.pages(service, "ListLifecycleExecutionResources", **listing)


def ids(page_members: dict[str, Any]) -> list[str]:
    return [resource["resourceId"] for resource in page_members["resources"]]


def test_a_page_has_its_members_and_headers(service: LocalImageBuilder) -> None:
    response = send(service, maxResults=2)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert uuid.UUID(response.headers["x-amzn-RequestId"])
    assert response.headers["x-amzn-RequestId"] != send(service).headers["x-amzn-RequestId"]
    assert "x-amzn-ErrorType" not in response.headers
    page_members = response.json()
    assert page_members.pop("nextToken")
    assert page_members == {
        "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
        "lifecycleExecutionState": {"status": "IN_PROGRESS", "reason": "Still at it."},
        "resources": [{"resourceId": "image-0"}, {"resourceId": "image-1"}],
    }


def test_an_execution_without_resources(service: LocalImageBuilder) -> None:
    assert page(service, lifecycleExecutionId=EMPTY_ID) == {
        "lifecycleExecutionId": EMPTY_ID,
        "lifecycleExecutionState": {"status": "PENDING"},
        "resources": [],
    }


def test_a_parent_lists_its_children(service: LocalImageBuilder) -> None:
    first, second = pages(service, parentResourceId="image-0")
    assert ids(first) + ids(second) == [f"ami-{n}" for n in range(30)]
    assert ids(page(service, parentResourceId="image-1")) == ["ami-x"]
    (unknown,) = pages(service, parentResourceId="image-99")
    assert unknown["resources"] == []


def test_unknown_and_null_members_are_ignored(service: LocalImageBuilder) -> None:
    page_members = page(service, maxResults=None, parentResourceId=None, nextToken=None, extra=[1])
    assert len(page_members["resources"]) == 25


# Invalid requests.


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", URL),
        ("POST", "http://imagebuilder.test/"),
        ("POST", "http://imagebuilder.test/StartImagePipelineExecution"),
        ("POST", f"{URL}/"),
        ("POST", f"{URL}?maxResults=3"),
        ("POST", URL.replace("Resources", "resources")),
    ],
)
def test_an_unknown_operation_is_an_error(
    service: LocalImageBuilder, method: str, url: str
) -> None:
    for request in (signed_request(b"{}", url=url, method=method), httpx.Request(method, url)):
        assert error(service(request)) == (
            404,
            "UnknownOperationException",
            "The operation requested does not exist.",
        )


def test_a_missing_signature_is_reported_before_an_invalid_body(service: LocalImageBuilder) -> None:
    response = service(httpx.Request("POST", URL, content=b"not JSON"))
    missing = "MissingAuthenticationTokenException"
    assert error(response) == (403, missing, "Missing Authentication Token")


def test_a_signature_for_another_region_is_an_error_if_the_service_has_one(
    clock: FakeClock,
) -> None:
    assert send(LocalImageBuilder(ACCOUNT, clock=clock.now, region="us-west-2")).status_code == 200
    elsewhere = LocalImageBuilder(ACCOUNT, clock=clock.now, region="eu-west-1")
    assert error(send(elsewhere))[:2] == (403, "InvalidSignatureException")


NOT_JSON = ("SerializationException", "The request body is not valid JSON.")
NOT_AN_OBJECT = ("SerializationException", "The request body has to be a JSON object.")
NO_ID = (
    "InvalidRequestException",
    "1 validation error detected: Value null at 'lifecycleExecutionId' failed to satisfy "
    "constraint: Member must not be null",
)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", *NOT_JSON),
        (b'{"maxResults": NaN}', *NOT_JSON),
        (b'{"maxResults": ' + b"9" * 5000 + b"}", *NOT_JSON),
        (b"[" * 100_000, *NOT_JSON),
        ('{"a": 1}'.encode("utf-16"), *NOT_JSON),
        (b"[]", *NOT_AN_OBJECT),
        (b"null", *NOT_AN_OBJECT),
        (b"", *NO_ID),
        (b'{"lifecycleExecutionId": null}', *NO_ID),
    ],
)
def test_a_body_that_is_not_json_or_lacks_a_member_is_an_error(
    service: LocalImageBuilder, body: bytes, code: str, message: str
) -> None:
    assert error(service(signed_request(body))) == (400, code, message)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("lifecycleExecutionId", "lce-1", "satisfy regular expression pattern: ^lce-"),
        ("lifecycleExecutionId", EMPTY_ID + "\n", "satisfy regular expression pattern: ^lce-"),
        ("lifecycleExecutionId", 12, "be a string"),
        ("lifecycleExecutionId", [EMPTY_ID], "be a string"),
        ("maxResults", 0, "have value greater than or equal to 1"),
        ("maxResults", 101, "have value less than or equal to 100"),
        ("maxResults", "10", "be an integer"),
        ("maxResults", 2.5, "be an integer"),
        ("maxResults", True, "be an integer"),
        ("parentResourceId", "", "have length greater than or equal to 1"),
        ("parentResourceId", "x" * 1025, "have length less than or equal to 1024"),
        ("nextToken", "x" * 65536, "have length less than or equal to 65535"),
    ],
)
def test_an_invalid_parameter_is_an_error(
    service: LocalImageBuilder, name: str, value: Any, rule: str
) -> None:
    status, code, message = error(send(service, **{name: value}))
    assert (status, code) == (400, "InvalidRequestException")
    assert message.startswith("1 validation error detected: Value '")
    assert f"' at '{name}' failed to satisfy constraint: Member must {rule}" in message
    assert len(message) < 400


def test_one_error_names_all_invalid_parameters(service: LocalImageBuilder) -> None:
    response = send(service, lifecycleExecutionId="x", maxResults=999, parentResourceId="")
    message = error(response)[2]
    assert message.startswith("3 validation errors detected: ")
    for name in ("lifecycleExecutionId", "maxResults", "parentResourceId"):
        assert f"at '{name}'" in message


def test_values_at_the_limits_are_valid(service: LocalImageBuilder) -> None:
    for size in (1, 100):
        assert page(service, maxResults=size)["resources"]
    for parent in ("x" * 1024, "\ud800"):
        assert page(service, parentResourceId=parent)["resources"] == []


# Tokens.

INVALID = "You have provided an invalid pagination token in your request."


def invalid_token(response: httpx.Response) -> str:
    status, code, message = error(response)
    assert (status, code) == (400, "InvalidPaginationTokenException")
    return message


@pytest.mark.parametrize(
    "token", ["made-up", "A" * 40, "A" * 65535, "=", " ", "ünïcode", "MjU", "25", "\ud800"]
)
def test_an_invented_token_is_an_error(service: LocalImageBuilder, token: str) -> None:
    assert invalid_token(send(service, nextToken=token)) == INVALID


def test_every_altered_token_is_an_error(service: LocalImageBuilder) -> None:
    token = page(service)["nextToken"]
    altered = [token[:i] + ("B" if c == "A" else "A") + token[i + 1 :] for i, c in enumerate(token)]
    altered += [token + "A", token + "=", token + "\n", "." + token, token[:-1], token.lower()]
    # The last character has spare bits: a reader that ignores them would take several spellings.
    altered += [token[:-1] + c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123" if c != token[-1]]
    for wrong in altered:
        assert invalid_token(send(service, nextToken=wrong)) == INVALID


def test_a_token_does_not_begin_with_a_dash() -> None:
    tokens = [issue_token(listing=("id",), position=place, issued=0) for place in range(1_000)]
    assert not any(token.startswith("-") for token in tokens)
    assert {token[0] for token in tokens} >= {"+", "/"}, "all that begins a token has been seen"


def test_a_token_of_another_listing_is_an_error(service: LocalImageBuilder) -> None:
    children = {"parentResourceId": "image-0"}
    others = [{"lifecycleExecutionId": EMPTY_ID}, children]
    token = page(service)["nextToken"]
    for other in others:
        assert invalid_token(send(service, nextToken=token, **other)) == INVALID
    token = page(service, **children)["nextToken"]
    for other in ({}, {"parentResourceId": "image-1"}):
        assert invalid_token(send(service, nextToken=token, **other)) == INVALID


def test_the_page_size_may_change_from_page_to_page(service: LocalImageBuilder) -> None:
    first = page(service, maxResults=10)
    second = page(service, maxResults=3, nextToken=first["nextToken"])
    third = page(service, nextToken=second["nextToken"])
    assert ids(second) == ["image-10", "image-11", "image-12"]
    assert ids(third)[0] == "image-13"
    assert len(ids(third)) == 25


@pytest.mark.parametrize("lifetime", [None, dt.timedelta(minutes=1)])
def test_a_token_can_be_used_until_it_expires(
    clock: FakeClock, lifetime: dt.timedelta | None
) -> None:
    given: Any = {} if lifetime is None else {"token_lifetime": lifetime}
    service = LocalImageBuilder(ACCOUNT, clock=clock.now, **given)
    token = page(service)["nextToken"]
    first = page(service, nextToken=token)
    clock.elapsed = (lifetime or dt.timedelta(hours=24)).total_seconds()
    assert page(service, nextToken=token)["resources"] == first["resources"]
    clock.elapsed += 1
    assert invalid_token(send(service, nextToken=token)) == f"{INVALID} It has expired."


def test_tokens_are_the_same_for_a_while_and_then_renewed(
    service: LocalImageBuilder, clock: FakeClock
) -> None:
    token = page(service)["nextToken"]
    clock.advance(minutes=120)
    assert page(service)["nextToken"] == token
    clock.advance(minutes=60)
    renewed = page(service)["nextToken"]
    assert renewed != token
    clock.elapsed = 25 * 3600
    assert "expired" in invalid_token(send(service, nextToken=token))
    assert ids(page(service, nextToken=renewed))[0] == "image-25"


def test_a_token_is_valid_in_another_service_if_the_listing_is_as_long(
    service: LocalImageBuilder, clock: FakeClock
) -> None:
    token = page(service)["nextToken"]
    clock.advance(minutes=60)
    assert ids(page(LocalImageBuilder(ACCOUNT, clock=clock.now), nextToken=token))[0] == "image-25"
    shorter = LocalImageBuilder(generate_account(resources=25), clock=clock.now)
    assert invalid_token(send(shorter, nextToken=token)) == INVALID
