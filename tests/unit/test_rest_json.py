"""Responses that are errors, and responses that cannot be parsed."""

import inspect
import json
from typing import Any

import botocore.exceptions
import botocore.parsers
import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import (
    ForbiddenException,
    InvalidRequestException,
    ServiceException,
)
from tests.fakes.error_responses import (
    JSON_HEADERS,
    MODELLED,
    OPERATION,
    REQUEST_ID,
    boto3_error_response,
    client_error_of,
    error_of,
)
from tests.fakes.pages import EXECUTION_ID, Boto3Response, ClientWith


@pytest.mark.parametrize(("name", "status"), MODELLED.items())
def test_each_modelled_error_has_its_class(client_with: ClientWith, name: str, status: int) -> None:
    error = client_error_of(
        client_with,
        {"message": "No, thank you."},
        status,
        {**JSON_HEADERS, "x-amzn-ErrorType": name},
    )
    assert type(error) is getattr(modelled_exceptions, name)
    assert type(error) is getattr(ImageBuilder.exceptions, name)
    assert error.operation_name == OPERATION
    assert error.response["Error"] == {"Code": name, "Message": "No, thank you."}
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert str(error) == (
        f"{OPERATION} was refused: {name}: No, thank you. "
        f"(HTTP status {status}, request id {REQUEST_ID})"
    )


