"""What to retry and when, after AWS's standard mode; no I/O.

An :class:`Attempts` is told how each attempt at a call has ended and answers how long to wait
before the next, or None for no further one. The attempts of all calls of a client share a
:class:`RetryQuota`, so that an outage is not made worse by everyone's retries.
"""

from __future__ import annotations

import enum
import os
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    PagerError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseParserError,
    SSLError,
)
from .clock import http_date

__all__ = ["RetryQuota", "RetryState", "RetryableKind", "classify", "resolve_max_attempts"]


DEFAULT_MAX_ATTEMPTS = 3

#: Seconds. A wait is drawn between 0 and base * 2 ** (retries before it), never above the cap.
TRANSIENT_BASE = 0.25
THROTTLING_BASE = 1.0
MAX_BACKOFF = 20.0

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
    """How an attempt has failed; None, where a kind is asked for, is for good."""

    THROTTLING = "throttling"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"


def classify(error: PagerError) -> RetryableKind | None:
    """The kind of a failure that the next attempt may not meet, None for one that it would."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        if code in THROTTLING_CODES or status == THROTTLING_STATUS:
            return RetryableKind.THROTTLING
        if code in TRANSIENT_CODES or status in TRANSIENT_STATUSES:
            return RetryableKind.TRANSIENT
        return None
    if isinstance(error, ResponseParserError):
        return RetryableKind.TRANSIENT if error.cut_off else None
    if isinstance(error, SSLError):
        return None if error.certificate_rejected else RetryableKind.TRANSIENT
    return next((kind for base, kind in _NETWORK_KINDS if isinstance(error, base)), None)


_NETWORK_KINDS: tuple[tuple[type[PagerError], RetryableKind | None], ...] = (
    (ConnectTimeoutError, RetryableKind.TIMEOUT),
    (ReadTimeoutError, RetryableKind.TIMEOUT),
    (ProxyConnectionError, None),  # a proxy's refusal stays one
    (EndpointConnectionError, RetryableKind.TRANSIENT),
    (ConnectionClosedError, RetryableKind.TRANSIENT),
)


class RetryQuota:
    """A token bucket for the retries of one client, botocore's numbers; thread-safe.

    A retry costs 5 of 500, one after a timeout 10. A call that succeeds after retries gives back
    what its last retry cost, one that succeeds at once gives back 1.
    """

    CAPACITY = 500
    COSTS: Mapping[RetryableKind, int] = {
        RetryableKind.THROTTLING: 5,
        RetryableKind.TRANSIENT: 5,
        RetryableKind.TIMEOUT: 10,
    }

    def __init__(self) -> None:
        self._available_capacity = self.CAPACITY
        self._lock = threading.Lock()

    @property
    def available_capacity(self) -> int:
        """What is left of the capacity."""
        return self._available_capacity

    def acquire(self, amount: int) -> bool:
        """Takes the amount if it is there; else takes nothing and says so."""
        with self._lock:
            if amount > self._available_capacity:
                return False
            self._available_capacity -= amount
            return True

    def release(self, amount: int) -> None:
        """Gives back an amount, up to the capacity."""
        with self._lock:
            self._available_capacity = min(self.CAPACITY, self._available_capacity + amount)


@dataclass(slots=True)
class RetryState:
    """The attempts at one call.

    ``max_attempts`` counts the first one too. ``deadline`` is a moment of ``monotonic`` that no
    wait goes beyond; None for none. ``draw`` gives a number between 0 and 1.
    """

    quota: RetryQuota
    max_attempts: int
    monotonic: Callable[[], float]
    deadline: float | None = None
    random: Callable[[], float] = field(default=random.random)
    attempt_count: int = 0
    _cost: int = 1

    @property
    def retries(self) -> int:
        """The attempts made before the present one."""
        return max(self.attempt_count - 1, 0)

    def remaining(self) -> float | None:
        """Seconds to the deadline, 0 or less when it has passed; None without one."""
        return None if self.deadline is None else self.deadline - self.monotonic()

    def start_attempt(self) -> None:
        """An attempt begins."""
        self.attempt_count += 1

    def record_success(self) -> None:
        """The attempt has brought an answer."""
        self.quota.release(self._cost)

    def delay_after(self, error: PagerError, now: datetime) -> float | None:
        """The seconds to wait before the next attempt, None when there is to be none.

        A ``Retry-After`` of the service lengthens the wait, up to the cap.
        """
        kind = classify(error)
        if kind is None or self.attempt_count >= self.max_attempts:
            return None
        base = THROTTLING_BASE if kind is RetryableKind.THROTTLING else TRANSIENT_BASE
        wait = self.random() * min(MAX_BACKOFF, base * 2.0 ** (self.attempt_count - 1))
        wait = max(wait, min(MAX_BACKOFF, retry_after(error, now)))
        remaining = self.remaining()
        if remaining is not None and wait >= remaining:
            return None
        cost = self.quota.COSTS[kind]
        if not self.quota.acquire(cost):
            return None
        self._cost = cost
        return wait


def retry_after(error: PagerError, now: datetime) -> float:
    """The seconds of an answer's ``Retry-After`` (a number or a date), 0 where there is none."""
    if not isinstance(error, ClientError):
        return 0.0
    value = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        moment = http_date(value)
        if moment is None:
            return 0.0
        seconds = (moment - now).total_seconds()
    return seconds if 0 < seconds < float("inf") else 0.0


def resolve_max_attempts(given: int | None, environ: Mapping[str, str] = os.environ) -> int:
    """The attempts a call may take: the argument, else ``AWS_MAX_ATTEMPTS``, else 3.

    1 turns retries off. Raises :class:`ParamValidationError` for anything but a whole number from
    1 on.
    """
    name, value = "max_attempts", given
    if given is None:
        text = environ.get("AWS_MAX_ATTEMPTS")
        if not text:
            return DEFAULT_MAX_ATTEMPTS
        name = "AWS_MAX_ATTEMPTS"
        value = int(text) if text.isascii() and text.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        shown = environ.get("AWS_MAX_ATTEMPTS") if given is None else given
        raise ParamValidationError(
            "ImageBuilder", [f"{name}: {shown!r} given; allowed: a whole number, 1 or more"]
        )
    return value
