"""The adaptive rate by an injected clock, and the calls that wait by it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.rate_limit import FORGET_AFTER, MIN_RATE, AdaptiveRate, RateSnapshot
from tests.fakes.calls import MakeCalls
from tests.fakes.services import ScriptedService, error_response


def use(rate: AdaptiveRate, start: float, seconds: float, per_second: float) -> float:
    """Send requests at a rate, all with success; return the time afterwards."""
    for number in range(1, int(seconds * per_second) + 1):
        rate.record_response(start + number / per_second, throttled=False)
    return start + seconds


def wait_all(rate: AdaptiveRate, now: float, requests: int) -> float:
    """Take tokens, one after another; return the seconds that it takes."""
    waited = 0.0
    for _ in range(requests):
        while wait := rate.take_token(now + waited):
            waited += wait
    return waited


def state_of(rate: AdaptiveRate, now: float) -> RateSnapshot:
    snapshot = rate.snapshot(now)
    assert snapshot is not None
    return snapshot


def throttled_rate() -> tuple[AdaptiveRate, float]:
    """Return a rate that was throttled after ten seconds at 20 requests a second, and the time."""
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rate.record_response(now, throttled=True)
    return rate, now


def test_nothing_is_limited_before_the_service_throttles() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 5, 100)
    assert wait_all(rate, now, 1000) == 0
    assert rate.snapshot(now) is None


def test_throttling_lowers_the_rate_to_seven_tenths_of_the_used_one() -> None:
    rate, now = throttled_rate()
    snapshot = state_of(rate, now)
    assert snapshot.throttled_rate == pytest.approx(20, rel=0.1)
    assert snapshot.rate == pytest.approx(14, rel=0.1)
    assert wait_all(rate, now, 14) == pytest.approx(1.0, rel=0.1)


def test_each_further_throttling_lowers_it_down_to_one_request_in_two_seconds() -> None:
    rate, now = throttled_rate()
    rates = [state_of(rate, now).rate]
    for _ in range(19):
        rate.record_response(now, throttled=True)
        rates.append(state_of(rate, now).rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[1] == pytest.approx(rates[0] * 0.7)
    assert rates[-1] == MIN_RATE == 0.5
    assert rate.take_token(now) == pytest.approx(2.0)


def test_success_brings_the_rate_back_slowly_near_the_rate_that_throttled_and_then_beyond() -> None:
    rate, now = throttled_rate()
    after = []
    for _ in range(10):
        now = use(rate, now, 1, 40)
        after.append(state_of(rate, now).rate)
    assert after == sorted(after)
    plateau = (20 * 0.3 / 0.4) ** (1 / 3)  # CUBIC's K, about 2.5 s
    assert after[round(plateau) - 1] == pytest.approx(20, rel=0.05)
    assert after[-1] > 40


def test_the_rate_is_at_most_twice_the_one_that_is_used() -> None:
    rate, now = throttled_rate()
    now = use(rate, now, 60, 4)
    assert state_of(rate, now).rate == pytest.approx(8, rel=0.15)


def test_a_burst_that_is_throttled_at_once_has_a_rate_all_the_same() -> None:
    rate = AdaptiveRate(0.0)
    for _ in range(10):
        rate.record_response(0.1, throttled=False)
    rate.record_response(0.1, throttled=True)
    assert state_of(rate, 0.1).rate == pytest.approx(0.7 * 22)


def test_another_worker_continues_at_the_same_rate() -> None:
    rate, now = throttled_rate()
    before = state_of(rate, now + 1)
    other = AdaptiveRate(5000.0, before)
    assert tuple(state_of(other, 5000.0)) == pytest.approx(tuple(before))
    assert wait_all(other, 5000.0, 14) == pytest.approx(1.0, rel=0.1)


def test_a_rate_of_long_ago_is_forgotten() -> None:
    rate = AdaptiveRate(0.0, RateSnapshot(1.0, 2.0, FORGET_AFTER))
    assert wait_all(rate, 0.0, 100) == 0


def test_a_waiting_call_takes_no_token_and_looks_again_at_the_rate() -> None:
    rate = AdaptiveRate(0.0, RateSnapshot(0.5, 0.5, 0.0))
    assert [rate.take_token(0.0) for _ in range(9)] == [2.0] * 9
    assert [rate.take_token(2.0), rate.take_token(2.0)] == [0.0, 2.0]
    # By successes the rate grows, and waiting calls have their tokens sooner.
    now = use(rate, 2.0, 4, 10)
    waits = [rate.take_token(now) for _ in range(99)]
    assert waits[0] == 0
    assert 0 < waits[-1] < 0.5


def test_many_callers_throttled_at_once_soon_send_at_the_rate_that_the_service_allows() -> None:
    """Sixteen callers, of a service that allows ten requests a second: all on one clock."""
    allowed, served, now = 10.0, 0, 0.0
    rate = AdaptiveRate(now)
    bucket, filled = allowed, now
    wakes = [0.0] * 16
    while now < 60:
        now = min(wakes)
        caller = wakes.index(now)
        if wait := rate.take_token(now):
            wakes[caller] = now + wait
            continue
        bucket, filled = min(allowed, bucket + (now - filled) * allowed), now
        throttled = bucket < 1
        bucket -= 0 if throttled else 1
        served += not throttled
        rate.record_response(now, throttled=throttled)
        wakes[caller] = now + 0.01
    assert served > 0.6 * allowed * 60


ADAPTIVE: dict[str, Any] = {"retry_mode": "adaptive", "max_attempts": 1}


@pytest.mark.parametrize(
    "throttled",
    [
        (429, None),
        (429, "CallRateLimitExceededException:http://x/"),
        (400, "ThrottlingException"),
        (503, "com.amazon#RequestLimitExceeded"),
    ],
)
def test_after_throttling_an_adaptive_client_waits_for_its_token(
    throttled: tuple[int, str | None], calls: MakeCalls
) -> None:
    def slept(mode: str) -> list[float]:
        service = ScriptedService(error_response(*throttled))
        calls(service, 2, retry_mode=mode, max_attempts=1)
        return service.clock.slept

    assert slept("adaptive") == [pytest.approx(1 / 1.4)]  # of 1 request in the first half second
    assert slept("standard") == slept("legacy") == []


@pytest.mark.parametrize("other", [(200, None), (500, None), (403, "ForbiddenException")])
def test_no_other_response_limits_the_rate(other: tuple[int, str | None], calls: MakeCalls) -> None:
    service = ScriptedService(*(error_response(*other) for _ in range(20)))
    calls(service, 20, **ADAPTIVE)
    assert service.clock.slept == []


def test_the_rate_is_set_by_responses_alone(
    calls: MakeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[bool] = []
    monkeypatch.setattr(
        AdaptiveRate, "record_response", lambda _, __, *, throttled: recorded.append(throttled)
    )
    refused = httpx.ConnectError("refused")
    service = ScriptedService(error_response(429), refused, error_response(500))
    calls(service, 4, **ADAPTIVE)
    assert recorded == [True, False, False]


def test_a_wait_that_passes_the_total_timeout_is_an_error_at_once(calls: MakeCalls) -> None:
    service = ScriptedService(error_response(429))
    first, *others = calls(service, 30, total_timeout=0.5, **ADAPTIVE)
    assert isinstance(first, exceptions.ClientError)
    # A call that is not sent takes no token: the last one would wait no longer than the first.
    assert {type(error) for error in others} == {exceptions.ReadTimeoutError}
    (text,) = {str(error) for error in others}
    assert "it would wait 0.7 s, and its total_timeout is over before that" in text
    assert service.clock.slept == []


def test_each_retry_of_an_adaptive_client_waits_for_a_token(calls: MakeCalls) -> None:
    for _ in range(10):  # the backoff alone is random, and seldom as long
        service = ScriptedService(error_response(429))
        assert calls(service, retry_mode="adaptive", max_attempts=2) == [None]
        assert sum(service.clock.slept) > 1 / 1.5
