"""Retries: which errors are retried, and when, by AWS's standard mode of 2026.

The rule: a retry waits a random time below a bound that doubles, and takes tokens from a quota.
Throttling waits longer and takes fewer tokens; other failures wait less and take more. The legacy
mode has more attempts; the adaptive mode also waits by :mod:`.rate_limit`.

A :class:`RetryState` decides, and does no I/O. All calls of a client share a :class:`RetryQuota`,
so that retries do not make an outage worse. :func:`call_with_retries` is the loop for the calls
that find credentials.
"""

from __future__ import annotations

import enum
import logging
import os
import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from .._dates import parse_http_date
from .._threads import call_after_fork
from .._validation import (
    InvalidValueError,
    describe_invalid_value,
    validate_whole_number,
    validating,
)
from ..exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    PagerError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseParserError,
    SSLError,
)
from .attempts import AttemptReport
from .clock import Clock
from .config.shared_config import SharedConfig

T = TypeVar("T")

#: The retry modes, with the default number of attempts of each.
MAX_ATTEMPTS_BY_MODE: Mapping[str, int] = {"standard": 3, "adaptive": 3, "legacy": 5}

#: Seconds. A delay is random, between 0 and base * 2 ** (retries so far), at most MAX_BACKOFF.
TRANSIENT_BASE = 0.05
THROTTLING_BASE = 1.0
MAX_BACKOFF = 20.0
#: Maximum seconds that the header ``x-amz-retry-after`` adds to a delay.
MAX_ADDED_DELAY = 5.0

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "CallRateLimitExceededException",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
TRANSIENT_CODES = frozenset({"IDPCommunicationError", "RequestTimeout", "RequestTimeoutException"})
TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
THROTTLING_STATUS = 429


class RetryableKind(enum.Enum):
    """The kinds of failure after which another attempt may succeed."""

    THROTTLING = "throttling"
    TRANSIENT = "transient"


def classify(error: PagerError) -> RetryableKind | None:
    """Return the kind of a retryable error, None for an error that is not retried."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        if code in THROTTLING_CODES or status == THROTTLING_STATUS:
            return RetryableKind.THROTTLING
        is_transient = code in TRANSIENT_CODES or status in TRANSIENT_STATUSES
    elif isinstance(error, ResponseParserError):
        is_transient = error.incomplete
    elif isinstance(error, SSLError):
        is_transient = not error.certificate_rejected
    elif isinstance(error, ProxyConnectionError):
        is_transient = False  # a proxy that refuses will refuse again
    else:
        network = (ReadTimeoutError, EndpointConnectionError, ConnectionClosedError)
        is_transient = isinstance(error, network)
    return RetryableKind.TRANSIENT if is_transient else None


class RetryQuota:
    """A token bucket for the retries of one client, with botocore's numbers; thread-safe.

    A retry takes 14 of 500 tokens, a retry after throttling 5. A call that succeeds releases the
    tokens of its last retry, or 1 without a retry.
    """

    CAPACITY = 500
    COSTS: Mapping[RetryableKind, int] = {
        RetryableKind.THROTTLING: 5,
        RetryableKind.TRANSIENT: 14,
    }

    def __init__(self) -> None:
        #: The remaining tokens.
        self.available_capacity = self.CAPACITY
        self._after_fork()
        call_after_fork(self)

    def _after_fork(self) -> None:
        """Replace the lock in a forked process: a thread of the parent may hold the old one."""
        # Reentrant, for signal handlers.
        self._lock = threading.RLock()

    def acquire(self, amount: int) -> bool:
        """Take the amount and return True, or return False if fewer tokens remain."""
        with self._lock:
            if amount > self.available_capacity:
                return False
            self.available_capacity -= amount
            return True

    def release(self, amount: int) -> None:
        """Return an amount to the quota, up to the capacity."""
        with self._lock:
            self.available_capacity = min(self.CAPACITY, self.available_capacity + amount)


def _random_uuid() -> str:
    """Return a random UUID, of version 4; the module uuid takes 10 ms to import."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class RetryState:
    """The attempts at one call.

    - ``quota``: shared with the other calls of a client; None for no limit.
    - ``max_attempts``: maximum attempts, including the first.
    - ``remaining``: a function that returns the seconds left for the call, None for no limit.
    - ``random``: a function that returns a number from 0 to 1, for the jitter of the backoff.
    - ``fixed_delay``: seconds between two attempts; None for the exponential backoff.
    - ``classify``: a function that returns the kind of an error, None for one that is not retried.
    - ``attempt_count``: the attempts made so far.
    """

    def __init__(
        self,
        quota: RetryQuota | None,
        max_attempts: int,
        remaining: Callable[[], float | None] = lambda: None,
        *,
        random: Callable[[], float] = random.random,
        fixed_delay: float | None = None,
        classify: Callable[[PagerError], RetryableKind | None] = classify,
        attempt_count: int = 0,
    ) -> None:
        self.attempt_count = attempt_count
        self._quota = quota
        self._max_attempts = max_attempts
        self._remaining = remaining
        self._random = random
        self._fixed_delay = fixed_delay
        self._classify = classify
        # It marks the attempts of one call for the service.
        self._invocation_id = _random_uuid()
        self._cost = 1

    @property
    def retries(self) -> int:
        """Return the number of attempts before the current one."""
        return max(self.attempt_count - 1, 0)

    def start_attempt(self) -> None:
        """Count a new attempt."""
        self.attempt_count += 1

    def headers(self) -> dict[str, str]:
        """Return the headers that identify the attempt for the service; they are not signed."""
        return {
            "amz-sdk-invocation-id": self._invocation_id,
            "amz-sdk-request": f"attempt={self.attempt_count}; max={self._max_attempts}",
        }

    def record_success(self) -> None:
        """Release tokens of the quota after a successful attempt."""
        if self._quota is not None:
            self._quota.release(self._cost)

    def delay_after(
        self, error: PagerError, now: datetime, *, is_corrected: bool = False
    ) -> float | None:
        """Return the seconds to wait before the next attempt, None to give up.

        The service lengthens the delay by ``Retry-After``, up to ``MAX_BACKOFF``, and by
        ``x-amz-retry-after``, by up to ``MAX_ADDED_DELAY``. With ``is_corrected``, the cause of the
        error is corrected: the next attempt counts as any other, but does not wait.
        """
        kind = RetryableKind.TRANSIENT if is_corrected else self._classify(error)
        if kind is None or self.attempt_count >= self._max_attempts:
            return None
        delay = 0.0
        if not is_corrected:
            backoff = self._backoff(kind)
            delay = max(
                backoff,
                min(MAX_BACKOFF, retry_after(error, now)),
                min(backoff + MAX_ADDED_DELAY, amz_retry_after(error)),
            )
        remaining = self._remaining()
        if remaining is not None and delay >= remaining:
            return None
        if self._quota is not None:
            cost = self._quota.COSTS[kind]
            if not self._quota.acquire(cost):
                return None
            self._cost = cost
        return delay

    def _backoff(self, kind: RetryableKind) -> float:
        if self._fixed_delay is not None:
            return self._fixed_delay
        base = THROTTLING_BASE if kind is RetryableKind.THROTTLING else TRANSIENT_BASE
        # 2 ** 30 is far beyond the maximum; a larger exponent could overflow.
        return self._random() * min(MAX_BACKOFF, base * 2.0 ** min(self.attempt_count - 1, 30))