def test_the_modelled_errors_are_all_there_are() -> None:
    classes = {
        name
        for name, value in vars(modelled_exceptions).items()
        if inspect.isclass(value) and exceptions.ClientError in value.__bases__
    }
    assert classes == MODELLED.keys()


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
    client_with: ClientWith,
    boto3_answer: Boto3Response,
    headers: dict[str, str],
    body: dict[str, Any],
    code: str,
) -> None:
    content = json.dumps(body).encode()
    all_headers = {**JSON_HEADERS, **headers, "Content-Length": str(len(content))}
    ours = client_error_of(client_with, content, 400, all_headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(content, 400, all_headers)
    theirs = caught.value
    assert ours.response["Error"]["Code"] == code
    assert ours.response == boto3_error_response(theirs)
    assert ours.operation_name == theirs.operation_name
    assert type(ours).__name__ == type(theirs).__name__


@pytest.mark.parametrize("status", [400, 403, 404, 413, 429, 500, 503])
@pytest.mark.parametrize("name", [*MODELLED, "ExpiredTokenException", "NewException"])
def test_every_code_and_status_is_as_in_boto3(
    client_with: ClientWith, boto3_answer: Boto3Response, name: str, status: int
) -> None:
    content = b'{"message": "m\xc3\xa9ssage"}'
    headers = {**JSON_HEADERS, "x-amzn-ErrorType": name, "Content-Length": str(len(content))}
    ours = client_error_of(client_with, content, status, headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(content, status, headers)
    assert ours.response == boto3_error_response(caught.value)
    assert type(ours).__name__ == type(caught.value).__name__


def test_an_unknown_code_is_a_client_error(client_with: ClientWith) -> None:
    headers = {**JSON_HEADERS, "x-amzn-ErrorType": "NewException"}
    error = client_error_of(client_with, {"message": "new"}, 418, headers)
    assert type(error) is exceptions.ClientError
    assert error.response["Error"] == {"Code": "NewException", "Message": "new"}


@pytest.mark.parametrize("key", ["message", "Message"])
def test_the_error_message_may_have_either_spelling(client_with: ClientWith, key: str) -> None:
    error = client_error_of(client_with, {"__type": NAME, key: "the text"}, 400)
    assert error.response["Error"]["Message"] == "the text"
    assert "the text" in str(error)


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": ""}, {"message": ["x"]}])
def test_an_error_without_a_message_says_so(client_with: ClientWith, body: object) -> None:
    error = client_error_of(client_with, body, 400, {"x-amzn-ErrorType": NAME})
    assert error.response["Error"]["Message"] == ""
    assert str(error) == f"{OPERATION} was refused: {NAME}: (no message) (HTTP status 400)"


@pytest.mark.parametrize("code", [5, None, "", [], {}])
def test_an_error_code_that_is_not_a_string_is_ignored(
    client_with: ClientWith, code: object
) -> None:
    error = client_error_of(client_with, {"code": code, "__type": NAME, "message": "m"}, 400)
    assert error.response["Error"]["Code"] == NAME
    error = client_error_of(client_with, {"code": code, "message": "m"}, 400)
    assert error.response["Error"]["Code"] == "400"


HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


@pytest.mark.parametrize(
    ("body", "status", "content_type", "shown"),
    [
        (HTML, 502, "text/html", f"HTTP status 502, text/html, '{HTML.decode()}'"),
        (b"", 502, "text/html", "HTTP status 502, text/html, an empty body"),
        (b"", 503, None, "HTTP status 503, no content type, an empty body"),
        (
            b'{"message": "cut o',
            500,
            "application/json",
            'HTTP status 500, application/json, \'{"message": "cut o\'',
        ),
        (b"[1, 2]", 400, "application/json", "HTTP status 400, application/json, '[1, 2]'"),
        (b"null", 400, "application/json", "HTTP status 400, application/json, 'null'"),
        (b'"no"', 403, "application/json", "HTTP status 403, application/json, '\"no\"'"),
        (
            b"x" * 500,
            407,
            "text/plain",
            f"HTTP status 407, text/plain, '{'x' * 200}'...",
        ),
        (b"\xff\x00\n", 500, "a/b", "HTTP status 500, a/b, '\N{REPLACEMENT CHARACTER}\\x00\\n'"),
        (b"[" * 100_000, 500, "a/b", f"HTTP status 500, a/b, '{'[' * 200}'..."),
    ],
)
def test_an_error_that_cannot_be_parsed_shows_what_came(
    client_with: ClientWith, body: bytes, status: int, content_type: str | None, shown: str
) -> None:
    headers = {"x-amzn-RequestId": REQUEST_ID}
    if content_type is not None:
        headers["Content-Type"] = content_type
    error = client_error_of(client_with, body, status, headers)
    assert type(error) is exceptions.ClientError
    assert error.response["Error"] == {"Code": str(status), "Message": shown}
    assert str(error) == (
        f"{OPERATION} was refused: {status}: {shown} "
        f"(HTTP status {status}, request id {REQUEST_ID})"
    )


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_error_of_a_proxy_has_boto3s_code(
    client_with: ClientWith, boto3_answer: Boto3Response, status: int
) -> None:
    headers = {"Content-Type": "text/html", "Content-Length": str(len(HTML))}
    ours = client_error_of(client_with, HTML, status, headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(HTML, status, headers)
    theirs = boto3_error_response(caught.value)
    assert ours.response["Error"].get("Code") == theirs["Error"].get("Code")
    assert ours.response["ResponseMetadata"] == theirs["ResponseMetadata"]


@pytest.mark.parametrize(
    ("body", "headers", "shown"),
    [
        (
            HTML,
            {"Content-Type": "text/html"},
            f"not JSON: HTTP status 200, text/html, '{HTML.decode()}'",
        ),
        (b"", {}, "not JSON: HTTP status 200, no content type, an empty body"),
        (b"", {"Content-Type": "a/b"}, "not JSON: HTTP status 200, a/b, an empty body"),
        (b" \n", {}, "not JSON: HTTP status 200, no content type, ' \\n'"),
        (
            b'{"resources": [{"resourceId": "a"}',
            JSON_HEADERS,
            'not JSON: HTTP status 200, application/json, \'{"resources": [{"resourceId": "a"}\'',
        ),
        (b'{"a": 1} x', {}, "not JSON: HTTP status 200, no content type, '{\"a\": 1} x'"),
        (b"[]", {}, "not a JSON object: HTTP status 200, no content type, '[]'"),
        (b"null", {}, "not a JSON object: HTTP status 200, no content type, 'null'"),
        (b"17", {}, "not a JSON object: HTTP status 200, no content type, '17'"),
        (b'"{}"', {}, "not a JSON object: HTTP status 200, no content type, '\"{}\"'"),
        (
            b"\xff\xfe{}",
            {},
            f"not JSON: HTTP status 200, no content type, '{chr(0xFFFD) * 2}{{}}'",
        ),
        (b"[" * 300, {}, f"not JSON: HTTP status 200, no content type, '{'[' * 200}'..."),
    ],
)
def test_a_success_that_cannot_be_parsed_shows_what_came(
    client_with: ClientWith, body: bytes, headers: dict[str, str], shown: str
) -> None:
    error = error_of(client_with, body, 200, headers)
    assert type(error) is exceptions.ResponseParserError
    assert str(error) == f"{OPERATION}: the response is {shown}"


@pytest.mark.parametrize(
    ("body", "headers", "kind", "text"),
    [
        ({"__type": NAME}, {}, InvalidRequestException, f"{NAME}: (no message)"),
        ({"Code": "Down"}, {}, exceptions.ClientError, "Down: (no message)"),
        (
            {"resources": [{}], "code": "Throttled", "message": "x"},
            {},
            exceptions.ClientError,
            "Throttled: x",
        ),
        (
            {"resources": [{}], "nextToken": "t", "__type": NAME},
            {},
            InvalidRequestException,
            f"{NAME}: (no message)",
        ),
        ({"resources": [1], "__type": NAME}, {}, InvalidRequestException, f"{NAME}: (no message)"),
        ({"resources": "x", "__type": NAME}, {}, InvalidRequestException, f"{NAME}: (no message)"),
        ({"code": "NewException", "message": "x"}, {}, exceptions.ClientError, "NewException: x"),
        (
            {"resources": [], "message": "x"},
            {"x-amzn-ErrorType": "ForbiddenException"},
            ForbiddenException,
            "ForbiddenException: x",
        ),
        (
            {"message": "x", "nextToken": None},
            {"x-amzn-ErrorType": "ServiceException"},
            ServiceException,
            "ServiceException: x",
        ),
    ],
)
def test_a_success_by_status_alone_is_an_error(
    client_with: ClientWith,
    body: object,
    headers: dict[str, str],
    kind: type[exceptions.ClientError],
    text: str,
) -> None:
    """Read as a page it would end the listing in silence."""
    error = client_error_of(client_with, body, 200, headers)
    assert type(error) is kind
    assert str(error) == f"{OPERATION} was refused: {text} (HTTP status 200)"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": "unauthorized"},
        {"Code": None},
        {"message": None, "code": ""},
        {"message": "down"},
        {"Message": "down"},
        {"lifecycleExecutionId": EXECUTION_ID},
        {"message": {"resources": []}},
        {"data": {"resources": []}},
        {"nextToken": None, "resources": None},
        {"Resources": [], "next_token": "t"},
    ],
)
def test_a_success_without_a_member_of_its_page_is_an_error(
    client_with: ClientWith, body: object
) -> None:
    error = error_of(client_with, body, 200)
    assert type(error) is exceptions.ResponseParserError
    assert str(error) == (
        f"{OPERATION}: the response has none of the members that it should have (resources, "
        f"nextToken): HTTP status 200, application/json, {json.dumps(body)!r}\n"
        '  on_invalid_response="warn" takes it for an empty last page'
    )


def test_a_listing_does_not_end_at_what_is_not_a_page(client_with: ClientWith) -> None:
    answers = [{"resources": [{"resourceId": "a"}], "nextToken": "t"}, {"error": "unauthorized"}]
    client = client_with(lambda _: httpx.Response(200, json=answers.pop(0)))
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = iter(paginator.paginate(lifecycleExecutionId=EXECUTION_ID))
    token = next(pages).resume_token
    with pytest.raises(exceptions.ResponseParserError, match="has none of the members") as caught:
        next(pages)
    assert caught.value.resume_token == token


def test_a_page_may_have_many_brackets_in_its_strings(client_with: ClientWith) -> None:
    reason = '{"\\' * 150_000
    body = {"resources": [{"state": {"reason": reason}}]}
    client = client_with(lambda _: httpx.Response(200, json=body))
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert page["resources"][0]["state"]["reason"] == reason


def test_a_page_with_a_member_called_message_is_a_page(client_with: ClientWith) -> None:
    body = {"resources": [], "message": "AWS may add this one day"}
    client = client_with(lambda _: httpx.Response(200, json=body))
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert page["message"] == "AWS may add this one day"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("userinfo", ["", "svc:Hunter2@"])
def test_a_redirect_is_an_error_and_is_not_followed(status: int, userinfo: str) -> None:
    sent: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(status, headers={"Location": f"https://{userinfo}evil.test/login"})

    http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)
    client = ImageBuilder(
        "us-west-2", http_client=http, aws_access_key_id="a", aws_secret_access_key="b"
    )
    with http, pytest.raises(exceptions.ClientError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert [url.host for url in sent] == ["imagebuilder.us-west-2.amazonaws.com"]
    assert caught.value.response["Error"]["Code"] == str(status)
    assert str(caught.value) == (
        f"{OPERATION} was refused: {status}: HTTP status {status}, no content type, a redirect to "
        f"'https://{'...@' if userinfo else ''}evil.test/login', which is not followed, an empty "
        f"body (HTTP status {status})"
    )


def test_retries_are_in_the_text_of_an_error() -> None:
    metadata = {"HTTPStatusCode": 500, "RequestId": "id", "RetryAttempts": 2}
    response = {"Error": {"Code": "X", "Message": "m"}, "ResponseMetadata": metadata}
    assert str(exceptions.ClientError(response, "Op")) == (
        "Op was refused: X: m (HTTP status 500, request id id, after 2 retries)"
    )


def test_a_client_error_made_by_hand_needs_little() -> None:
    """As boto3's own can be made in a user's tests, with only the code."""
    error = exceptions.ClientError({"Error": {"Code": "X"}}, "Op")
    assert str(error) == "Op was refused: X: (no message) (HTTP status unknown)"
    assert exceptions.ClientError({}, "Op").response == {}


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_error_of_very_many_values_is_not_parsed(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    body = b'{"message":"m","values":[' + b"{}," * 300_000 + b"{}]}"
    parsed = []
    monkeypatch.setattr(json, "loads", lambda text, **_: parsed.append(text))
    headers = {"x-amzn-errortype": "ServiceException"}
    client = client_with(
        lambda _: httpx.Response(status, content=body, headers=headers), max_attempts=1
    )
    with pytest.raises(exceptions.ClientError) as caught:
        client.list_images()
    assert caught.value.response["Error"]["Code"] == "ServiceException"
    assert not parsed
