"""A run over a fleet: it hands out slices, saves what they list, and decides what comes next.

Rules:

- Of each target, one slice is under way at a time, for the next one begins at its token. Its
  result is saved before the next one is handed out.
- Targets take turns, so that a long one holds up no other.
- A slice that has failed for a while (throttled, no connection, a worker that died) is handed out
  again after a pause that doubles; after ``max_target_attempts`` times without a page, or at once
  for any other error, its target has failed. The others go on.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from .._aws.clock import SYSTEM_CLOCK, Clock, assume_utc
from .._aws.protocol.responses import OnInvalidResponse, validate_on_invalid_response
from .._aws.rate_limit import RateSnapshot
from .._validation import validate_positive, validate_whole_number, validating
from ..exceptions import StartingTokenError
from ..lifecycle_walk.walk import WalkArguments
from .database import FleetDatabase, Scope, TargetProgress
from .executors import ExecutorSource, SliceExecutor, open_executor
from .records import NO_ROWS, format_time, parse_time
from .results import FleetProgress, FleetResult, TargetResult
from .slice import SliceFailure, SliceResult, SliceTask, cancel_slices, run_slice
from .slice_loop import shared_loop
from .targets import Target, validate_targets

_log = logging.getLogger(__name__)

FIRST_PAUSE = 2.0  # seconds, after the first slice that has failed
MAX_PAUSE = 60.0
LOG_INTERVAL = 10.0


@dataclass(slots=True)
class _Work:
    """A target while it is being listed."""

    number: int
    progress: TargetProgress
    records: int = 0
    pages: int = 0
    attempts: int = 0
    rate: RateSnapshot | None = None
    gone: tuple[str, ...] = ()
    result: TargetResult | None = None


def run_fleet(
    targets: Iterable[Target],
    database: FleetDatabase,
    *,
    policies: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    children: bool = True,
    executor: ExecutorSource = None,
    max_concurrency: int = 32,
    max_concurrency_per_target: int = 4,
    slice_pages: int = 100,
    slice_seconds: float = 10.0,
    max_attempts: int | None = None,
    max_target_attempts: int = 5,
    on_invalid_response: OnInvalidResponse = "raise",
    on_progress: Callable[[FleetProgress], None] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> FleetResult:
    """List what the lifecycle policies of all targets have done, into the database.

    - ``targets``: one or more :class:`Target`.
    - ``database``: the :class:`FleetDatabase`.
    - ``policies``: the ARNs of policies, each looked for in its own account and region. Default:
      None, all policies.
    - ``since``: the time from which on executions have ended. Default: None, no bound.
    - ``until``: the time before which executions have ended. Default: None, no bound.
    - ``children``: whether to list what came from each image. Default: True.
    - ``executor``: where slices run: a ``concurrent.futures.Executor``, which the caller shuts
      down, or a function that returns a new one and is called again when that one breaks. Default:
      None, threads.
    - ``max_concurrency``: maximum calls at a time. Default: 32.
    - ``max_concurrency_per_target``: maximum calls at a time in an account and region. Default: 4.
    - ``slice_pages``: the pages after which a slice ends and is saved. Default: 100.
    - ``slice_seconds``: the seconds after which a slice ends and is saved. Default: 10.
    - ``max_attempts``: how often a call may be sent. Default: None, the client's.
    - ``max_target_attempts``: how many slices in a row may fail without a page. Default: 5.
    - ``on_invalid_response``: the clients'; with ``warn``, what does not match is NULL in the
      database. Default: ``raise``.
    - ``on_progress``: a function that takes a :class:`FleetProgress` after each slice. Default:
      None, a line is logged every ten seconds.
    - ``clock``: what tells the time and waits, for tests. Default: the system's.

    An error of a target is part of the result. Raises :class:`ParamValidationError` for arguments
    that are not valid, and what the database or ``on_progress`` raises.
    """
    with validating("run_fleet"):
        validate_whole_number("max_concurrency", max_concurrency, minimum=1)
        validate_whole_number("max_concurrency_per_target", max_concurrency_per_target, minimum=1)
        validate_whole_number("slice_pages", slice_pages, minimum=1)
        validate_whole_number("max_target_attempts", max_target_attempts, minimum=1)
        validate_positive("slice_seconds", slice_seconds)
        if max_attempts is not None:
            validate_whole_number("max_attempts", max_attempts, minimum=1)
        on_invalid_response = validate_on_invalid_response(on_invalid_response)
        targets = validate_targets(targets)
    arguments = WalkArguments(
        policies=policies, since=since, until=until, children=children, options={}
    )
    # In one order, whatever the caller's: the token of a walk is that of its arguments.
    arns = None if arguments.policies is None else tuple(sorted(arguments.policies))
    scope = Scope(arns, _stored(since), _stored(until), children)
    per_target = min(max_concurrency, max_concurrency_per_target)

    def make_task(work: _Work) -> SliceTask:
        return SliceTask(
            run_id,
            next(numbers),
            work.progress.target,
            work.progress.token,
            slice_pages,
            slice_seconds,
            policies=work.progress.scope.policies,
            since=work.progress.since,
            until=scope.until,
            children=children,
            concurrency=per_target,
            max_concurrency=max_concurrency,
            max_attempts=max_attempts,
            rate=work.rate,
            on_invalid_response=on_invalid_response,
        )

    run_id, numbers = uuid.uuid4().hex, itertools.count()
    started, begun = clock.now(), clock.monotonic()
    scopes = [(target, scope.of_target(target)) for target in targets]
    works = [
        _Work(number, progress)
        for number, progress in enumerate(database.begin_all(scopes, started))
    ]
    slots = max(1, max_concurrency // per_target)
    if executor is None:
        # In one process, the calls are counted; a target alone seldom has all of its own under way.
        slots = min(len(works), 2 * slots) or 1
    # Each loop is a thread, which would take memory of its own for each slice.
    in_process = shared_loop() if executor is None else nullcontext()
    with in_process, open_executor(executor, slots) as slices:
        run = _Run(
            works=works,
            database=database,
            slices=slices,
            make_task=make_task,
            max_target_attempts=max_target_attempts,
            on_progress=on_progress,
            clock=clock,
        )
        try:
            run.run(slots)
        except BaseException:
            cancel_slices(run_id)
            raise
    results = tuple(work.result for work in works if work.result is not None)
    return FleetResult(results, clock.monotonic() - begun)


class _Run:
    """The loop of a run, in the thread of its caller, which alone writes to the database."""

    def __init__(
        self,
        *,
        works: list[_Work],
        database: FleetDatabase,
        slices: SliceExecutor,
        make_task: Callable[[_Work], SliceTask],
        max_target_attempts: int,
        on_progress: Callable[[FleetProgress], None] | None,
        clock: Clock,
    ) -> None:
        self._works = works
        self._database = database
        self._slices = slices
        self._make_task = make_task
        self._max_target_attempts = max_target_attempts
        self._on_progress = on_progress
        self._clock = clock
        self._started = self._logged = clock.monotonic()
        self._ready = deque(works)
        self._pausing: list[tuple[float, int]] = []
        self._running: dict[Future[SliceResult], _Work] = {}

    def run(self, slots: int) -> None:
        """Hand out slices until each target is complete or has failed."""
        try:
            while self._ready or self._pausing or self._running:
                self._submit(slots)
                self._wait(slots)
        finally:
            for future in self._running:
                future.cancel()

    def _submit(self, slots: int) -> None:
        now = self._clock.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            self._ready.append(self._works[heapq.heappop(self._pausing)[1]])
        while self._ready and len(self._running) < slots:
            work = self._ready.popleft()
            try:
                future = self._slices.submit(run_slice, self._make_task(work))
            except BrokenExecutor as error:
                self._fail(work, _failure_of(error))
            else:
                self._running[future] = work

    def _wait(self, slots: int) -> None:
        """Wait for the next slice that is over, or for the next pause that is."""
        pause = None
        if self._pausing and len(self._running) < slots:
            pause = max(0.0, self._pausing[0][0] - self._clock.monotonic())
        if not self._running:
            if pause is not None:
                self._clock.sleep(pause)
            return
        done, _ = wait(self._running, pause, FIRST_COMPLETED)
        for future in done:
            work = self._running.pop(future)
            try:
                result = future.result()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is that of one target
                self._retry_or_fail(work, _failure_of(error))
            else:
                self._take(work, result)
            self._report()

    def _take(self, work: _Work, result: SliceResult) -> None:
        """Save what a slice has listed."""
        now, progress = self._clock.now(), work.progress
        if result.is_finished:
            self._database.complete(progress, result.rows, now)
        elif result.pages or result.token != progress.token:
            self._database.save(progress, result.rows, result.token, now)
            work.attempts = 0
        work.records += result.rows.records
        work.pages += result.pages
        work.rate = result.rate
        work.gone += result.gone
        if result.failure is not None:
            self._retry_or_fail(work, result.failure)
        elif result.is_finished:
            work.result = _result_of(work)
        else:
            self._ready.append(work)

    def _retry_or_fail(self, work: _Work, failure: SliceFailure) -> None:
        if failure.error_type == StartingTokenError.__name__ and work.progress.token is not None:
            # One of another version of the library: the walk begins anew, over what is stored.
            self._database.save(work.progress, NO_ROWS, None, self._clock.now())
            self._ready.append(work)
            return
        work.attempts += 1
        if not failure.is_retryable or work.attempts >= self._max_target_attempts:
            self._fail(work, failure)
            return
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** (work.attempts - 1))
        _log.info("%s: %s; once more in %.0f s", _name(work), failure.error_type, pause)
        heapq.heappush(self._pausing, (self._clock.monotonic() + pause, work.number))

    def _fail(self, work: _Work, failure: SliceFailure) -> None:
        self._database.fail(work.progress, failure.error_type, failure.error, self._clock.now())
        work.result = _result_of(work, failure)
        _log.warning("%s has failed: %s", _name(work), failure.error)

    def _report(self) -> None:
        now = self._clock.monotonic()
        records = sum(work.records for work in self._works)
        results = [work.result for work in self._works if work.result is not None]
        failed = sum(not result.is_complete for result in results)
        progress = FleetProgress(
            targets=len(self._works),
            complete=len(results) - failed,
            failed=failed,
            running=len(self._running),
            records=records,
            pages=sum(work.pages for work in self._works),
            rate=records / max(now - self._started, 1e-9),
        )
        if self._on_progress is not None:
            self._on_progress(progress)
        elif now - self._logged >= LOG_INTERVAL:
            self._logged = now
            _log.info(
                "%d of %d targets complete, %d failed; %d records, %.0f a second",
                *(progress.complete, progress.targets, progress.failed),
                *(progress.records, progress.rate),
            )


def _failure_of(error: Exception) -> SliceFailure:
    """Return the failure of a slice without a result: its worker has died, or has a bug."""
    return SliceFailure(type(error).__name__, str(error), is_retryable=True)


def _result_of(work: _Work, failure: SliceFailure | None = None) -> TargetResult:
    return TargetResult(
        work.progress.target,
        work.records,
        work.pages,
        None if failure is None else failure.error_type,
        None if failure is None else failure.error,
        work.progress.token,
        work.gone,
    )


def _name(work: _Work) -> str:
    return work.progress.target.name


def _stored(time: datetime | None) -> datetime | None:
    """Return the time as the database has it, so that a later run has the same one."""
    return None if time is None else parse_time(format_time(assume_utc(time)))
