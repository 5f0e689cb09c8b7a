"""A call and its attempts: signatures, corrections, limits and logs, sync and async."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.models.exceptions import ServiceException
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, async_outcomes, every_client, sync_calls, sync_outcomes
from tests.fakes.clocks import NOW, FakeClock
from tests.fakes.services import ChunkStream, ScriptedService, error_response

Caller = Callable[..., Any]


@pytest.fixture(params=[sync_outcomes, async_outcomes], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Caller:
    def call(service: ScriptedService, **options: Any) -> Any:
        arguments = {"clock": service.clock, **LOCAL_CREDENTIALS, **options}
        (outcome,) = request.param(service, 1, **arguments)
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


@every_client
def test_a_call_that_succeeds_gives_back_the_tokens_of_its_retry(calls: MakeCalls) -> None:
    responses = (error_response(500), httpx.Response(200, json={"resources": []}))
    service = itertools.cycle(responses)
    options: Any = {"clock": FakeClock(), **LOCAL_CREDENTIALS}
    assert calls(lambda _: next(service), 100, **options) == [None] * 100


def test_a_wait_longer_than_the_total_timeout_is_not_begun(call: Caller) -> None:
    service = ScriptedService(
        *(error_response(429, "ThrottlingException", retry_after="8") for _ in range(5))
    )
    with pytest.raises(exceptions.ClientError):
        call(service, total_timeout=10, max_attempts=10)
    assert service.clock.slept == [8.0]


def test_a_total_timeout_bounds_each_attempt(call: Caller) -> None:
    service = ScriptedService(error_response(429, "ThrottlingException", retry_after="8"))
    call(service, total_timeout=10, connect_timeout=3)
    first, second = (request.extensions["timeout"] for request in service.requests)
    assert (first["connect"], first["read"]) == (3, 5)  # httpx's own client has 5 s
    assert (second["connect"], second["read"]) == (2, 2)


def test_a_total_timeout_ends_a_slow_response(call: Caller) -> None:
    drip = httpx.Response(200, stream=ChunkStream([b" "] * 1000))
    service = ScriptedService(drip, clock=FakeClock(tick=0.1))
    with pytest.raises(exceptions.ReadTimeoutError, match=r"no response .* 3 s, its total"):
        call(service, total_timeout=3, max_attempts=5)
    assert len(service.requests) == 1


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


def test_a_clock_is_corrected_once_in_a_call(call: Caller) -> None:
    def response_on(day: int) -> httpx.Response:
        return error_response(
            403, "InvalidSignatureException", date=f"Mon, 0{day} Mar 2026 12:00:00 GMT"
        )

    service = ScriptedService(response_on(2), response_on(4), response_on(6))
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
    service = ScriptedService(error_response(403, "InvalidSignatureException", date=date))
    with pytest.raises(exceptions.ClientError, match="InvalidSignatureException"):
        call(service)
    assert len(service.requests) == 1


def test_a_compressed_response_of_any_size_does_not_fill_the_memory() -> None:
    bomb = gzip.compress(b"\0" * (256 * 1024 * 1024), compresslevel=9)
    service = ScriptedService(
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=ChunkStream([bomb]))
    )
    tracemalloc.start()
    try:
        options: Any = {"max_response_bytes": 1_000_000, **LOCAL_CREDENTIALS}
        (error,) = sync_calls(service, 1, **options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, exceptions.ResponseParserError)
    assert "more than 1000000 bytes" in str(error)
    assert peak < 32 * 1024 * 1024
    assert len(service.requests) == 1


def test_a_response_over_the_limit_is_not_read_to_its_end(call: Caller) -> None:
    sent = 0

    def chunks() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b" " * 1000

    service = ScriptedService(httpx.Response(200, stream=ChunkStream(chunks())))
    with pytest.raises(exceptions.ResponseParserError, match="more than 5000 bytes"):
        call(service, max_response_bytes=5000)
    assert sent == 6000


def test_an_incomplete_response_is_retried(call: Caller) -> None:
    half = gzip.compress(b'{"resources": []}')[:-9]
    service = ScriptedService(
        httpx.Response(200, content=b'{"resources": ['),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=ChunkStream([half])),
    )
    assert len(call(service).resources) == 25
    assert len(service.requests) == 3


def test_each_attempt_and_each_retry_until_success_has_a_line_in_the_log(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="imagebuilder_pager")
    service = ScriptedService(
        error_response(503, "ServiceUnavailableException", x_amzn_requestid="abc"),
        httpx.ConnectError("refused"),
    )
    page = call(service)
    assert len(page.resources) == 25
    assert page["ResponseMetadata"]["RetryAttempts"] == 2
    request_id = page["ResponseMetadata"]["RequestId"]
    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.startswith("imagebuilder_pager")
    ]
    first, second = service.clock.slept
    name = "ListLifecycleExecutionResources"
    assert lines == [
        ("DEBUG", f"{name} attempt 1: HTTP status 503, request id abc, 0 ms"),
        (
            "WARNING",
            f"{name} attempt 1 failed (ServiceUnavailableException, HTTP status 503, request id "
            f"abc); retrying in {first:.2f} s",
        ),
        ("DEBUG", f"{name} attempt 2: HTTP status none, request id None, {0:.0f} ms"),
        (
            "WARNING",
            f"{name} attempt 2 failed (EndpointConnectionError); retrying in {second:.2f} s",
        ),
        ("DEBUG", f"{name} attempt 3: HTTP status 200, request id {request_id}, 0 ms"),
    ]


def test_a_response_cannot_add_lines_to_the_log(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"__type": "Slow\nWARNING all is well" + "x" * 200, "message": "no"}
    call(ScriptedService(httpx.Response(503, json=body)))
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "(Slow?WARNING?all?is?wellxx" in line
    assert "\n" not in line
    assert len(line) < 250
