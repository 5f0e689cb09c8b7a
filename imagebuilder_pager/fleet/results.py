"""What a run tells: its progress, and how each target has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from .targets import Target


@dataclass(frozen=True, slots=True)
class TargetResult:
    """The outcome of a target: complete, or its error and the token of the next run.

    - ``target``: the :class:`Target`.
    - ``records``: the number of records that this run has stored.
    - ``pages``: the number of pages that this run has listed.
    - ``error_type``: the class name of the error, None if the target is complete.
    - ``error``: the text of the error, None if the target is complete.
    - ``token``: the token at which the next run resumes, None if there is none.
    - ``gone``: what was deleted while the walk was inside it.
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
    """The outcome of a run.

    - ``targets``: a :class:`TargetResult` for each target, in the order in which they were given.
    - ``seconds``: the duration of the run.
    """

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
    """The progress of a run.

    - ``targets``: the number of targets.
    - ``complete``: the number of complete targets.
    - ``failed``: the number of failed targets.
    - ``running``: the number of slices under way.
    - ``records``: the number of records stored so far.
    - ``pages``: the number of pages listed so far.
    - ``rate``: records a second.
    """

    targets: int
    complete: int
    failed: int
    running: int
    records: int
    pages: int
    rate: float
