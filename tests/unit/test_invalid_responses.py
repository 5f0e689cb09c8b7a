"""Responses that are errors, that cannot be parsed, or that do not fit the model or the request."""

import copy
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions
import botocore.model
import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.models.exceptions import ForbiddenException, InvalidRequestException
from tests.fakes.pages import EXECUTION_ID, FULL_PAGE, Boto3Response, ClientWith, page_of, read_page

OPERATION = "ListLifecycleExecutionResources"
REQUEST_ID = "7a1c5d0e-0000-4000-8000-000000000001"
JSON_HEADERS = {"Content-Type": "application/json", "x-amzn-RequestId": REQUEST_ID}


ErrorOf = Callable[..., Any]


@pytest.fixture
def error_of(client_with: ClientWith) -> ErrorOf:
    """Return a function that returns the error of a response with a body of bytes or JSON."""

    def error_of(
        body: object, status: int = 400, headers: dict[str, str] = JSON_HEADERS
    ) -> exceptions.PagerError:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        client = client_with(lambda _: httpx.Response(status, headers=headers, content=content))
        with pytest.raises(exceptions.PagerError) as caught:
            client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
        assert caught.value.resume_token is None  # which a listing alone has
        if isinstance(caught.value, exceptions.ClientError):
            assert caught.value.operation_name == OPERATION
        return caught.value

    return error_of


@pytest.fixture
def compared(error_of: ErrorOf, boto3_answer: Boto3Response) -> ErrorOf:
    """Return a function that returns the error of a response, compared with boto3's."""

    def compared(body: bytes, status: int, headers: dict[str, str]) -> Any:
        headers = {**headers, "Content-Length": str(len(body))}
        ours = error_of(body, status, headers)
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            boto3_answer(body, status, headers)
        theirs: Any = copy.deepcopy(caught.value.response)
        theirs["ResponseMetadata"].pop("MaxAttemptsReached", None)
        if body == HTML:  # boto3 shows nothing of it
            theirs["Error"]["Message"] = ours.response["Error"]["Message"]
        assert ours.response == theirs
        assert ours.operation_name == caught.value.operation_name
        assert type(ours).__name__ == type(caught.value).__name__
        return ours

    return compared


HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"
NAME = "InvalidRequestException"


WHERE_CODES_ARE: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"x-amzn-ErrorType": NAME}, {"message": "m"}, NAME),
    ({"x-amzn-errortype": f"{NAME}:http://aws/x/"}, {"message": "m"}, NAME),
    ({"X-Amzn-ErrorType": f"com.amazonaws.imagebuilder#{NAME}"}, {"message": "m"}, NAME),
    ({"x-amzn-ErrorType": f"aws.x#{NAME}:http://aws/y#z"}, {"message": "m"}, NAME),
    ({}, {"__type": NAME, "message": "m"}, NAME),
    ({}, {"__type": f"com.amazonaws.imagebuilder#{NAME}", "message": "m"}, NAME),
    ({}, {"__type": f"{NAME}:http://aws/x/", "message": "m"}, NAME),
    ({}, {"code": NAME, "message": "m"}, NAME),
    ({}, {"code": f"aws.x#{NAME}:y", "message": "m"}, NAME),
    ({}, {"Code": NAME, "Message": "m"}, NAME),
    ({"x-amzn-ErrorType": NAME}, {"__type": "ClientException", "code": "Other"}, NAME),
    ({}, {"__type": "ClientException", "code": NAME, "message": "m"}, NAME),
    ({}, {"message": "m"}, "400"),
    ({}, {}, "400"),
    (
        {"x-amzn-ErrorType": "UnrecognizedClientException"},
        {"message": "m"},
        "UnrecognizedClientException",
    ),
    ({"x-amzn-ErrorType": "ThrottlingException"}, {"Message": "m"}, "ThrottlingException"),
    ({"x-amzn-ErrorType": "ExpiredTokenException"}, {"message": ""}, "ExpiredTokenException"),
    ({"x-amzn-ErrorType": "invalidrequestexception"}, {}, "invalidrequestexception"),
]


@pytest.mark.parametrize(("headers", "body", "code"), WHERE_CODES_ARE)
def test_code_and_response_are_boto3s(
    compared: ErrorOf, headers: dict[str, str], body: dict[str, Any], code: str
) -> None:
    error = compared(json.dumps(body).encode(), 400, {**JSON_HEADERS, **headers})
    assert error.response["Error"]["Code"] == code


