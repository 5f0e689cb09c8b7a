"""The client: its arguments, its HTTP client, and what it says of bad input before sending."""

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest

from imagebuilder_pager import ImageBuilder, __version__, exceptions
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
    LocalImageBuilder,
    LocalServer,
)
from imagebuilder_pager.pagination import encode_token
from imagebuilder_pager.validation import describe_value

KEYS: dict[str, Any] = {
    "aws_access_key_id": ACCESS_KEY_ID,
    "aws_secret_access_key": SECRET_ACCESS_KEY,
}
ID = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
OPERATION: Any = "list_lifecycle_execution_resources"

ClientWith = Callable[..., ImageBuilder]


def call(client: ImageBuilder, **params: Any) -> Any:
    return client.list_lifecycle_execution_resources(**{**ID, **params})


class Recorder:
    """Answers every request with an empty page, and keeps them."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={})

    @property
    def request(self) -> httpx.Request:
        (request,) = self.requests
        return request


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def nothing_is_sent(request: httpx.Request) -> httpx.Response:
    pytest.fail(f"sent: {request.content!r}")


# Region


def test_the_region_is_the_argument_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with ImageBuilder(**KEYS) as client:
        assert client.region_name == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    with ImageBuilder(**KEYS) as client:
        assert client.region_name == "eu-west-2"
        assert client.endpoint_url == "https://imagebuilder.eu-west-2.amazonaws.com"
    with ImageBuilder("eu-west-1", **KEYS) as client:
        assert client.region_name == "eu-west-1"
    with ImageBuilder(region_name="eu-central-1", **KEYS) as client:
        assert client.region_name == "eu-central-1"


def test_an_empty_region_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with ImageBuilder(**KEYS) as client:
        assert client.region_name == "eu-west-3"


@pytest.mark.parametrize("region", [None, ""])
def test_no_region_says_where_it_was_looked_for(region: str | None) -> None:
    with pytest.raises(exceptions.NoRegionError) as caught:
        ImageBuilder(region, **KEYS)
    assert type(caught.value) is exceptions.NoRegionError
    assert str(caught.value) == (
        "no region: looked at the argument region_name, at the environment variables AWS_REGION "
        "and AWS_DEFAULT_REGION, and at region in the profile 'default'"
    )


@pytest.mark.parametrize(
    "region",
    ["us west", "us-west-2/", "evil.test/", "us-west-2\n", "-us", "us-", "a" * 64, "ü", "a.b", 5],
)
def test_a_region_that_is_no_label_is_refused(region: Any) -> None:
    with pytest.raises(exceptions.InvalidRegionError) as caught:
        ImageBuilder(region, **KEYS)
    assert str(caught.value) == (
        f"region_name: {str(region)!r} given; allowed: a region's name, such as us-west-2 "
        "(letters, digits and hyphens, at most 63)"
    )


def test_a_bad_region_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2.evil.test")
    with pytest.raises(
        exceptions.InvalidRegionError, match=r"^AWS_REGION: 'us-west-2\.evil\.test' "
    ):
        ImageBuilder(**KEYS)


# Endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "localhost",
        "ftp://127.0.0.1",
        "https://",
        "https:///path",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:port",
        "http://[::1",
        "http://a b",
        "http://a\n",
        "http://a/\x7f",
        "http://a..b",
        "http://..",
        f"http://{'a' * 64}",
        "http://xn--/",
        "http://\N{SNOWMAN}",
        "http://999.1.1.1",
        5,
        b"http://127.0.0.1",
        ["http://127.0.0.1"],
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(url: Any) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url=url, **KEYS)
    assert str(caught.value) == (
        f"endpoint_url: {str(url)!r} given; allowed: http:// or https://, a host and, where "
        "needed, a port and a path"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:sesame@a.test", "https://...@a.test"),
        ("https://user@a.test/path", "https://...@a.test/path"),
        ("https://@a.test", "https://...@a.test"),
        ("https://a.test?x=1", "https://a.test?x=1"),
        ("https://a.test/?", "https://a.test/?"),
        ("https://a.test/#part", "https://a.test/#part"),
        ("https://a.test#", "https://a.test#"),
    ],
)
def test_an_endpoint_with_more_than_an_endpoint_is_refused(url: str, shown: str) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url=url, **KEYS)
    assert str(caught.value) == (
        f"endpoint_url: {shown!r} given; a user name, a password, a query or a fragment cannot be "
        "part of it"
    )


def test_a_password_in_a_bad_endpoint_is_not_shown() -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url="ftp://user:sesame@a.test", **KEYS)
    assert "sesame" not in str(caught.value)


def test_an_endpoint_keeps_its_port_and_path(client_with: ClientWith, recorder: Recorder) -> None:
    call(client_with(recorder, endpoint_url="http://127.0.0.1:8080/base/"))
    assert str(recorder.request.url) == "http://127.0.0.1:8080/base/ListLifecycleExecutionResources"
    assert recorder.request.headers["host"] == "127.0.0.1:8080"


# Credentials


def key_of(request: httpx.Request) -> str:
    found = re.search(r"Credential=([^/]+)/", request.headers["authorization"])
    assert found is not None
    return found[1]


def set_environment_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "envsecret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "envtoken")


def http_at(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


def test_keys_come_from_the_arguments_first(
    monkeypatch: pytest.MonkeyPatch, client_with: ClientWith, recorder: Recorder
) -> None:
    set_environment_keys(monkeypatch)
    call(client_with(recorder))
    assert key_of(recorder.request) == ACCESS_KEY_ID
    # The environment's session token belongs to the environment's keys.
    assert "x-amz-security-token" not in recorder.request.headers


def test_keys_come_from_the_environment_else(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    set_environment_keys(monkeypatch)
    with http_at(recorder) as http:
        call(ImageBuilder("us-west-2", http_client=http))
    assert key_of(recorder.request) == "ENVKEY"
    assert recorder.request.headers["x-amz-security-token"] == "envtoken"


def test_the_environment_is_read_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    with http_at(recorder) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.NoCredentialsError):
            call(client)
        set_environment_keys(monkeypatch)
        call(client)
    assert key_of(recorder.request) == "ENVKEY"


def test_no_credentials_says_where_they_were_looked_for() -> None:
    with http_at(nothing_is_sent) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.NoCredentialsError) as caught:
            call(client)
    assert type(caught.value) is exceptions.NoCredentialsError
    assert str(caught.value).startswith(
        "no credentials\n"
        "  - the arguments: neither aws_access_key_id nor credentials is given\n"
        "  - the environment: AWS_ACCESS_KEY_ID is not set\n"
    )


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"aws_access_key_id": "A"}, "aws_secret_access_key"),
        ({"aws_secret_access_key": "s"}, "aws_access_key_id"),
        ({"aws_access_key_id": "A", "aws_secret_access_key": ""}, "aws_secret_access_key"),
        ({"aws_session_token": "t"}, "aws_access_key_id and aws_secret_access_key"),
        (
            {"aws_access_key_id": "", "aws_secret_access_key": ""},
            "aws_access_key_id and aws_secret_access_key",
        ),
    ],
)
def test_half_a_pair_of_arguments_is_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str], missing: str
) -> None:
    set_environment_keys(monkeypatch)
    with pytest.raises(exceptions.PartialCredentialsError) as caught:
        ImageBuilder("us-west-2", **cast("dict[str, Any]", arguments))
    assert (
        str(caught.value) == f"incomplete credentials in the arguments: {missing} missing or empty"
    )


def test_half_a_pair_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "value")
    with http_at(nothing_is_sent) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.PartialCredentialsError) as caught:
            call(client)
    assert str(caught.value) == (
        "incomplete credentials in the environment: AWS_SECRET_ACCESS_KEY missing or empty"
    )


class Frozen:
    access_key, secret_key, token = "OBJECT", "secret", "objecttoken"


class Provider:
    def get_frozen_credentials(self) -> Frozen:
        return Frozen()


@pytest.mark.parametrize("credentials", [Frozen(), Provider()], ids=["keys", "provider"])
def test_credentials_can_be_an_object(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder, credentials: Any
) -> None:
    set_environment_keys(monkeypatch)
    with http_at(recorder) as http:
        call(ImageBuilder("us-west-2", http_client=http, credentials=credentials))
    assert key_of(recorder.request) == "OBJECT"
    assert recorder.request.headers["x-amz-security-token"] == "objecttoken"


@pytest.mark.parametrize("frozen", [False, True])
def test_credentials_can_be_those_of_a_boto3_session(recorder: Recorder, frozen: bool) -> None:
    session = boto3.session.Session("BOTO", "secret", "bototoken")
    credentials: Any = session.get_credentials()
    if frozen:
        credentials = credentials.get_frozen_credentials()
    with http_at(recorder) as http:
        call(ImageBuilder("us-west-2", http_client=http, credentials=credentials))
    assert key_of(recorder.request) == "BOTO"
    assert recorder.request.headers["x-amz-security-token"] == "bototoken"


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
def test_keys_and_credentials_at_once_are_refused(name: str) -> None:
    arguments: dict[str, Any] = {name: "x"}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=Frozen(), **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        "  - credentials: given beside aws_* keys; allowed: one of the two"
    )


@pytest.mark.parametrize("credentials", ["AKID", 5, {"access_key": "a"}, object()])
def test_credentials_that_are_none_are_refused(credentials: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=credentials)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - credentials: a {type(credentials).__name__} given; allowed: an object with "
        "get_frozen_credentials(), or with access_key, secret_key and token, or a function (no "
        "coroutine function) that returns fresh keys"
    )


ALLOWED_KEY = "allowed: a string of printable ASCII, without a line break or spaces around it"


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("sesame\n", "other characters in it"),
        (" sesame", "other characters in it"),
        ("ses\x00ame", "other characters in it"),
        ("s\N{LATIN SMALL LETTER E WITH ACUTE}same", "other characters in it"),
        (b"sesame", "a bytes given"),
        (12345, "a int given"),
    ],
)
def test_keys_that_no_header_can_carry_are_refused_and_not_shown(
    client_with: ClientWith, name: str, value: Any, problem: str
) -> None:
    client = client_with(nothing_is_sent, **{name: value})
    with pytest.raises(exceptions.ParamValidationError) as caught:
        call(client)
    assert str(caught.value) == (
        f"credentials: invalid parameters; nothing was sent\n  - {name}: {problem}; {ALLOWED_KEY}"
    )


# The HTTP client


def test_the_callers_http_client_stays_open(recorder: Recorder) -> None:
    with http_at(recorder) as http:
        with ImageBuilder("us-west-2", http_client=http, **KEYS) as client:
            call(client)
        client.close()
        assert not http.is_closed
        call(client)
    assert len(recorder.requests) == 2


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[httpx.HTTPTransport]:
    """The transports that the library makes."""
    transports: list[httpx.HTTPTransport] = []
    original = httpx.HTTPTransport.__init__

    def init(self: httpx.HTTPTransport, *args: Any, **kwargs: Any) -> None:
        transports.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(httpx.HTTPTransport, "__init__", init)
    return transports


def test_our_own_connections_are_closed(
    local_server: LocalServer, made: list[httpx.HTTPTransport]
) -> None:
    with ImageBuilder("us-west-2", endpoint_url=local_server.url, **KEYS) as client:
        call(client)
        call(client)
        assert [len(connections(transport)) for transport in made] == [1]
    assert [len(connections(transport)) for transport in made] == [0]
    client.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        call(client)


def test_our_own_connections_are_closed_after_an_error(
    local_server: LocalServer, made: list[httpx.HTTPTransport]
) -> None:
    client = ImageBuilder("us-west-2", endpoint_url=local_server.url, **KEYS)
    call(client)
    assert [len(connections(transport)) for transport in made] == [1]
    with pytest.raises(RuntimeError, match="mine"), client:
        raise RuntimeError("mine")
    assert [len(connections(transport)) for transport in made] == [0]


def connections(transport: Any) -> list[object]:
    found: list[object] = transport._pool.connections
    return found


def test_nothing_is_left_open_by_bad_arguments(made: list[httpx.HTTPTransport]) -> None:
    for arguments in ({"read_timeout": -1}, {"endpoint_url": "x"}, {"aws_session_token": 5}):
        bad: dict[str, Any] = {**KEYS, **arguments}
        if "aws_session_token" in arguments:
            bad["credentials"] = object()
        with pytest.raises(exceptions.PagerError):
            ImageBuilder("us-west-2", **bad)
    assert made == []


@pytest.mark.parametrize("http_client", [5, "http", httpx.AsyncClient, httpx.Client])
def test_an_http_client_that_is_none_is_refused(http_client: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", http_client=http_client, **KEYS)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - http_client: a {type(http_client).__name__} given; allowed: an httpx.Client"
    )


def test_the_callers_event_hooks_are_called(recorder: Recorder) -> None:
    seen: list[tuple[str, Any]] = []
    hooks: dict[str, list[Callable[..., Any]]] = {
        "request": [lambda request: seen.append(("request", request.url.path))],
        "response": [lambda response: seen.append(("response", response.status_code))],
    }
    with httpx.Client(transport=httpx.MockTransport(recorder), event_hooks=hooks) as http:
        call(ImageBuilder("us-west-2", http_client=http, **KEYS))
    assert seen == [("request", "/ListLifecycleExecutionResources"), ("response", 200)]


def test_an_error_in_an_event_hook_is_the_callers(recorder: Recorder) -> None:
    def hook(request: httpx.Request) -> None:
        raise LookupError("mine")

    transport = httpx.MockTransport(recorder)
    with httpx.Client(transport=transport, event_hooks={"request": [hook]}) as http:
        client = ImageBuilder("us-west-2", http_client=http, **KEYS)
        with pytest.raises(LookupError, match="mine"):
            call(client)


@pytest.mark.parametrize("over", ["transport", "mount"])
def test_the_callers_transport_is_used(recorder: Recorder, over: str) -> None:
    transport = httpx.MockTransport(recorder)
    http = (
        httpx.Client(transport=transport)
        if over == "transport"
        else httpx.Client(mounts={"https://imagebuilder.us-west-2.amazonaws.com": transport})
    )
    with http:
        call(ImageBuilder("us-west-2", http_client=http, **KEYS))
    assert len(recorder.requests) == 1


def test_the_callers_proxy_is_used() -> None:
    """It gets the whole URL, and the service's host is never looked for."""
    asked: list[bytes] = []

    def proxy() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=proxy)
        thread.start()
        port = listener.getsockname()[1]
        with httpx.Client(proxy=f"http://127.0.0.1:{port}") as http:
            client = ImageBuilder(
                "us-west-2", endpoint_url="http://imagebuilder.invalid", http_client=http, **KEYS
            )
            assert call(client).to_dict()["ResponseMetadata"]["HTTPStatusCode"] == 200
        thread.join()
    url = b"http://imagebuilder.invalid/ListLifecycleExecutionResources"
    assert asked[0].startswith(b"POST " + url + b" HTTP/1.1\r\n")
    assert b"\r\nHost: imagebuilder.invalid\r\n" in asked[0]


