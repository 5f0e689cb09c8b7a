"""The functions that are called after each attempt, and the headers that they add to one."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import pickle
import threading
import traceback
from collections import UserDict
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, Attempt, ImageBuilder, exceptions
from imagebuilder_pager._aws.attempts import AttemptHook, AttemptReport
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager._aws.retries import RetryState
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import async_outcomes, sync_outcomes
from tests.fakes.clients import EXECUTION
from tests.fakes.clocks import FakeClock
from tests.fakes.connections import CALLER_WAYS, WAYS, call_in_turn, page_response
from tests.fakes.servers import ScriptedServer
from tests.fakes.services import (
    ChunkStream,
    RecordingService,
    ScriptedService,
    error_response,
    fail_on_request,
    http_client,
)

pytestmark = pytest.mark.usefixtures("_no_settings")
Outcomes = Callable[..., list[Any]]
NAME = "ListLifecycleExecutionResources"


@pytest.fixture(params=[sync_outcomes, async_outcomes], ids=["sync", "async"])
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """Make calls by a client with local credentials; return the page or the error of each."""

    def make_calls(service: Any, count: int = 1, **options: Any) -> list[Any]:
        arguments = {"clock": FakeClock(), **LOCAL_CREDENTIALS, **options}
        results: list[Any] = request.param(service, count, **arguments)
        return results

    return make_calls


class Slow:
    """A service whose responses take two seconds each."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self._service.clock.elapsed += 2
        return self._service(request)


def test_each_attempt_is_reported_when_it_is_over(outcomes: Outcomes) -> None:
    service = ScriptedService(
        error_response(503, "ServiceUnavailableException", x_amzn_requestid="abc"),
        httpx.ConnectError("refused"),
    )
    seen: list[Attempt] = []
    (page,) = outcomes(Slow(service), on_attempt=seen.append, clock=service.clock)
    request_id = page["ResponseMetadata"]["RequestId"]
    first, second = service.clock.slept
    assert [
        (attempt.number, attempt.status, attempt.request_id, attempt.retry_in) for attempt in seen
    ] == [(1, 503, "abc", first), (2, None, None, second), (3, 200, request_id, None)]
    kinds = [exceptions.ClientError, exceptions.EndpointConnectionError]
    for attempt, kind in zip(seen, kinds, strict=False):
        assert isinstance(attempt.error, kind)
    assert seen[2].error is None
    assert {(one.operation, round(one.seconds, 6), one.host, one.service) for one in seen} == {
        (NAME, 2, "imagebuilder.us-west-2.amazonaws.com", "imagebuilder")
    }
    assert str(pickle.loads(pickle.dumps(seen[0]))) == str(seen[0])


def test_an_attempt_after_a_correction_is_reported_too(outcomes: Outcomes) -> None:
    refused = error_response(403, "ExpiredTokenException")
    keys = iter("AB")
    seen: list[Attempt] = []
    service = ScriptedService(refused)
    outcomes(
        service,
        on_attempt=seen.append,
        aws_access_key_id=None,
        aws_secret_access_key=None,
        credentials=lambda: Credentials(next(keys), "secret"),
    )
    assert [(attempt.number, attempt.retry_in) for attempt in seen] == [(1, 0.0), (2, None)]


def test_an_attempt_that_the_total_timeout_ends_is_the_last_one(outcomes: Outcomes) -> None:
    drip = httpx.Response(200, stream=ChunkStream([b" "] * 1000))
    service = ScriptedService(drip, clock=FakeClock(tick=0.1))
    seen: list[Attempt] = []
    (error,) = outcomes(service, on_attempt=seen.append, clock=service.clock, total_timeout=3)
    (attempt,) = seen
    assert attempt.error is error
    assert isinstance(error, exceptions.ReadTimeoutError)
    assert (attempt.status, attempt.retry_in) == (None, None)