def test_every_code_and_status_is_as_in_boto3(
    compared: ErrorOf, service_model: botocore.model.ServiceModel
) -> None:
    modelled = {shape.name for shape in service_model.error_shapes}
    names = [*modelled, "ExpiredTokenException", "NewException"]
    for name, status in itertools.product(names, [400, 403, 404, 413, 429, 500, 503]):
        headers = {**JSON_HEADERS, "x-amzn-ErrorType": name}
        error = compared(b'{"message": "m\xc3\xa9ssage"}', status, headers)
        assert type(error) is getattr(ImageBuilder.exceptions, name, exceptions.ClientError)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_error_of_a_proxy_has_boto3s_code(compared: ErrorOf, status: int) -> None:
    compared(HTML, status, {"Content-Type": "text/html"})


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": ""}, {"message": ["x"]}])
def test_an_error_without_a_message_says_so(error_of: ErrorOf, body: object) -> None:
    error = error_of(body, 400, {"x-amzn-ErrorType": NAME})
    assert error.response["Error"]["Message"] == ""
    assert str(error) == f"{OPERATION} was refused: {NAME}: (no message) (HTTP status 400)"


@pytest.mark.parametrize("code", [5, None, "", [], {}])
def test_an_error_code_that_is_not_a_string_is_ignored(error_of: ErrorOf, code: object) -> None:
    error = error_of({"code": code, "__type": NAME, "message": "m"})
    assert error.response["Error"]["Code"] == NAME
    error = error_of({"code": code, "message": "m"})
    assert error.response["Error"]["Code"] == "400"


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (HTML, "text/html", f"text/html, '{HTML.decode()}'"),
        (b"", "text/html", "text/html, an empty body"),
        (b"", None, "no content type, an empty body"),
        (b'{"message": "cut o', "a/b", 'a/b, \'{"message": "cut o\''),
        (b"[1, 2]", "a/b", "a/b, '[1, 2]'"),
        (b"null", "a/b", "a/b, 'null'"),
        (b'"no"', "a/b", "a/b, '\"no\"'"),
        (b"x" * 500, "a/b", f"a/b, '{'x' * 200}'..."),
        (b"\xff\x00\n", "a/b", "a/b, '\N{REPLACEMENT CHARACTER}\\x00\\n'"),
        (b"[" * 100_000, "a/b", f"a/b, '{'[' * 200}'..."),
    ],
)
@pytest.mark.parametrize("status", [400, 407, 502])
def test_an_error_that_cannot_be_parsed_shows_the_response(
    error_of: ErrorOf, body: bytes, status: int, content_type: str | None, shown: str
) -> None:
    headers = {"x-amzn-RequestId": REQUEST_ID}
    if content_type is not None:
        headers["Content-Type"] = content_type
    error = error_of(body, status, headers)
    assert type(error) is exceptions.ClientError
    shown = f"HTTP status {status}, {shown}"
    assert error.response["Error"] == {"Code": str(status), "Message": shown}
    assert str(error) == (
        f"{OPERATION} was refused: {status}: {shown} "
        f"(HTTP status {status}, request id {REQUEST_ID})"
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        *((body, "not a JSON object") for body in (b"[]", b"null", b"17", b'"{}"')),
        *((body, "not JSON") for body in (HTML, b"", b" \n", b'{"a": 1} x', b"\xff\xfe{}")),
        *((body, "not JSON") for body in (b'{"resources": [{"resourceId": "a"}', b"[" * 200)),
    ],
)
def test_a_success_that_cannot_be_parsed_shows_the_response(
    error_of: ErrorOf, body: bytes, problem: str
) -> None:
    error = error_of(body, 200, {"Content-Type": "a/b"})
    assert type(error) is exceptions.ResponseParserError
    shown = repr(body.decode("utf-8", "replace")) if body else "an empty body"
    assert str(error) == (f"{OPERATION}: the response is {problem}: HTTP status 200, a/b, {shown}")


@pytest.mark.parametrize(
    ("body", "headers", "kind", "text"),
    [
        ({"Code": "Down"}, {}, exceptions.ClientError, "Down: (no message)"),
        (
            {"resources": [], "message": "x"},
            {"x-amzn-ErrorType": "ForbiddenException"},
            ForbiddenException,
            "ForbiddenException: x",
        ),
        (
            {"resources": "x", "nextToken": "t", "__type": NAME},
            {},
            InvalidRequestException,
            f"{NAME}: (no message)",
        ),
    ],
)
def test_a_success_by_status_alone_is_an_error(
    error_of: ErrorOf, body: object, headers: dict[str, str], kind: type, text: str
) -> None:
    """Read as a page, it would end the listing."""
    error = error_of(body, 200, headers)
    assert type(error) is kind
    assert str(error) == f"{OPERATION} was refused: {text} (HTTP status 200)"


