"""Time, in one place: what signs, waits and measures asks a :class:`Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["SYSTEM_CLOCK", "Clock", "http_date"]


class Clock:
    """The system's clock. A test passes another, and nothing sleeps."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; for measuring."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Waits, under asyncio or trio."""
        from ..async_runtime import current_runtime

        await current_runtime().sleep(seconds)


SYSTEM_CLOCK = Clock()


def http_date(text: str) -> datetime | None:
    """The moment that an HTTP header names, aware; None where it names none."""
    import email.utils  # which takes its time

    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
