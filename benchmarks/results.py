"""The results: the numbers of a row, and its score against the targets."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from .harness import Harness

__all__ = ["Measure", "Outcome", "Row", "Samples"]


@dataclass
class Samples:
    """The numbers of each side, one for each round.

    ``limit`` is the standard library's, empty if not measured. The numbers of one round are
    measured within a second or two, so that other load on the machine affects all of them.
    """

    peer: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)


Measure = Callable[[Harness, int], Samples]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    Both sides are shown in ``unit``. ``target`` has the required and the desired ratio of ours to
    the peer's; with ``difference``, the required and the desired difference. A row with ``is_long``
    is measured only if it is named.
    """

    name: str
    what: str
    peer: str = "boto3"
    unit: str = "ms"
    measure: Measure
    rounds: int = 9
    target: tuple[float, float] | None = None
    difference: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Outcome:
    """The results of a row: medians of both sides and of the scores, and their quartiles."""

    row: Row
    samples: Samples

    @property
    def peer(self) -> float:
        """The peer's median."""
        return statistics.median(self.samples.peer)

    @property
    def ours(self) -> float:
        """Our median."""
        return statistics.median(self.samples.ours)

    @property
    def limit(self) -> float | None:
        """The limit as a part of the peer's median."""
        return statistics.median(self.samples.limit) / self.peer if self.samples.limit else None

    def scores(self) -> list[float]:
        """Return the score of each round: the ratio or the difference of the sides."""
        pairs = zip(self.samples.ours, self.samples.peer, strict=True)
        if self.row.difference:
            return [ours - peer for ours, peer in pairs]
        return [ours / peer for ours, peer in pairs]

    @property
    def score(self) -> float:
        """The median of the rounds' scores."""
        return statistics.median(self.scores())

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the rounds' scores; with fewer than four, their minimum and maximum."""
        scores = self.scores()
        if len(scores) < 4:
            return min(scores), max(scores)
        lower, _, upper = statistics.quantiles(scores, method="inclusive")
        return lower, upper

    @property
    def verdict(self) -> str:
        """``aim``, ``reached`` or ``MISSED``, and empty without a target."""
        if self.row.target is None:
            return ""
        must, aim = self.row.target
        if self.score <= aim:
            return "aim"
        return "reached" if self.score <= must else "MISSED"