def test_defaults_of_the_callers_http_client_do_not_break_the_signature(account: Account) -> None:
    """Headers and query parameters that are not signed would make the service refuse."""
    service = LocalImageBuilder(account)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return service(request)

    with httpx.Client(
        transport=httpx.MockTransport(answer),
        headers={
            "X-Amz-Meta": "unsigned",
            "X-Amz-Security-Token": "another's",
            "Content-Type": "text/plain",
            "Authorization": "Bearer sesame",
            "User-Agent": "theirs",
            "Host": "evil.test",
        },
        params={"debug": "1"},
        cookies={"session": "sesame"},
        auth=("user", "password"),
        base_url="https://evil.test",
    ) as http:
        client = ImageBuilder("us-west-2", http_client=http, **KEYS)
        assert len(call(client).resources) == 25
    (request,) = sent
    assert request.url.host == "imagebuilder.us-west-2.amazonaws.com"
    assert request.url.query == b""
    for name in ("x-amz-meta", "x-amz-security-token", "cookie"):
        assert name not in request.headers
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_the_callers_own_tls_context_is_used(local_server: LocalServer) -> None:
    with httpx.Client(verify=ssl.create_default_context()) as http:
        client = ImageBuilder("us-west-2", endpoint_url=local_server.url, http_client=http, **KEYS)
        assert len(call(client).resources) == 25


