"""Clocks that do not wait."""

from __future__ import annotations

import datetime as dt

import anyio.lowlevel

from imagebuilder_pager.aws.clock import Clock

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


class FakeClock(Clock):
    """A clock that advances only by sleeping, and by ``tick`` seconds at each measurement."""

    def __init__(self, now: dt.datetime = NOW, tick: float = 0.0) -> None:
        self.start = now
        self.elapsed = 0.0
        self.tick = tick
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        self.elapsed += self.tick
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class NoSleepClock(Clock):
    """The system's clock, whose sleep takes no time."""

    def sleep(self, seconds: float) -> None:
        pass

    async def sleep_async(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
