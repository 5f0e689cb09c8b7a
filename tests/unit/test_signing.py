"""Signatures: the same bytes as boto3's, and no secret in a repr or a log."""

import contextlib
import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.awsrequest
import httpx
import pytest

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager._aws.auth.botocore_sigv4 import botocore_sigv4_header
from imagebuilder_pager._aws.auth.signer import RequestSigner
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.credentials.resolver import resolve_credentials
from imagebuilder_pager._aws.identity import Credentials, CredentialsContext
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, LocalServer
from tests.fakes.clocks import FakeClock
from tests.fakes.services import RecordingService, http_client

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "AQoDYXdzEPT//////////wEXAMPLE+token/="
NOW = datetime(2025, 3, 3, 12, 34, 56, 789000, tzinfo=UTC)


@pytest.fixture
def _frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set boto3's clock; ours is an argument."""

    def current(*, remove_tzinfo: bool = True) -> datetime:
        return NOW.replace(tzinfo=None) if remove_tzinfo else NOW

    monkeypatch.setattr("botocore.auth.get_current_datetime", current)


Sent = tuple[str, str, bytes, dict[str, str]]


def sent_by_boto3(params: dict[str, Any], **arguments: Any) -> Sent:
    """Return the request that boto3 would send."""
    client = boto3.session.Session().client(
        "imagebuilder",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        **{"region_name": "us-west-2", **arguments},
    )
    sent: list[botocore.awsrequest.AWSPreparedRequest] = []

    class Raw:
        def stream(self, **_: Any) -> list[bytes]:
            return [b"{}"]

    def respond(request: botocore.awsrequest.AWSPreparedRequest, **_: Any) -> Any:
        sent.append(request)
        headers: Any = {}
        return botocore.awsrequest.AWSResponse(request.url, 200, headers, Raw())

    client.meta.events.register("before-send.imagebuilder.*", respond)
    client.list_lifecycle_execution_resources(**params)
    (request,) = sent
    values: list[tuple[str, Any]] = list(request.headers.items())
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in values
    }
    body: Any = request.body
    return request.method, request.url, body, headers


def sent_by_library(params: dict[str, Any], **arguments: Any) -> Sent:
    service = RecordingService()
    with http_client(service) as http:
        client = ImageBuilder(
            http_client=http,
            clock=FakeClock(NOW),
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            **{"region_name": "us-west-2", **arguments},
        )
        client.list_lifecycle_execution_resources(**params)
    request = service.request
    return request.method, str(request.url), request.content, dict(request.headers)