# Timeouts


def timeouts(recorder: Recorder) -> dict[str, float | None]:
    found: dict[str, float | None] = recorder.request.extensions["timeout"]
    return found


@pytest.fixture
def own_http(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Recorder:
    """The library's own HTTP client, with a transport that records."""
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: recorder(request))
    return recorder


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": 60.0}),
        ({"connect_timeout": 5}, {"connect": 5, "read": 60.0, "write": 60.0, "pool": 60.0}),
        ({"read_timeout": 0.5}, {"connect": 60.0, "read": 0.5, "write": 0.5, "pool": 60.0}),
        (
            {"connect_timeout": 1, "read_timeout": 2},
            {"connect": 1, "read": 2, "write": 2, "pool": 60.0},
        ),
    ],
)
def test_timeouts_of_our_own_client(
    own_http: Recorder, arguments: dict[str, Any], expected: dict[str, float]
) -> None:
    with ImageBuilder("us-west-2", **KEYS, **arguments) as client:
        call(client)
    assert timeouts(own_http) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"connect_timeout": 9}, {"connect": 9, "read": 2.0, "write": 3.0, "pool": 4.0}),
        ({"read_timeout": 9}, {"connect": 1.0, "read": 9, "write": 9, "pool": 4.0}),
    ],
)
def test_timeouts_of_the_callers_client(
    recorder: Recorder, arguments: dict[str, Any], expected: dict[str, float]
) -> None:
    timeout = httpx.Timeout(connect=1.0, read=2.0, write=3.0, pool=4.0)
    with httpx.Client(transport=httpx.MockTransport(recorder), timeout=timeout) as http:
        call(ImageBuilder("us-west-2", http_client=http, **KEYS, **arguments))
    assert timeouts(recorder) == expected


