"""The functions that are called after each attempt, and the lines of the log about it."""

from __future__ import annotations

import functools
import logging
import pickle
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, Attempt, ImageBuilder, exceptions
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager._aws.retries import RetryState
from imagebuilder_pager.models.exceptions import ServiceUnavailableException
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import Outcomes, async_client
from tests.fakes.clients import EXECUTION, OPERATION, ClientWith, list_page
from tests.fakes.clocks import FakeClock
from tests.fakes.connections import CALLER_WAYS, WAYS, call_in_turn, page_response
from tests.fakes.servers import ScriptedServer
from tests.fakes.services import RecordingService, ScriptedService, error_response, fail_on_request

pytestmark = pytest.mark.usefixtures("_no_settings")
NAME = "ListLifecycleExecutionResources"


@pytest.fixture
def seen() -> list[Attempt]:
    """Return a list for the reported attempts."""
    return []


class SlowService(ScriptedService):
    """A service whose responses take two seconds each."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.clock.elapsed += 2
        return super().__call__(request)


def test_each_attempt_is_reported_when_it_is_over(outcomes: Outcomes, seen: list[Attempt]) -> None:
    service = SlowService(
        error_response(503, "ServiceUnavailableException", x_amzn_requestid="abc"),
        httpx.ConnectError("refused"),
    )
    (page,) = outcomes(service, on_attempt=seen.append)
    request_id = page["ResponseMetadata"]["RequestId"]
    first, second = service.clock.slept
    assert [
        (attempt.number, attempt.status, attempt.request_id, attempt.retry_in) for attempt in seen
    ] == [(1, 503, "abc", first), (2, None, None, second), (3, 200, request_id, None)]
    kinds = [ServiceUnavailableException, exceptions.EndpointConnectionError]
    assert [type(attempt.error) for attempt in seen] == [*kinds, type(None)]
    assert {(one.operation, round(one.seconds, 6), one.host, one.service) for one in seen} == {
        (NAME, 2, "imagebuilder.us-west-2.amazonaws.com", "imagebuilder")
    }
    assert str(pickle.loads(pickle.dumps(seen[0]))) == str(seen[0])


def test_an_attempt_after_a_correction_is_reported_too(
    outcomes: Outcomes, seen: list[Attempt]
) -> None:
    keys = iter("AB")
    outcomes(
        ScriptedService(error_response(403, "ExpiredTokenException")),
        on_attempt=seen.append,
        credentials=lambda: Credentials(next(keys), "secret"),
    )
    assert [(attempt.number, attempt.retry_in) for attempt in seen] == [(1, 0.0), (2, None)]


def test_an_attempt_without_credentials_is_reported(
    outcomes: Outcomes, seen: list[Attempt]
) -> None:
    def fail() -> Credentials:
        raise ValueError("none today")

    (error,) = outcomes(fail_on_request, on_attempt=seen.append, credentials=fail)
    assert [attempt.error for attempt in seen] == [error]


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), RuntimeError("of a mock")], ids=repr)
def test_an_attempt_that_is_broken_off_is_reported(
    outcomes: Outcomes, seen: list[Attempt], raised: BaseException
) -> None:
    def break_off(_: httpx.Request) -> httpx.Response:
        raise raised

    with pytest.raises(type(raised)):
        outcomes(break_off, on_attempt=seen.append)
    assert [attempt.error for attempt in seen] == [raised]


def test_ctrl_c_while_an_error_is_judged_is_reported_without_its_secrets(
    outcomes: Outcomes, seen: list[Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the token, and is the context of the interruption."""

    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, json={"message": request.headers["x-amz-security-token"]})

    def interrupt(*_: object, **__: object) -> float:
        raise interruption

    interruption = KeyboardInterrupt()
    monkeypatch.setattr(RetryState, "delay_after", interrupt)
    token = "a-session-token-of-some-length"
    with pytest.raises(KeyboardInterrupt) as caught:
        outcomes(echo, on_attempt=seen.append, aws_session_token=token)
    assert [attempt.error for attempt in seen] == [interruption]
    assert token not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_attempt_that_is_cancelled_is_reported(backend: str, seen: list[Attempt]) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:

            async def wait(_: httpx.Request) -> httpx.Response:
                scope.cancel()
                await anyio.sleep_forever()
                raise AssertionError

            async with async_client(wait, on_attempt=seen.append, **LOCAL_CREDENTIALS) as client:
                await client.list_lifecycle_execution_resources(**EXECUTION)

    anyio.run(main, backend=backend)
    (attempt,) = seen
    assert type(attempt.error).__name__ in {"CancelledError", "Cancelled"}


