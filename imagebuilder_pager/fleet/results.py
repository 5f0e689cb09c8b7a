"""The results of a run: its progress, and the outcome of each target."""

from __future__ import annotations

from dataclasses import dataclass

from .targets import Target


@dataclass(frozen=True, slots=True)
class TargetResult:
    """The outcome of a target: complete, or an error.

    - ``target``: the :class:`Target`.
    - ``records``: the number of new executions and of listed resources.
    - ``pages``: the number of listed pages.
    - ``error_type``: the type of the target's error, or of its first failed listing: AWS's code, or
      a class name. None if the target is complete.
    - ``error``: the text of the error. None if the target is complete.
    - ``failed_listings``: the number of its listings that failed. The others are stored.
    """

    target: Target
    records: int
    pages: int
    error_type: str | None = None
    error: str | None = None
    failed_listings: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all of its listings are stored."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The outcome of a run.

    - ``targets``: a :class:`TargetResult` for each target, in the given order.
    - ``seconds``: the duration of the run.
    - ``missing_policies``: the ARNs among ``policies=`` that no target has listed.
    """

    targets: tuple[TargetResult, ...]
    seconds: float
    missing_policies: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[TargetResult, ...]:
        """The targets that are not complete."""
        return tuple(result for result in self.targets if not result.is_complete)

    @property
    def records(self) -> int:
        """The sum of the targets' records."""
        return sum(result.records for result in self.targets)


@dataclass(frozen=True, slots=True)
class FleetProgress:
    """The progress of a run.

    - ``targets``: the number of targets.
    - ``complete``: the number of complete targets.
    - ``failed``: the number of targets that have ended and are not complete.
    - ``running``: the number of batches under way.
    - ``records``: the number of records so far, as of a :class:`TargetResult`.
    - ``pages``: the number of pages listed so far.
    - ``rate``: records a second.
    - ``executions``: the number of executions to list, as far as they are known.
    - ``executions_done``: the number of those with no listing left to make.
    - ``calls``: the number of calls that the service has answered.
    - ``call_rate``: calls a second.
    - ``throttled``: the number of calls that the service has throttled.
    """

    targets: int
    complete: int
    failed: int
    running: int
    records: int
    pages: int
    rate: float
    executions: int = 0
    executions_done: int = 0
    calls: int = 0
    call_rate: float = 0.0
    throttled: int = 0