@pytest.mark.parametrize(
    "name", ["connect_timeout", "read_timeout", "total_timeout", "max_response_bytes"]
)
@pytest.mark.parametrize("value", [0, -1, "5", float("nan"), float("inf"), 1e300, True, [1]])
def test_a_bad_timeout_is_refused(name: str, value: object) -> None:
    arguments: dict[str, Any] = {name: value}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", **KEYS, **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - {name}: {describe_value(value)} given; allowed: a number above 0, at most 1e9"
    )


# The request


def test_the_user_agent_names_the_library_in_awss_format(
    client_with: ClientWith, recorder: Recorder
) -> None:
    call(client_with(recorder))
    agent = recorder.request.headers["user-agent"]
    token = r"[A-Za-z0-9!$%&'*+\-.^_`|~]+"
    assert re.fullmatch(
        rf"imagebuilder-pager/{re.escape(__version__)} ua/2\.1 os/{token}#{token} md/arch#{token} "
        rf"lang/python#\d+\.\d+\.\d+ md/pyimpl#{token}",
        agent,
    )


def test_a_call_posts_its_parameters_as_json(client_with: ClientWith, recorder: Recorder) -> None:
    client = client_with(recorder)
    client.list_lifecycle_execution_resources(
        lifecycle_execution_id=EXAMPLE_EXECUTION_ID, max_results=5
    )
    assert recorder.request.method == "POST"
    assert recorder.request.url.path == "/ListLifecycleExecutionResources"
    assert json.loads(recorder.request.content) == {
        "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
        "maxResults": 5,
    }


