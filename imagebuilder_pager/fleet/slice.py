"""A slice: some pages of one target's walk. It is the unit of work that an executor is given.

:func:`run_slice` is a function of plain data to plain data, and can run in a thread, in a process,
or on another machine. No credentials are in what goes there or comes back: they are found, or a
role is assumed, where the calls are made.

A slice has no effect beyond its result. So one that is lost with its worker can be run again.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._aws.clock import SYSTEM_CLOCK, Clock
from .._aws.protocol.responses import OnInvalidResponse
from .._aws.rate_limit import AdaptiveRate, RateSnapshot
from .._aws.retries import classify
from .._aws.transport.async_h11_transport import AsyncH11Client
from .._aws.transport.types import HTTPRequest, ReceivedResponse
from ..client import AsyncImageBuilder
from ..exceptions import PagerError, ParentGoneError
from .credentials import FleetCredentials
from .records import RowCollector, Rows
from .slice_loop import run_in_shared_loop
from .targets import Target


@dataclass(frozen=True, slots=True)
class SliceTask:
    """A slice to list, as plain data.

    - ``run_id``: the id of the run. Its slices in one process share credentials.
    - ``number``: a number that is unique in the run: Dask deduplicates equal arguments, and would
      return an earlier result.
    - ``target``: the :class:`Target`.
    - ``token``: the token to begin at, None for the beginning.
    - ``pages``: maximum pages.
    - ``seconds``: the time after which it ends.
    - ``policies``: the walk's. Default: None.
    - ``since``: the walk's. Default: None.
    - ``until``: the walk's. Default: None.
    - ``children``: the walk's. Default: True.
    - ``concurrency``: maximum calls at a time. Default: 4.
    - ``max_concurrency``: maximum calls at a time of all slices of the run in one process. Default:
      32.
    - ``max_attempts``: how often a call may be sent. Default: None, the client's.
    - ``rate``: the state of the rate limit after the slice before. Default: None, no limit yet.
    - ``on_invalid_response``: the client's. Default: ``raise``.
    """

    run_id: str
    number: int
    target: Target
    token: str | None
    pages: int
    seconds: float
    policies: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    children: bool = True
    concurrency: int = 4
    max_concurrency: int = 32
    max_attempts: int | None = None
    rate: RateSnapshot | None = None
    on_invalid_response: OnInvalidResponse = "raise"


@dataclass(frozen=True, slots=True)
class SliceFailure:
    """The error that ended a slice; ``is_retryable`` if a later slice may not meet it."""

    error_type: str
    error: str
    is_retryable: bool


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The result of a slice, as plain data.

    - ``rows``: the rows for the database.
    - ``token``: the token after them.
    - ``pages``: the number of pages listed.
    - ``is_finished``: whether the walk is at its end.
    - ``failure``: the error that ended the slice, None if there was none.
    - ``gone``: what was deleted while the walk was inside it.
    - ``rate``: the state of the rate limit.
    """

    rows: Rows
    token: str | None
    pages: int
    is_finished: bool = False
    failure: SliceFailure | None = None
    gone: tuple[str, ...] = ()
    rate: RateSnapshot | None = None


def run_slice(task: SliceTask, clock: Clock = SYSTEM_CLOCK) -> SliceResult:
    """List a slice and return its result; an error of the service or network is part of it.

    - ``task``: the slice.
    - ``clock``: what tells the time and waits, for tests. Default: the system's.
    """
    a_slice = _Slice(task, clock)
    run_in_shared_loop(a_slice.run, task.run_id, task.max_concurrency)
    return a_slice.result()


class _LimitedClient(AsyncH11Client):
    """A client that sends as many requests at a time as the semaphore of the run lets it."""

    def __init__(self, semaphore: asyncio.Semaphore, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._semaphore = semaphore

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        async with self._semaphore:
            return await super().send(request)


class _Slice:
    """A slice while it is listed."""

    def __init__(self, task: SliceTask, clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._end = clock.monotonic() + task.seconds
        self._rate = AdaptiveRate(clock.monotonic(), task.rate)
        self._rows = RowCollector()
        self._failure: SliceFailure | None = None
        self._token = task.token
        self._pages = 0
        self._gone: list[str] = []
        self._is_finished = False

    async def run(self, semaphore: asyncio.Semaphore) -> None:
        try:
            await self._walk(semaphore)
        except PagerError as error:
            is_retryable = classify(error) is not None
            self._failure = SliceFailure(type(error).__name__, str(error), is_retryable)

    def result(self) -> SliceResult:
        return SliceResult(
            self._rows.rows(),
            self._token,
            self._pages,
            self._is_finished,
            self._failure,
            tuple(self._gone),
            self._rate.snapshot(self._clock.monotonic()),
        )

    async def _walk(self, semaphore: asyncio.Semaphore) -> None:
        task = self._task
        access = _credentials_of(task.run_id, self._clock).access_to(task.target)
        async with _LimitedClient(
            semaphore, verify=access.certificates, max_connections=task.concurrency
        ) as h11_client:
            client = AsyncImageBuilder(
                task.target.region,
                profile_name=task.target.account.profile,
                credentials=access.provider,
                http_client=h11_client,
                max_attempts=task.max_attempts,
                retry_mode="adaptive",
                on_invalid_response=task.on_invalid_response,
                clock=self._clock,
            )
            client._rest.rate = self._rate  # which goes on where the slice before has ended
            while True:
                try:
                    await self._list_pages(client)
                except ParentGoneError as error:
                    if error.resume_token is None:
                        raise
                    self._gone.append(str(error))
                    self._token = error.resume_token
                except PagerError as error:
                    # Before the first page, it is that of the task or none.
                    self._token = error.resume_token or self._token
                    raise
                else:
                    return

    async def _list_pages(self, client: AsyncImageBuilder) -> None:
        task = self._task
        walk = client.walk_lifecycle(
            policies=task.policies,
            since=task.since,
            until=task.until,
            children=task.children,
            StartingToken=self._token,
            Prefetch=task.concurrency,
        )
        async with aclosing(walk.pages()) as pages:
            async for records in pages:
                self._rows.add(records)
                self._token = walk.resume_token
                self._pages += 1
                if self._token is None:
                    break
                is_over = self._clock.monotonic() >= self._end or task.run_id in _cancelled
                if is_over or self._pages >= task.pages:
                    return
        self._is_finished = True


#: The runs of this process that nobody waits for any more.
_cancelled: set[str] = set()


def cancel_slices(run_id: str) -> None:
    """End the slices of a run that are under way in this process, each after its next page."""
    _cancelled.add(run_id)


_MAX_RUNS = 4  # at the same time in one process
_credentials: dict[str, FleetCredentials] = {}


def _credentials_of(run_id: str, clock: Clock) -> FleetCredentials:
    """Return the credentials of this process for a run; those of earlier runs are dropped."""
    # In the thread of the shared loop, and without a wait: no lock is needed.
    if run_id not in _credentials:
        while len(_credentials) >= _MAX_RUNS:
            del _credentials[next(iter(_credentials))]
        _credentials[run_id] = FleetCredentials(clock)
    return _credentials[run_id]
