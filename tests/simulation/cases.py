"""A case of the simulation: a listing with a fault, and the invariants after it."""

from __future__ import annotations

import contextlib
import gc
import inspect
import json
import logging
import os
import random
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from imagebuilder_pager.exceptions import PagerError
from imagebuilder_pager.local import ACCESS_KEY_ID, EXAMPLE_EXECUTION_ID, SECRET_ACCESS_KEY

from .responses import PAGES
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import TIMEOUT, TOTAL_TIMEOUT, Subject
from .tls import TLSServer

#: The members of a page that the library adds.
_ADDED = frozenset({"ResponseMetadata", "NextToken"})
#: The faults that are retried at any byte or record.
RETRIED = {FaultKind.ENDS, FaultKind.RESET, FaultKind.STALLS, FaultKind.CUT}
#: The seconds by which a wait may exceed a deadline: a response's latency, and rounding.
_TOLERANCE = 0.05


@dataclass
class Listing:
    """A listing for its caller: the pages, the token to resume from, and how it ended.

    ``token`` resumes after ``pages``; ``error`` is the text of the :class:`PagerError` that ended
    it.
    """

    pages: list[dict[str, Any]] = field(default_factory=list)
    token: str | None = None
    error: str | None = None
    is_over: bool = False
    iterator: Any = None


