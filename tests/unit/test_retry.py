"""What is tried again and when: the decision by itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from imagebuilder_pager import errors
from imagebuilder_pager.aws.retry import (
    CAP,
    Attempts,
    Kind,
    RetryQuota,
    classify,
    resolve_max_attempts,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def refusal(code: str, status: int, headers: dict[str, str] | None = None) -> errors.ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return errors.ClientError(response, "ListLifecycleExecutionResources")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("ThrottlingException", 400), Kind.THROTTLING),
        (refusal("CallRateLimitExceededException", 429), Kind.THROTTLING),
        (refusal("RequestLimitExceeded", 503), Kind.THROTTLING),
        (refusal("429", 429), Kind.THROTTLING),
        (refusal("ServiceException", 500), Kind.TRANSIENT),
        (refusal("502", 502), Kind.TRANSIENT),
        (refusal("ServiceUnavailableException", 503), Kind.TRANSIENT),
        (refusal("504", 504), Kind.TRANSIENT),
        (refusal("RequestTimeout", 400), Kind.TRANSIENT),
        (errors.EndpointConnectionError(), Kind.TRANSIENT),
        (errors.ConnectionClosedError(), Kind.TRANSIENT),
        (errors.ConnectTimeoutError(), Kind.TIMEOUT),
        (errors.ReadTimeoutError(), Kind.TIMEOUT),
        (errors.ResponseParserError("half", cut_off=True), Kind.TRANSIENT),
        (errors.ResponseParserError("HTML"), None),
        (errors.ResponseValidationError("Op", None, []), None),
        (errors.SSLError(), None),
        (errors.ProxyConnectionError(), None),
        (errors.NoCredentialsError(), None),
        (refusal("InvalidRequestException", 400), None),
        (refusal("ForbiddenException", 403), None),
        (refusal("501", 501), None),
        (refusal("302", 302), None),
    ],
    ids=lambda value: value.args[0][:50] if isinstance(value, Exception) and value.args else None,
)
def test_what_may_go_away_is_told_from_what_will_not(
    error: errors.PagerError, kind: Kind | None
) -> None:
    assert classify(error) is kind


def attempts(**options: Any) -> Attempts:
    return Attempts(
        **{
            "quota": RetryQuota(),
            "max_attempts": 100,
            "monotonic": lambda: 0.0,
            "draw": lambda: 1.0,
            **options,
        }
    )


def waits(error: errors.PagerError, count: int, **options: Any) -> list[float | None]:
    made = attempts(**options)
    found = []
    for _ in range(count):
        made.begin()
        found.append(made.failed(error, NOW))
    return found


def test_the_wait_doubles_up_to_the_cap_and_is_longer_for_throttling() -> None:
    assert waits(refusal("x", 500), 8) == [0.25, 0.5, 1, 2, 4, 8, 16, CAP]
    assert waits(refusal("ThrottlingException", 400), 6) == [1, 2, 4, 8, 16, CAP]


def test_the_wait_is_drawn_from_its_whole_range() -> None:
    assert waits(refusal("x", 500), 3, draw=lambda: 0.0) == [0, 0, 0]
    assert waits(refusal("x", 500), 3, draw=lambda: 0.5) == [0.125, 0.25, 0.5]


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
        ("3600", CAP),
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
    made.begin()
    assert made.failed(error, NOW) == 1.0
    now = 9.0
    made.begin()
    assert made.remaining() == 1.0
    assert made.failed(error, NOW) is None


def test_an_outage_uses_up_the_quota_and_then_nothing_is_retried() -> None:
    quota = RetryQuota()
    retried = 0
    for _ in range(400):
        call = attempts(quota=quota, max_attempts=2)
        call.begin()
        if call.failed(refusal("x", 503), NOW) is not None:
            retried += 1
    assert retried == RetryQuota.CAPACITY // 5
    assert quota.left == 0


def test_a_timeout_costs_twice_as_much() -> None:
    quota = RetryQuota()
    call = attempts(quota=quota)
    call.begin()
    call.failed(errors.ReadTimeoutError(), NOW)
    assert quota.left == RetryQuota.CAPACITY - 10


def test_success_gives_back_what_the_last_retry_took_or_one() -> None:
    quota = RetryQuota()
    quota.take(100)
    call = attempts(quota=quota)
    call.begin()
    call.failed(refusal("x", 503), NOW)
    call.begin()
    call.succeeded()
    assert quota.left == RetryQuota.CAPACITY - 100
    call = attempts(quota=quota)
    call.begin()
    call.succeeded()
    assert quota.left == RetryQuota.CAPACITY - 99


def test_the_quota_never_exceeds_its_capacity_and_never_goes_below_nothing() -> None:
    quota = RetryQuota()
    quota.give_back(5)
    assert quota.left == RetryQuota.CAPACITY
    assert not quota.take(RetryQuota.CAPACITY + 1)
    assert quota.left == RetryQuota.CAPACITY


def test_the_quota_is_right_under_threads() -> None:
    quota = RetryQuota()
    taken: list[bool] = []

    def take() -> None:
        taken.extend(quota.take(1) for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == RetryQuota.CAPACITY
    assert quota.left == 0


def test_max_attempts_come_from_the_argument_then_the_environment_then_are_three() -> None:
    assert resolve_max_attempts(None, {}) == 3
    assert resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": "5"}) == 5
    assert resolve_max_attempts(2, {"AWS_MAX_ATTEMPTS": "5"}) == 2
    assert resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": ""}) == 3


@pytest.mark.parametrize("bad", ["0", "-1", "many", "1.5"])
def test_bad_max_attempts_in_the_environment_are_refused(bad: str) -> None:
    with pytest.raises(errors.ParamValidationError) as caught:
        resolve_max_attempts(None, {"AWS_MAX_ATTEMPTS": bad})
    assert caught.value.problems == (
        f"AWS_MAX_ATTEMPTS: {bad!r} given; allowed: a whole number, 1 or more",
    )


@pytest.mark.parametrize("bad", [0, -1, True, 1.5, "3"])
def test_bad_max_attempts_are_refused(bad: Any) -> None:
    with pytest.raises(errors.ParamValidationError) as caught:
        resolve_max_attempts(bad, {})
    assert caught.value.problems == (
        f"max_attempts: {bad!r} given; allowed: a whole number, 1 or more",
    )
