"""A call and its attempts: signatures, corrections and limits, sync and async."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagebuilder_pager import Attempt, exceptions
from imagebuilder_pager.models.exceptions import ServiceException
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, Outcomes, sync_calls
from tests.fakes.clocks import NOW, FakeClock
from tests.fakes.services import ChunkStream, ScriptedService, error_response

Caller = Callable[..., Any]


@pytest.fixture
def call(outcomes: Outcomes) -> Caller:
    """Make one call; return its page or raise its error."""

    def call(service: ScriptedService, **options: Any) -> Any:
        (outcome,) = outcomes(service, **options)
        if isinstance(outcome, exceptions.PagerError):
            raise outcome
        return outcome

    return call


def test_each_attempt_is_signed_anew(call: Caller) -> None:
    service = ScriptedService(error_response(429, "ThrottlingException", retry_after="5"))
    call(service)
    first, second = (request.headers for request in service.requests)
    assert first["x-amz-date"] == "20260301T120000Z"
    assert second["x-amz-date"] == "20260301T120005Z"
    assert first["authorization"] != second["authorization"]


def test_the_last_error_is_raised_with_the_number_of_retries(call: Caller) -> None:
    service = ScriptedService(*(error_response(500, "ServiceException") for _ in range(5)))
    with pytest.raises(ServiceException, match="after 2 retries") as caught:
        call(service)
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(service.requests) == 3


def test_a_call_that_succeeds_gives_back_the_tokens_of_its_retry(calls: MakeCalls) -> None:
    responses = itertools.cycle([error_response(500), httpx.Response(200, json={"resources": []})])
    assert calls(lambda _: next(responses), 100) == [None] * 100


def test_a_total_timeout_bounds_each_attempt_and_no_longer_wait_is_begun(call: Caller) -> None:
    throttled = [error_response(429, "ThrottlingException", retry_after="8") for _ in range(5)]
    service = ScriptedService(*throttled)
    with pytest.raises(exceptions.ClientError, match="ThrottlingException"):
        call(service, total_timeout=10, connect_timeout=3, max_attempts=10)
    first, second = (request.extensions["timeout"] for request in service.requests)
    assert (first["connect"], first["read"]) == (3, 5)  # httpx's own client has 5 s
    assert (second["connect"], second["read"]) == (2, 2)
    assert service.clock.slept == [8.0]


def test_a_total_timeout_ends_a_slow_response_and_the_call(outcomes: Outcomes) -> None:
    drip = httpx.Response(200, stream=ChunkStream([b" "] * 1000))
    service = ScriptedService(drip, clock=FakeClock(tick=0.1))
    seen: list[Attempt] = []
    (error,) = outcomes(service, on_attempt=seen.append, total_timeout=3, max_attempts=5)
    assert isinstance(error, exceptions.ReadTimeoutError)
    assert re.search(r"no response .* 3 s, its total", str(error))
    assert [(one.error, one.status, one.retry_in) for one in seen] == [(error, None, None)]


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_wrong_clock_is_corrected_by_the_date_of_the_response(call: Caller, minutes: int) -> None:
    service = ScriptedService()
    ours = FakeClock(NOW + dt.timedelta(minutes=minutes))
    page = call(service, clock=ours)
    assert page["ResponseMetadata"]["RetryAttempts"] == 1
    assert [request.headers["x-amz-date"] for request in service.requests] == [
        ours.start.strftime("%Y%m%dT%H%M%SZ"),
        "20260301T120000Z",
    ]


def refusal(date: str) -> httpx.Response:
    return error_response(403, "InvalidSignatureException", date=date)


def test_a_clock_is_corrected_once_in_a_call(call: Caller) -> None:
    dates = [f"Mon, 0{day} Mar 2026 12:00:00 GMT" for day in (2, 4, 6)]
    service = ScriptedService(*map(refusal, dates))
    with pytest.raises(exceptions.ClientError, match="InvalidSignatureException"):
        call(service)
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 01 Mar 2026 12:03:00 GMT",
        "not a date",
        "",
        "Sun, 01 Mar 2026 12:00:00 +99999999999999999999",
        # With it, the time would be beyond the range of a datetime.
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 1900 00:00:00 GMT",
    ],
)
def test_an_invalid_signature_with_a_correct_clock_is_an_error_at_once(
    call: Caller, date: str
) -> None:
    service = ScriptedService(refusal(date))
    with pytest.raises(exceptions.ClientError, match="InvalidSignatureException"):
        call(service)
    assert len(service.requests) == 1


def test_a_compressed_response_of_any_size_does_not_fill_the_memory() -> None:
    bomb = gzip.compress(b"\0" * (256 * 1024 * 1024), compresslevel=9)
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=ChunkStream([bomb]))
    service = ScriptedService(response)
    tracemalloc.start()
    try:
        (error,) = sync_calls(service, 1, max_response_bytes=1_000_000, **LOCAL_CREDENTIALS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, exceptions.ResponseParserError)
    assert "more than 1000000 bytes" in str(error)
    assert peak < 32 * 1024 * 1024
    assert len(service.requests) == 1


def test_an_incomplete_response_is_retried(call: Caller) -> None:
    half = gzip.compress(b'{"resources": []}')[:-9]
    service = ScriptedService(
        httpx.Response(200, content=b'{"resources": ['),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=ChunkStream([half])),
    )
    assert len(call(service).resources) == 25
    assert len(service.requests) == 3
