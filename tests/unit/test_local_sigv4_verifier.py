"""The local service's verification of Signature Version 4, against botocore and AWS's examples."""

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


def verify(request: httpx.Request, **changes: Any) -> None:
    arguments = {
        "secrets": {"local": "local", "other": "secret"},
        "service": "imagebuilder",
        **changes,
    }
    if "now" not in arguments:
        arguments["now"] = date_of(request)
    verify_signature(request, **arguments)


def error_of(request: httpx.Request, **changes: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        verify(request, **changes)
    signature = request.headers.get("authorization", "").partition("Signature=")[2]
    assert not signature or signature not in caught.value.message
    return caught.value


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


SUITE = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, "
    "SignedHeaders={headers}, Signature={signature}"
)


@pytest.mark.parametrize(
    ("method", "url", "service", "headers", "signature"),
    [
        (
            "GET",
            "https://example.amazonaws.com/",
            "service",
            {},
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            "service",
            {},
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            "service",
            {},
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            "iam",
            {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ],
)
def test_the_published_examples_are_valid(
    method: str, url: str, service: str, headers: dict[str, str], signature: str
) -> None:
    """AWS's Signature Version 4 test suite, and the example in its documentation."""
    names = ";".join(sorted({"host", "x-amz-date", *headers}))
    authorization = SUITE.format(service=service, headers=names, signature=signature)
    given = {**headers, "x-amz-date": "20150830T123600Z", "authorization": authorization}
    request = httpx.Request(method, url, headers=given)
    secrets = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    verify(request, secrets=secrets, service=service)
    assert error_of(request, secrets={"AKIDEXAMPLE": "wrong"}, service=service)


def _altered(request: httpx.Request, **changes: Any) -> httpx.Request:
    parts: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.content,
    }
    parts.update(changes)
    return httpx.Request(**parts)


def _with_header(name: str, value: str) -> Callable[[httpx.Request], httpx.Request]:
    return lambda request: _altered(request, headers={**request.headers, name: value})


def _last_digit(request: httpx.Request) -> httpx.Request:
    authorization = request.headers["authorization"]
    digit = "0" if authorization[-1] != "0" else "1"
    return _with_header("authorization", authorization[:-1] + digit)(request)


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda r: _altered(r, content=BODY + b" "), id="body"),
        pytest.param(lambda r: _altered(r, content=b""), id="no body"),
        pytest.param(lambda r: _altered(r, method="PUT"), id="method"),
        pytest.param(lambda r: _altered(r, url=f"{URL}2"), id="path"),
        pytest.param(lambda r: _altered(r, url=f"{URL}?a=1"), id="query"),
        pytest.param(_with_header("host", "127.0.0.1:4567"), id="host"),
        pytest.param(_with_header("content-type", "text/plain"), id="signed header"),
        pytest.param(_with_header("x-amz-security-token", "another"), id="session token"),
        pytest.param(_last_digit, id="signature"),
    ],
)
def test_an_altered_request_is_an_error(alter: Callable[[httpx.Request], httpx.Request]) -> None:
    request = signed(headers={"Content-Type": "application/json"}, token="token")
    verify(request)
    refused = error_of(alter(request))
    assert (refused.code, refused.status) == ("InvalidSignatureException", 403)
    assert refused.message.startswith(MISMATCH)


def test_a_changed_date_within_the_allowed_skew_is_an_error() -> None:
    request = signed()
    later = (date_of(request) + dt.timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")
    request.headers["x-amz-date"] = later
    # The scope's day is put right too, in case the second is the day's last.
    authorization = request.headers["authorization"]
    day = authorization.split("/")[1]
    request.headers["authorization"] = authorization.replace(day, later[:8])
    assert error_of(request).message.startswith(MISMATCH)


def test_a_signature_with_another_secret_is_an_error() -> None:
    assert error_of(signed(secret="guess")).message.startswith(MISMATCH)


def test_the_secret_of_another_access_key_is_an_error() -> None:
    assert error_of(signed(key="local", secret="secret")).message.startswith(MISMATCH)


def test_a_body_hash_that_is_not_of_the_body_is_an_error() -> None:
    request = signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert error_of(request).message.startswith(MISMATCH)


def test_a_signed_header_that_was_not_sent_is_an_error() -> None:
    request = signed(headers={"Content-Type": "application/json"})
    del request.headers["content-type"]
    assert error_of(request).message.startswith(MISMATCH)


def test_an_unsigned_session_token_is_an_error() -> None:
    request = signed()
    request.headers["X-Amz-Security-Token"] = "slipped in"
    refused = error_of(request)
    assert (refused.code, refused.status) == ("InvalidSignatureException", 403)
    assert refused.message == "'x-amz-security-token' must be a 'SignedHeader' in the AWS Auth."


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_an_unsigned_host_or_date_is_an_error(name: str) -> None:
    request = signed()
    authorization = request.headers["authorization"]
    other = {"host": "x-amz-date", "x-amz-date": "host"}[name]
    request.headers["authorization"] = authorization.replace("host;x-amz-date", other)
    assert error_of(request).message == f"'{name}' must be a 'SignedHeader' in the AWS Auth."


def test_an_unknown_access_key_is_an_error() -> None:
    refused = error_of(signed(key="AKIDEXAMPLE"))
    assert (refused.code, refused.status) == ("UnrecognizedClientException", 403)
    assert refused.message == "The security token included in the request is invalid."


@pytest.mark.parametrize("authorization", [None, "", "  "])
def test_a_missing_signature_is_an_error(authorization: str | None) -> None:
    request = signed()
    del request.headers["authorization"]
    if authorization is not None:
        request.headers["authorization"] = authorization
    refused = error_of(request)
    assert (refused.code, refused.status) == ("MissingAuthenticationTokenException", 403)
    assert refused.message == "Missing Authentication Token"


AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=local/20150830/us-west-2/imagebuilder/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=c0ffee"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("AWS4-HMAC-SHA256", "Bearer", "Unsupported AWS 'algorithm', it has to be"),
        (
            "Signature=c0ffee",
            "Sig=c0ffee",
            "Authorization header requires 'Signature' parameter.",
        ),
        ("Credential=", "Cred=", "Authorization header requires 'Credential' parameter."),
        (
            "SignedHeaders=host;x-amz-date",
            "SignedHeaders=",
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        ("/aws4_request", "", "Credential must have exactly 5 slash-delimited elements"),
        ("local/", "lo/cal/", "Credential must have exactly 5 slash-delimited elements"),
        (
            "Signature=c0ffee",
            "Signature=c0ffee, Signature=decade",
            "more than one 'Signature' parameter",
        ),
        (AUTHORIZATION, "AWS4-HMAC-SHA256", "requires 'Credential' parameter. Authorization"),
    ],
)
def test_an_authorization_header_that_cannot_be_parsed_is_an_error(
    old: str, new: str, message: str
) -> None:
    request = signed()
    request.headers["authorization"] = AUTHORIZATION.replace(old, new)
    refused = error_of(request)
    assert (refused.code, refused.status) == ("IncompleteSignatureException", 400)
    assert message in refused.message


