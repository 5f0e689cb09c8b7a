"""Recovery from refused credentials or a refused clock, and how often such a call is sent."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from email.utils import format_datetime

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager._aws.retries import RetryQuota
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, async_calls, sync_calls
from tests.fakes.clients import EXECUTION
from tests.fakes.clocks import NOW, FakeClock
from tests.fakes.services import error_response

YEAR_2076 = "Wed, 01 Jan 2076 00:00:00 GMT"


@pytest.fixture(params=[sync_calls, async_calls], ids=["sync", "async"])
def make_calls(request: pytest.FixtureRequest) -> MakeCalls:
    function: MakeCalls = request.param
    return function


class RefusingService:
    """A service that finds all credentials expired, and has a clock of 2076."""

    def __init__(self, code: str = "ExpiredTokenException") -> None:
        self.code = code
        self.request_count = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.request_count += 1
        return error_response(403, self.code, date=YEAR_2076)


def new_credentials() -> Callable[[], Credentials]:
    numbers = itertools.count()
    return lambda: Credentials(f"AKID{next(numbers)}", "secret")


@pytest.mark.parametrize("code", ["ExpiredTokenException", "RequestTimeTooSkewed"])
def test_calls_that_are_refused_for_good_take_the_quota(code: str, make_calls: MakeCalls) -> None:
    service, clock = RefusingService(code), FakeClock()
    errors = make_calls(service, 300, credentials=new_credentials(), clock=clock)
    assert all(isinstance(error, exceptions.ClientError) for error in errors)
    assert service.request_count == 300 + RetryQuota.CAPACITY // 14
    assert clock.slept == [0.0] * (RetryQuota.CAPACITY // 14)


@pytest.mark.parametrize(("max_attempts", "sent"), [(1, 1), (2, 2), (3, 2), (9, 2)])
def test_max_attempts_holds_for_refused_credentials(
    max_attempts: int, sent: int, make_calls: MakeCalls
) -> None:
    service = RefusingService()
    credentials = new_credentials()
    make_calls(service, 1, credentials=credentials, max_attempts=max_attempts, clock=FakeClock())
    assert service.request_count == sent


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_expired_credentials_are_replaced_for_the_next_request(
    max_attempts: int, make_calls: MakeCalls
) -> None:
    refused: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if "Credential=AKID0" in request.headers["authorization"]:
            refused.append(request.headers["authorization"])
            return error_response(403, "ExpiredTokenException")
        return httpx.Response(200, json={"resources": []})

    errors = make_calls(
        respond, 2, credentials=new_credentials(), max_attempts=max_attempts, clock=FakeClock()
    )
    expected = [exceptions.ClientError if max_attempts == 1 else type(None), type(None)]
    assert [type(error) for error in errors] == expected
    assert len(refused) == 1


class ClockCheckingService:
    """A service that refuses a request if it is signed too early or too late, with its own date.

    The responses in ``first`` come before that.
    """

    def __init__(self, *first: httpx.Response) -> None:
        self.first = list(first)
        self.dates: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        signed = dt.datetime.fromisoformat(request.headers["x-amz-date"])
        self.dates.append(f"{signed:%Y-%m-%d}")
        if self.first:
            return self.first.pop(0)
        if abs(signed - NOW) > dt.timedelta(minutes=5):
            date = format_datetime(NOW, usegmt=True)
            return error_response(403, "InvalidSignatureException", date=date)
        return httpx.Response(200, json={"resources": []})


@pytest.mark.parametrize("year", [1970, 1996, 2025, 2027, 2056])
@pytest.mark.parametrize("max_attempts", [1, 3])
def test_a_clock_that_is_off_by_years_is_corrected_for_good(
    max_attempts: int, year: int, make_calls: MakeCalls
) -> None:
    service = ClockCheckingService()
    clock = FakeClock(NOW.replace(year=year))
    errors = make_calls(service, 3, clock=clock, max_attempts=max_attempts, **LOCAL_CREDENTIALS)
    first = exceptions.ClientError if max_attempts == 1 else type(None)
    assert [type(error) for error in errors] == [first, type(None), type(None)]
    assert len(service.dates) == (3 if max_attempts == 1 else 4)


@pytest.mark.parametrize("date", [YEAR_2076, "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_the_date_of_one_refusal_does_not_set_the_clock_for_good(
    max_attempts: int, date: str, make_calls: MakeCalls
) -> None:
    """A proxy, which can send one response, has another year."""
    wrong = error_response(403, "InvalidSignatureException", date=date)
    service, clock = ClockCheckingService(wrong), FakeClock(tick=2)
    errors = make_calls(service, 4, clock=clock, max_attempts=max_attempts, **LOCAL_CREDENTIALS)
    assert errors[2:] == [None, None]
    assert service.dates[-2:] == ["2026-03-01"] * 2
    assert len(service.dates) <= 6


def test_the_date_of_one_refusal_is_forgotten_though_the_service_sends_no_date(
    make_calls: MakeCalls,
) -> None:
    wrong = error_response(403, "InvalidSignatureException", date=YEAR_2076)
    refused = error_response(403, "InvalidSignatureException")
    service = ClockCheckingService(wrong, refused)
    errors = make_calls(service, 3, clock=FakeClock(), **LOCAL_CREDENTIALS)
    assert errors[1:] == [None, None]
    assert service.dates == ["2026-03-01", "2076-01-01", "2026-03-01", "2026-03-01"]


def test_a_late_refusal_of_what_another_call_has_corrected_does_not_undo_it() -> None:
    """Two calls are signed by the wrong clock; the first to be refused corrects it."""
    service = ClockCheckingService()
    clock = FakeClock(NOW.replace(year=1999))
    is_first = iter([True])

    def respond(request: httpx.Request) -> httpx.Response:
        if next(is_first, False):
            # Meanwhile another call is refused, corrects the clock, and succeeds.
            client.list_lifecycle_execution_resources(**EXECUTION)
        return service(request)

    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        client = ImageBuilder("us-west-2", http_client=http, clock=clock, **LOCAL_CREDENTIALS)
        client.list_lifecycle_execution_resources(**EXECUTION)
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert service.dates == ["1999-03-01", "2026-03-01", "1999-03-01", "2026-03-01", "2026-03-01"]
