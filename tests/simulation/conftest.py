"""The number of cases: counted for each test, with a minimum."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

import pytest

from .cases import find_garbage, simulated

T = TypeVar("T")


class Cases:
    """The cases of one test: their number, and their problems."""

    def __init__(self) -> None:
        self.seed = os.environ.get("SIMULATION_SEED", "0")
        self.is_full = bool(os.environ.get("SIMULATION_FULL"))
        self.count = 0
        self.failures: list[str] = []

    def sample(self, sequence: Sequence[T], stride: int) -> Sequence[T]:
        """Return every ``stride``-th element, from an offset by the seed; in a full run, all."""
        if self.is_full or not sequence:
            return sequence
        offset = random.Random(f"{self.seed} {self.count}").randrange(stride)
        return sequence[offset % len(sequence) :: stride]

    def add(self, failures: list[str]) -> None:
        self.count += 1
        self.failures += failures

    def check(self, at_least: int, *, sampled: int | None = None) -> None:
        """Fail the test for any problem, and for too few cases, in a full run or a sample."""
        self.failures += find_garbage()
        if self.failures:
            found = f"{len(self.failures)} problems in {self.count} cases, seed {self.seed}:"
            pytest.fail("\n".join([found, *self.failures[:12]]), pytrace=False)
        if not self.is_full and sampled is not None:
            at_least = sampled
        assert self.count >= at_least, f"{self.count} cases were run, fewer than {at_least}"


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cases]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    cases = Cases()
    with simulated():
        yield cases