class InterruptedClock(FakeClock):
    """A clock with Ctrl-C at the first measurement after a wait."""

    def monotonic(self) -> float:
        if self.slept:
            self.slept.clear()
            raise KeyboardInterrupt
        return super().monotonic()


def test_ctrl_c_before_an_attempt_has_begun_reports_none(
    outcomes: Outcomes, seen: list[Attempt]
) -> None:
    service = ScriptedService(error_response(503), clock=InterruptedClock())
    with pytest.raises(KeyboardInterrupt):
        outcomes(service, on_attempt=seen.append)
    assert [attempt.number for attempt in seen] == [1]


@pytest.mark.parametrize("way", [*WAYS, *CALLER_WAYS])
def test_every_transport_reports_and_adds_headers(way: str, seen: list[Attempt]) -> None:
    server = ScriptedServer([[page_response("ami-1")]])
    options: Any = {"on_attempt": seen.append, "extra_headers": {"Traceparent": "00-1"}}
    try:
        assert call_in_turn(way, server.url, **options) == ["ami-1"]
    finally:
        server.close()
    assert b"\r\ntraceparent: 00-1\r\n" in server.requests[0]
    assert [(attempt.status, attempt.host) for attempt in seen] == [(200, "127.0.0.1")]


# The function.


def test_an_exception_of_the_function_is_logged_once_and_disturbs_nothing(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(attempt: Attempt) -> None:
        raise ZeroDivisionError(f"of the attempt {attempt.number}")

    pages = outcomes(ScriptedService(error_response(503)), 2, on_attempt=fail)
    assert [len(page.resources) for page in pages] == [25, 25]
    (record,) = [record for record in caplog.records if record.exc_info]
    assert (record.name, record.levelname) == ("imagebuilder_pager.calls", "WARNING")
    assert record.getMessage() == "on_attempt failed; its later exceptions are not logged"
    assert "of the attempt 1" in caplog.text


def test_the_function_is_called_in_the_thread_of_the_call(outcomes: Outcomes) -> None:
    threads: list[threading.Thread] = []

    def note(_: Attempt) -> None:
        threads.append(threading.current_thread())

    outcomes(ScriptedService(error_response(503)), on_attempt=note)
    assert threads == [threading.current_thread()] * 2


def test_ctrl_c_in_the_function_is_raised(outcomes: Outcomes) -> None:
    numbers = []

    def interrupt(attempt: Attempt) -> None:
        numbers.append(attempt.number)
        raise KeyboardInterrupt

    for service in (ScriptedService(), ScriptedService(error_response(503))):
        with pytest.raises(KeyboardInterrupt):
            outcomes(service, on_attempt=interrupt)
    assert numbers == [1, 1]


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ctrl_c_in_the_function_ends_an_async_listing(backend: str, prefetch: int) -> None:
    def interrupt(_: Attempt) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        service, arguments = RecordingService(), {"on_attempt": interrupt, **LOCAL_CREDENTIALS}
        async with async_client(service, **arguments) as client:
            paginator = client.get_paginator(OPERATION)
            async for _ in paginator.paginate(**EXECUTION, PaginationConfig={"Prefetch": prefetch}):
                pytest.fail("a page")

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)


def test_a_function_that_lists_with_two_clients_is_not_called_for_that(
    client_with: ClientWith, seen: list[Attempt]
) -> None:
    def list_again(attempt: Attempt) -> None:
        with lock:
            seen.append(attempt)
            sizes.extend(len(list_page(one).resources) for one in clients)

    lock = threading.RLock()
    sizes: list[int] = []
    service = ScriptedService()
    clients = [client_with(service, on_attempt=list_again, clock=service.clock) for _ in range(2)]
    pages = clients[0].get_paginator(OPERATION).paginate(**EXECUTION)
    assert [len(page.resources) for page in pages] == [25, 25, 10]
    assert (len(seen), sizes) == (3, [25] * 6)


