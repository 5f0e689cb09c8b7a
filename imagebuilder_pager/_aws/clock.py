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
