"""Retries: the decision, and the loop for the calls that find credentials."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.attempts import AttemptReport
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.retries import (
    MAX_BACKOFF,
    RetryableKind,
    RetryQuota,
    RetryState,
    call_with_retries,
    classify,
    resolve_retries,
)
from tests.fakes.clocks import NOW, FakeClock


def client_error(
    code: str, status: int, headers: dict[str, str] | None = None
) -> exceptions.ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return exceptions.ClientError(response, "ListLifecycleExecutionResources")


def rejected_certificate() -> exceptions.SSLError:
    error = exceptions.SSLError("not trusted")
    error.certificate_rejected = True
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("ThrottlingException", 400), RetryableKind.THROTTLING),
        (client_error("CallRateLimitExceededException", 429), RetryableKind.THROTTLING),
        (client_error("RequestLimitExceeded", 503), RetryableKind.THROTTLING),
        (client_error("429", 429), RetryableKind.THROTTLING),
        (client_error("ServiceException", 500), RetryableKind.TRANSIENT),
        (client_error("502", 502), RetryableKind.TRANSIENT),
        (client_error("ServiceUnavailableException", 503), RetryableKind.TRANSIENT),
        (client_error("504", 504), RetryableKind.TRANSIENT),
        (client_error("RequestTimeout", 400), RetryableKind.TRANSIENT),
        (exceptions.EndpointConnectionError(), RetryableKind.TRANSIENT),
        (exceptions.ConnectionClosedError(), RetryableKind.TRANSIENT),
        (exceptions.ConnectTimeoutError(), RetryableKind.TRANSIENT),
        (exceptions.ReadTimeoutError(), RetryableKind.TRANSIENT),
        (exceptions.ResponseParserError("half", incomplete=True), RetryableKind.TRANSIENT),
        (exceptions.ResponseParserError("HTML"), None),
        (exceptions.ResponseValidationError("Op", None, []), None),
        (exceptions.SSLError("an alert"), RetryableKind.TRANSIENT),
        (rejected_certificate(), None),
        (exceptions.ProxyConnectionError(), None),
        (exceptions.NoCredentialsError(), None),
        (client_error("InvalidRequestException", 400), None),
        (client_error("ForbiddenException", 403), None),
        (client_error("501", 501), None),
        (client_error("302", 302), None),
    ],
    ids=lambda value: value.args[0][:50] if isinstance(value, Exception) and value.args else None,
)
def test_errors_are_classified_by_whether_a_retry_can_succeed(
    error: exceptions.PagerError, kind: RetryableKind | None
) -> None:
    assert classify(error) is kind


def retry_state(**options: Any) -> RetryState:
    defaults = {"quota": RetryQuota(), "max_attempts": 100, "random": lambda: 1.0}
    return RetryState(**{**defaults, **options})


def delays(
    error: exceptions.PagerError, count: int, *, is_corrected: bool = False, **options: Any
) -> list[float | None]:
    """Return the delay after each failed attempt at a call."""
    state = retry_state(**options)
    found = []
    for _ in range(count):
        state.start_attempt()
        found.append(state.delay_after(error, NOW, is_corrected=is_corrected))
    return found


def only_bad_requests(error: exceptions.PagerError) -> RetryableKind | None:
    return RetryableKind.TRANSIENT if isinstance(error, exceptions.ClientError) else None


FAILURE, THROTTLING = client_error("x", 500), client_error("ThrottlingException", 400)
DELAYS: dict[str, tuple[exceptions.PagerError, dict[str, Any], list[float | None]]] = {
    "doubles up to the maximum": (
        FAILURE,
        {"quota": None},
        [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, MAX_BACKOFF],
    ),
    "is longer for throttling": (THROTTLING, {}, [1, 2, 4, 8, 16, MAX_BACKOFF]),
    "is never infinite": (
        FAILURE,
        {"quota": None, "max_attempts": 5_000, "attempt_count": 2_000},
        [MAX_BACKOFF],
    ),
    "does not follow the last attempt": (FAILURE, {"max_attempts": 3}, [0.05, 0.1, None]),
    "does not follow the only attempt": (FAILURE, {"max_attempts": 1}, [None]),
    "would outlast the deadline": (THROTTLING, {"remaining": lambda: 2}, [1, None]),
    "is fixed": (THROTTLING, {"fixed_delay": 1.5, "max_attempts": 3}, [1.5, 1.5, None]),
    "is fixed at none": (THROTTLING, {"fixed_delay": 0.0}, [0.0, 0.0]),
    "is after a given kind": (client_error("x", 400), {"classify": only_bad_requests}, [0.05]),
    "is not after another": (
        exceptions.ReadTimeoutError(),
        {"classify": only_bad_requests},
        [None],
    ),
}


@pytest.mark.parametrize(("error", "options", "expected"), DELAYS.values(), ids=DELAYS)
def test_a_delay_of_the_maximum_jitter(
    error: exceptions.PagerError, options: dict[str, Any], expected: list[float | None]
) -> None:
    assert delays(error, len(expected), **options) == expected


def test_the_delay_is_random_from_zero_to_the_backoff() -> None:
    assert delays(FAILURE, 3, random=lambda: 0.0) == [0, 0, 0]
    assert delays(FAILURE, 3, random=lambda: 0.5) == [0.025, 0.05, 0.1]


@pytest.mark.parametrize(("error", "cost"), [(FAILURE, 14), (THROTTLING, 5)])
def test_the_quota_limits_the_retries(error: exceptions.PagerError, cost: int) -> None:
    affordable = RetryQuota.CAPACITY // cost
    assert delays(error, 999, max_attempts=1000).index(None) == affordable
    assert None not in delays(error, 999, max_attempts=1000, quota=None)


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 1.0),  # shorter than the backoff
        ({"retry-after": "3600"}, MAX_BACKOFF),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:05 GMT"}, 5),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 1.0),
        ({"retry-after": "soon"}, 1.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:00 +99999999999999999999"}, 1.0),
        *(({"retry-after": text}, 1.0) for text in ("1e999", "-5", "nan", "inf")),
        ({"retry-after": "4", "x-amz-retry-after": "3000"}, 4),
        ({"retry-after": "4", "x-amz-retry-after": "4500"}, 4.5),
    ],
)
def test_retry_after_is_honoured_within_bounds(headers: dict[str, str], delay: float) -> None:
    assert delays(client_error("ThrottlingException", 429, headers), 1) == [delay]


def test_a_corrected_cause_needs_no_wait_but_counts_as_any_attempt() -> None:
    refused, quota = client_error("ExpiredTokenException", 403), RetryQuota()
    assert delays(refused, 1) == [None]
    assert delays(refused, 2, is_corrected=True, quota=quota, max_attempts=2) == [0, None]
    assert quota.available_capacity == RetryQuota.CAPACITY - 14
    quota.acquire(quota.available_capacity)
    assert delays(refused, 1, is_corrected=True, quota=quota) == [None]
    assert delays(refused, 1, is_corrected=True, remaining=lambda: 0.0) == [None]


def call_that_fails(*failures: exceptions.PagerError) -> Callable[[], str]:
    """Return a call that raises these errors, one each time, and then returns a result."""
    remaining = list(failures)

    def call() -> str:
        if remaining:
            raise remaining.pop(0)
        return "result"

    return call


def report(clock: FakeClock) -> AttemptReport:
    return AttemptReport(
        ("sts", "AssumeRole", "host"),
        logging.getLogger(__name__),
        None,
        monotonic=clock.monotonic,
        redact=str,
        redact_error=str,
    )


def test_a_call_is_repeated_after_the_delays_until_it_succeeds() -> None:
    clock = FakeClock()
    call = call_that_fails(client_error("x", 500), client_error("x", 503))
    assert call_with_retries(call, retry_state(), clock, report(clock)) == "result"
    assert clock.slept == [0.05, 0.1]
    call = call_that_fails(FAILURE)
    assert call_with_retries(call, retry_state(fixed_delay=0), clock, report(clock)) == "result"
    assert clock.slept == [0.05, 0.1]


def test_a_call_that_is_given_up_raises_the_last_error_without_a_context() -> None:
    clock = FakeClock()
    first, last = client_error("first", 500), client_error("last", 400)
    with pytest.raises(exceptions.ClientError) as caught:
        call_with_retries(call_that_fails(first, last), retry_state(), clock, report(clock))
    assert caught.value is last
    assert caught.value.__context__ is None
    assert clock.slept == [0.05]


def test_the_quota_never_exceeds_its_capacity_and_never_goes_below_nothing() -> None:
    quota = RetryQuota()
    retry_state(quota=quota).record_success()
    assert quota.available_capacity == RetryQuota.CAPACITY
    assert not quota.acquire(RetryQuota.CAPACITY + 1)
    assert quota.available_capacity == RetryQuota.CAPACITY
    assert quota.acquire(2)
    retry_state(quota=quota).record_success()  # at once, without a retry
    assert quota.available_capacity == RetryQuota.CAPACITY - 1


def test_the_quota_is_right_under_threads() -> None:
    quota = RetryQuota()
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda _: sum(quota.acquire(1) for _ in range(200)), range(8))
    assert sum(taken) == RetryQuota.CAPACITY
    assert quota.available_capacity == 0


def resolve(retry_mode: Any = None, max_attempts: Any = None) -> tuple[str, int]:
    return resolve_retries("ImageBuilder", retry_mode, max_attempts, SharedConfig())


@pytest.mark.parametrize(
    ("name", "argument", "other", "expected"),
    [
        ("retry_mode", "legacy", "adaptive", ("legacy", 5)),
        ("max_attempts", 7, "9", ("standard", 7)),
    ],
)
def test_an_argument_comes_before_the_settings_and_an_empty_variable_is_none(
    name: str, argument: Any, other: str, expected: tuple[str, int], config_file: Path
) -> None:
    assert resolve() == ("standard", 3)
    config_file.write_text(f"[default]\n{name} = {argument}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AWS_{name.upper()}", other)
        assert resolve(**{name: argument}) == expected
        patch.setenv(f"AWS_{name.upper()}", "")
        assert resolve() == expected


A_MODE = "standard, adaptive, legacy"
WHOLE = "a whole number, 1 or more"


@pytest.mark.parametrize(
    ("key", "bad", "allowed"),
    [
        ("max_attempts", "0", WHOLE),
        ("max_attempts", "many", WHOLE),
        ("max_attempts", "1.5", WHOLE),
        ("retry_mode", "fast", A_MODE),
        ("retry_mode", "Standard", A_MODE),
    ],
)
def test_an_invalid_setting_is_an_error_that_names_it(
    key: str, bad: str, allowed: str, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file.write_text(f"[default]\n{key} = {bad}\n")
    for source in (f"{key} of profile 'default'", f"AWS_{key.upper()}"):
        with pytest.raises(exceptions.InvalidConfigError) as caught:
            resolve()
        assert str(caught.value) == f"{source}: {bad!r} given; allowed: {allowed}"
        monkeypatch.setenv(f"AWS_{key.upper()}", bad)
    assert resolve("standard", 1) == ("standard", 1)  # it is not asked for


@pytest.mark.parametrize(
    ("name", "bad", "described"),
    [
        ("max_attempts", "3", "'3'"),
        ("retry_mode", "", "''"),
        ("retry_mode", "fast", "'fast'"),
        ("retry_mode", 3, "3 (int)"),
        ("retry_mode", ["standard"], "a list"),
    ],
)
def test_an_invalid_argument_is_an_error(name: str, bad: Any, described: str) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        resolve(**{name: bad})
    allowed = A_MODE if name == "retry_mode" else WHOLE
    assert caught.value.problems == ((name, f"{described} given", allowed),)