def test_an_attempt_without_credentials_is_reported(outcomes: Outcomes) -> None:
    def fail() -> Credentials:
        raise ValueError("none today")

    seen: list[Attempt] = []
    (error,) = outcomes(
        fail_on_request,
        on_attempt=seen.append,
        aws_access_key_id=None,
        aws_secret_access_key=None,
        credentials=fail,
    )
    assert [attempt.error for attempt in seen] == [error]


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), RuntimeError("of a mock")], ids=repr)
def test_an_attempt_that_is_broken_off_is_reported(
    outcomes: Outcomes, raised: BaseException
) -> None:
    def break_off(_: httpx.Request) -> httpx.Response:
        raise raised

    seen: list[Attempt] = []
    with pytest.raises(type(raised)):
        outcomes(break_off, on_attempt=seen.append)
    assert [attempt.error for attempt in seen] == [raised]


def test_ctrl_c_while_an_error_is_judged_is_reported_without_its_secrets(
    outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the token, and is the context of the interruption."""

    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, json={"message": request.headers["x-amz-security-token"]})

    def interrupt(*_: object, **__: object) -> float:
        raise interruption

    interruption = KeyboardInterrupt()
    monkeypatch.setattr(RetryState, "delay_after", interrupt)
    seen: list[Attempt] = []
    token = "a-session-token-of-some-length"
    with pytest.raises(KeyboardInterrupt) as caught:
        outcomes(echo, on_attempt=seen.append, aws_session_token=token)
    assert [attempt.error for attempt in seen] == [interruption]
    assert token not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_attempt_that_is_cancelled_is_reported(backend: str) -> None:
    seen: list[Attempt] = []

    scopes: list[anyio.CancelScope] = []

    async def wait(_: httpx.Request) -> httpx.Response:
        scopes[0].cancel()
        await anyio.sleep_forever()
        raise AssertionError

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(wait)) as http:
            client = AsyncImageBuilder(
                "us-west-2", http_client=http, on_attempt=seen.append, **LOCAL_CREDENTIALS
            )
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await client.list_lifecycle_execution_resources(**EXECUTION)

    anyio.run(main, backend=backend)
    (attempt,) = seen
    assert type(attempt.error).__name__ in {"CancelledError", "Cancelled"}


def test_an_exception_of_the_function_is_logged_once_and_disturbs_nothing(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(attempt: Attempt) -> None:
        raise ZeroDivisionError(f"of the attempt {attempt.number}")

    service = ScriptedService(error_response(503))
    pages = outcomes(service, 2, on_attempt=fail)
    assert [len(page.resources) for page in pages] == [25, 25]
    (record,) = [record for record in caplog.records if record.exc_info]
    assert (record.name, record.levelname) == ("imagebuilder_pager.calls", "WARNING")
    assert record.getMessage() == "on_attempt failed; its later exceptions are not logged"
    assert "of the attempt 1" in caplog.text


def test_ctrl_c_in_the_function_is_raised(outcomes: Outcomes) -> None:
    numbers = []

    def interrupt(attempt: Attempt) -> None:
        numbers.append(attempt.number)
        raise KeyboardInterrupt

    for service in (ScriptedService(), ScriptedService(error_response(503))):
        with pytest.raises(KeyboardInterrupt):
            outcomes(service, on_attempt=interrupt)
    assert numbers == [1, 1]


def test_a_function_that_lists_with_two_clients_is_not_called_for_that() -> None:
    def list_again(attempt: Attempt) -> None:
        with lock:
            seen.append(attempt)
            pages = [one.list_lifecycle_execution_resources(**EXECUTION) for one in clients]
            sizes.extend(len(page.resources) for page in pages)

    lock = threading.RLock()
    seen: list[Attempt] = []
    sizes: list[int] = []
    service = ScriptedService()
    with http_client(service) as http:
        clients = [
            ImageBuilder(
                "us-west-2",
                http_client=http,
                on_attempt=list_again,
                clock=service.clock,
                **LOCAL_CREDENTIALS,
            )
            for _ in range(2)
        ]
        pages = clients[0].get_paginator("list_lifecycle_execution_resources").paginate(**EXECUTION)
        assert [len(page.resources) for page in pages] == [25, 25, 10]
    assert (len(seen), sizes) == (3, [25] * 6)


@pytest.mark.parametrize("way", [*WAYS, *CALLER_WAYS])
def test_every_transport_reports_and_adds_headers(way: str) -> None:
    server = ScriptedServer([[page_response("ami-1")]])
    seen: list[Attempt] = []
    try:
        results = call_in_turn(
            way, server.url, on_attempt=seen.append, extra_headers={"Traceparent": "00-1"}
        )
    finally:
        server.close()
    assert results == ["ami-1"]
    assert b"\r\ntraceparent: 00-1\r\n" in server.requests[0]
    assert [(attempt.status, attempt.host) for attempt in seen] == [(200, "127.0.0.1")]


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ctrl_c_in_the_function_ends_an_async_listing(backend: str, prefetch: int) -> None:
    def interrupt(_: Attempt) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(RecordingService())) as http:
            client = AsyncImageBuilder(
                "us-west-2", http_client=http, on_attempt=interrupt, **LOCAL_CREDENTIALS
            )
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            async for _ in paginator.paginate(**EXECUTION, PaginationConfig={"Prefetch": prefetch}):
                pytest.fail("a page")

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)


async def wait_for(_: object) -> Any:
    """Wait, which no function for attempts may do."""


async def wait_and_yield(_: object) -> Any:
    """Wait, and be called again, which no function for attempts may."""
    yield


class Waiting:
    """An object that is called and waits."""

    async def __call__(self, *_: object) -> Any:
        """Wait."""


@pytest.mark.parametrize("name", ["on_attempt", "on_credentials_attempt", "extra_headers"])
@pytest.mark.parametrize(
    ("value", "given"),
    [
        (wait_for, "a coroutine function given"),
        (wait_and_yield, "a coroutine function given"),
        (functools.partial(wait_for, 1), "a coroutine function given"),
        (Waiting(), "a coroutine function given"),
        (5, r"5 \(int\) given"),
        ("traceparent", "'traceparent' given"),
    ],
)
def test_all_but_a_plain_function_is_refused(name: str, value: Any, given: str) -> None:
    for client_class in (ImageBuilder, AsyncImageBuilder):
        with pytest.raises(exceptions.ParamValidationError, match=f"{name}: {given}; allowed: a "):
            client_class("us-west-2", **{name: value})


# The extra headers.


def headers_with(outcomes: Outcomes, extra: Any, *first: Any) -> list[httpx.Headers]:
    """Return the headers of the requests of one call."""
    service = ScriptedService(*first)
    (page,) = outcomes(service, extra_headers=extra, clock=service.clock)
    assert len(page.resources) == 25
    return [request.headers for request in service.requests]


def test_extra_headers_are_sent_and_not_signed(outcomes: Outcomes) -> None:
    extra = {"Traceparent": "00-1-2-01", "x-empty": ""}
    (without,) = headers_with(outcomes, None)
    (headers,) = headers_with(outcomes, extra)
    added = [(b"traceparent", b"00-1-2-01"), (b"x-empty", b"")]
    changing = b"amz-sdk-invocation-id"
    assert [one for one in headers.raw if one[0] != changing and one not in added] == [
        one for one in without.raw if one[0] != changing
    ]
    assert [one for one in headers.raw if one in added] == added


def test_a_function_gives_the_headers_of_each_attempt(outcomes: Outcomes) -> None:
    numbers = itertools.count(1)
    sent = headers_with(outcomes, lambda: {"x-number": str(next(numbers))}, error_response(503))
    assert [headers["x-number"] for headers in sent] == ["1", "2"]


def test_a_trace_of_the_caller_replaces_that_of_lambda(
    outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-1")
    (headers,) = headers_with(outcomes, {"X-Amzn-Trace-Id": "Root=1-2"})
    assert headers.get_list("x-amzn-trace-id") == ["Root=1-2"]


SIGNED_OR_OURS = "neither signed nor set"
INVALID = [
    ({"X-Amz-Date": "value-of-it"}, r"\['X-Amz-Date'\]: given; .*" + SIGNED_OR_OURS),
    ({"Host": "value-of-it"}, SIGNED_OR_OURS),
    ({"content-length": "value-of-it"}, SIGNED_OR_OURS),
    ({"Transfer-Encoding": "value-of-it"}, SIGNED_OR_OURS),
    ({"authorization": "value-of-it"}, SIGNED_OR_OURS),
    ({"user-agent": "value-of-it"}, SIGNED_OR_OURS),
    ({"amz-sdk-request": "value-of-it"}, SIGNED_OR_OURS),
    ({"x-a": "value-of-it\r\nx-b: 1"}, r"\['x-a'\]: other characters in it; allowed: a string of"),
    ({"x-a": " value-of-it"}, "other characters in it"),
    ({"x-a": "value-of-it\u00e9"}, "other characters in it"),
    ({"x-a": b"value-of-it"}, "a bytes given"),
    ({"x-a": None}, "a NoneType given"),
    ({"x a": "value-of-it"}, "'x a' given as a name"),
    ({"": "value-of-it"}, "'' given as a name"),
    ({7: "value-of-it"}, r"7 \(int\) given as a name"),
    ({"x-a": "value-of-it", "X-A": "value-of-it"}, "given twice"),
]


@pytest.mark.parametrize(("headers", "problem"), INVALID)
def test_headers_that_cannot_be_added_are_refused(
    outcomes: Outcomes, headers: Mapping[Any, Any], problem: str
) -> None:
    with pytest.raises(exceptions.ParamValidationError, match=problem) as caught:
        ImageBuilder("us-west-2", extra_headers=headers)
    (error,) = outcomes(fail_on_request, extra_headers=lambda: headers)
    assert str(error).replace("Async", "") == str(caught.value)
    assert "value-of-it" not in str(error)


class Unreadable(UserDict[str, str]):
    """A mapping that another thread changes."""

    def __iter__(self) -> Any:
        raise RuntimeError("changed size")


def raise_a_retryable_error() -> Any:
    raise exceptions.ReadTimeoutError("of another client")


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (raise_a_retryable_error, "extra_headers: the function raised a ReadTimeoutError"),
        (Unreadable, "extra_headers: the function raised a RuntimeError"),
        (lambda: None, "extra_headers: the function returned None; allowed: a mapping"),
        (lambda: {"host": "x"}, SIGNED_OR_OURS),
    ],
)
def test_a_function_that_fails_in_a_listing_ends_it_with_a_token(
    result: Callable[[], Any], problem: str
) -> None:
    results = iter([dict, result, dict])
    seen: list[Attempt] = []
    service = ScriptedService()
    with http_client(service) as http:
        client = ImageBuilder(
            "us-west-2",
            http_client=http,
            on_attempt=seen.append,
            extra_headers=lambda: next(results)(),  # noqa: PLW0108 - one for each attempt
            clock=service.clock,
            **LOCAL_CREDENTIALS,
        )
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate
        iterator = iter(pages(**EXECUTION))
        next(iterator)
        with pytest.raises(exceptions.ParamValidationError, match=problem) as caught:
            next(iterator)
        assert len(service.requests) == 1
        assert [attempt.error for attempt in seen] == [None, caught.value]
        token = caught.value.resume_token
        page = next(iter(pages(**EXECUTION, PaginationConfig={"StartingToken": token})))
    assert len(page.resources) == 25


def test_a_mapping_is_copied() -> None:
    service = RecordingService()
    headers = {"x-a": "1"}
    with http_client(service) as http:
        client = ImageBuilder(
            "us-west-2", http_client=http, extra_headers=headers, **LOCAL_CREDENTIALS
        )
        headers["host"] = "other"
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert service.request.headers["x-a"] == "1"


# The log.

FIELDS = ("operation", "attempt", "status", "request_id", "duration_ms")


def test_records_have_their_figures_as_fields(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "imagebuilder_pager")
    service = ScriptedService(
        error_response(503, x_amzn_requestid="abc"),
        httpx.Response(200, json={"resources": [{"resourceId": 5}]}),
    )
    outcomes(Slow(service), clock=service.clock, on_invalid_response="warn")
    records = [record for record in caplog.records if record.name == "imagebuilder_pager.calls"]
    failed, ended = (NAME, 1, 503, "abc", 2000.0), (NAME, 2, 200, None, 2000.0)
    assert [
        (record.levelname, tuple(getattr(record, field) for field in FIELDS)) for record in records
    ] == [("DEBUG", failed), ("WARNING", failed), ("WARNING", ended), ("DEBUG", ended)]
    assert records[2].problem_count == 1  # type: ignore[attr-defined]


def test_a_field_that_the_programs_records_have_stays(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    def make_record(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.request_id = "of the program"
        return record

    service = ScriptedService(error_response(503, x_amzn_requestid="abc"))
    seen: list[Attempt] = []
    usual = logging.getLogRecordFactory()
    logging.setLogRecordFactory(make_record)
    try:
        (page,) = outcomes(service, clock=service.clock, on_attempt=seen.append)
    finally:
        logging.setLogRecordFactory(usual)
    assert len(page.resources) == 25
    assert [attempt.status for attempt in seen] == [503, 200]
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert (vars(record)["request_id"], vars(record)["status"]) == ("of the program", 503)
    assert "abc" in record.getMessage()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("abc\x9b31m d\u00e9f", "abc?31m?d?f"),
        ("x" * 60_000, "x" * 128),
        ("of the-secret-key" * 9, "of?(removed)" * 9),
        ("", None),
    ],
    ids=["characters", "long", "secret", "empty"],
)
def test_a_request_id_is_one_short_word(
    outcomes: Outcomes, sent: str, shown: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Attempt] = []
    response = httpx.Response(503, headers=[(b"x-amzn-requestid", sent.encode())])
    service = ScriptedService(response)
    outcomes(
        service,
        clock=service.clock,
        on_attempt=seen.append,
        aws_secret_access_key="the-secret-key",
    )
    assert seen[0].request_id == shown
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert vars(record)["request_id"] == shown
    assert f"request id {shown})" in record.getMessage()


def test_ctrl_c_before_an_attempt_has_begun_reports_none() -> None:
    def interrupt() -> float:
        raise KeyboardInterrupt

    seen: list[Attempt] = []
    clock = iter([float, float, interrupt])
    report = AttemptReport(
        ("imagebuilder", NAME, "host"),
        logging.getLogger("imagebuilder_pager.calls"),
        AttemptHook.of("on_attempt", seen.append),
        monotonic=lambda: next(clock)(),  # noqa: PLW0108 - one for each call
        redact=str,
        redact_error=str,
    )
    report.end(KeyboardInterrupt())
    report.begin(1)
    report.end()
    with pytest.raises(KeyboardInterrupt):
        report.begin(2)
    report.end(KeyboardInterrupt())
    assert [attempt.number for attempt in seen] == [1]


def test_throttling_of_an_adaptive_client_is_no_warning(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "imagebuilder_pager.calls")
    service = ScriptedService(error_response(429), error_response(503))
    outcomes(service, retry_mode="adaptive")
    levels = {
        record.levelname for record in caplog.records if "attempt 1 failed" in record.getMessage()
    }
    assert levels == {"DEBUG"}
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_the_function_for_calls_is_called_in_the_event_loop() -> None:
    async def main() -> None:
        loops: list[object] = []

        def note(_: Attempt) -> None:
            loops.append(asyncio.get_running_loop())

        mock = httpx.MockTransport(RecordingService())
        async with httpx.AsyncClient(transport=mock) as http:
            client = AsyncImageBuilder(
                "us-west-2", http_client=http, on_attempt=note, **LOCAL_CREDENTIALS
            )
            await client.list_lifecycle_execution_resources(**EXECUTION)
        assert loops == [asyncio.get_running_loop()]

    asyncio.run(main())


def test_attempts_of_many_threads_are_all_reported() -> None:
    seen: list[Attempt] = []
    with http_client(RecordingService()) as http:
        client = ImageBuilder(
            "us-west-2", http_client=http, on_attempt=seen.append, **LOCAL_CREDENTIALS
        )

        def call_often() -> None:
            for _ in range(50):
                client.list_lifecycle_execution_resources(**EXECUTION)

        threads = [threading.Thread(target=call_often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 400
