"""Signatures: the same bytes as boto3's, by botocore and by the library without it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager._aws.auth.botocore_sigv4 import botocore_sigv4_header
from imagebuilder_pager._aws.auth.signer import RequestSigner
from imagebuilder_pager._aws.auth.sigv4 import sigv4_header
from imagebuilder_pager._aws.identity import Credentials
from tests.fakes.boto3_endpoints import caught_request, make_session
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.clocks import FakeClock
from tests.fakes.services import RecordingService, http_client

SESSION_TOKEN = "AQoDYXdzEPT//////////wEXAMPLE+token/="
KEYS: dict[str, Any] = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = datetime(2025, 3, 3, 12, 34, 56, 789000, tzinfo=UTC)


@contextlib.contextmanager
def botocore_time(now: datetime) -> Iterator[None]:
    """Set the clock by which botocore signs; ours is an argument."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "botocore.auth.get_current_datetime",
            lambda *, remove_tzinfo=True: now.replace(tzinfo=None if remove_tzinfo else UTC),
        )
        yield


# The requests of a client


class Sent(NamedTuple):
    """The parts of a request, the names of its headers in lower case."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]

    def signed_headers(self) -> dict[str, str]:
        """Return the signature and the signed headers but for the host."""
        names = re.search(r"SignedHeaders=([^,]+)", self.headers["authorization"])
        assert names is not None
        # urllib3 sets the host header, and not botocore, which has signed it.
        covered = [name for name in names[1].split(";") if name != "host"]
        return {name: self.headers[name] for name in [*covered, "authorization", "content-length"]}


def sent_by_boto3(params: dict[str, Any], arguments: dict[str, Any]) -> Sent:
    """Return the request that boto3 would send."""
    client: Any = make_session().create_client("imagebuilder", verify=False, **arguments)
    params = {**EXECUTION, **params}
    with botocore_time(NOW):
        request = caught_request(client, "list_lifecycle_execution_resources", **params)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    return Sent(request.method, request.url, request.body, headers)


def sent_by_library(params: dict[str, Any], arguments: dict[str, Any]) -> Sent:
    service = RecordingService()
    with http_client(service) as http:
        list_page(ImageBuilder(http_client=http, clock=FakeClock(NOW), **arguments), **params)
    request = service.request
    return Sent(request.method, str(request.url), request.content, dict(request.headers))


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
# httpx gives these another form; the signature is the same.
NORMALIZED = {
    "http://127.0.0.1:80": "127.0.0.1",
    "https://proxy.example:443/base": "proxy.example",
    "https://Proxy.Example/base": "proxy.example",
}


@pytest.mark.parametrize(
    ("params", "arguments"),
    [
        ({}, {}),
        ({"maxResults": 25, "nextToken": "a/b+c="}, {}),
        ({"nextToken": 'quote " and \\', "maxResults": 1}, {}),
        ({"parentResourceId": "Straße/日本語/\u2028\N{PILE OF POO}/é/e\u0301/\x7f\x00"}, {}),
        ({}, {"aws_session_token": SESSION_TOKEN}),
        ({}, {"region_name": "cn-north-1"}),
        *(({}, {"endpoint_url": url, "aws_session_token": SESSION_TOKEN}) for url in ENDPOINTS),
        *(({}, {"endpoint_url": url}) for url in NORMALIZED),
    ],
    ids=lambda value: str(value.get("endpoint_url", list(value))),
)
def test_a_request_is_boto3s_to_the_byte(params: dict[str, Any], arguments: dict[str, Any]) -> None:
    arguments = {"region_name": "us-west-2", **KEYS, **arguments}
    theirs, ours = sent_by_boto3(params, arguments), sent_by_library(params, arguments)
    assert ours.signed_headers() == theirs.signed_headers()
    assert ours.body == theirs.body
    if (host := NORMALIZED.get(arguments.get("endpoint_url", ""))) is not None:
        assert ours.headers["host"] == host
    else:
        assert ours[:2] == theirs[:2]
    assert ours.headers["x-amz-date"] == "20250303T123456Z"
    assert ours.headers.get("x-amz-security-token") == arguments.get("aws_session_token")


# Both algorithms, with requests that no client sends

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
labels = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{1,10}){0,2}(:[1-9][0-9]{3})?", fullmatch=True)
# Dot segments, double slashes, encoded characters, and characters that are to be encoded.
segments = st.sampled_from(
    ["", ".", "..", "...", "%2F", "a b", "a+b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
paths = st.lists(
    segments | st.from_regex(r"[A-Za-z0-9._~:@!$&'()*,;=-]{1,20}", fullmatch=True)
).map(lambda parts: "/" + "/".join(parts))
pairs = st.from_regex(r"[A-Za-z0-9._~%+-]{0,10}(=[A-Za-z0-9._~%+=-]{0,20})?", fullmatch=True)
queries = st.lists(pairs, max_size=4).map("&".join)


@given(
    method=st.sampled_from(["GET", "POST"]),
    host=hosts,
    path=paths,
    query=queries,
    body=st.binary(max_size=200),
    credentials=st.builds(Credentials, printable, printable, st.none() | printable),
    now=st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year >= 1000),
    service=labels,
    region=labels,
)
def test_every_signature_is_the_same_as_that_of_botocore(
    *,
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes,
    credentials: Credentials,
    now: datetime,
    service: str,
    region: str,
) -> None:
    url = f"https://{host}{path}{'?' if query else ''}{query}"
    theirs = botocore.credentials.Credentials(
        credentials.access_key, credentials.secret_key, credentials.token
    )
    request = botocore.awsrequest.AWSRequest(
        method, url, headers={"Content-Type": "application/json"}, data=body
    )
    with botocore_time(now):
        botocore.auth.SigV4Auth(theirs, service, region).add_auth(request)
    headers = {"content-type": "application/json", "host": host}
    for algorithm in (sigv4_header, botocore_sigv4_header):
        signer = RequestSigner(
            credentials, service, region, algorithm=algorithm, clock=FakeClock(now)
        )
        added = signer.auth_headers(method, url, headers, body, credentials)
        assert added["authorization"] == request.headers["Authorization"]