def test_attempts_of_many_threads_are_all_reported(
    client_with: ClientWith, seen: list[Attempt]
) -> None:
    client = client_with(RecordingService(), on_attempt=seen.append)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: list_page(client), range(400)))
    assert len(seen) == 400


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


# The log.

FIELDS = ("operation", "attempt", "status", "request_id", "duration_ms")


def test_attempts_retries_and_warnings_are_lines_of_the_log_with_their_figures(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="imagebuilder_pager")
    service = SlowService(
        error_response(503, "ServiceUnavailableException", x_amzn_requestid="abc"),
        httpx.ConnectError("refused"),
        httpx.Response(
            200, json={"resources": [{"resourceId": 5}]}, headers={"x-amzn-RequestId": "def"}
        ),
    )
    (page,) = outcomes(service, on_invalid_response="warn")
    assert page["ResponseMetadata"]["RetryAttempts"] == 2
    records = [one for one in caplog.records if one.name == "imagebuilder_pager.calls"]
    assert [one for one in caplog.records if one.name.startswith("imagebuilder_pager")] == records
    first, second = service.clock.slept
    figures = ([1, 503, "abc", 2000.0], [2, None, None, 2000.0], [3, 200, "def", 2000.0])
    failed, refused, ended = ((NAME, *values) for values in figures)
    assert [
        (one.levelname, one.getMessage(), tuple(getattr(one, field) for field in FIELDS))
        for one in records
    ] == [
        ("DEBUG", f"{NAME} attempt 1: HTTP status 503, request id abc, 2000 ms", failed),
        (
            "WARNING",
            f"{NAME} attempt 1 failed (ServiceUnavailableException, HTTP status 503, request id "
            f"abc); retrying in {first:.2f} s",
            failed,
        ),
        ("DEBUG", f"{NAME} attempt 2: HTTP status none, request id None, 2000 ms", refused),
        (
            "WARNING",
            f"{NAME} attempt 2 failed (EndpointConnectionError); retrying in {second:.2f} s",
            refused,
        ),
        (
            "WARNING",
            f"{NAME}: the response does not match the service model (request id def): as they "
            "were sent: resources[].resourceId",
            ended,
        ),
        ("DEBUG", f"{NAME} attempt 3: HTTP status 200, request id def, 2000 ms", ended),
    ]
    assert vars(records[4])["problem_count"] == 1


def test_a_field_that_the_programs_records_have_stays(
    outcomes: Outcomes, seen: list[Attempt], caplog: pytest.LogCaptureFixture
) -> None:
    def make_record(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.request_id = "of the program"
        return record

    service = ScriptedService(error_response(503, x_amzn_requestid="abc"))
    usual = logging.getLogRecordFactory()
    logging.setLogRecordFactory(make_record)
    try:
        outcomes(service, on_attempt=seen.append)
    finally:
        logging.setLogRecordFactory(usual)
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
    outcomes: Outcomes,
    seen: list[Attempt],
    caplog: pytest.LogCaptureFixture,
    sent: str,
    shown: str | None,
) -> None:
    response = httpx.Response(503, headers=[(b"x-amzn-requestid", sent.encode())])
    service = ScriptedService(response)
    outcomes(service, on_attempt=seen.append, aws_secret_access_key="the-secret-key")
    assert seen[0].request_id == shown
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert vars(record)["request_id"] == shown
    assert f"request id {shown})" in record.getMessage()


def test_a_response_cannot_add_lines_to_the_log(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"__type": "Slow\nWARNING all is well" + "x" * 200, "message": "no"}
    outcomes(ScriptedService(httpx.Response(503, json=body)))
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "(Slow?WARNING?all?is?wellxx" in line
    assert "\n" not in line
    assert len(line) < 250


def test_throttling_of_an_adaptive_client_is_no_warning(
    outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "imagebuilder_pager.calls")
    outcomes(ScriptedService(error_response(429), error_response(503)), retry_mode="adaptive")
    failed = [one for one in caplog.records if " failed " in one.getMessage()]
    assert [one.levelname for one in failed] == ["DEBUG", "WARNING"]
    assert [one.levelname for one in caplog.records].count("WARNING") == 1
