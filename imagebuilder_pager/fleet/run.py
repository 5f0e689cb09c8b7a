"""A run over a fleet: it hands out batches of listings, saves them, and chooses the next ones.

Rules:

- Policies and executions are always listed anew. Other listings are made unless the database has
  them complete.
- Each target has one batch at a time. Its outcome is saved before the next one is handed out.
  Targets take turns, so that a long one does not delay the others.
- A failure that may pass (throttling, no connection, a dead worker) is tried again after a pause
  that doubles. A target has failed after ``max_target_attempts`` batches without a page, or at once
  for an error that all of its listings would meet.
- Any other error belongs to one listing, which the next run tries again.
- Ctrl-C ends a run after the calls that are under way, a second one at once.
"""

from __future__ import annotations

import itertools
import logging
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import FrameType

from .._aws.clock import SYSTEM_CLOCK, Clock
from .._aws.protocol.responses import OnInvalidResponse, validate_on_invalid_response
from .._aws.rate_limit import RateSnapshot
from .._aws.retries import THROTTLING_CODES
from .._validation import describe_invalid_value, validate_whole_number, validating
from ..exceptions import ExecutorLostError, PaginationError, ParamValidationError
from ..lifecycle_walk.records import location_of
from ..lifecycle_walk.walk import WalkArguments
from .database import FleetDatabase
from .executors import BatchExecutor, ExecutorSource, GivenExecutor, LoopExecutor, lost_executor
from .listings import RESOURCES, BatchResult, BatchTask, Failure, Listing, ListingResult, Scope
from .records import Rows
from .results import FleetProgress, FleetResult, TargetResult
from .store import RunStore
from .targets import Target, target_problems

_log = logging.getLogger("imagebuilder_pager.fleet")

FIRST_PAUSE = 2.0  # seconds, after the first batch that has failed
MAX_PAUSE = 60.0
LOG_INTERVAL = 10.0
THROTTLING_LOG_INTERVAL = 60.0
#: Maximum listings of a batch: as many as it may list pages.
MAX_LISTINGS = 100


