"""The rate of requests in AWS's adaptive retry mode.

Rules, from the section on adaptive mode in "Retry behavior" of the AWS SDKs' reference guide, with
the numbers that the SDKs share:

- Nothing is limited until the service throttles for the first time.
- Then each request takes a token from a bucket. The bucket is filled at 0.7 of the measured rate of
  requests, and at least with one token in two seconds.
- With each success the rate follows CUBIC (RFC 9438): it grows fast up to near the rate that was
  throttled, slowly past it, then faster again; it is at most twice the measured rate.

An :class:`AdaptiveRate` decides and does no I/O; :mod:`.protocol.rest_json` waits by it.
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

from .._threads import call_after_fork

BETA = 0.7  # the rate after throttling, as a part of the rate before
SCALE = 0.4  # of the cubic, per second cubed
MIN_RATE = 0.5  # requests a second
SMOOTHING = 0.8  # weight of the newest measurement
MEASURE_SECONDS = 0.5
_ROUNDING = 1e-9  # of a token, in sums of its parts
#: Seconds after which a saved rate is ignored.
FORGET_AFTER = 300.0


class RateSnapshot(NamedTuple):
    """A rate as plain data, for the next worker of the target.

    ``rate`` and ``throttled_rate`` are in requests a second, ``seconds_since`` is the time since
    the service last throttled.
    """

    rate: float
    throttled_rate: float
    seconds_since: float


class AdaptiveRate:
    """The rate of one client, or of one target of a fleet; thread-safe.

    ``now`` is always the time in seconds on the same monotonic clock. ``responses`` counts the
    responses, ``throttled`` the throttling ones.
    """

    def __init__(self, now: float, snapshot: RateSnapshot | None = None) -> None:
        self._after_fork()
        call_after_fork(self)
        self._tokens = 0.0
        self._filled_at = now
        self._used_rate = 0.0
        self._is_measured = False
        self._measured_at = now
        self._count = 0
        self._rate = MIN_RATE
        #: The rate at the last throttling, None before the first, and its time.
        self._throttled_rate: float | None = None
        self._throttled_at = now
        self.responses = self.throttled = 0
        if snapshot is not None and snapshot.seconds_since < FORGET_AFTER:
            self._rate = self._used_rate = max(MIN_RATE, snapshot.rate)
            self._throttled_rate = snapshot.throttled_rate
            self._throttled_at = now - snapshot.seconds_since

    def _after_fork(self) -> None:
        """Replace the lock in a forked process: a thread of the parent may hold the old one."""
        # Reentrant, for signal handlers.
        self._lock = threading.RLock()

    def snapshot(self, now: float) -> RateSnapshot | None:
        """Return the rate as plain data, None if the service has not throttled."""
        with self._lock:
            if self._throttled_rate is None:
                return None
            return RateSnapshot(self._rate, self._throttled_rate, now - self._throttled_at)

    def take_token(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until the next token.

        Ask again then: the rate may have changed, or another call may have taken the token.
        """
        with self._lock:
            if self._throttled_rate is None:
                return 0.0
            self._fill(now)
            if self._tokens >= 1 - _ROUNDING:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate

    def record_response(self, now: float, *, throttled: bool) -> None:
        """Update the rate after a response of the service."""
        with self._lock:
            self.responses += 1
            self.throttled += throttled
            self._measure(now)
            self._fill(now)
            if throttled:
                rate = self._used_rate
                if self._throttled_rate is not None:
                    rate = min(rate, self._rate)
                self._throttled_rate, self._throttled_at = rate, now
                self._rate = max(MIN_RATE, rate * BETA)
                self._tokens = 0.0  # the service accepts none now
            elif self._throttled_rate is not None:
                plateau = math.cbrt(self._throttled_rate * (1 - BETA) / SCALE)
                cubic = SCALE * (now - self._throttled_at - plateau) ** 3 + self._throttled_rate
                self._rate = max(MIN_RATE, min(cubic, 2 * self._used_rate))
                self._tokens = min(self._tokens, self._capacity)

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate)

    def _fill(self, now: float) -> None:
        """Add the tokens since the last call."""
        elapsed = max(0.0, now - self._filled_at)
        self._tokens = min(self._capacity, self._tokens + elapsed * self._rate)
        self._filled_at = now

    def _measure(self, now: float) -> None:
        """Count a response, and measure the rate every half second."""
        self._count += 1
        elapsed = now - self._measured_at
        if elapsed >= MEASURE_SECONDS:
            rate = self._count / elapsed
            before = self._used_rate if self._is_measured else rate
            self._used_rate = SMOOTHING * rate + (1 - SMOOTHING) * before
            self._count, self._measured_at, self._is_measured = 0, now, True
        elif not self._is_measured:
            # The service may throttle within the first half second.
            self._used_rate = max(self._used_rate, self._count / MEASURE_SECONDS)
