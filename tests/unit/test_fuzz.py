"""Whatever comes in, only the library's own exceptions come out.

``make test`` tries a few hundred inputs, ``make fuzz`` many more.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.aws.clock import Clock
from imagebuilder_pager.aws.retries import MAX_BACKOFF
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse
from imagebuilder_pager.pagination import decode_token, encode_token
from imagebuilder_pager.pagination.tokens import MAX_OFFSET, parse_starting_token

T = TypeVar("T")

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

PAGES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "fixtures" / "pages").glob("*.json"))
]
MEMBERS = st.sampled_from(
    [
        "resources",
        "state",
        "status",
        "snapshots",
        "imageUris",
        "startTime",
        "nextToken",
        "message",
        "__type",
        "code",
        "ResponseMetadata",
        "NextToken",
        "boto_truncate_amount",
        "boto_encoded_keys",
    ]
)
DATES = st.builds(
    "{}, {:02} {} {:04} {:02}:{:02}:{:02} {}".format,
    st.sampled_from(["Sun", "Mon"]),
    st.integers(0, 40) | st.integers(10**20, 10**25),
    st.sampled_from(["Mar", "Dec", "Foo"]),
    st.integers(0, 10**5) | st.integers(10**20, 10**25),
    st.integers(0, 70) | st.integers(10**20, 10**25),
    st.integers(0, 70),
    st.integers(0, 70),
    st.sampled_from(["GMT", "-0000", "+9999", "+99999999999999999999"]),
)
SCALARS = st.one_of(
    DATES,
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30, max_value=10**400),
    st.floats(),
    st.text(),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(MEMBERS | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=30,
)


@st.composite
def mangled(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """A good body with bytes put in, taken out and overwritten."""
    body = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        body[start:end] = draw(st.binary(max_size=20))
    return bytes(body)


BODIES = st.one_of(
    st.binary(),
    mangled(PAGES),
    JSON.map(lambda value: json.dumps(value).encode()),
    SCALARS.map(lambda value: json.dumps({"resources": [{"startTime": value}]}).encode()),
    st.integers(1, 5000).map(lambda depth: b'{"resources":' + b"[" * depth),
    st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth),
)
HEADER_VALUES = DATES | st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
)
CODES = st.sampled_from(["RequestExpired", "ThrottlingException", "InvalidSignatureException"])
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "x-amzn-ErrorType",
            "x-amzn-RequestId",
            "Content-Type",
            "Content-Encoding",
            "Retry-After",
            "Location",
            "Date",
        ]
    ),
    HEADER_VALUES | CODES,
)


class Sleepless(Clock):
    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= MAX_BACKOFF


def ask(
    status: int, headers: dict[str, str], body: bytes
) -> ListLifecycleExecutionResourcesResponse:
    """The page that a service's answer is read as; it gives the same one at each attempt."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=raw, stream=Body(body))

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = ImageBuilder(
            "us-west-2",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            http_client=http,
            max_attempts=2,
            clock=Sleepless(),
        )
        return client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)


class Body(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Any:
        yield self._body


def outcome(function: Callable[[], T]) -> T | exceptions.PagerError:
    """What a function returns, or the error of ours that it raises."""
    try:
        return function()
    except exceptions.PagerError as error:
        return error


@fuzzed
@given(BODIES, HEADERS)
def test_any_answer_is_a_page_or_an_error_of_ours(body: bytes, headers: dict[str, str]) -> None:
    page = outcome(lambda: ask(200, headers, body))
    if isinstance(page, exceptions.PagerError):
        assert str(page)
    else:
        assert isinstance(page.resources, list)
        page.to_dict()
        repr(page)


@fuzzed
@given(st.integers(201, 599), BODIES, HEADERS)
def test_any_refusal_is_an_error_of_ours(status: int, body: bytes, headers: dict[str, str]) -> None:
    refused = outcome(lambda: ask(status, headers, body))
    if isinstance(refused, exceptions.ClientError):
        assert str(refused)
        assert isinstance(refused.response["Error"]["Code"], str)
        assert isinstance(refused.response["Error"]["Message"], str)
    else:
        assert status < 300 or isinstance(refused, exceptions.ResponseParserError)


TOKENS = st.one_of(
    st.text(),
    st.binary().map(lambda data: base64.b64encode(data).decode()),
    JSON.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode()),
    st.dictionaries(
        st.sampled_from(["nextToken", "boto_truncate_amount", "boto_encoded_keys", "maxResults"]),
        JSON,
    ).map(lambda value: base64.b64encode(json.dumps(value).encode()).decode()),
    mangled([encode_token({"nextToken": "abc", "boto_truncate_amount": 7}).encode()]).map(
        lambda data: data.decode("latin-1")
    ),
)


@fuzzed
@given(TOKENS)
def test_any_starting_token_sets_what_it_may_or_is_an_error_of_ours(token: str) -> None:
    parsed = outcome(lambda: parse_starting_token(token, ["nextToken"]))
    if isinstance(parsed, tuple):
        values, offset = parsed
        assert list(values) == ["nextToken"]
        assert 0 <= offset <= MAX_OFFSET
    else:
        assert isinstance(parsed, exceptions.StartingTokenError)


@fuzzed
@given(TOKENS)
def test_any_token_decodes_or_is_an_error_of_ours(token: str) -> None:
    decoded = outcome(lambda: decode_token(token))
    assert isinstance(decoded, (dict, exceptions.StartingTokenError))


@fuzzed
@given(TOKENS)
def test_any_starting_token_makes_a_valid_request_or_none(token: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = ImageBuilder(
            "us-west-2",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            http_client=http,
            max_attempts=1,
        )
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        try:
            list(
                paginator.paginate(
                    lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
                    PaginationConfig={"StartingToken": token},
                )
            )
        except exceptions.PagerError:
            assert not sent
            return
    body = json.loads(sent[0].content)
    assert body.pop("lifecycleExecutionId") == EXAMPLE_EXECUTION_ID
    assert set(body) <= {"nextToken"}
    assert all(isinstance(value, str) and 1 <= len(value) <= 65535 for value in body.values())


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf{}", b'{"nextToken": "\\ud800"}', b"\xff\xfe{\x00}"]
)
def test_encodings_that_are_no_plain_utf8_are_errors_of_ours(body: bytes) -> None:
    with pytest.raises(exceptions.ResponseParserError):
        ask(200, {}, body)