class _Work:
    """A target while it is being listed."""

    def __init__(self, target: Target, target_id: int, store: RunStore) -> None:
        self.target = target
        self.target_id = target_id
        self.queue = deque[Listing]()
        self.records = self.pages = self.calls = self.throttled = 0
        #: To list: how many listings are to be made of each.
        self.executions: dict[str, int] = {}
        self.executions_done = 0
        self.attempts = 0
        self.resumes_at = 0.0
        self.rate: RateSnapshot | None = None
        self.failed_listings = 0
        self.first_failure: Failure | None = None
        self.result: TargetResult | None = None
        self._listings = self._make_listings(store)
        self._is_waiting = False

    def note(self, listing: Listing, new_listings: int, *, is_over: bool) -> None:
        """Count the further listings that a listing of an execution has led to, and its end."""
        execution_id = listing.params.get("lifecycleExecutionId", "")
        if self.executions.get(execution_id):
            self.executions[execution_id] += new_listings - is_over
            self.executions_done += not self.executions[execution_id]

    def next_listings(self) -> tuple[Listing, ...]:
        """Return the listings of the next batch, none at the end.

        A None between listings waits for all before it; nothing is under way when this is called.
        """
        if not self.queue:
            self._is_waiting = False
        while not self._is_waiting and len(self.queue) < MAX_LISTINGS:
            try:
                listing = next(self._listings)
            except StopIteration:
                break
            if listing is not None:
                self.queue.append(listing)
            elif self.queue:
                self._is_waiting = True
        return tuple(self.queue.popleft() for _ in range(min(len(self.queue), MAX_LISTINGS)))

    def _make_listings(self, store: RunStore) -> Iterator[Listing | None]:
        """Yield the listings, and None where those before have to be saved first."""
        yield Listing("list_lifecycle_policies")
        yield None
        for arn in store.policies(self.target_id):
            yield Listing("list_lifecycle_executions", {"resourceArn": arn}, arn)
        yield None
        yield from store.unseen(self.target_id)
        yield None
        store.forget_children(self.target_id)
        self.executions = store.open_executions(self.target_id)
        last = 0
        while True:
            if not (listings := store.to_make(self.target_id, last)):
                yield None  # the listings before may add further ones
                listings = store.to_make(self.target_id, last)
            if not listings:
                return
            yield from listings
            last = listings[-1].listing_id or last


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
    """List the executions of all targets' lifecycle policies, and their resources, into a database.

    - ``targets``: one or more :class:`Target`.
    - ``database``: the :class:`FleetDatabase`.
    - ``policies``: the ARNs of policies. Default: None, all policies.
    - ``since``: list executions that ended at this time or later, and all that are incomplete in
      the database. Default: None, no bound.
    - ``until``: list executions that ended before this time, or have not ended and started before
      it. Default: None, no bound.
    - ``children``: whether to list the AMIs and container images of each image. Default: True.
    - ``executor``: where batches run: a ``concurrent.futures.Executor``, which the caller shuts
      down, or a function that returns a new one, also after one has broken. Default: None, a
      thread.
    - ``max_concurrency``: maximum calls at a time. Default: 32.
    - ``max_concurrency_per_target``: maximum calls at a time in an account and region. Default: 4.
    - ``max_attempts``: maximum attempts of a call. Default: None, the client's.
    - ``max_target_attempts``: maximum batches in a row that fail without a page. Default: 5.
    - ``on_invalid_response``: the clients'; with ``warn``, a value that does not match is NULL in
      the database. Default: ``raise``.
    - ``on_progress``: a function that takes a :class:`FleetProgress` after each batch. Default:
      None, a line is logged every ten seconds.
    - ``clock``: the clock, for tests. Default: the system's.

    An error of a target or of a listing is part of the result. Raises :class:`ParamValidationError`
    for invalid arguments, :class:`ExecutorLostError` for an executor that takes no more batches,
    and the errors of the database and of ``on_progress``. After Ctrl-C, ``KeyboardInterrupt`` is
    raised when the calls under way are over and saved; after a second one, at once.
    """
    with validating("run_fleet"):
        validate_whole_number("max_concurrency", max_concurrency, minimum=1)
        validate_whole_number("max_concurrency_per_target", max_concurrency_per_target, minimum=1)
        validate_whole_number("max_target_attempts", max_target_attempts, minimum=1)
        if max_attempts is not None:
            validate_whole_number("max_attempts", max_attempts, minimum=1)
        on_invalid_response = validate_on_invalid_response(on_invalid_response)
    targets = tuple(targets)
    scope = make_scope(targets, policies, since, until, children=children)
    per_target = min(max_concurrency, max_concurrency_per_target)
    slots = max(1, max_concurrency // per_target)
    if executor is None:
        # In one process, a semaphore limits the calls; few targets use all of theirs all the time.
        slots = min(len(targets), 2 * slots)
    begun = clock.monotonic()
    batches = LoopExecutor(max_concurrency) if executor is None else GivenExecutor(executor)
    is_over = False
    try:
        store = RunStore(database, scope, targets, clock.now())
        works = [_Work(*one, store) for one in zip(targets, store.target_ids, strict=True)]
        make_task = partial(
            BatchTask,
            uuid.uuid4().hex,
            concurrency=per_target,
            max_attempts=max_attempts,
            on_invalid_response=on_invalid_response,
        )
        _FleetRun(
            works, store, batches, make_task, max_target_attempts, slots, on_progress, clock
        ).list_all()
        is_over = True
    finally:
        batches.close(at_once=not is_over)
    results = tuple(work.result for work in works if work.result is not None)
    return FleetResult(results, clock.monotonic() - begun, store.missing_policies())


def make_scope(
    targets: Sequence[Target],
    policies: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    children: bool = True,
) -> Scope:
    """Return the choice of a run. Raises :class:`ParamValidationError`, as the run does."""
    chosen = WalkArguments(
        policies=policies, since=since, until=until, children=children, options={}
    )
    arns = None if chosen.policies is None else tuple(chosen.policies)
    if problems := target_problems(targets):
        raise ParamValidationError("run_fleet", problems)
    places = {(target.account.account_id, target.region) for target in targets}
    for number, arn in enumerate(arns or ()):
        account, region = location_of(arn)
        if not {(account, region), (None, region)} & places:  # None: not known
            allowed = "policies in the accounts and regions of the targets"
            problems.append(describe_invalid_value(f"policies[{number}]", arn, allowed))
    if problems:
        raise ParamValidationError("run_fleet", problems)
    return Scope(arns, chosen.since, chosen.until, children)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Defer Ctrl-C to the end of the block: within it, the result of a batch would be lost.

    A second one is not deferred.
    """
    handler, received = signal.getsignal(signal.SIGINT), list[tuple[int, FrameType | None]]()
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def receive(number: int, frame: FrameType | None) -> None:
        received.append((number, frame))
        if len(received) > 1:
            handler(number, frame)

    signal.signal(signal.SIGINT, receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            handler(*received[0])


@dataclass(eq=False)
class _FleetRun:
    """The loop of a run, in the thread of its caller, which alone writes to the database."""

    works: list[_Work]
    store: RunStore
    batches: BatchExecutor
    make_task: Callable[..., BatchTask]
    max_attempts: int
    slots: int
    on_progress: Callable[[FleetProgress], None] | None
    clock: Clock

    def __post_init__(self) -> None:
        self._started = self._logged = self._heard = self.clock.monotonic()
        self._throttling_logged = self._started
        self._logged_throttled = 0
        self._numbers = itertools.count()
        self._broken = 0
        self._ready = deque(self.works)
        self._suspects = deque[_Work]()
        self._is_alone = False
        self._pausing: list[_Work] = []
        self._running: dict[Future[BatchResult], tuple[_Work, tuple[Listing, ...]]] = {}

    def list_all(self) -> None:
        """Hand out batches until each target has ended."""
        try:
            while self._ready or self._suspects or self._pausing or self._running:
                self._submit()
                self._wait()
        except KeyboardInterrupt:
            self._finish_calls()
            raise
        finally:
            for future in self._running:
                future.cancel()
            self.store.end(self.clock.now())
            self._log_throttling()

    def _finish_calls(self) -> None:
        _log.warning(
            "waiting for the calls under way; Ctrl-C once more ends at once, and a run with the "
            "same database continues: %s",
            self.store.path,
        )
        self.batches.stop()
        self.slots = 0
        with suppress(ExecutorLostError):
            while self._running:
                self._wait()

    def _submit(self) -> None:
        now = self.clock.monotonic()
        self._ready += [work for work in self._pausing if work.resumes_at <= now]
        self._pausing = [work for work in self._pausing if work.resumes_at > now]
        if not self._running:
            self._is_alone = bool(self._suspects)
        if self._is_alone and not self._running:
            self._begin(self._suspects.popleft())
        while self._ready and not self._suspects and not self._is_alone:
            if len(self._running) == self.slots:
                return
            self._begin(self._ready.popleft())

    def _begin(self, work: _Work) -> None:
        """Hand out the next batch of a target, or end the target."""
        if listings := work.next_listings():
            task = self.make_task(next(self._numbers), work.target, listings, rate=work.rate)
            with _without_ctrl_c():
                self._running[self.batches.submit(task)] = work, listings
        else:
            self._end(work)

    def _wait(self) -> None:
        """Wait for the next batch that is over, or for the next pause that is."""
        pause = LOG_INTERVAL
        if self._pausing and len(self._running) < self.slots:
            first = min(work.resumes_at for work in self._pausing)
            pause = max(0.0, first - self.clock.monotonic())
        if not self._running:
            if self._pausing:
                self.clock.sleep(pause)
            return
        done, _ = wait(self._running, min(pause, LOG_INTERVAL), FIRST_COMPLETED)
        if done:
            self._heard = self.clock.monotonic()
        for future in done:
            with _without_ctrl_c():
                self._take_from(future, *self._running.pop(future))
        self._report()

    def _take_from(
        self, future: Future[BatchResult], work: _Work, listings: tuple[Listing, ...]
    ) -> None:
        try:
            result = future.result()
        except CancelledError as error:
            raise lost_executor(error) from error
        except BrokenExecutor as error:
            self._broken += self._is_alone
            if self._broken >= self.max_attempts and not any(one.pages for one in self.works):
                raise lost_executor(error) from error
            self._take_back(work, listings, error if self._is_alone else None)
        except Exception as error:  # noqa: BLE001 - of any kind, of one target
            self._take_back(work, listings, error)
        else:
            self._take(work, listings, result)

    def _take_back(
        self, work: _Work, listings: tuple[Listing, ...], error: Exception | None
    ) -> None:
        """Queue the listings of a batch without a result, since its worker has died or has a bug.

        Without an error, another batch may have broken the executor: the target's next batch runs
        alone.
        """
        work.queue.extendleft(reversed(listings))
        if error is None:
            self._suspects.append(work)
        else:
            name = type(error).__name__
            self._go_on(work, Failure(name, str(error), is_retryable=True, is_of_target=True))

    def _take(self, work: _Work, listings: tuple[Listing, ...], result: BatchResult) -> None:
        """Save the outcome of a batch, and queue its unfinished listings, failures last."""
        parts = {part.index: part for part in result.listings}
        rest: list[Listing] = []
        target_failure: Failure | None = None
        store, target_id = self.store, work.target_id
        with store.transaction():
            for index, listing in enumerate(listings):
                part = parts.get(index) or ListingResult(index, Rows(), 0)  # not begun
                store.save_policies(target_id, part.rows.policies)
                work.records += store.save_executions(target_id, part.rows.executions)
                new_listings = 0
                if listing.operation == RESOURCES and part.pages:
                    work.records += len(part.rows.resources)
                    new_listings = store.save_resources(target_id, listing, part)
                (following, failure), is_over = _following(listing, part), False
                if failure is None:
                    is_over = part.is_finished
                    rest += [] if is_over else [following]
                elif listing.restarts < following.restarts < self.max_attempts:
                    work.queue.append(following)
                elif self._is_of_listing(failure, following):
                    is_over = True
                    self._save_failure(work, following, failure)
                else:
                    work.queue.append(following)
                    target_failure = failure
                work.note(following, new_listings, is_over=is_over)
        pages = sum(part.pages for part in result.listings)
        work.pages += pages
        work.calls += result.calls
        work.throttled += result.throttled
        work.rate = result.rate
        work.queue.extendleft(reversed(rest))
        if pages:
            work.attempts = 0
        self._go_on(work, target_failure)

    def _is_of_listing(self, failure: Failure, listing: Listing) -> bool:
        """Return whether an error is that of one listing, which is not tried again in this run."""
        if failure.is_of_target or listing.operation == "list_lifecycle_policies":
            return False
        return not failure.is_retryable or listing.attempts >= self.max_attempts

    def _save_failure(self, work: _Work, listing: Listing, failure: Failure) -> None:
        _log.warning("%s: %s: %s", work.target.name, listing.name, failure.error)
        if listing.operation == "get_lifecycle_execution" and failure.error_type in _GONE:
            self.store.save_unknown(listing, failure)
            return
        self.store.save_failure(listing, failure)
        work.failed_listings += 1
        if work.first_failure is None:
            work.first_failure = replace(failure, error=f"{listing.name}: {failure.error}")

    def _go_on(self, work: _Work, failure: Failure | None) -> None:
        """Continue with a target, after a pause if there was a failure, or end it."""
        if failure is None:
            self._ready.append(work)
            return
        work.attempts += 1
        # A target that has answered gets more attempts: perhaps single listings fail.
        limit = self.max_attempts * (3 if work.pages and not failure.is_of_target else 1)
        if not failure.is_retryable or work.attempts >= limit:
            self._end(work, failure)
            return
        pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** (work.attempts - 1))
        _log.info("%s: %s; once more in %.0f s", work.target.name, failure.error_type, pause)
        work.resumes_at = self.clock.monotonic() + pause
        self._pausing.append(work)

    def _end(self, work: _Work, failure: Failure | None = None) -> None:
        """End a target: failed as a whole, incomplete if listings have failed, or complete."""
        state = "complete" if failure is None else "failed"
        if failure is not None:
            _log.warning("%s has failed: %s", work.target.name, failure.error)
        elif work.first_failure is not None:
            state, first = "incomplete", work.first_failure
            failed = f"{work.failed_listings} of its listings failed; {first.error}"
            failure = replace(first, error=failed)
        self.store.end_target(work.target_id, state, failure, self.clock.now())
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
        now = self.clock.monotonic()
        if self._running and now - self._heard >= LOG_INTERVAL:
            _log.info(
                "no result for %.0f s; waiting for %d batches, of %s",
                *(now - self._heard, len(self._running)),
                ", ".join(sorted(work.target.name for work, _ in self._running.values())[:3]),
            )
        if now - self._throttling_logged >= THROTTLING_LOG_INTERVAL:
            self._throttling_logged = now
            self._log_throttling()
        works, seconds = self.works, max(now - self._started, 1e-9)
        records, calls = sum(work.records for work in works), sum(work.calls for work in works)
        outcomes = [work.result.is_complete for work in works if work.result is not None]
        progress = FleetProgress(
            targets=len(works),
            complete=outcomes.count(True),
            failed=outcomes.count(False),
            running=len(self._running),
            records=records,
            pages=sum(work.pages for work in works),
            rate=records / seconds,
            executions=sum(len(work.executions) for work in works),
            executions_done=sum(work.executions_done for work in works),
            calls=calls,
            call_rate=calls / seconds,
            throttled=sum(work.throttled for work in works),
        )
        if self.on_progress is not None:
            self.on_progress(progress)
        elif now - self._logged >= LOG_INTERVAL:
            self._logged = now
            _log.info(
                "%d of %d targets complete, %d failed; %d of %d executions; %d records; "
                "%.0f calls a second, %d throttled",
                *(progress.complete, progress.targets, progress.failed),
                *(progress.executions_done, progress.executions, progress.records),
                *(progress.call_rate, progress.throttled),
            )

    def _log_throttling(self) -> None:
        """Log how many calls have been throttled since this was last logged, if any."""
        throttled = sum(work.throttled for work in self.works)
        if recent := throttled - self._logged_throttled:
            self._logged_throttled = throttled
            _log.warning(
                "%d calls were throttled, %d in the whole run, most of them of %s",
                *(recent, throttled),
                max(self.works, key=lambda work: work.throttled).target.name,
            )


#: The errors for an execution that no longer exists; the service has no specific one.
_GONE = frozenset({"InvalidRequestException", "ResourceNotFoundException"})
#: After these, a listing begins anew: the service may have forgotten its token.
_TOKEN_ERRORS = frozenset({"InvalidPaginationTokenException", "StartingTokenError"})


def _following(listing: Listing, part: ListingResult) -> tuple[Listing, Failure | None]:
    """Return the rest of a listing after a part of it, and the failure of the part."""
    failure = part.failure
    if part.token is not None and hash(part.token) in listing.seen:
        error = "the listing has come back to a token that was there before"
        failure = Failure(PaginationError.__name__, error)
    elif failure is not None and failure.error_type in _TOKEN_ERRORS:
        return replace(listing, token=None, seen=(), restarts=listing.restarts + 1), failure
    attempts = 0 if part.pages else listing.attempts
    # Throttling says nothing about a listing.
    if failure is not None and failure.error_type not in THROTTLING_CODES:
        attempts += 1
    if part.pages:
        listing = replace(
            listing,
            token=part.token,
            seen=(*listing.seen, hash(part.token)),
            has_ended=listing.has_ended and not part.is_open,
        )
    return replace(listing, attempts=attempts), failure
