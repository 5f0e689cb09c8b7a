"""Time: everything that signs, waits or measures asks a :class:`Clock`.

What a client signs, and the expirations that it compares with the time, are by one
:class:`ServiceClock`, the only owner of the correction of a clock that is wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final


class Clock:
    """The system's clock; a test passes a subclass, so that nothing sleeps."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start, to measure durations with."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait for a number of seconds, under asyncio or trio."""
        from .._async_runtime import current_runtime

        await current_runtime().sleep(seconds)


SYSTEM_CLOCK = Clock()

#: A service allows five minutes, and accepts a clock that is off by less.
_MIN_CORRECTED_SKEW: Final = timedelta(minutes=4)
#: A clock without a battery begins decades ago; a date beyond that is not a service's.
_MAX_PLAUSIBLE_SKEW: Final = timedelta(days=365 * 100)


class ServiceClock(Clock):
    """The time of AWS's services: a clock, corrected by their responses if it is wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._skew = timedelta()

    @classmethod
    def of(cls, clock: Clock) -> ServiceClock:
        """Return the clock if it is one that is corrected already, else one of it."""
        return clock if isinstance(clock, ServiceClock) else cls(clock)

    def now(self) -> datetime:
        """Return the corrected time in UTC."""
        return self._clock.now() + self._skew

    def machine_now(self) -> datetime:
        """Return the time without the correction, as other programs on this machine have it."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        self._clock.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait for a number of seconds, under asyncio or trio."""
        await self._clock.sleep_async(seconds)

    def correct(self, service_time: datetime | None, used: datetime) -> bool:
        """Set the clock by a service's, if the time ``used`` is far from it; return whether it is.

        None is for a response without a date.
        """
        now = self._clock.now()
        if (
            service_time is None
            or abs(service_time - used) <= _MIN_CORRECTED_SKEW
            or abs(service_time - now) >= _MAX_PLAUSIBLE_SKEW
        ):
            return False
        self._skew = service_time - now
        return True

    def undo_correction(self, used: datetime) -> None:
        """Drop the correction that the time ``used`` had."""
        # Another thread may have corrected it since then.
        if abs(used - self.now()) < _MIN_CORRECTED_SKEW:
            self._skew = timedelta()
