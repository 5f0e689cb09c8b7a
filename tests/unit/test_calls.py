"""A call with its attempts: signed anew, put right, bounded, logged. Sync and async alike."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.aws.clock import Clock
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, LocalImageBuilder, generate_account
from imagebuilder_pager.models.exceptions import InvalidRequestException, ServiceException

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


class FakeClock(Clock):
    """A clock that stands still but for the sleeping; each look at it may take a while."""

    def __init__(self, now: dt.datetime = NOW, tick: float = 0.0) -> None:
        self.start = now
        self.elapsed = 0.0
        self.tick = tick
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        self.elapsed += self.tick
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Service:
    """The local service, with other answers first."""

    def __init__(self, *first: Any, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.requests: list[httpx.Request] = []
        self._first = list(first)
        self._service = LocalImageBuilder(generate_account(resources=60), clock=self.clock.now)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._first.pop(0) if self._first else None
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else self._service(request)


def answer(status: int, code: str | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if code is not None:
        named["x-amzn-ErrorType"] = code
    return httpx.Response(status, headers=named, json={"message": "no"})


Caller = Callable[..., Any]


def call_sync(service: Service, **options: Any) -> Any:
    with httpx.Client(transport=httpx.MockTransport(service)) as http:
        client = ImageBuilder(http_client=http, **arguments(service, options))
        return client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)


def call_async(service: Service, **options: Any) -> Any:
    async def main() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
            client = AsyncImageBuilder(http_client=http, **arguments(service, options))
            return await client.list_lifecycle_execution_resources(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID
            )

    return asyncio.run(main())


def arguments(service: Service, options: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"region_name": "us-west-2", "clock": service.clock, **options}
    if "credentials" not in given:
        given |= {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return given


@pytest.fixture(params=[call_sync, call_async], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Caller:
    caller: Caller = request.param
    return caller


def test_a_call_goes_on_until_it_is_answered(call: Caller) -> None:
    service = Service(answer(503, "ServiceUnavailableException"), httpx.ReadError("reset"))
    page = call(service)
    assert len(page.resources) == 25
    assert page["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(service.clock.slept) == 2


def test_each_attempt_is_signed_anew(call: Caller) -> None:
    service = Service(answer(429, "ThrottlingException", retry_after="5"))
    call(service)
    first, second = (request.headers for request in service.requests)
    assert first["x-amz-date"] == "20260301T120000Z"
    assert second["x-amz-date"] == "20260301T120005Z"
    assert first["authorization"] != second["authorization"]


def test_the_last_error_is_raised_and_says_how_often_it_was_tried(call: Caller) -> None:
    service = Service(*(answer(500, "ServiceException") for _ in range(5)))
    with pytest.raises(ServiceException, match="after 2 retries") as caught:
        call(service)
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(service.requests) == 3


def test_one_attempt_turns_retries_off(call: Caller) -> None:
    service = Service(answer(500, "ServiceException"))
    with pytest.raises(ServiceException):
        call(service, max_attempts=1)
    assert len(service.requests) == 1
    assert service.clock.slept == []


def test_what_would_fail_again_is_not_sent_again(call: Caller) -> None:
    service = Service(answer(400, "InvalidRequestException"))
    with pytest.raises(InvalidRequestException):
        call(service)
    assert len(service.requests) == 1


def test_a_total_timeout_ends_the_wait_at_once(call: Caller) -> None:
    service = Service(*(answer(429, "ThrottlingException", retry_after="8") for _ in range(5)))
    with pytest.raises(exceptions.ClientError):
        call(service, total_timeout=10, max_attempts=10)
    assert service.clock.slept == [8.0]


def test_a_total_timeout_bounds_each_attempt(call: Caller) -> None:
    service = Service(answer(429, "ThrottlingException", retry_after="8"))
    call(service, total_timeout=10, connect_timeout=3)
    first, second = (request.extensions["timeout"] for request in service.requests)
    assert (first["connect"], first["read"]) == (3, 5)  # httpx's own client has 5 s
    assert (second["connect"], second["read"]) == (2, 2)


def test_a_total_timeout_ends_an_answer_that_drips(call: Caller) -> None:
    class Drip(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(1000):
                yield b" "

        async def __aiter__(self) -> Any:
            for chunk in self:
                yield chunk

    service = Service(httpx.Response(200, stream=Drip()), clock=FakeClock(tick=0.1))
    with pytest.raises(exceptions.ReadTimeoutError, match="no complete answer within 3 s"):
        call(service, total_timeout=3, max_attempts=5)
    assert len(service.requests) == 1


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_off_is_corrected_by_the_date_of_the_answer(
    call: Caller, minutes: int
) -> None:
    service = Service()
    ours = FakeClock(NOW + dt.timedelta(minutes=minutes))
    page = call(service, clock=ours)
    assert page["ResponseMetadata"]["RetryAttempts"] == 1
    assert [request.headers["x-amz-date"] for request in service.requests] == [
        ours.start.strftime("%Y%m%dT%H%M%SZ"),
        "20260301T120000Z",
    ]


def test_a_corrected_clock_stays_corrected() -> None:
    service = Service()
    with httpx.Client(transport=httpx.MockTransport(service)) as http:
        clock = FakeClock(NOW - dt.timedelta(minutes=20))
        client = ImageBuilder(http_client=http, **arguments(service, {"clock": clock}))
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID
        )
        retries = [page["ResponseMetadata"]["RetryAttempts"] for page in pages]
    assert retries == [1, 0, 0]


def test_a_clock_is_corrected_once(call: Caller) -> None:
    def tomorrow(day: int) -> httpx.Response:
        return answer(403, "InvalidSignatureException", date=f"Mon, 0{day} Mar 2026 12:00:00 GMT")

    service = Service(tomorrow(2), tomorrow(4), tomorrow(6))
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
        # Believed, it would take the clock out of what a datetime can be.
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 1900 00:00:00 GMT",
    ],
)
def test_a_wrong_signature_by_a_right_clock_is_an_error_at_once(call: Caller, date: str) -> None:
    service = Service(answer(403, "InvalidSignatureException", date=date))
    with pytest.raises(exceptions.ClientError, match="InvalidSignatureException"):
        call(service)
    assert len(service.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read_within_its_bound(call: Caller, encoding: str) -> None:
    import zlib

    body = b'{"resources": []}' + b" " * 1000
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)

    def service_with(limit: int) -> Any:
        stream = _Stream([packed[:10], packed[10:]])
        service = Service(
            httpx.Response(200, headers={"content-encoding": encoding}, stream=stream)
        )
        return call(service, max_response_bytes=limit, max_attempts=1)

    assert service_with(len(body)).resources == []
    with pytest.raises(exceptions.ResponseParserError, match="more than 1016 bytes"):
        service_with(len(body) - 1)


def test_an_answer_that_expands_without_end_does_not_fill_the_memory(call: Caller) -> None:
    import tracemalloc

    bomb = gzip.compress(b"\0" * (256 * 1024 * 1024), compresslevel=9)
    service = Service(
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Stream([bomb]))
    )
    tracemalloc.start()
    try:
        with pytest.raises(exceptions.ResponseParserError, match="more than 1000000 bytes"):
            call(service, max_response_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024
    assert len(service.requests) == 1


def test_a_large_answer_is_refused_while_it_is_being_read(call: Caller) -> None:
    sent = 0

    def chunks() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b" " * 1000

    service = Service(httpx.Response(200, stream=_Stream(chunks())))
    with pytest.raises(exceptions.ResponseParserError, match="more than 5000 bytes"):
        call(service, max_response_bytes=5000)
    assert sent == 6000


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"no gzip at all", "cannot be decompressed"),
        ("br", b"x", "compressed as 'br', which was not asked for"),
    ],
)
def test_compression_that_cannot_be_read_is_an_error_at_once(
    call: Caller, encoding: str, body: bytes, message: str
) -> None:
    service = Service(
        httpx.Response(200, headers={"content-encoding": encoding}, stream=_Stream([body]))
    )
    with pytest.raises(exceptions.ResponseParserError, match=message):
        call(service)
    assert len(service.requests) == 1


def test_half_of_an_answer_is_asked_for_again(call: Caller) -> None:
    half = gzip.compress(b'{"resources": []}')[:-9]
    service = Service(
        httpx.Response(200, content=b'{"resources": ['),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Stream([half])),
    )
    assert len(call(service).resources) == 25
    assert len(service.requests) == 3


def test_the_log_has_a_line_for_each_attempt_and_each_retry(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="imagebuilder_pager")
    service = Service(
        answer(503, "ServiceUnavailableException", x_amzn_requestid="abc"),
        httpx.ConnectError("refused"),
    )
    request_id = call(service)["ResponseMetadata"]["RequestId"]
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


def test_a_service_cannot_write_lines_of_its_own_into_the_log(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"__type": "Slow\nWARNING all is well" + "x" * 200, "message": "no"}
    call(Service(httpx.Response(503, json=body)))
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "(Slow?WARNING?all?is?wellxx" in line
    assert "\n" not in line
    assert len(line) < 250


def test_an_error_in_the_middle_says_where_to_go_on() -> None:
    service = Service()
    with httpx.Client(transport=httpx.MockTransport(service)) as http:
        client = ImageBuilder(http_client=http, **arguments(service, {"max_attempts": 1}))
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = iter(paginator.paginate(lifecycleExecutionId=EXAMPLE_EXECUTION_ID))
        found = [resource.resource_id for resource in next(pages).resources]
        assert len(found) == 25
        service._first = [answer(500, "ServiceException")]
        with pytest.raises(ServiceException) as caught:
            next(pages)
        token = caught.value.resume_token
        rest = paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"StartingToken": token}
        )
        found.extend(resource.resource_id for resource in rest.items())
        assert len(found) == len(set(found)) == 60

        service._first = [answer(500, "ServiceException")]
        with pytest.raises(ServiceException) as caught:
            list(rest)
        assert caught.value.resume_token == token


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks

    def __iter__(self) -> Any:
        yield from self._chunks

    async def __aiter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk
