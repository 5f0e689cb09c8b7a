"""Time: everything that signs, waits or measures asks a :class:`Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


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


def assume_utc(timestamp: datetime) -> datetime:
    """Return the timestamp as an aware one: one without a time zone is in UTC."""
    return timestamp if timestamp.utcoffset() is not None else timestamp.replace(tzinfo=UTC)


def parse_iso8601(text: str) -> datetime:
    """Return a time in ISO 8601 as an aware datetime. Raises ``ValueError`` for any other text."""
    return assume_utc(datetime.fromisoformat(text))


def parse_http_date(text: str) -> datetime | None:
    """Return the date of an HTTP header as an aware datetime, None for any other text."""
    import email.utils  # slow to import

    try:
        return assume_utc(email.utils.parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None
