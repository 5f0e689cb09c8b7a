"""A run over a fleet: it hands out batches of listings, saves them, and decides what comes next.

Rules:

- The light levels, policies and executions, are always listed anew. Of the rest, what the database
  has complete is not.
- Of each target, one batch is under way at a time. Its outcome is saved before the next one is
  handed out. Targets take turns, so that a long one holds up no other.
- What fails for a while (throttled, no connection, a worker that died) is tried again after a pause
  that doubles. A target has failed after ``max_target_attempts`` batches without a page, or at once
  for an error that all of its listings would meet.
- Any other error is that of one listing, which the next run tries again.
- Ctrl-C ends a run after the calls that are under way, a second one at once.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from .._aws.clock import SYSTEM_CLOCK, Clock
from .._aws.protocol.responses import OnInvalidResponse, validate_on_invalid_response
from .._aws.rate_limit import RateSnapshot
from .._aws.retries import THROTTLING_CODES
from .._validation import describe_invalid_value, validate_whole_number, validating
from ..exceptions import ExecutorLostError, PaginationError, ParamValidationError, Problem
from ..lifecycle_walk.walk import WalkArguments
from .database import FleetDatabase
from .executors import BatchExecutor, ExecutorSource, lost_executor, open_executor
from .listings import BatchResult, BatchTask, Failure, Listing, ListingResult, Scope
from .records import location_of
from .results import FleetProgress, FleetResult, TargetResult
from .store import RunStore, TargetWriter
from .targets import Target, validate_targets

_log = logging.getLogger(__name__)

FIRST_PAUSE = 2.0  # seconds, after the first batch that has failed
MAX_PAUSE = 60.0
LOG_INTERVAL = 10.0
#: The listings of a batch: no more are begun by one than it may list pages.
MAX_LISTINGS = 100


@dataclass(slots=True)
class _Work:
    """A target while it is being listed."""

    number: int
    target: Target
    target_id: int
    listings: Iterator[Listing | None]
    queue: deque[Listing] = field(default_factory=deque)
    is_waiting: bool = False
    records: int = 0
    pages: int = 0
    calls: int = 0
    throttled: int = 0
    executions: dict[str, int] = field(default_factory=dict)  # to list: listings to make of each
    executions_done: int = 0
    attempts: int = 0
    rate: RateSnapshot | None = None
    failed_listings: int = 0
    first_failure: Failure | None = None
    result: TargetResult | None = None

    def note(self, listing: Listing, new_listings: int, *, is_over: bool) -> None:
        """Note that a listing of an execution has led to further ones, or is over."""
        execution_id = listing.params.get("lifecycleExecutionId", "")
        if self.executions.get(execution_id):
            self.executions[execution_id] += new_listings - is_over
            self.executions_done += not self.executions[execution_id]

    def next_listings(self) -> tuple[Listing, ...]:
        """Return the listings of the next batch, none at the end.

        A None between listings waits for all before it; nothing is under way when this is called.
        """
        if not self.queue:
            self.is_waiting = False
        while not self.is_waiting and len(self.queue) < MAX_LISTINGS:
            try:
                listing = next(self.listings)
            except StopIteration:
                break
            if listing is not None:
                self.queue.append(listing)
            elif self.queue:
                self.is_waiting = True
        return tuple(self.queue.popleft() for _ in range(min(len(self.queue), MAX_LISTINGS)))


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
    - ``since``: the time from which on executions have ended that are begun. One that the database
      has, and not completely, is listed whatever its time. Default: None, no bound.
    - ``until``: the time before which executions have ended that are begun. Default: None, no
      bound.
    - ``children``: whether to list what came from each image. Default: True.
    - ``executor``: where batches run: a ``concurrent.futures.Executor``, which the caller shuts
      down, or a function that returns a new one and is called again when that one breaks. Default:
      None, a thread.
    - ``max_concurrency``: maximum calls at a time. Default: 32.
    - ``max_concurrency_per_target``: maximum calls at a time in an account and region. Default: 4.
    - ``max_attempts``: how often a call may be sent. Default: None, the client's.
    - ``max_target_attempts``: how many batches in a row may fail without a page. Default: 5.
    - ``on_invalid_response``: the clients'; with ``warn``, what does not match is NULL in the
      database. Default: ``raise``.
    - ``on_progress``: a function that takes a :class:`FleetProgress` after each batch. Default:
      None, a line is logged every ten seconds.
    - ``clock``: what tells the time and waits, for tests. Default: the system's.

    An error of a target or of a listing is part of the result. Raises :class:`ParamValidationError`
    for arguments that are not valid, :class:`ExecutorLostError` for an executor that takes no more
    batches, and what the database or ``on_progress`` raises. ``KeyboardInterrupt`` is raised when
    the calls under way are over and saved; a second one, at once.
    """
    with validating("run_fleet"):
        validate_whole_number("max_concurrency", max_concurrency, minimum=1)
        validate_whole_number("max_concurrency_per_target", max_concurrency_per_target, minimum=1)
        validate_whole_number("max_target_attempts", max_target_attempts, minimum=1)
        if max_attempts is not None:
            validate_whole_number("max_attempts", max_attempts, minimum=1)
        on_invalid_response = validate_on_invalid_response(on_invalid_response)
        targets = validate_targets(targets)
    arguments = WalkArguments(
        policies=policies, since=since, until=until, children=children, options={}
    )
    arns = None if arguments.policies is None else tuple(arguments.policies)
    scope = Scope(arns, arguments.since, arguments.until, children)
    if problems := [*_policy_problems(arns or (), targets)]:
        raise ParamValidationError("run_fleet", problems)
    per_target = min(max_concurrency, max_concurrency_per_target)
    slots = max(1, max_concurrency // per_target)
    if executor is None:
        # In one process, the calls are counted; a target alone seldom has all of its own under way.
        slots = min(len(targets), 2 * slots)
    begun, run_id, numbers = clock.monotonic(), uuid.uuid4().hex, itertools.count()

    def make_task(work: _Work, listings: tuple[Listing, ...]) -> BatchTask:
        return BatchTask(
            run_id,
            next(numbers),
            work.target,
            listings,
            concurrency=per_target,
            max_attempts=max_attempts,
            rate=work.rate,
            on_invalid_response=on_invalid_response,
        )

    batches = open_executor(executor, max_concurrency)
    is_over = False
    try:
        store = RunStore(database, scope, targets, clock.now())
        works = []
        for number, (target, target_id) in enumerate(zip(targets, store.target_ids, strict=True)):
            executions: dict[str, int] = {}
            listings = _listings(store, target_id, executions)
            works.append(_Work(number, target, target_id, listings, executions=executions))
        fleet = _FleetRun(
            works=works,
            store=store,
            path=database.path,
            batches=batches,
            make_task=make_task,
            max_target_attempts=max_target_attempts,
            on_progress=on_progress,
            clock=clock,
        )
        fleet.list_all(slots)
        is_over = True
    finally:
        batches.close(at_once=not is_over)
    results = tuple(work.result for work in works if work.result is not None)
    return FleetResult(results, clock.monotonic() - begun, store.missing_policies())


def _listings(
    store: RunStore, target_id: int, executions: dict[str, int]
) -> Iterator[Listing | None]:
    """Yield the listings of a target, and None where those before have to be saved first.

    The executions to list are put into ``executions`` when they are known.
    """
    yield Listing("list_lifecycle_policies")
    yield None
    for arn in store.policies(target_id):
        yield Listing("list_lifecycle_executions", {"resourceArn": arn}, arn)
    yield None
    yield from store.unseen(target_id)
    yield None
    store.forget_children(target_id)
    executions.update(store.open_executions(target_id))
    last = 0
    while True:
        if not (listings := store.to_make(target_id, last)):
            yield None  # what is saved adds further ones
            listings = store.to_make(target_id, last)
        if not listings:
            return
        yield from listings
        last = listings[-1].listing_id or last


def _policy_problems(arns: Iterable[str], targets: Iterable[Target]) -> Iterator[Problem]:
    """Yield a problem for each policy that can be in none of the targets."""
    places = {(target.account.account_id, target.region) for target in targets}
    for number, arn in enumerate(arns):
        account, region = location_of(arn)
        if not {(account, region), (None, region)} & places:
            yield describe_invalid_value(
                f"policies[{number}]", arn, "policies in the accounts and regions of the targets"
            )


class _FleetRun:
    """The loop of a run, in the thread of its caller, which alone writes to the database."""

    def __init__(
        self,
        *,
        works: list[_Work],
        store: RunStore,
        path: str,
        batches: BatchExecutor,
        make_task: Callable[[_Work, tuple[Listing, ...]], BatchTask],
        max_target_attempts: int,
        on_progress: Callable[[FleetProgress], None] | None,
        clock: Clock,
    ) -> None:
        self._works = works
        self._store = store
        self._path = path
        self._batches = batches
        self._make_task = make_task
        self._max_attempts = max_target_attempts
        self._on_progress = on_progress
        self._clock = clock
        self._started = self._logged = self._heard = clock.monotonic()
        self._broken = 0  # times, by a batch that was alone
        self._ready = deque(works)
        self._suspects = deque[_Work]()
        self._is_alone = False
        self._pausing: list[tuple[float, int]] = []
        self._running: dict[Future[BatchResult], tuple[_Work, tuple[Listing, ...]]] = {}

    def list_all(self, slots: int) -> None:
        """Hand out batches until each target has ended."""
        try:
            while self._ready or self._suspects or self._pausing or self._running:
                self._submit(slots)
                self._wait(slots)
        except KeyboardInterrupt:
            self._finish_calls()
            raise
        finally:
            for future in self._running:
                future.cancel()
            self._store.end(self._clock.now())

    def _finish_calls(self) -> None:
        _log.warning(
            "waiting for the calls under way; Ctrl-C once more ends at once, and a run with the "
            "same database goes on: %s",
            self._path,
        )
        self._batches.stop()
        with suppress(ExecutorLostError):
            while self._running:
                self._wait(0)

    def _submit(self, slots: int) -> None:
        now = self._clock.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            self._ready.append(self._works[heapq.heappop(self._pausing)[1]])
        if not self._running:
            self._is_alone = bool(self._suspects)
        if self._is_alone and not self._running:
            self._begin(self._suspects.popleft())
        while self._ready and not self._suspects and not self._is_alone:
            if len(self._running) == slots:
                return
            self._begin(self._ready.popleft())

    def _begin(self, work: _Work) -> None:
        """Hand out the next batch of a target, or end the target."""
        if listings := work.next_listings():
            future = self._batches.submit(self._make_task(work, listings))
            self._running[future] = work, listings
        else:
            self._end(work)

    def _wait(self, slots: int) -> None:
        """Wait for the next batch that is over, or for the next pause that is."""
        pause = LOG_INTERVAL
        if self._pausing and len(self._running) < slots:
            pause = max(0.0, self._pausing[0][0] - self._clock.monotonic())
        if not self._running:
            if self._pausing:
                self._clock.sleep(pause)
            return
        done, _ = wait(self._running, min(pause, LOG_INTERVAL), FIRST_COMPLETED)
        if done:
            self._heard = self._clock.monotonic()
        for future in done:
            work, listings = self._running.pop(future)
            try:
                result = future.result()
            except CancelledError as error:
                raise lost_executor(error) from error
            except BrokenExecutor as error:
                self._broken += self._is_alone
                if self._broken >= self._max_attempts and not any(one.pages for one in self._works):
                    raise lost_executor(error) from error
                self._take_back(work, listings, error if self._is_alone else None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is that of one target
                self._take_back(work, listings, error)
            else:
                self._take(work, listings, result)
        self._report()

    def _take_back(
        self, work: _Work, listings: tuple[Listing, ...], error: Exception | None
    ) -> None:
        """Queue the listings of a batch that has no result: its worker has died, or has a bug.

        Without an error, it may have been another batch: the target's next batch runs alone.
        """
        work.queue.extendleft(reversed(listings))
        if error is None:
            self._suspects.append(work)
        else:
            name = type(error).__name__
            self._go_on(work, Failure(name, str(error), is_retryable=True, is_of_target=True))

    def _take(self, work: _Work, listings: tuple[Listing, ...], result: BatchResult) -> None:
        """Save the outcome of a batch, and queue what it has not finished: what failed, at last."""
        parts = {part.index: part for part in result.listings}
        rest: list[Listing] = []
        failure: Failure | None = None
        with self._store.batch(work.target_id) as writer:
            for index, listing in enumerate(listings):
                if index not in parts:
                    rest.append(listing)
                    continue
                part = _without_cycle(listing, parts[index])
                new_listings = self._save_rows(writer, work, listing, part)
                following = _following(listing, part)
                is_failed = part.failure is not None and self._is_own(part.failure, following)
                work.note(following, new_listings, is_over=is_failed or part.is_finished)
                if part.failure is None:
                    rest += [] if part.is_finished else [following]
                elif is_failed:
                    self._save_failure(writer, work, following, part.failure)
                else:
                    work.queue.append(following)
                    if not self._begins_anew(part.failure, following):
                        failure = part.failure
        work.records += writer.new_executions
        work.queue.extendleft(reversed(rest))
        work.rate = result.rate
        pages = sum(part.pages for part in result.listings)
        work.pages += pages
        work.calls += result.calls
        work.throttled += result.throttled
        if pages:
            work.attempts = 0
        self._go_on(work, failure)

    def _save_rows(
        self, writer: TargetWriter, work: _Work, listing: Listing, part: ListingResult
    ) -> int:
        """Save the rows of a part, and return the number of listings that follow from them."""
        rows = part.rows
        writer.save_policies(rows.policies)
        writer.save_executions(rows.executions)
        if listing.operation != "list_lifecycle_execution_resources" or not part.pages:
            return 0
        work.records += len(rows.resources)
        return writer.save_resources(
            listing,
            rows,
            is_first=listing.token is None,
            is_finished=part.is_finished,
            is_complete=listing.has_ended and not _is_open(part),
        )

    def _is_own(self, failure: Failure, listing: Listing) -> bool:
        """Return whether an error is that of one listing, which is not tried again in this run."""
        if failure.is_of_target or listing.operation == "list_lifecycle_policies":
            return False
        if self._begins_anew(failure, listing):
            return False
        return not failure.is_retryable or listing.attempts >= self._max_attempts

    def _begins_anew(self, failure: Failure, listing: Listing) -> bool:
        """Return whether a listing begins anew: the service may have forgotten its token."""
        return failure.error_type in _TOKEN_ERRORS and listing.restarts < self._max_attempts

    def _save_failure(
        self, writer: TargetWriter, work: _Work, listing: Listing, failure: Failure
    ) -> None:
        _log.warning("%s: %s: %s", work.target.name, listing.name, failure.error)
        if listing.operation == "get_lifecycle_execution" and failure.error_type in _GONE:
            writer.save_unknown(listing, failure)
            return
        writer.save_failure(listing, failure)
        work.failed_listings += 1
        if work.first_failure is None:
            work.first_failure = replace(failure, error=f"{listing.name}: {failure.error}")

    def _go_on(self, work: _Work, failure: Failure | None) -> None:
        """Let the target go on, after a pause if there was a failure, or end it."""
        if failure is None:
            self._ready.append(work)
            return
        work.attempts += 1
        # A target that has answered is given longer: single listings may be what fails.
        limit = self._max_attempts * (3 if work.pages and not failure.is_of_target else 1)
        if not failure.is_retryable or work.attempts >= limit:
            self._end(work, failure)
            return
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** (work.attempts - 1))
        _log.info("%s: %s; once more in %.0f s", work.target.name, failure.error_type, pause)
        heapq.heappush(self._pausing, (self._clock.monotonic() + pause, work.number))

    def _end(self, work: _Work, failure: Failure | None = None) -> None:
        """End a target: failed as a whole, incomplete where listings have failed, or complete."""
        state = "complete" if failure is None else "failed"
        if failure is not None:
            _log.warning("%s has failed: %s", work.target.name, failure.error)
        elif work.first_failure is not None:
            state, first = "incomplete", work.first_failure
            failed = f"{work.failed_listings} of its listings failed; {first.error}"
            failure = replace(first, error=failed)
        self._store.end_target(work.target_id, state, failure, self._clock.now())
        work.result = TargetResult(
            work.target,
            work.records,
            work.pages,
            None if failure is None else failure.error_type,
            None if failure is None else failure.error,
            work.failed_listings,
        )
        self._report()

    def _report(self) -> None:
        now = self._clock.monotonic()
        if self._running and now - self._heard >= LOG_INTERVAL:
            _log.info(
                "no result for %.0f s; waiting for %d batches, of %s",
                *(now - self._heard, len(self._running)),
                ", ".join(sorted(work.target.name for work, _ in self._running.values())[:3]),
            )
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
            executions=sum(len(work.executions) for work in self._works),
            executions_done=sum(work.executions_done for work in self._works),
            calls=(calls := sum(work.calls for work in self._works)),
            call_rate=calls / max(now - self._started, 1e-9),
            throttled=sum(work.throttled for work in self._works),
        )
        if self._on_progress is not None:
            self._on_progress(progress)
        elif now - self._logged >= LOG_INTERVAL:
            self._logged = now
            _log.info(
                "%d of %d targets complete, %d failed; %d of %d executions; %d records; "
                "%.0f calls a second, %d throttled",
                *(progress.complete, progress.targets, progress.failed),
                *(progress.executions_done, progress.executions, progress.records),
                *(progress.call_rate, progress.throttled),
            )


