"""Any response gives a result or an exception of the library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.retries import MAX_BACKOFF
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse
from tests.fakes import FUZZ_EXAMPLES
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clocks import NoSleepClock
from tests.fakes.services import ChunkStream, http_client

T = TypeVar("T")

fuzzed = settings(
    max_examples=FUZZ_EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

PAGES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "fixtures" / "pages").glob("*.json"))
]
MEMBERS = st.sampled_from(
    [
        *("resources", "state", "status", "snapshots", "imageUris", "startTime", "nextToken"),
        *("message", "__type", "code", "ResponseMetadata", "NextToken"),
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
def damaged_pages(draw: st.DrawFn) -> bytes:
    """Return a valid body with bytes inserted, removed and overwritten."""
    body = bytearray(draw(st.sampled_from(PAGES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        body[start:end] = draw(st.binary(max_size=20))
    return bytes(body)


BODIES = st.one_of(
    st.binary(),
    damaged_pages(),
    JSON.map(lambda value: json.dumps(value).encode()),
    SCALARS.map(lambda value: json.dumps({"resources": [{"startTime": value}]}).encode()),
    st.integers(1, 5000).map(lambda depth: b'{"resources":' + b"[" * depth),
    st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth),
)
HEADER_VALUES = DATES | st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
)
CODES = st.sampled_from(["RequestExpired", "ThrottlingException", "InvalidSignatureException"])
HEADER_NAMES = [
    *("x-amzn-ErrorType", "x-amzn-RequestId", "Content-Type", "Content-Encoding"),
    *("Retry-After", "Location", "Date"),
]
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), HEADER_VALUES | CODES)


class BoundedClock(NoSleepClock):
    """A clock that does not wait, and expects no longer wait than the retries allow."""

    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= MAX_BACKOFF


def list_page(
    status: int, headers: dict[str, str], body: bytes
) -> ListLifecycleExecutionResourcesResponse:
    """Return the page of a service that gives the same response at each attempt."""
    raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=raw_headers, stream=ChunkStream([body]))

    with http_client(respond) as http:
        arguments = {"max_attempts": 2, "clock": BoundedClock(), **LOCAL_CREDENTIALS}
        client = ImageBuilder("us-west-2", http_client=http, **arguments)
        return client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)


def outcome(function: Callable[[], T]) -> T | exceptions.PagerError:
    """Return the result of a function, or the library's error that it raises."""
    try:
        return function()
    except exceptions.PagerError as error:
        return error


@fuzzed
@given(BODIES, HEADERS)
def test_any_response_is_a_page_or_an_error_of_the_library(
    body: bytes, headers: dict[str, str]
) -> None:
    page = outcome(lambda: list_page(200, headers, body))
    if isinstance(page, exceptions.PagerError):
        assert str(page)
    else:
        assert isinstance(page.resources, list)
        page.to_dict()
        repr(page)


@fuzzed
@given(st.integers(201, 599), BODIES, HEADERS)
def test_any_error_response_is_an_error_of_the_library(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    error = outcome(lambda: list_page(status, headers, body))
    if isinstance(error, exceptions.ClientError):
        assert str(error)
        assert isinstance(error.response["Error"]["Code"], str)
        assert isinstance(error.response["Error"]["Message"], str)
    else:
        assert status < 300 or isinstance(error, exceptions.ResponseParserError)


@pytest.mark.parametrize(
    "body",
    [b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}", b'{"nextToken": "\xed\xa0\x80"}'],
)
def test_a_body_that_is_not_plain_utf8_is_an_error_of_the_library(body: bytes) -> None:
    with pytest.raises(exceptions.ResponseParserError):
        list_page(200, {}, body)
