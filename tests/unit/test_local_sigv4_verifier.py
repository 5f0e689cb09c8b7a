"""The local service's verification of Signature Version 4, against botocore and AWS's example."""

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.sigv4_verifier import verify_signature

URL = "http://127.0.0.1:4566/ListLifecycleExecutionResources"
BODY = b'{"lifecycleExecutionId":"lce-1"}'
MISMATCH = "The request signature we calculated does not match the signature you provided."


def signed(
    *,
    url: str = URL,
    method: str = "POST",
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    key: str = "local",
    secret: str = "local",
    token: str | None = None,
    service: str = "imagebuilder",
    region: str = "us-west-2",
) -> httpx.Request:
    """Return a request that botocore has signed now."""
    aws_request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    SigV4Auth(Credentials(key, secret, token), service, region).add_auth(aws_request)
    return httpx.Request(method, url, headers=dict(aws_request.headers.items()), content=body)


def date_of(request: httpx.Request) -> dt.datetime:
    return dt.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z")


def verify(request: httpx.Request, now: dt.datetime | None = None, **region: Any) -> None:
    secrets = {"local": "local", "other": "secret"}
    now = now or date_of(request)
    verify_signature(request, secrets=secrets, service="imagebuilder", now=now, **region)


def error_of(request: httpx.Request, **changes: Any) -> tuple[str, int, str]:
    """Return the code, the status and the message of the error, which has no signature."""
    with pytest.raises(ServiceError) as caught:
        verify(request, **changes)
    signature = request.headers.get("authorization", "").partition("Signature=")[2]
    assert not signature or signature not in caught.value.message
    return caught.value.code, caught.value.status, caught.value.message


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"region": "eu-isoe-west-1"},
        {"token": "a/session+token=="},
        {"key": "other", "secret": "secret"},
        {"body": b""},
        {"body": "ünïcode".encode()},
        {"headers": {"Content-Type": "application/json", "X-Amz-Meta": "  a   b\tc "}},
        {"headers": {"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()}},
        {"url": f"{URL}?b=2&a=1&a=0&empty=&encoded=%2Fx%20y&tilde=~"},
        {"url": "http://localhost"},
        {"url": "http://localhost/a%20b/c:d"},
        {"method": "GET"},
    ],
)
def test_a_signature_by_botocore_is_valid(options: dict[str, Any]) -> None:
    verify(signed(**options))


def test_the_example_of_the_documentation_of_aws_is_valid() -> None:
    """ListUsers of IAM, in the reference of Signature Version 4."""
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "x-amz-date": "20150830T123600Z",
        "authorization": authorization,
    }
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    request = httpx.Request("GET", url, headers=headers)
    secrets = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    verify_signature(request, secrets=secrets, service="iam", now=date_of(request))


def altered(request: httpx.Request, **changes: Any) -> httpx.Request:
    parts: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.content,
    }
    return httpx.Request(**parts | changes)


def with_header(request: httpx.Request, name: str, value: str | None) -> httpx.Request:
    """Return the request with another value of a header; None for a request without it."""
    headers = {key: given for key, given in request.headers.items() if key != name}
    return altered(request, headers=headers if value is None else {**headers, name: value})


def with_authorization(request: httpx.Request, old: str, new: str) -> httpx.Request:
    authorization = request.headers["authorization"]
    assert old in authorization
    return with_header(request, "authorization", authorization.replace(old, new))


def with_another_digit(request: httpx.Request) -> httpx.Request:
    last = request.headers["authorization"][-7:]
    return with_authorization(request, last, last[:-1] + ("0" if last[-1] != "0" else "1"))


def a_second_later(request: httpx.Request) -> httpx.Request:
    later = (date_of(request) + dt.timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")
    # The scope's day is put right too, in case the second is the day's last.
    day = request.headers["authorization"].split("/")[1]
    return with_header(with_authorization(request, day, later[:8]), "x-amz-date", later)


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda r: altered(r, content=BODY + b" "), id="body"),
        pytest.param(lambda r: altered(r, method="PUT"), id="method"),
        pytest.param(lambda r: altered(r, url=f"{URL}2"), id="path"),
        pytest.param(lambda r: altered(r, url=f"{URL}?a=1"), id="query"),
        pytest.param(lambda r: with_header(r, "host", "127.0.0.1:4567"), id="host"),
        pytest.param(lambda r: with_header(r, "content-type", "text/plain"), id="signed header"),
        pytest.param(lambda r: with_header(r, "content-type", None), id="header not sent"),
        pytest.param(lambda r: with_header(r, "x-amz-security-token", "another"), id="token"),
        pytest.param(with_another_digit, id="signature"),
        pytest.param(a_second_later, id="date"),
    ],
)
def test_an_altered_request_is_an_error(alter: Callable[[httpx.Request], httpx.Request]) -> None:
    request = signed(headers={"Content-Type": "application/json"}, token="token")
    verify(request)
    code, status, message = error_of(alter(request))
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith(MISMATCH)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"secret": "guess"}, id="another secret"),
        pytest.param({"secret": "secret"}, id="the secret of another key"),
        pytest.param({"headers": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}}, id="body hash"),
    ],
)
def test_a_signature_of_something_else_is_an_error(options: dict[str, Any]) -> None:
    assert error_of(signed(**options))[2].startswith(MISMATCH)