def signed_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the signature and the signed headers but for the host."""
    names = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])
    assert names is not None
    # urllib3 sets the host header, and not botocore, which has signed it.
    covered = [name for name in names[1].split(";") if name != "host"]
    return {name: headers[name] for name in [*covered, "authorization", "content-length"]}


PARAMS: list[dict[str, Any]] = [
    {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID},
    {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "maxResults": 25, "nextToken": "a/b+c="},
    {"nextToken": 'quote " and \\', "maxResults": 1, "lifecycleExecutionId": EXAMPLE_EXECUTION_ID},
    {
        "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
        "parentResourceId": "Straße/日本語/\u2028\N{PILE OF POO}/é/e\u0301/\x7f\x00",
    },
]
ENDPOINTS = [
    "https://vpce-1.imagebuilder.us-west-2.vpce.amazonaws.com",
    "http://127.0.0.1:4566",
    "http://localhost:4566/",
    "http://[::1]:4566",
    "https://proxy.example/base",
    "https://proxy.example:8443/base/",
    "https://proxy.example/two/levels",
    "https://proxy.example/a%20b",
    "https://proxy.example/a%2Fb",
    "https://proxy.example/a(b)'c",
    "https://proxy.example/a:b@c;d=e,f",
    "https://proxy.example/a//b",
    "https://proxy.example/~user",
]


@pytest.mark.usefixtures("_frozen_clock")
@pytest.mark.parametrize("token", [None, SESSION_TOKEN], ids=["no token", "session token"])
@pytest.mark.parametrize("params", PARAMS, ids=["id", "page", "quotes", "unicode"])
def test_a_request_is_boto3s_to_the_byte(params: dict[str, Any], token: str | None) -> None:
    theirs = sent_by_boto3(params, aws_session_token=token)
    ours = sent_by_library(params, aws_session_token=token)
    assert ours[:3] == theirs[:3]
    assert signed_headers(ours[3]) == signed_headers(theirs[3])
    assert ours[3]["x-amz-date"] == "20250303T123456Z"
    assert ours[3].get("x-amz-security-token") == token


@pytest.mark.usefixtures("_frozen_clock")
@pytest.mark.parametrize("token", [None, SESSION_TOKEN], ids=["no token", "session token"])
@pytest.mark.parametrize("url", ENDPOINTS)
def test_a_request_to_an_endpoint_is_boto3s_to_the_byte(url: str, token: str | None) -> None:
    arguments = {"endpoint_url": url, "aws_session_token": token}
    theirs = sent_by_boto3(PARAMS[-1], **arguments)
    ours = sent_by_library(PARAMS[-1], **arguments)
    assert ours[:3] == theirs[:3]
    assert signed_headers(ours[3]) == signed_headers(theirs[3])


@pytest.mark.usefixtures("_frozen_clock")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("https://proxy.example:443/base", "proxy.example"),
        ("https://Proxy.Example/base", "proxy.example"),
    ],
)
def test_urls_that_httpx_normalises_have_boto3s_signature(url: str, host: str) -> None:
    """The URL has another form, but the signature is the same."""
    theirs = sent_by_boto3(PARAMS[0], endpoint_url=url)
    ours = sent_by_library(PARAMS[0], endpoint_url=url)
    assert ours[3]["host"] == host
    assert ours[2] == theirs[2]
    assert signed_headers(ours[3]) == signed_headers(theirs[3])


@pytest.mark.usefixtures("_frozen_clock")
@pytest.mark.parametrize(
    "region",
    ["us-east-1", "eu-central-1", "ap-northeast-1", "me-south-1", "cn-north-1", "us-gov-west-1"],
)
def test_every_region_has_boto3s_url_and_scope(region: str) -> None:
    theirs = sent_by_boto3(PARAMS[0], region_name=region)
    ours = sent_by_library(PARAMS[0], region_name=region)
    assert ours[:3] == theirs[:3]
    assert signed_headers(ours[3]) == signed_headers(theirs[3])


@pytest.mark.usefixtures("_frozen_clock")
def test_a_signature_depends_on_all_signed_parts() -> None:
    """The comparisons above are not comparisons of constants."""
    signatures = {
        sent_by_library(params, **arguments)[3]["authorization"]
        for params, arguments in [
            (PARAMS[0], {}),
            (PARAMS[1], {}),
            (PARAMS[0], {"aws_session_token": "t"}),
            (PARAMS[0], {"region_name": "us-east-1"}),
            (PARAMS[0], {"endpoint_url": "https://proxy.example"}),
            (PARAMS[0], {"endpoint_url": "https://proxy.example/base"}),
        ]
    }
    assert len(signatures) == 6


def signer_of(credentials: Credentials) -> RequestSigner:
    return RequestSigner(
        credentials,
        "imagebuilder",
        "us-west-2",
        algorithm=botocore_sigv4_header,
        clock=lambda: NOW,
    )


def test_a_signature_has_the_time_of_the_given_clock() -> None:
    credentials = Credentials("AKID", "secret")
    headers = signer_of(credentials).auth_headers(
        "POST", "https://aws.test/", {"host": "aws.test"}, b"{}", credentials
    )
    assert headers["x-amz-date"] == "20250303T123456Z"
    assert headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20250303/us-west-2/imagebuilder/aws4_request, "
    )


def test_every_request_is_signed_with_the_current_credentials() -> None:
    class Rotating:
        calls = 0

        def get_frozen_credentials(self) -> Credentials:
            self.calls += 1
            return Credentials(f"AKID{self.calls}", "secret", f"token{self.calls}")

    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"nextToken": "t"} if len(sent) == 1 else {"resources": []})

    with http_client(respond) as http:
        client = ImageBuilder("us-west-2", http_client=http, credentials=Rotating())
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        list(paginator.paginate(lifecycleExecutionId=EXAMPLE_EXECUTION_ID))
    assert [request.headers["x-amz-security-token"] for request in sent] == ["token1", "token2"]
    assert "Credential=AKID2/" in sent[1].headers["authorization"]


def test_no_repr_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)
    credentials = Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)
    context = CredentialsContext(SharedConfig(), "us-west-2")
    environment = resolve_credentials(None, None, None, None, context)
    environment.get_frozen_credentials()
    with ImageBuilder(
        "us-west-2",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=SESSION_TOKEN,
    ) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
        auth = signer_of(credentials)
        for value in (credentials, environment, client, auth, paginator, pages):
            for text in (repr(value), str(value), f"{value}"):
                assert SECRET_KEY not in text
                assert SESSION_TOKEN not in text
        assert repr(client) == (
            "ImageBuilder('us-west-2', endpoint_url='https://imagebuilder.us-west-2.amazonaws.com')"
        )


@pytest.mark.parametrize("key", [SECRET_KEY, "local"], ids=["refused", "accepted"])
def test_debug_logs_of_everything_show_no_secret(
    local_server: LocalServer, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    sent: list[httpx.Request] = []
    with (
        caplog.at_level(logging.DEBUG),
        httpx.Client(event_hooks={"request": [sent.append]}) as http,
    ):
        client = ImageBuilder(
            "us-west-2",
            endpoint_url=local_server.url,
            http_client=http,
            aws_access_key_id="local",
            aws_secret_access_key=key,
            aws_session_token=SESSION_TOKEN,
        )
        refused = pytest.raises(client.exceptions.ClientError)
        with refused if key == SECRET_KEY else contextlib.nullcontext() as caught:
            client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    for secret in (SECRET_KEY, SESSION_TOKEN):
        assert secret not in str(caught and caught.value)
    (request,) = sent
    signature = request.headers["authorization"].rpartition("Signature=")[2]
    assert re.fullmatch("[0-9a-f]{64}", signature)
    logs = "\n".join(str(record.__dict__) + record.getMessage() for record in caplog.records)
    assert "ListLifecycleExecutionResources" in logs
    assert SECRET_KEY not in logs
    assert SESSION_TOKEN not in logs
    assert signature not in logs


def test_the_signed_headers_and_body_are_sent(client_with: Callable[..., ImageBuilder]) -> None:
    service = RecordingService()
    client_with(service).list_lifecycle_execution_resources(**PARAMS[1])
    request = service.request
    assert json.loads(request.content) == PARAMS[1]
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(request.content))
    assert "cookie" not in request.headers