# Paginators and exceptions


def test_a_known_operation_can_be_paginated(client: ImageBuilder) -> None:
    assert client.can_paginate(OPERATION) is True
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    assert [key.expression for key in paginator.result_keys] == ["resources"]


@pytest.mark.parametrize(
    "name", ["list_images", "ListLifecycleExecutionResources", "", "__init__", None, 5, []]
)
def test_an_unknown_operation_lists_the_known(client: ImageBuilder, name: Any) -> None:
    expected = f"no operation {name!r}; there are: list_lifecycle_execution_resources"
    for method in (client.get_paginator, client.can_paginate):
        ask: Any = method
        with pytest.raises(exceptions.UnknownOperationError) as caught:
            ask(name)
        assert isinstance(caught.value, KeyError)
        assert str(caught.value) == expected
        assert caught.value.__suppress_context__


def test_the_exceptions_can_be_caught_by_the_client(client: ImageBuilder) -> None:
    unknown = "lce-ffffffff-ffff-ffff-ffff-ffffffffffff"
    with pytest.raises(client.exceptions.InvalidRequestException) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=unknown)
    assert isinstance(caught.value, client.exceptions.ClientError)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


def test_an_unknown_exception_lists_the_known(client: ImageBuilder) -> None:
    with pytest.raises(AttributeError) as caught:
        client.exceptions.NoSuchException  # type: ignore[attr-defined]  # noqa: B018  # reading it is the test
    assert str(caught.value) == (
        "client.exceptions has no 'NoSuchException'; it has: AccessDeniedException, "
        "CallRateLimitExceededException, ClientError, ClientException, "
        "DryRunOperationException, ForbiddenException, IdempotentParameterMismatchException, "
        "InvalidPaginationTokenException, InvalidParameterCombinationException, "
        "InvalidParameterException, InvalidParameterValueException, InvalidRequestException, "
        "InvalidVersionNumberException, ResourceAlreadyExistsException, "
        "ResourceDependencyException, ResourceInUseException, ResourceNotFoundException, "
        "ServiceException, ServiceQuotaExceededException, ServiceUnavailableException, "
        "TooManyRequestsException"
    )
    assert not hasattr(client.exceptions, "NoSuchException")