UNSIGNED = "'{}' must be a 'SignedHeader' in the AWS Auth."
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=local/20150830/us-west-2/imagebuilder/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=c0ffee"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("host;x-amz-date", "x-amz-date", UNSIGNED.format("host")),
        ("host;x-amz-date", "host", UNSIGNED.format("x-amz-date")),
        ("/imagebuilder/", "/ec2/", "20150830/us-west-2/imagebuilder, not 20150830/us-west-2/ec2."),
        ("us-west-2", "us-east-1", ", not 20150830/us-east-1/imagebuilder."),
        ("us-west-2", "", "20150830/REGION/imagebuilder, not 20150830//imagebuilder."),
        ("20150830", "20150829", ", not 20150829/us-west-2/imagebuilder."),
    ],
)
def test_a_wrong_scope_or_list_of_signed_headers_is_an_error(
    old: str, new: str, message: str
) -> None:
    request = with_authorization(vanilla("20150830T120000Z"), old, new)
    refused = error_of(request, region="us-west-2" if new else None)
    assert refused[:2] == ("InvalidSignatureException", 403)
    assert message in refused[2]


def test_an_unsigned_session_token_is_an_error() -> None:
    message = UNSIGNED.format("x-amz-security-token")
    request = with_header(signed(), "x-amz-security-token", "slipped in")
    assert error_of(request) == ("InvalidSignatureException", 403, message)


def test_an_unknown_access_key_is_an_error() -> None:
    message = "The security token included in the request is invalid."
    refused = error_of(signed(key="AKIDEXAMPLE"))
    assert refused == ("UnrecognizedClientException", 403, message)


@pytest.mark.parametrize("authorization", [None, "", "  "])
def test_a_missing_signature_is_an_error(authorization: str | None) -> None:
    refused = error_of(with_header(signed(), "authorization", authorization))
    missing = "Missing Authentication Token"
    assert refused == ("MissingAuthenticationTokenException", 403, missing)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWS4-HMAC-SHA256", "Bearer"),
        ("Signature=", "Sig="),
        ("Credential=", "Cred="),
        ("host;x-amz-date", ""),
        ("aws4_request", "aws5_request"),
        ("/aws4_request", ""),
        ("c0ffee", "c0ffee, Signature=decade"),
        ("local/", "lo/cal/"),
        ("c0ffee", f"c0ffee, {AUTHORIZATION}"),  # as of two headers
    ],
)
def test_an_authorization_header_that_cannot_be_parsed_is_an_error(old: str, new: str) -> None:
    code, status, message = error_of(with_authorization(vanilla("20150830T120000Z"), old, new))
    assert (code, status) == ("IncompleteSignatureException", 400)
    assert "The header Authorization is not" in message


@pytest.mark.parametrize(
    "date", [None, "yesterday", "2015-08-30T12:36:00Z", "20151330T123600Z", "2015830T123600Z"]
)
def test_a_missing_or_invalid_date_is_an_error(date: str | None) -> None:
    request = with_header(signed(), "x-amz-date", date)
    code, _, message = error_of(request, now=dt.datetime.now(dt.UTC))
    assert code == "IncompleteSignatureException"
    assert "The header X-Amz-Date is not" in message


MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize("skew", [-5 * MINUTE, -SECOND, SECOND, 5 * MINUTE + 0.9 * SECOND])
def test_a_skew_of_five_minutes_is_valid(skew: dt.timedelta) -> None:
    request = signed()
    verify(request, now=date_of(request) + skew)


def test_a_service_clock_in_another_time_zone_is_valid() -> None:
    request = signed()
    tokyo = dt.timezone(dt.timedelta(hours=9))
    verify(request, now=date_of(request).astimezone(tokyo), region="us-west-2")


def vanilla(date: str) -> httpx.Request:
    credential = f"local/{date[:8]}/us-west-2/imagebuilder/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date"
    headers = {"x-amz-date": date, "authorization": f"{authorization}, Signature=c0ffee"}
    return httpx.Request("POST", URL, headers=headers)


@pytest.mark.parametrize(
    ("date", "state"), [("20250303T115459Z", "expired"), ("20250303T120501Z", "not yet current")]
)
def test_a_skew_of_more_than_five_minutes_is_an_error(date: str, state: str) -> None:
    now = dt.datetime(2025, 3, 3, 12, 0, 0, 999_999, tzinfo=dt.UTC)
    message = f"Signature {state}: {date} is not within 5 min. of 20250303T120000+0000."
    assert error_of(vanilla(date), now=now) == ("InvalidSignatureException", 403, message)
