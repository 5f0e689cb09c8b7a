"""What a run tells: its progress, and how each target has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from .targets import Target


@dataclass(frozen=True, slots=True)
class TargetResult:
    """How a target has ended: complete, or with its error and the token of the next run.

    ``records`` and ``pages`` are those of this run. ``gone`` tells what was deleted while the walk
    stood in it.
    """

    target: Target
    records: int
    pages: int
    error_type: str | None = None
    error: str | None = None
    token: str | None = field(default=None, repr=False)
    gone: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all that there was has been stored."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The results of all targets, in the order in which they were given."""

    targets: tuple[TargetResult, ...]
    seconds: float

    @property
    def failures(self) -> tuple[TargetResult, ...]:
        """The targets that have failed."""
        return tuple(result for result in self.targets if not result.is_complete)

    @property
    def records(self) -> int:
        """The number of records that this run has stored."""
        return sum(result.records for result in self.targets)


@dataclass(frozen=True, slots=True)
class FleetProgress:
    """How far a run is; ``rate`` is in records a second."""

    targets: int
    complete: int
    failed: int
    running: int
    records: int
    pages: int
    rate: float