def test_one_client_serves_many_threads(client: ImageBuilder, account: Account) -> None:
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    executions = [*account.executions] * 4

    def everything(index: int) -> bool:
        execution = executions[index]
        pages = paginator.paginate(
            lifecycleExecutionId=execution.lifecycle_execution_id,
            PaginationConfig={"PageSize": 7 + index % 19},
        )
        found = [resource.resource_id for page in pages for resource in page.resources]
        return found == [resource["resourceId"] for resource in execution.resources]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(everything, range(len(executions))))


# Bad input: what a user reads, before anything is sent

PATTERN = "^lce-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
NAMES = "lifecycleExecutionId, parentResourceId, maxResults, nextToken"
CONFIG_KEYS = "MaxItems, PageSize, StartingToken, Prefetch"
BAD_PARAMS: list[tuple[dict[str, Any], list[str]]] = [
    (
        {},
        [f"lifecycleExecutionId: missing, and required; allowed: a string that matches {PATTERN}"],
    ),
    (
        {"lifecycleExecutionId": ""},
        [f"lifecycleExecutionId: '' given; allowed: a string that matches {PATTERN}"],
    ),
    (
        {"lifecycleExecutionId": 7},
        [f"lifecycleExecutionId: 7 (int) given; allowed: a string that matches {PATTERN}"],
    ),
    (
        {"lifecycleExecutionId": None},
        [f"lifecycleExecutionId: None given; allowed: a string that matches {PATTERN}"],
    ),
    (
        {**ID, "parentResourceId": ""},
        ["parentResourceId: '' given; allowed: a string of 1 to 1024 characters"],
    ),
    (
        {**ID, "lifecycle_execution_id": EXAMPLE_EXECUTION_ID},
        [
            "lifecycleExecutionId: given twice, as lifecycleExecutionId and as "
            "lifecycle_execution_id; allowed: one of the two"
        ],
    ),
    ({**ID, "colour": "red"}, [f"colour: unknown parameter; allowed: {NAMES}"]),
]
BAD_CONFIGS: list[tuple[Any, list[str]]] = [
    (
        {"PageSize": 0},
        ["PaginationConfig.PageSize: 0 (int) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": -5},
        ["PaginationConfig.PageSize: -5 (int) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": 26},
        ["PaginationConfig.PageSize: 26 (int) given; allowed: a whole number from 1 to 25"],
    ),
    (
        {"PageSize": "many"},
        ["PaginationConfig.PageSize: 'many' given; allowed: a whole number, 1 or more"],
    ),
    (
        {"PageSize": 2.5},
        ["PaginationConfig.PageSize: 2.5 (float) given; allowed: a whole number, 1 or more"],
    ),
    (
        {"MaxItems": -1},
        ["PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": "ten"},
        ["PaginationConfig.MaxItems: 'ten' given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": 1.5},
        ["PaginationConfig.MaxItems: 1.5 (float) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": True},
        ["PaginationConfig.MaxItems: True (bool) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": float("inf")},
        ["PaginationConfig.MaxItems: inf (float) given; allowed: a whole number, 0 or more"],
    ),
    (
        {"MaxItems": [1]},
        ["PaginationConfig.MaxItems: a list given; allowed: a whole number, 0 or more"],
    ),
    (
        {"Limit": 5},
        [f"PaginationConfig: unknown key 'Limit'; allowed: {CONFIG_KEYS}"],
    ),
    (
        {"max_items": 5, "pageSize": 5},
        [
            f"PaginationConfig: unknown key 'max_items'; allowed: {CONFIG_KEYS}",
            f"PaginationConfig: unknown key 'pageSize'; allowed: {CONFIG_KEYS}",
        ],
    ),
    (
        [("MaxItems", 5)],
        [f"PaginationConfig: a list given; allowed: a mapping with {CONFIG_KEYS}"],
    ),
]