#: What the service says of an execution that is not there: it has no error of its own for that.
_GONE = frozenset({"InvalidRequestException", "ResourceNotFoundException"})
#: A listing whose token is refused begins anew: the service may have forgotten it.
_TOKEN_ERRORS = frozenset({"InvalidPaginationTokenException", "StartingTokenError"})


def _without_cycle(listing: Listing, part: ListingResult) -> ListingResult:
    """Return the part, as a failure where its token has been that of an earlier part."""
    if part.token is None or hash(part.token) not in listing.seen:
        return part
    error = "the listing has come back to a token that was there before"
    return replace(part, failure=Failure(PaginationError.__name__, error))


def _following(listing: Listing, part: ListingResult) -> Listing:
    """Return what is left of a listing after a part of it."""
    failure = part.failure
    if failure is not None and failure.error_type in _TOKEN_ERRORS:
        return replace(listing, token=None, seen=(), restarts=listing.restarts + 1)
    if part.pages:
        listing = replace(
            listing,
            token=part.token,
            attempts=0,
            seen=(*listing.seen, hash(part.token)),
            has_ended=listing.has_ended and not _is_open(part),
        )
    if failure is None or failure.error_type in THROTTLING_CODES:
        return listing  # to be throttled says nothing about a listing
    return replace(listing, attempts=listing.attempts + 1)


def _is_open(part: ListingResult) -> bool:
    """Return whether a part may be another one in a later run."""
    return part.has_mismatch or part.rows.has_resource_in_progress