class Case:
    """A client, a service, a network and a clock, all new, and the problems found."""

    def __init__(
        self,
        subject: Subject,
        *,
        framing: str = "chunked",
        scenario: str = "two pages",
        fault: Fault | ConnectFault | None = None,
        max_connections: int = 10,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        random.seed(0)  # the waits between attempts
        self.subject = subject
        self.driver = subject.make_driver()
        self.clock = self.driver.clock
        self.scenario = scenario
        self.fault = fault
        self.max_connections = max_connections
        self.problems: list[str] = []
        make_server = Server if ssl_context is None else TLSServer
        self.server = make_server(self.clock, framing, scenario, fault)
        self.transport = subject.make_transport(
            self.server, self.clock, max_connections, ssl_context
        )
        self.client: Any = subject.client_class(
            "us-west-2",
            endpoint_url="http://192.0.2.1" if ssl_context is None else "https://127.0.0.1",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            http_client=self.transport,
            connect_timeout=TIMEOUT,
            read_timeout=TIMEOUT,
            total_timeout=TOTAL_TIMEOUT,
            clock=self.clock,
        )
        self.description = ", ".join(
            map(str, filter(None, (subject.name, framing, scenario, fault)))
        )

    async def call(self) -> Any:
        return await _wait_for(
            self.client.list_lifecycle_execution_resources(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID
            )
        )

    async def close(self) -> None:
        for closable in (self.client, self.transport):
            await _wait_for(closable.aclose() if self.subject.is_async else closable.close())

    def check_time(self, since: float, limit: float = TOTAL_TIMEOUT) -> None:
        """Note a call that has taken too long."""
        elapsed = self.clock.monotonic() - since
        if elapsed > limit + _TOLERANCE:
            self.problems.append(f"a call took {elapsed:.2f} s of {limit} s")


async def _wait_for(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


async def list_pages(
    case: Case,
    token: str | None = None,
    *,
    prefetch: int = 0,
    listing: Listing | None = None,
    pages: int | None = None,
) -> Listing:
    """List all pages from a token on, or ``pages`` of them."""
    listing = listing or Listing()
    listing.token = token
    config: dict[str, Any] = {"StartingToken": token, "Prefetch": prefetch}
    paginator = case.client.get_paginator("list_lifecycle_execution_resources")
    iterable = paginator.paginate(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig=config
    )
    listing.iterator = iterator = aiter(iterable) if case.subject.is_async else iter(iterable)
    since = case.clock.monotonic()
    try:
        while len(listing.pages) != pages:
            since = case.clock.monotonic()
            page = await anext(iterator) if case.subject.is_async else next(iterator)
            case.check_time(since)
            token = iterable.resume_token
            listing.pages.append(_to_plain(page))
            listing.token = token
    except (StopIteration, StopAsyncIteration):
        listing.is_over = True
    except PagerError as error:
        case.check_time(since)
        listing.error = f"{type(error).__name__}: {error}"
        if error.resume_token != listing.token:
            case.problems.append(f"the error's resume_token is {error.resume_token!r}")
    return listing


def _to_plain(value: Any) -> Any:
    if hasattr(value, "keys"):
        return {key: _to_plain(value[key]) for key in value.keys() if key not in _ADDED}
    if isinstance(value, list):
        return [_to_plain(item) for item in value]
    return value


async def check_afterwards(case: Case, *listings: Listing) -> None:
    """Note each violated invariant of the case after its listings, and close the client.

    The listings are right, or were ended by an error or from outside, and can be completed from
    their ends. The same client serves the next listing. Only clean connections are kept, none is
    lost, and there are never too many.
    """
    join_prefetch_threads()
    server, problems = case.server, case.problems
    is_broken_off = any(not listing.is_over and listing.error is None for listing in listings)
    if not is_broken_off:
        _check_connections(case)
    server.heal()
    for listing in listings:
        pages = listing.pages
        if not listing.is_over and not (pages and listing.token is None):
            rest = await list_pages(case, listing.token)
            if rest.error is not None:
                problems.append(f"the listing cannot be resumed: {rest.error}")
            pages = pages + rest.pages
        if not _is_right(server, pages):
            problems.append(f"the listing is {pages}, its error {listing.error}")
    since = case.clock.monotonic()
    following = await list_pages(case)
    case.check_time(since, limit=1.0)
    if following.error is not None or tuple(following.pages) != PAGES:
        problems.append(f"the next listing is {following.pages}, its error {following.error}")
    _check_connections(case)
    await case.close()
    if server.max_open > case.max_connections:
        problems.append(f"{server.max_open} connections at a time")
    problems += server.violations


def join_prefetch_threads() -> None:
    """Wait for the last requests of sync listings that have ended."""
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            has_ended(thread)


def _check_connections(case: Case) -> None:
    for number, peer in enumerate(case.server.peers):
        if not peer.is_closed and (reason := peer.why_unclean()):
            case.problems.append(f"connection {number} is kept, though {reason}")


def _is_right(server: Server, pages: list[dict[str, Any]]) -> bool:
    """Return whether a whole listing is as sent by the service."""
    number = 0
    for index, page in enumerate(pages):
        allowed: list[Any] = [PAGES[number]]
        for body in server.changed_bodies(number):
            with contextlib.suppress(ValueError):
                allowed.append(_without_nulls(json.loads(body)))
        if page not in allowed:
            return False
        is_last = "nextToken" not in page
        if is_last != (index == len(pages) - 1):
            return False
        number = 1
    return bool(pages)


def _without_nulls(value: Any) -> Any:
    """Return JSON as in a page: null members are absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


_collections: list[bool] = []
_unraisable: list[tuple[type[BaseException], str]] = []


def take_unraisable_interrupts() -> bool:
    """Return whether Ctrl-C was pressed in ``__del__``, where Python cannot raise it; forget it."""
    others = [entry for entry in _unraisable if entry[0] is not KeyboardInterrupt]
    has_taken = len(others) != len(_unraisable)
    _unraisable[:] = others
    return has_taken


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """Note the errors that Python cannot raise."""

    def note(unraisable: Any) -> None:
        _unraisable.append(
            (unraisable.exc_type, f"{unraisable.object!r}: {unraisable.exc_value!r}")
        )

    hook, sys.unraisablehook = sys.unraisablehook, note
    logging.disable()
    _unraisable.clear()
    gc.collect()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        sys.unraisablehook = hook


def run_case(case: Case, function: Callable[[], Coroutine[Any, Any, object]]) -> list[str]:
    """Run a case; return its problems, each with the case's description."""
    threads = set(threading.enumerate())
    try:
        case.driver.run(function)
    except Exception as error:  # noqa: BLE001 - any error is a problem
        case.problems.append(f"it raised {error!r}")
    case.problems += case.driver.problems
    case.problems += find_garbage(sometimes=not case.server.open_peers())
    if lost := case.server.open_peers():
        case.problems.append(f"{len(lost)} connections are open after the client was closed")
    for thread in set(threading.enumerate()) - threads:
        if not has_ended(thread):
            case.problems.append(f"the thread {thread.name} is left")
    return [f"{case.description}: {problem}" for problem in case.problems]


def has_ended(thread: threading.Thread) -> bool:
    """Wait for the end of a thread that may not have begun yet."""
    limit = time.monotonic() + 1
    while thread in threading.enumerate() and time.monotonic() < limit:
        os.sched_yield()
    return thread not in threading.enumerate()


def find_garbage(*, sometimes: bool = False) -> list[str]:
    """Collect garbage, or ``sometimes`` once in ten times; return its complaints."""
    _collections.append(sometimes)
    if not sometimes or len(_collections) >= 10:
        _collections.clear()
        gc.collect()
    findings = [f"Python could not raise: {text}" for _, text in _unraisable]
    _unraisable.clear()
    return findings


def run_listing(case: Case) -> list[str]:
    """Run the listing of a case; return its problems."""

    async def body() -> None:
        listing = await list_pages(case)
        if is_retried(case) and listing.error is not None:
            case.problems.append(f"it was not tried again: {listing.error}")
        await check_afterwards(case, listing)

    return run_case(case, body)


def is_retried(case: Case) -> bool:
    """Return whether the listing must succeed: a single failure is retried."""
    fault = case.fault
    if case.server.fails_always:
        return False
    if isinstance(fault, Fault):
        is_refusal = fault.kind is FaultKind.ALERT and fault.step == 0
        return not fault.always and (fault.kind in RETRIED or is_refusal)
    return fault is not None


Activity = Callable[[Case, Listing], Awaitable[None]]


async def call(case: Case, listing: Listing) -> None:
    await case.call()


async def iterate(case: Case, listing: Listing) -> None:
    await list_pages(case, listing=listing)


async def prefetch(case: Case, listing: Listing) -> None:
    await list_pages(case, listing=listing, prefetch=2)


async def leave_and_close(case: Case, listing: Listing) -> None:
    """Take a page of a listing with prefetching, and close the iteration."""
    await list_pages(case, listing=listing, prefetch=2, pages=1)
    iterator = listing.iterator
    await _wait_for(iterator.aclose() if case.subject.is_async else iterator.close())


ACTIVITIES: dict[str, Activity] = {
    "a call": call,
    "an iteration": iterate,
    "a prefetch": prefetch,
    "an iteration that is closed": leave_and_close,
}