def text_of(problems: list[str]) -> str:
    return "ListLifecycleExecutionResources: invalid parameters; nothing was sent" + "".join(
        f"\n  - {problem}" for problem in problems
    )


@pytest.mark.parametrize(
    ("token", "given"),
    [
        ("x" * 65536, "a string of 65536 characters"),
        (encode_token({"nextToken": 123}), "123 (int)"),
        (encode_token({"nextToken": {"a": 1}}), "a dict"),
        (encode_token({"nextToken": b"bytes"}), "a bytes"),
        (encode_token({"nextToken": ""}), "''"),
    ],
)
def test_a_starting_token_that_the_service_could_not_have_made_is_refused(
    client_with: ClientWith, token: str, given: str
) -> None:
    paginator = client_with(nothing_is_sent).get_paginator("list_lifecycle_execution_resources")
    with pytest.raises(exceptions.StartingTokenError) as caught:
        paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"StartingToken": token}
        )
    assert str(caught.value) == (
        f"StartingToken: {given} given; allowed: a string of 1 to 65535 characters"
    )


def test_a_bad_starting_token_among_other_problems_is_named_with_them(
    client_with: ClientWith,
) -> None:
    paginator = client_with(nothing_is_sent).get_paginator("list_lifecycle_execution_resources")
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
            PaginationConfig={"StartingToken": encode_token({"nextToken": 1}), "PageSize": 26},
        )
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "PaginationConfig.PageSize",
        "StartingToken",
    ]


