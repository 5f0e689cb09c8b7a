"""Answers that are errors, answers that are none, and no answers at all."""

import copy
import inspect
import json
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
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

EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
OPERATION = "ListLifecycleExecutionResources"
REQUEST_ID = "7a1c5d0e-0000-4000-8000-000000000001"
MODELLED = {
    "AccessDeniedException": 403,
    "CallRateLimitExceededException": 429,
    "ClientException": 400,
    "DryRunOperationException": 412,
    "ForbiddenException": 403,
    "IdempotentParameterMismatchException": 400,
    "InvalidPaginationTokenException": 400,
    "InvalidParameterCombinationException": 400,
    "InvalidParameterException": 400,
    "InvalidParameterValueException": 400,
    "InvalidRequestException": 400,
    "InvalidVersionNumberException": 400,
    "ResourceAlreadyExistsException": 400,
    "ResourceDependencyException": 400,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailableException": 503,
    "TooManyRequestsException": 429,
}
JSON_HEADERS = {"Content-Type": "application/json", "x-amzn-RequestId": REQUEST_ID}

ClientWith = Callable[..., ImageBuilder]
Boto3Answer = Callable[..., dict[str, Any]]


def answered(
    client_with: ClientWith,
    body: bytes | object,
    status: int,
    headers: dict[str, str] | None = None,
) -> exceptions.PagerError:
    """The error that an answer is turned into."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = JSON_HEADERS if headers is None else headers
    client = client_with(lambda _: httpx.Response(status, headers=all_headers, content=content))
    with pytest.raises(exceptions.PagerError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    return caught.value


def of_boto3(error: botocore.exceptions.ClientError) -> dict[str, Any]:
    """The error's response, but for the mark that its last attempt at retrying leaves there."""
    response: dict[str, Any] = copy.deepcopy(dict(error.response))
    response["ResponseMetadata"].pop("MaxAttemptsReached", None)
    return response


def refused(
    client_with: ClientWith,
    body: bytes | object,
    status: int,
    headers: dict[str, str] | None = None,
) -> exceptions.ClientError:
    error = answered(client_with, body, status, headers)
    assert isinstance(error, exceptions.ClientError)
    assert error.operation_name == OPERATION
    return error


