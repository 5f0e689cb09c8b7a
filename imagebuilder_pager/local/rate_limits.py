"""The local service's rate limit: so many requests a second, of each account in each region."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from .errors import ServiceError


class RateLimits:
    """A token bucket for each key, which holds the requests of one second; thread-safe.

    ``requests_per_second`` is the rate of each key. ``monotonic`` returns seconds.
    """

    def __init__(
        self, requests_per_second: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if not requests_per_second > 0:
            raise ValueError(f"the rate limit is {requests_per_second}, it has to be above 0")
        self._rate = requests_per_second
        self._capacity = max(1.0, requests_per_second)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> None:
        """Count a request. Raises ``ServiceError``, status 429, for one beyond the limit."""
        now = self._monotonic()
        with self._lock:
            tokens, filled_at = self._buckets.get(key, (self._capacity, now))
            tokens = min(self._capacity, tokens + (now - filled_at) * self._rate)
            self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise ServiceError(
                "CallRateLimitExceededException",
                "You have exceeded the permitted request rate for the specific operation.",
            )
