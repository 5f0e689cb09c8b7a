"""Clocks that do not wait."""

from __future__ import annotations

import datetime as dt

import anyio.lowlevel

from imagebuilder_pager._aws.clock import Clock

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


class FakeClock(Clock):
    """A clock that advances by hand, by sleeping, and by ``tick`` seconds at each measurement."""

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

    def advance(self, *, minutes: float) -> None:
        self.elapsed += minutes * 60


class NoSleepClock(Clock):
    """The system's clock, set ahead by ``ahead``; its sleep takes no time."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return super().now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()
