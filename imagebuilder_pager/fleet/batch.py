"""A batch: some listings of one target, made at the same time, for an executor.

:func:`run_batch` takes and returns plain data, and can run in a thread, in a process, or on another
machine. Neither has credentials: the process that makes the calls finds them, or assumes a role. A
batch has no effect but its result, so one that is lost with its worker can be run again.

Rules:

- It ends with its listings, or after ``MAX_PAGES`` or ``MAX_SECONDS``. A listing under way then
  ends with its current page, and its token says where to continue.
- It ends likewise after an error that other listings would meet, or that may pass with time.
- Any other error belongs to one listing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from .._aws.clock import SYSTEM_CLOCK, Clock
from .._aws.rate_limit import AdaptiveRate
from .._aws.retries import classify
from .._aws.transport.async_h11_transport import AsyncH11Client
from .._aws.transport.types import HTTPRequest, ReceivedResponse
from ..client import AsyncImageBuilder
from ..exceptions import (
    ClientError,
    HTTPClientError,
    PagerError,
    PaginationError,
    ResponseParserError,
    ResponseValidationError,
)
from .credentials import FleetCredentials
from .listings import BatchResult, BatchTask, Failure, Listing, ListingResult
from .records import Rows

MAX_PAGES = 100
MAX_SECONDS = 2.0


def run_batch(task: BatchTask, clock: Clock = SYSTEM_CLOCK) -> BatchResult:
    """Make the listings of a batch; an error of the service or network is part of the result."""
    return asyncio.run(make_listings(task, _credentials_of(task.run_id, clock), clock))


async def make_listings(
    task: BatchTask,
    credentials: FleetCredentials,
    clock: Clock = SYSTEM_CLOCK,
    *,
    limit: asyncio.Semaphore | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> BatchResult:
    """Make the listings of a batch in the running event loop.

    ``limit`` is shared by several batches. No call is made once ``is_stopped`` returns True.
    """
    batch = _Batch(task, clock, is_stopped)
    try:
        access = credentials.access_to(task.target)
        async with _LimitedClient(
            limit or asyncio.Semaphore(task.concurrency),
            is_stopped,
            verify=access.certificates,
            max_connections=task.concurrency,
        ) as h11_client:
            clients = [
                AsyncImageBuilder(
                    task.target.region,
                    profile_name=task.target.account.profile,
                    credentials=access.provider,
                    http_client=h11_client,
                    max_attempts=task.max_attempts,
                    retry_mode="adaptive",
                    on_invalid_response=on_invalid_response,
                    clock=credentials.clock,
                )
                for on_invalid_response in dict.fromkeys(("raise", task.on_invalid_response))
            ]
            return await batch.run(clients)
    except PagerError as error:  # a setting that is not valid
        failed = ListingResult(0, Rows(), 0, failure=_failure_of(error))
        return BatchResult((failed,), task.rate)


class _StoppedError(PagerError):
    """A call that is no longer made, since the run is to end."""


class _LimitedClient(AsyncH11Client):
    """A client whose concurrent requests a semaphore limits."""

    def __init__(
        self, limit: asyncio.Semaphore, is_stopped: Callable[[], bool], **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._limit = limit
        self._is_stopped = is_stopped

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        async with self._limit:
            if self._is_stopped():
                raise _StoppedError("the run has been stopped")
            return await super().send(request)


class _Batch:
    """A batch while it is made."""

    def __init__(self, task: BatchTask, clock: Clock, is_stopped: Callable[[], bool]) -> None:
        self._task = task
        self._clock = clock
        self._is_stopped = is_stopped
        self._end = clock.monotonic() + MAX_SECONDS
        self._rate = AdaptiveRate(clock.monotonic(), task.rate)
        self._next = iter(enumerate(task.listings))
        self._results: list[ListingResult] = []
        self._mismatched: set[int] = set()  # the listings with a page that did not match
        self._pages = 0
        self._is_ending = False

    async def run(self, clients: list[AsyncImageBuilder]) -> BatchResult:
        for client in clients:
            client._rest.rate = self._rate  # that of the batch before
        places = range(min(self._task.concurrency, len(self._task.listings)))
        await asyncio.gather(*(self._make_some(clients) for _ in places))
        rate = self._rate
        snapshot = rate.snapshot(self._clock.monotonic())
        return BatchResult(tuple(self._results), snapshot, rate.responses, rate.throttled)

    def _is_over(self) -> bool:
        return (
            self._is_ending
            or self._is_stopped()
            or self._pages >= MAX_PAGES
            or self._clock.monotonic() >= self._end
        )

    async def _make_some(self, clients: list[AsyncImageBuilder]) -> None:
        strict, *lenient = clients
        while not self._is_over() and (following := next(self._next, None)) is not None:
            index, listing = following
            result = await self._make(strict, index, listing)
            if lenient and result.failure is not None and result.failure.is_mismatch:
                again = replace(listing, token=result.token or listing.token)
                rest = await self._make(lenient[0], index, again)
                result.rows.add(rest.rows)
                result = replace(rest, rows=result.rows, pages=result.pages + rest.pages)
                self._mismatched.add(index)
            if index in self._mismatched:
                result = replace(result, has_mismatch=True)
            failure = result.failure
            if failure is not None and (failure.is_retryable or failure.is_of_target):
                self._is_ending = True
            self._results.append(result)

    async def _make(self, client: AsyncImageBuilder, index: int, listing: Listing) -> ListingResult:
        rows, number = Rows(), 0
        try:
            if listing.operation == "get_lifecycle_execution":
                page = await client.get_lifecycle_execution(**listing.params)
                self._pages += 1
                rows.add_executions([page.lifecycle_execution], listing.policy_arn)
                return ListingResult(index, rows, 1, is_finished=True)
            pages = client.get_paginator(listing.operation).paginate(
                **listing.params, PaginationConfig={"StartingToken": listing.token}
            )
            async with aclosing(aiter(pages)) as iterator:
                async for page in iterator:
                    self._pages += 1
                    number += 1
                    _add_page(rows, listing, page)
                    if None in (pages.result_keys[0].search(page) or ()):
                        self._mismatched.add(index)  # boto3 takes a null, too
                    if pages.resume_token is not None and self._is_over():
                        return ListingResult(index, rows, number, pages.resume_token)
        except _StoppedError as error:
            return ListingResult(index, rows, number, error.resume_token)
        except PagerError as error:
            token = error.resume_token if number else None
            return ListingResult(index, rows, number, token, failure=_failure_of(error))
        return ListingResult(index, rows, number, is_finished=True)


def _add_page(rows: Rows, listing: Listing, page: Any) -> None:
    if listing.operation == "list_lifecycle_policies":
        rows.add_policies(page.lifecycle_policy_summary_list)
    elif listing.operation == "list_lifecycle_executions":
        rows.add_executions(page.lifecycle_executions, listing.policy_arn)
    else:
        rows.add_resources(page.resources, listing.params, listing.policy_arn)


#: Errors of the caller that any listing would meet.
_ACCESS_CODES = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "OptInRequired"),
        *("InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    }
)


def _failure_of(error: PagerError) -> Failure:
    name = type(error).__name__
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return Failure(code, str(error), classify(error) is not None, code in _ACCESS_CODES)
    is_retryable = classify(error) is not None
    if isinstance(error, (ResponseParserError, ResponseValidationError)):
        return Failure(name, str(error), is_retryable, is_mismatch=not is_retryable)
    if isinstance(error, (PaginationError, HTTPClientError)):
        return Failure(name, str(error), is_retryable)
    # Where no credentials came, the cause may be that STS throttles.
    cause = error.__cause__ if isinstance(error.__cause__, PagerError) else error
    return Failure(name, str(error), classify(cause) is not None, is_of_target=True)


_MAX_RUNS = 4  # at the same time in one process
_credentials: dict[str, FleetCredentials] = {}


def _credentials_of(run_id: str, clock: Clock) -> FleetCredentials:
    """Return the credentials of this process for a run; those of earlier runs are dropped."""
    # Each step is one that threads cannot interrupt.
    credentials = _credentials.setdefault(run_id, FleetCredentials(clock))
    for earlier in [*_credentials][:-_MAX_RUNS]:
        _credentials.pop(earlier, None)
    return credentials