def call_with_retries(
    call: Callable[[], T],
    state: RetryState,
    clock: Clock,
    report: AttemptReport,
    correct: Callable[[PagerError], bool] = lambda _: False,
) -> T:
    """Return the result of ``call``; call it again after errors if the state decides so.

    ``report``: is given each attempt. ``correct``: removes the cause of an error if it can, and
    returns whether it did. Raises the :class:`PagerError` of the last attempt.
    """
    while True:
        state.start_attempt()
        report.begin(state.attempt_count)
        try:
            result = call()
        except PagerError as error:
            failure = error
        except BaseException as error:
            report.end(error)
            raise
        else:
            report.end()
            return result
        try:
            is_corrected = correct(failure)
            delay = state.delay_after(failure, clock.now(), is_corrected=is_corrected)
        except BaseException as interruption:
            report.end(interruption)
            raise
        report.end(failure, delay, retry_level=logging.DEBUG)
        if delay is None:
            raise failure  # outside the handler, so that it has no context
        if delay:
            clock.sleep(delay)


def retry_after(error: PagerError, now: datetime) -> float:
    """Return the seconds of a response's ``Retry-After`` (a number or a date), 0 without one."""
    value = _header(error, "retry-after")
    try:
        seconds = float(value)
    except ValueError:
        date = parse_http_date(value)
        if date is None:
            return 0.0
        seconds = (date - now).total_seconds()
    return seconds if 0 < seconds < float("inf") else 0.0


def amz_retry_after(error: PagerError) -> float:
    """Return the seconds of ``x-amz-retry-after``, which has milliseconds; 0 without a number."""
    try:
        return max(0.0, int(_header(error, "x-amz-retry-after")) / 1000)
    except (ValueError, OverflowError):
        return 0.0


def _header(error: PagerError, name: str) -> str:
    """Return a header of the error response, "" without one."""
    if not isinstance(error, ClientError):
        return ""
    value: str = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get(name, "")
    return value


def resolve_retries(
    owner: str, retry_mode: str | None, max_attempts: int | None, config: SharedConfig
) -> tuple[str, int]:
    """Return the retry mode and the maximum attempts; 1 turns retries off.

    Each is the argument, else ``AWS_RETRY_MODE`` or ``AWS_MAX_ATTEMPTS``, else the profile's
    ``retry_mode`` or ``max_attempts``, else ``standard`` and the default of the mode.

    Raises :class:`ParamValidationError` of ``owner`` for an argument, :class:`InvalidConfigError`
    for a setting.
    """

    with validating(owner):
        if retry_mode is not None:
            _validate_mode(retry_mode)
        if max_attempts is not None:
            validate_whole_number("max_attempts", max_attempts, minimum=1)
    if retry_mode is None:
        retry_mode = config.get_choice("AWS_RETRY_MODE", "retry_mode", MAX_ATTEMPTS_BY_MODE)
    if max_attempts is None:
        max_attempts = config.get_whole_number("AWS_MAX_ATTEMPTS", "max_attempts")
    mode = retry_mode or "standard"
    return mode, max_attempts or MAX_ATTEMPTS_BY_MODE[mode]


def _validate_mode(mode: object) -> None:
    if not isinstance(mode, str) or mode not in MAX_ATTEMPTS_BY_MODE:
        allowed = ", ".join(MAX_ATTEMPTS_BY_MODE)
        raise InvalidValueError(describe_invalid_value("retry_mode", mode, allowed))