@pytest.mark.parametrize(("name", "status"), MODELLED.items())
def test_each_modelled_error_has_its_class(client_with: ClientWith, name: str, status: int) -> None:
    error = refused(
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
    boto3_answer: Boto3Answer,
    headers: dict[str, str],
    body: dict[str, Any],
    code: str,
) -> None:
    content = json.dumps(body).encode()
    all_headers = {**JSON_HEADERS, **headers, "Content-Length": str(len(content))}
    ours = refused(client_with, content, 400, all_headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(content, 400, all_headers)
    theirs = caught.value
    assert ours.response["Error"]["Code"] == code
    assert ours.response == of_boto3(theirs)
    assert ours.operation_name == theirs.operation_name
    assert type(ours).__name__ == type(theirs).__name__


@pytest.mark.parametrize("status", [400, 403, 404, 413, 429, 500, 503])
@pytest.mark.parametrize("name", [*MODELLED, "ExpiredTokenException", "NewException"])
def test_every_code_and_status_is_as_in_boto3(
    client_with: ClientWith, boto3_answer: Boto3Answer, name: str, status: int
) -> None:
    content = b'{"message": "m\xc3\xa9ssage"}'
    headers = {**JSON_HEADERS, "x-amzn-ErrorType": name, "Content-Length": str(len(content))}
    ours = refused(client_with, content, status, headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(content, status, headers)
    assert ours.response == of_boto3(caught.value)
    assert type(ours).__name__ == type(caught.value).__name__


def test_an_unknown_code_is_a_client_error(client_with: ClientWith) -> None:
    headers = {**JSON_HEADERS, "x-amzn-ErrorType": "NewException"}
    error = refused(client_with, {"message": "new"}, 418, headers)
    assert type(error) is exceptions.ClientError
    assert error.response["Error"] == {"Code": "NewException", "Message": "new"}


@pytest.mark.parametrize("key", ["message", "Message"])
def test_the_text_is_in_either_spelling(client_with: ClientWith, key: str) -> None:
    error = refused(client_with, {"__type": NAME, key: "the text"}, 400)
    assert error.response["Error"]["Message"] == "the text"
    assert "the text" in str(error)


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": ""}, {"message": ["x"]}])
def test_an_error_without_a_text_says_so(client_with: ClientWith, body: object) -> None:
    error = refused(client_with, body, 400, {"x-amzn-ErrorType": NAME})
    assert error.response["Error"]["Message"] == ""
    assert str(error) == f"{OPERATION} was refused: {NAME}: (no message) (HTTP status 400)"


@pytest.mark.parametrize("code", [5, None, "", [], {}])
def test_a_code_that_is_no_text_is_none(client_with: ClientWith, code: object) -> None:
    error = refused(client_with, {"code": code, "__type": NAME, "message": "m"}, 400)
    assert error.response["Error"]["Code"] == NAME
    error = refused(client_with, {"code": code, "message": "m"}, 400)
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
    error = refused(client_with, body, status, headers)
    assert type(error) is exceptions.ClientError
    assert error.response["Error"] == {"Code": str(status), "Message": shown}
    assert str(error) == (
        f"{OPERATION} was refused: {status}: {shown} "
        f"(HTTP status {status}, request id {REQUEST_ID})"
    )


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_error_of_a_proxy_has_boto3s_code(
    client_with: ClientWith, boto3_answer: Boto3Answer, status: int
) -> None:
    headers = {"Content-Type": "text/html", "Content-Length": str(len(HTML))}
    ours = refused(client_with, HTML, status, headers)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto3_answer(HTML, status, headers)
    theirs = of_boto3(caught.value)
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
        (b"[]", {}, "no JSON object: HTTP status 200, no content type, '[]'"),
        (b"null", {}, "no JSON object: HTTP status 200, no content type, 'null'"),
        (b"17", {}, "no JSON object: HTTP status 200, no content type, '17'"),
        (b'"{}"', {}, "no JSON object: HTTP status 200, no content type, '\"{}\"'"),
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
    error = answered(client_with, body, 200, headers)
    assert type(error) is exceptions.ResponseParserError
    assert str(error) == f"{OPERATION} was answered with what is {shown}"


@pytest.mark.parametrize(
    ("body", "headers", "kind", "text"),
    [
        ({"__type": NAME}, {}, InvalidRequestException, f"{NAME}: (no message)"),
        ({"message": "down"}, {}, exceptions.ClientError, "200: down"),
        ({"Message": "down"}, {}, exceptions.ClientError, "200: down"),
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
    error = refused(client_with, body, 200, headers)
    assert type(error) is kind
    assert str(error) == f"{OPERATION} was refused: {text} (HTTP status 200)"


def test_a_page_with_a_member_called_message_is_a_page(client_with: ClientWith) -> None:
    body = {"resources": [], "message": "AWS may add this one day"}
    client = client_with(lambda _: httpx.Response(200, json=body))
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert page["message"] == "AWS may add this one day"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_is_not_followed(status: int) -> None:
    sent: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(status, headers={"Location": "https://evil.test/login"})

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
        "'https://evil.test/login', which is not followed, an empty body "
        f"(HTTP status {status})"
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


# The network

ENDPOINT = "https://imagebuilder.us-west-2.amazonaws.com"
NETWORK: list[tuple[type[httpx.HTTPError], type[exceptions.HTTPClientError], str]] = [
    (httpx.ConnectTimeout, exceptions.ConnectTimeoutError, "connecting took too long to"),
    (httpx.PoolTimeout, exceptions.ConnectTimeoutError, "no connection became free in time to"),
    (httpx.ReadTimeout, exceptions.ReadTimeoutError, "no answer in time from"),
    (httpx.WriteTimeout, exceptions.ReadTimeoutError, "no answer in time from"),
    (httpx.ConnectError, exceptions.EndpointConnectionError, "could not connect to"),
    (httpx.ProxyError, exceptions.ProxyConnectionError, "the proxy failed on the way to"),
    (httpx.ReadError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (httpx.WriteError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (httpx.CloseError, exceptions.ConnectionClosedError, "the connection broke off to"),
    (
        httpx.RemoteProtocolError,
        exceptions.ConnectionClosedError,
        "the connection ended early from",
    ),
    (httpx.UnsupportedProtocol, exceptions.HTTPClientError, "the request failed to"),
    (httpx.LocalProtocolError, exceptions.HTTPClientError, "the request failed to"),
]


@pytest.mark.parametrize(("raised", "kind", "text"), NETWORK)
@pytest.mark.parametrize("detail", ["[Errno 111] refused", ""])
def test_network_errors_are_botocores(
    client_with: ClientWith,
    raised: type[httpx.HTTPError],
    kind: type[exceptions.HTTPClientError],
    text: str,
    detail: str,
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise raised(detail)

    with pytest.raises(exceptions.HTTPClientError) as caught:
        client_with(fail).list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert type(caught.value) is kind
    assert str(caught.value) == f"{text} {ENDPOINT}: {detail or raised.__name__}"
    assert isinstance(caught.value.__cause__, raised)


def test_a_failed_tls_handshake_is_an_ssl_error(client_with: ClientWith) -> None:
    text = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)"

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(text)

    with pytest.raises(exceptions.SSLError) as caught:
        client_with(fail).list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert str(caught.value) == f"no TLS connection to {ENDPOINT}: {text}"


ONCE: dict[str, Any] = {
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
    "max_attempts": 1,
}


def call(url: str, **arguments: Any) -> None:
    with ImageBuilder("us-west-2", endpoint_url=url, **ONCE, **arguments) as client:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"


def test_a_refused_port(listener: socket.socket) -> None:
    url = url_of(listener)
    listener.close()
    with pytest.raises(exceptions.EndpointConnectionError) as caught:
        call(url)
    assert type(caught.value) is exceptions.EndpointConnectionError
    assert str(caught.value) == f"could not connect to {url}: [Errno 111] Connection refused"


def test_a_server_that_says_nothing(listener: socket.socket) -> None:
    with pytest.raises(exceptions.ReadTimeoutError) as caught:
        call(url_of(listener), read_timeout=0.05)
    assert str(caught.value) == f"no answer in time from {url_of(listener)}: timed out"


def answer_once(listening: socket.socket, answer: bytes) -> threading.Thread:
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"SSH-2.0-OpenSSH_9.6\r\n"],
    ids=["nothing", "cut off", "another protocol"],
)
def test_a_connection_that_ends_early(listener: socket.socket, answer: bytes) -> None:
    thread = answer_once(listener, answer)
    with pytest.raises(exceptions.ConnectionClosedError, match=r"^the connection "):
        call(url_of(listener))
    thread.join()


def test_a_server_without_tls(listener: socket.socket) -> None:
    thread = answer_once(listener, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(exceptions.SSLError, match=r"^no TLS connection to https://127\.0\.0\.1"):
        call(url_of(listener, "https"))
    thread.join()


# All errors

EVERY_ERROR: list[exceptions.PagerError] = [
    exceptions.ParamValidationError("Op", ["a: wrong", "b: wrong"]),
    exceptions.UnknownOperationError("no operation 'x'; there are: y"),
    exceptions.NoRegionError("no region"),
    exceptions.InvalidRegionError("region_name: ''"),
    exceptions.InvalidEndpointError("endpoint_url: ''"),
    exceptions.InvalidConfigError("a bad file"),
    exceptions.ProfileNotFound("no profile"),
    exceptions.NoCredentialsError("no credentials"),
    exceptions.CredentialRetrievalError("no role"),
    exceptions.PartialCredentialsError("half"),
    exceptions.PaginationError("round in a circle"),
    exceptions.StartingTokenError("made up"),
    exceptions.ResponseParserError("HTML"),
    exceptions.ResponseParserError("half", cut_off=True),
    exceptions.ResponseValidationError("Op", "id", [("resources[0]", "wrong")]),
    exceptions.ResponseValidationError("Op", None, []),
    exceptions.HTTPClientError("no"),
    exceptions.EndpointConnectionError("no"),
    exceptions.SSLError("no"),
    exceptions.ProxyConnectionError("no"),
    exceptions.ConnectTimeoutError("no"),
    exceptions.ReadTimeoutError("no"),
    exceptions.ConnectionClosedError("no"),
    *(
        kind(
            {
                "Error": {"Code": kind.__name__, "Message": "m"},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 1},
            },
            "Op",
        )
        for kind in [
            exceptions.ClientError,
            *(getattr(modelled_exceptions, name) for name in MODELLED),
        ]
    ),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
def test_every_error_can_be_copied_and_pickled(
    error: exceptions.PagerError, again: Callable[[exceptions.PagerError], exceptions.PagerError]
) -> None:
    other = again(error)
    assert other is not error
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_every_error_is_tested_above_and_under_one_base_class() -> None:
    public = {
        *(getattr(exceptions, name) for name in exceptions.__all__),
        *modelled_exceptions.MODELLED_ERRORS,
    }
    assert {type(error) for error in EVERY_ERROR} == public - {exceptions.PagerError}
    assert all(issubclass(error, exceptions.PagerError) for error in public)
    defined = {
        value
        for module in (exceptions, modelled_exceptions)
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    assert public == defined


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (exceptions.ParamValidationError, ValueError),
        (exceptions.UnknownOperationError, KeyError),
        (exceptions.InvalidRegionError, ValueError),
        (exceptions.InvalidEndpointError, ValueError),
        (exceptions.InvalidConfigError, ValueError),
        (exceptions.ProfileNotFound, exceptions.InvalidConfigError),
        (exceptions.CredentialRetrievalError, exceptions.NoCredentialsError),
        (exceptions.StartingTokenError, ValueError),
        (exceptions.StartingTokenError, exceptions.PaginationError),
        (exceptions.PartialCredentialsError, exceptions.NoCredentialsError),
        (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError),
        (exceptions.SSLError, exceptions.EndpointConnectionError),
        (exceptions.ProxyConnectionError, exceptions.EndpointConnectionError),
        (exceptions.EndpointConnectionError, exceptions.HTTPClientError),
        (exceptions.ReadTimeoutError, exceptions.HTTPClientError),
        (exceptions.ConnectionClosedError, exceptions.HTTPClientError),
    ],
)
def test_errors_are_what_the_documentation_says(
    error: type[Exception], base: type[Exception]
) -> None:
    assert issubclass(error, base)


def test_the_names_are_botocores() -> None:
    """Where botocore has an error for it, ours has its name."""
    own = {
        "PagerError",
        "InvalidEndpointError",
        "ResponseValidationError",
        "StartingTokenError",
        "UnknownOperationError",
    }
    for name in set(exceptions.__all__) - own:
        module = botocore.parsers if name == "ResponseParserError" else botocore.exceptions
        assert hasattr(module, name), name