def test_python_does_not_print_warnings_that_nobody_asked_for() -> None:
    code = (
        "import logging, imagebuilder_pager.client; "
        "logging.getLogger('imagebuilder_pager.aws.protocol.rest_json').warning('seen by nobody')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize(("params", "problems"), BAD_PARAMS)
def test_a_bad_call_is_refused_before_anything_is_sent(
    client_with: ClientWith, params: dict[str, Any], problems: list[str]
) -> None:
    client = client_with(nothing_is_sent)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        client.list_lifecycle_execution_resources(**params)
    assert str(caught.value) == text_of(problems)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"maxResults": 0}, "maxResults: 0 (int) given; allowed: a whole number from 1 to 25"),
        ({"maxResults": 26}, "maxResults: 26 (int) given; allowed: a whole number from 1 to 25"),
        ({"maxResults": "5"}, "maxResults: '5' given; allowed: a whole number from 1 to 25"),
        ({"nextToken": ""}, "nextToken: '' given; allowed: a string of 1 to 65535 characters"),
    ],
)
def test_a_bad_page_size_or_token_of_a_call_is_refused(
    client_with: ClientWith, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        call(client_with(nothing_is_sent), **params)
    assert str(caught.value) == text_of([problem])


@pytest.mark.parametrize(("params", "problems"), BAD_PARAMS)
def test_a_bad_listing_is_refused_at_paginate(
    client_with: ClientWith, params: dict[str, Any], problems: list[str]
) -> None:
    paginator: Any = client_with(nothing_is_sent).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(**params)
    assert str(caught.value) == text_of(problems)


@pytest.mark.parametrize(("config", "problems"), BAD_CONFIGS)
def test_a_bad_config_is_refused_at_paginate(
    client_with: ClientWith, config: Any, problems: list[str]
) -> None:
    paginator: Any = client_with(nothing_is_sent).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(**ID, PaginationConfig=config)
    assert str(caught.value) == text_of(problems)


def test_all_that_is_bad_is_named_at_once(client_with: ClientWith) -> None:
    paginator: Any = client_with(nothing_is_sent).get_paginator(OPERATION)
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(
            parent_resource_id="",
            colour="red",
            PaginationConfig={"MaxItems": -1, "PageSize": 0, "Limit": 5},
        )
    first, *lines = str(caught.value).split("\n")
    assert first == "ListLifecycleExecutionResources: invalid parameters; nothing was sent"
    assert sorted(lines) == [
        "  - PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more",
        "  - PaginationConfig.PageSize: 0 (int) given; allowed: a whole number, 1 or more",
        f"  - PaginationConfig: unknown key 'Limit'; allowed: {CONFIG_KEYS}",
        f"  - colour: unknown parameter; allowed: {NAMES}",
        "  - lifecycleExecutionId: missing, and required; allowed: a string that matches "
        + PATTERN,
        "  - parentResourceId: '' given; allowed: a string of 1 to 1024 characters",
    ]


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (5, "StartingToken: 5 (int) given; allowed: the NextToken of an earlier result"),
        ("", "StartingToken: '' given; allowed: the NextToken of an earlier result"),
        (
            "WzFd",  # [1]
            "StartingToken: JSON in base64, but a list; allowed: an object that a paginator has "
            "made, or a token of the service",
        ),
        (
            "eyJuZXh0VG9rZW4iOiAiYSIsICJtYXhSZXN1bHRzIjogNX0=",  # nextToken and maxResults
            "StartingToken: it would set 'maxResults'; allowed in a token: 'nextToken' and an "
            "offset",
        ),
    ],
)
def test_a_bad_starting_token_is_refused_at_paginate(
    client_with: ClientWith, token: object, text: str
) -> None:
    paginator: Any = client_with(nothing_is_sent).get_paginator(OPERATION)
    with pytest.raises(exceptions.StartingTokenError) as caught:
        paginator.paginate(**ID, PaginationConfig={"StartingToken": token})
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "config", [None, {}, {"MaxItems": None, "PageSize": None, "StartingToken": None}]
)
def test_an_empty_config_is_none(client_with: ClientWith, recorder: Recorder, config: Any) -> None:
    paginator = client_with(recorder).get_paginator("list_lifecycle_execution_resources")
    pages: Any = paginator.paginate(**cast("Any", ID), PaginationConfig=config)
    assert len(list(pages)) == 1
    assert json.loads(recorder.request.content) == ID


def test_nothing_is_sent_before_the_first_page_is_asked_for(client_with: ClientWith) -> None:
    paginator = client_with(nothing_is_sent).get_paginator("list_lifecycle_execution_resources")
    iter(paginator.paginate(**cast("Any", ID)))
