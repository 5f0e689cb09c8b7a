"""What is tried again and when: the decision by itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.aws.retries import (
    MAX_BACKOFF,
    RetryableKind,
    RetryQuota,
    RetryState,
    classify,
    resolve_max_attempts,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def refusal(
    code: str, status: int, headers: dict[str, str] | None = None
) -> exceptions.ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return exceptions.ClientError(response, "ListLifecycleExecutionResources")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("ThrottlingException", 400), RetryableKind.THROTTLING),
        (refusal("CallRateLimitExceededException", 429), RetryableKind.THROTTLING),
        (refusal("RequestLimitExceeded", 503), RetryableKind.THROTTLING),
        (refusal("429", 429), RetryableKind.THROTTLING),
        (refusal("ServiceException", 500), RetryableKind.TRANSIENT),
        (refusal("502", 502), RetryableKind.TRANSIENT),
        (refusal("ServiceUnavailableException", 503), RetryableKind.TRANSIENT),
        (refusal("504", 504), RetryableKind.TRANSIENT),
        (refusal("RequestTimeout", 400), RetryableKind.TRANSIENT),
        (exceptions.EndpointConnectionError(), RetryableKind.TRANSIENT),
        (exceptions.ConnectionClosedError(), RetryableKind.TRANSIENT),
        (exceptions.ConnectTimeoutError(), RetryableKind.TIMEOUT),
        (exceptions.ReadTimeoutError(), RetryableKind.TIMEOUT),
        (exceptions.ResponseParserError("half", cut_off=True), RetryableKind.TRANSIENT),
        (exceptions.ResponseParserError("HTML"), None),
        (exceptions.ResponseValidationError("Op", None, []), None),
        (exceptions.SSLError(), None),
        (exceptions.ProxyConnectionError(), None),
        (exceptions.NoCredentialsError(), None),
        (refusal("InvalidRequestException", 400), None),
        (refusal("ForbiddenException", 403), None),
        (refusal("501", 501), None),
        (refusal("302", 302), None),
    ],
    ids=lambda value: value.args[0][:50] if isinstance(value, Exception) and value.args else None,
)
def test_what_may_go_away_is_told_from_what_will_not(
    error: exceptions.PagerError, kind: RetryableKind | None
) -> None:
    assert classify(error) is kind


def attempts(**options: Any) -> RetryState:
    return RetryState(
        **{
            "quota": RetryQuota(),
            "max_attempts": 100,
            "monotonic": lambda: 0.0,
            "random": lambda: 1.0,
            **options,
        }
    )


def waits(error: exceptions.PagerError, count: int, **options: Any) -> list[float | None]:
    made = attempts(**options)
    found = []
    for _ in range(count):
        made.start_attempt()
        found.append(made.delay_after(error, NOW))
    return found


def test_the_wait_doubles_up_to_the_cap_and_is_longer_for_throttling() -> None:
    assert waits(refusal("x", 500), 8) == [0.25, 0.5, 1, 2, 4, 8, 16, MAX_BACKOFF]
    assert waits(refusal("ThrottlingException", 400), 6) == [1, 2, 4, 8, 16, MAX_BACKOFF]


def test_the_wait_is_drawn_from_its_whole_range() -> None:
    assert waits(refusal("x", 500), 3, random=lambda: 0.0) == [0, 0, 0]
    assert waits(refusal("x", 500), 3, random=lambda: 0.5) == [0.125, 0.25, 0.5]


def test_the_last_attempt_is_not_followed_by_another() -> None:
    assert waits(refusal("x", 500), 3, max_attempts=3) == [0.25, 0.5, None]
    assert waits(refusal("x", 500), 1, max_attempts=1) == [None]


def test_what_fails_for_good_is_not_waited_for() -> None:
    assert waits(refusal("InvalidRequestException", 400), 1) == [None]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7),
        ("0.5", 1.0),  # shorter than the wait drawn
        ("3600", MAX_BACKOFF),
        ("Sun, 01 Mar 2026 12:00:05 GMT", 5),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1.0),
        ("soon", 1.0),
        ("Sun, 01 Mar 2026 12:00:00 +99999999999999999999", 1.0),
        ("1e999", 1.0),
        ("-5", 1.0),
        ("nan", 1.0),
        ("inf", 1.0),
    ],
)
def test_retry_after_is_honoured_within_bounds(header: str, wait: float) -> None:
    error = refusal("ThrottlingException", 429, {"retry-after": header})
    assert waits(error, 1) == [wait]


def test_a_wait_that_would_outlast_the_deadline_is_not_begun() -> None:
    now = 0.0
    made = attempts(deadline=10.0, monotonic=lambda: now)
    error = refusal("ThrottlingException", 429)
    made.start_attempt()
    assert made.delay_after(error, NOW) == 1.0
    now = 9.0
    made.start_attempt()
    assert made.remaining() == 1.0
    assert made.delay_after(error, NOW) is None


def test_an_outage_uses_up_the_quota_and_then_nothing_is_retried() -> None:
    quota = RetryQuota()
    retried = 0
    for _ in range(400):
        call = attempts(quota=quota, max_attempts=2)
        call.start_attempt()
        if call.delay_after(refusal("x", 503), NOW) is not None:
            retried += 1
    assert retried == RetryQuota.CAPACITY // 5
    assert quota.available_capacity == 0


def test_a_timeout_costs_twice_as_much() -> None:
    quota = RetryQuota()
    call = attempts(quota=quota)
    call.start_attempt()
    call.delay_after(exceptions.ReadTimeoutError(), NOW)
    assert quota.available_capacity == RetryQuota.CAPACITY - 10


def test_success_gives_back_what_the_last_retry_took_or_one() -> None:
    quota = RetryQuota()
    quota.acquire(100)
    call = attempts(quota=quota)
    call.start_attempt()
    call.delay_after(refusal("x", 503), NOW)
    call.start_attempt()
    call.record_success()
    assert quota.available_capacity == RetryQuota.CAPACITY - 100
    call = attempts(quota=quota)
    call.start_attempt()
    call.record_success()
    assert quota.available_capacity == RetryQuota.CAPACITY - 99


def test_the_quota_never_exceeds_its_capacity_and_never_goes_below_nothing() -> None:
    quota = RetryQuota()
    quota.release(5)
    assert quota.available_capacity == RetryQuota.CAPACITY
    assert not quota.acquire(RetryQuota.CAPACITY + 1)
    assert quota.available_capacity == RetryQuota.CAPACITY


def test_the_quota_is_right_under_threads() -> None:
    quota = RetryQuota()
    taken: list[bool] = []

    def take() -> None:
        taken.extend(quota.acquire(1) for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == RetryQuota.CAPACITY
    assert quota.available_capacity == 0


def test_max_attempts_come_from_the_argument_then_the_environment_then_are_three() -> None:
    assert resolve_max_attempts(None, {}) == 3
    assert resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": "5"}) == 5
    assert resolve_max_attempts(2, {"AWS_MAX_ATTEMPTS": "5"}) == 2
    assert resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": ""}) == 3


@pytest.mark.parametrize("bad", ["0", "-1", "many", "1.5"])
def test_bad_max_attempts_in_the_environment_are_refused(bad: str) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": bad})
    assert caught.value.problems == (
        f"AWS_MAX_ATTEMPTS: {bad!r} given; allowed: a whole number, 1 or more",
    )


@pytest.mark.parametrize(
    ("bad", "described"),
    [(0, "0 (int)"), (-1, "-1 (int)"), (True, "True (bool)"), (1.5, "1.5 (float)"), ("3", "'3'")],
)
def test_bad_max_attempts_are_refused(bad: Any, described: str) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        resolve_max_attempts(bad, {})
    assert caught.value.problems == (
        f"max_attempts: {described} given; allowed: a whole number, 1 or more",
    )
