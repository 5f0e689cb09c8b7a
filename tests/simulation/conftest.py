"""How many cases are run: counted for each test, held from below, and printed at the end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from .cases import simulated

_PROPERTY = "simulated cases"


class Cases:
    """The cases of one test: how many were run, and what was found wrong in them."""

    def __init__(self) -> None:
        self.seed = os.environ.get("SIMULATION_SEED", "0")
        self.is_full = bool(os.environ.get("SIMULATION_FULL"))
        self.count = 0
        self.failures: list[str] = []

    def sample(self, numbers: range, stride: int) -> range:
        """Return every so-manieth of the numbers, from an offset by the seed; all in a full run."""
        if self.is_full:
            return numbers
        offset = random.Random(self.seed).randrange(stride)
        return numbers[offset % max(1, len(numbers)) :: stride]

    def add(self, failures: list[str]) -> None:
        """Count a case, and take down what was found wrong in it."""
        self.count += 1
        self.failures += failures

    def check(self, at_least: int) -> None:
        """Fail the test for what was found wrong, and for too few cases."""
        shown = "\n".join(self.failures[:12])
        assert not self.failures, (
            f"{len(self.failures)} found wrong in {self.count} cases, seed {self.seed}:\n{shown}"
        )
        assert self.count >= at_least, f"{self.count} cases were run, fewer than {at_least}"


@pytest.fixture
def cases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cases]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    cases = Cases()
    with simulated():
        yield cases
    request.node.user_properties.append((_PROPERTY, cases.count))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    total = 0
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown" or hasattr(report, "user_properties"):
                total += sum(
                    count
                    for name, count in getattr(report, "user_properties", ())
                    if name == _PROPERTY and report.when == "teardown"
                )
    if total:
        terminalreporter.write_line(f"simulated cases: {total}")