def test_two_authorization_headers_are_an_error() -> None:
    request = signed()
    headers = [*request.headers.multi_items(), ("Authorization", AUTHORIZATION)]
    refused = error_of(_altered(request, headers=headers))
    assert refused.code == "IncompleteSignatureException"
    assert "more than one Authorization header" in refused.message


@pytest.mark.parametrize("date", ["yesterday", "2015-08-30T12:36:00Z", "20151330T123600Z", "2015"])
def test_an_invalid_date_is_an_error(date: str) -> None:
    request = signed()
    request.headers["x-amz-date"] = date
    refused = error_of(request, now=dt.datetime.now(dt.UTC))
    assert refused.code == "IncompleteSignatureException"
    assert "Date must be in ISO-8601 'basic format'" in refused.message


def test_a_missing_date_is_an_error() -> None:
    request = signed()
    del request.headers["x-amz-date"]
    refused = error_of(request, now=dt.datetime.now(dt.UTC))
    assert refused.code == "IncompleteSignatureException"
    assert "existence of an 'X-Amz-Date' header" in refused.message


MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize("skew", [-5 * MINUTE, -SECOND, SECOND, 5 * MINUTE + 0.9 * SECOND])
def test_a_skew_of_five_minutes_is_valid(skew: dt.timedelta) -> None:
    request = signed()
    verify(request, now=date_of(request) + skew)


def test_a_service_clock_in_another_time_zone_is_valid() -> None:
    request = signed()
    tokyo = dt.timezone(dt.timedelta(hours=9))
    verify(request, now=date_of(request).astimezone(tokyo))


def _vanilla(date: str) -> httpx.Request:
    credential = f"local/{date[:8]}/us-west-2/imagebuilder/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date"
    headers = {"x-amz-date": date, "authorization": f"{authorization}, Signature=c0ffee"}
    return httpx.Request("POST", URL, headers=headers)


@pytest.mark.parametrize(
    ("date", "message"),
    [
        (
            "20250303T115459Z",
            (
                "Signature expired: 20250303T115459Z is now earlier than 20250303T115500Z "
                "(20250303T120000Z - 5 min.)"
            ),
        ),
        (
            "20250303T120501Z",
            (
                "Signature not yet current: 20250303T120501Z is still later than "
                "20250303T120500Z (20250303T120000Z + 5 min.)"
            ),
        ),
    ],
)
def test_a_skew_of_more_than_five_minutes_is_an_error(date: str, message: str) -> None:
    now = dt.datetime(2025, 3, 3, 12, 0, 0, 999_999, tzinfo=dt.UTC)
    refused = error_of(_vanilla(date), now=now)
    assert (refused.code, refused.status) == ("InvalidSignatureException", 403)
    assert refused.message == message


def test_the_scope_of_another_service_is_an_error() -> None:
    refused = error_of(signed(service="ec2"))
    assert refused.code == "InvalidSignatureException"
    assert refused.message == "Credential should be scoped to correct service: 'imagebuilder'."


def test_another_region_is_an_error_if_the_service_has_one() -> None:
    verify(signed(region="us-west-2"), region="us-west-2")
    refused = error_of(signed(region="us-east-1"), region="us-west-2")
    assert refused.code == "InvalidSignatureException"
    assert refused.message == "Credential should be scoped to a valid region, not 'us-east-1'."


def test_the_scope_of_another_day_is_an_error() -> None:
    request = _vanilla("20250303T120000Z")
    authorization = request.headers["authorization"]
    request.headers["authorization"] = authorization.replace("20250303", "20250302")
    refused = error_of(request)
    assert refused.code == "InvalidSignatureException"
    assert refused.message.endswith("'20250302' != '20250303', from '20250303T120000Z'.")


def test_a_scope_with_another_terminator_is_an_error() -> None:
    request = signed()
    authorization = request.headers["authorization"]
    request.headers["authorization"] = authorization.replace("aws4_request", "aws5_request")
    assert "valid terminator: 'aws4_request', not 'aws5_request'" in error_of(request).message