def test_a_page_may_have_many_brackets_in_its_strings() -> None:
    reason = '{"\\' * 150_000
    page = read_page({"resources": [{"state": {"reason": reason}}]})
    assert page["resources"][0]["state"]["reason"] == reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("userinfo", ["", "svc:Hunter2@"])
def test_a_redirect_is_an_error(error_of: ErrorOf, status: int, userinfo: str) -> None:
    error = error_of(b"", status, {"Location": f"https://{userinfo}evil.test/login"})
    assert error.response["Error"]["Code"] == str(status)
    assert str(error) == (
        f"{OPERATION} was refused: {status}: HTTP status {status}, no content type, a redirect to "
        f"'https://{'...@' if userinfo else ''}evil.test/login', which is not followed, an empty "
        f"body (HTTP status {status})"
    )


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_error_of_very_many_values_is_not_parsed(
    error_of: ErrorOf, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    body = b'{"message":"m","values":[' + b"{}," * 300_000 + b"{}]}"
    parsed = []
    monkeypatch.setattr(json, "loads", lambda text, **_: parsed.append(text))
    error = error_of(body, status, {"x-amzn-errortype": "ServiceException"})
    assert error.response["Error"]["Code"] == "ServiceException"
    assert not parsed


# Whether a body was cut off.


def test_a_body_that_was_cut_off_anywhere_is_incomplete(error_of: ErrorOf) -> None:
    whole = json.dumps({**FULL_PAGE, "x": ['\\"é', True, None, -1.5e3, {}]}).encode()
    for end in range(1, len(whole)):
        error = error_of(whole[:end], 200)
        assert type(error) is exceptions.ResponseParserError
        assert error.incomplete, whole[:end]


@pytest.mark.parametrize(
    "body",
    [
        b"<html",
        b'{"a": 1} x',
        b'{"a": 1}}',
        b'{"a": <html>',
        b'{"a" 1',
        b"[" * 300,
        b"\xff{",
        b"1x",
    ],
)
def test_a_body_that_is_something_else_is_not(error_of: ErrorOf, body: bytes) -> None:
    error = error_of(body, 200)
    assert type(error) is exceptions.ResponseParserError
    assert not error.incomplete


# Pages that do not fit the model or the request.


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (-62135596800, datetime(1, 1, 1, tzinfo=UTC)),
        (1740967220.000001, datetime(2025, 3, 3, 2, 0, 20, 1, tzinfo=UTC)),
        ("1740967220.25", datetime(2025, 3, 3, 2, 0, 20, 250_000, tzinfo=UTC)),
        ("2025-03-03T02:00:20Z", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
        ("2025-03-03T04:00:20+02:00", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
        ("Mon, 03 Mar 2025 04:00:20 +0200", datetime(2025, 3, 3, 2, 0, 20, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_in_utc(sent: object, expected: datetime) -> None:
    moment = page_of({"resources": [{"startTime": sent}]}).resources[0].start_time
    assert moment == expected
    assert moment.tzinfo is UTC


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
                {"startTime": "yesterday", "endTime": "0001-01-01T00:00:00+02:00"},
                {"startTime": "Sun, 01 Mar 2026 12:00:00 +99999999999999999999"},
            ]
        },
        [
            f"resources[0].startTime: {TIMESTAMP}",
            f"resources[0].endTime: {TIMESTAMP}",
            f"resources[1].startTime: {IN_RANGE}",
            f"resources[1].endTime: {IN_RANGE}",
            f"resources[2].startTime: {A_DATE}",
            f"resources[2].endTime: {IN_RANGE}",
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
def test_all_invalid_members_are_named(
    error_of: ErrorOf, body: object, problems: list[str]
) -> None:
    error = error_of(body, 200)
    assert type(error) is exceptions.ResponseValidationError
    assert str(error) == (
        f"{OPERATION}: the response is not valid (request id {REQUEST_ID})"
        + "".join(f"\n  - {problem}" for problem in problems)
        + ("" if {"nextToken", "resources"} & {path for path, _ in error.problems} else ADVICE)
    )
    assert error.operation_name == OPERATION
    assert error.request_id == REQUEST_ID
    assert [f"{path}: {text}" for path, text in error.problems] == problems
    assert error.__cause__ is error.__context__ is None  # which would have the values


def test_without_a_request_id_the_error_has_none(error_of: ErrorOf) -> None:
    error = error_of({"nextToken": 5}, 200, {})
    assert error.request_id is None
    assert "(request id unknown)" in str(error)


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
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = iter(paginator.paginate(lifecycleExecutionId=EXECUTION_ID))
    token = next(pages).resume_token
    with pytest.raises(exceptions.ResponseValidationError) as caught:
        next(pages)
    assert caught.value.request_id == "0"
    assert [problem[0] for problem in caught.value.problems] == [path]
    assert caught.value.resume_token == token is not None
