"""At every turn of the event loop: the task is cancelled, or the client is closed under it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from .cases import Case, Listing, check_afterwards, list_pages, run_case
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS, PAGES, SCENARIOS
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import ASYNC, Subject
from .tls import CERTIFICATE

Activity = Callable[[Case, Listing], Awaitable[None]]


async def call(case: Case, listing: Listing) -> None:
    await case.call()


async def iterate(case: Case, listing: Listing) -> None:
    await list_pages(case, listing=listing)


async def prefetch(case: Case, listing: Listing) -> None:
    await list_pages(case, listing=listing, prefetch=2)


async def leave_and_close(case: Case, listing: Listing) -> None:
    """Take a page of a listing that reads ahead, and close the iteration."""
    await list_pages(case, listing=listing, prefetch=2, pages=1)
    await listing.iterator.aclose()


ACTIVITIES: dict[str, Activity] = {
    "a call": call,
    "an iteration": iterate,
    "a prefetch": prefetch,
    "an iteration that is closed": leave_and_close,
}


class Interruption:
    """Something that is done to a task at a turn of its event loop: it is cancelled, once or twice.

    ``is_done`` says whether the task had come to its end before.
    """

    def __init__(self, case: Case, turn: int, *, twice: bool) -> None:
        self.is_done = False
        self.has_cancelled = False
        self.task: Any = None
        self._driver = case.driver
        self._turns = {case.driver.turns + turn, case.driver.turns + turn + twice}

    def on_turn(self, now: int) -> bool:
        if now not in self._turns or self.is_done:
            return False
        self.has_cancelled = True
        self._driver.cancel(self.task)
        return True


def run_until_cancelled(
    case: Case, activity: Activity, turn: int, *, others: int = 0, twice: bool = False
) -> tuple[list[str], bool]:
    """Cancel a task that does something at a turn; return the findings, and whether it was done."""
    driver = case.driver
    interruptions: list[Interruption] = []

    async def body() -> None:
        listing = Listing()
        neighbours = [Listing() for _ in range(others)]
        tasks = [
            await driver.start(partial(list_pages, case, listing=neighbour))
            for neighbour in neighbours
        ]
        interruption = Interruption(case, turn, twice=twice)
        interruptions.append(interruption)

        async def act() -> None:
            await activity(case, listing)
            interruption.is_done = True

        interruption.task = task = await driver.start(act)
        driver.on_turn = interruption.on_turn
        since = case.clock.monotonic()
        was_cancelled = await driver.join(task)
        driver.on_turn = None
        if interruption.has_cancelled:
            case.check_time(since)
            if not was_cancelled:
                case.problems.append("the cancellation was swallowed")
        for other in tasks:
            await driver.join(other)
        for neighbour in neighbours:
            if not neighbour.is_over:
                case.problems.append(f"another task's listing failed: {neighbour.error}")
        if listing.iterator is not None:
            await listing.iterator.aclose()
        await check_afterwards(case, *([listing] if listing.iterator else []), *neighbours)

    findings = run_case(case, body)
    return [f"cancelled at turn {turn}: {finding}" for finding in findings], (
        not interruptions or not interruptions[0].has_cancelled
    )


def cancel_at_every_turn(
    cases: Cases, activity: Activity, make_case: Callable[[], Case], *, others: int = 0
) -> None:
    """Cancel an activity at each turn in turn, until it is done before; and, of some, twice."""
    turn, is_done = 1, False
    while not is_done:
        for twice in [False, True] if cases.is_full or turn % 3 == 1 else [False]:
            findings, is_done = run_until_cancelled(
                make_case(), activity, turn, others=others, twice=twice
            )
            cases.add(findings)
        turn += 1


@pytest.mark.parametrize("subject", ASYNC, ids=str)
@pytest.mark.parametrize("name", ACTIVITIES)
def test_cancelled_at_any_turn_nothing_is_lost_and_the_client_goes_on(
    cases: Cases, subject: Subject, name: str
) -> None:
    for framing in cases.sample(list(FRAMINGS), 3):
        cancel_at_every_turn(cases, ACTIVITIES[name], partial(Case, subject, framing=framing))
    cases.check(at_least=8)


@pytest.mark.parametrize("subject", ASYNC, ids=str)
def test_cancelled_at_any_turn_beside_an_error_the_client_goes_on(
    cases: Cases, subject: Subject
) -> None:
    for scenario in SCENARIOS:
        cancel_at_every_turn(cases, iterate, partial(Case, subject, scenario=scenario))
    cases.check(at_least=80)


@pytest.mark.parametrize("subject", ASYNC, ids=str)
def test_cancelled_at_any_turn_while_a_response_breaks_off_the_client_goes_on(
    cases: Cases, subject: Subject
) -> None:
    for kind in (FaultKind.ENDS, FaultKind.STALLS, FaultKind.DRIPS):
        for byte in cases.sample(range(len(Server(SimulatedClock()).steps[1].data) + 1), 83):
            for step in (0, 1):
                fault = Fault(kind, step, byte)
                cancel_at_every_turn(cases, iterate, partial(Case, subject, fault=fault))
    for connect_fault in ConnectFault:
        cancel_at_every_turn(cases, iterate, partial(Case, subject, fault=connect_fault))
    cases.check(at_least=120)


@pytest.mark.parametrize("subject", ASYNC, ids=str)
@pytest.mark.parametrize("max_connections", [1, 2])
@pytest.mark.parametrize("name", ["an iteration", "a prefetch"])
def test_cancelled_at_any_turn_beside_others_that_wait_for_its_connection_they_get_theirs(
    cases: Cases, subject: Subject, max_connections: int, name: str
) -> None:
    make_case = partial(Case, subject, max_connections=max_connections)
    cancel_at_every_turn(cases, ACTIVITIES[name], make_case, others=3)
    cases.check(at_least=15)


@pytest.mark.parametrize("subject", ASYNC, ids=str)
def test_cancelled_at_any_turn_over_tls_the_client_goes_on(cases: Cases, subject: Subject) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    cancel_at_every_turn(cases, iterate, partial(Case, subject, ssl_context=context))
    cases.check(at_least=15)


@pytest.mark.parametrize("subject", ASYNC, ids=str)
@pytest.mark.parametrize("prefetch_depth", [0, 2])
@pytest.mark.parametrize("max_connections", [1, 10])
def test_closed_at_any_turn_the_calls_under_way_end_and_every_connection_is_closed(
    cases: Cases, subject: Subject, prefetch_depth: int, max_connections: int
) -> None:
    turn, is_over = 1, False
    while not is_over:
        case = Case(subject, max_connections=max_connections)
        findings, is_over = run_until_closed(case, turn, prefetch_depth)
        cases.add(findings)
        turn += 1
    cases.check(at_least=8)


def run_until_closed(case: Case, turn: int, depth: int) -> tuple[list[str], bool]:
    """Close the transport at a turn of two listings; return the findings, and if they were over."""
    driver = case.driver
    was_closed = False

    async def body() -> None:
        listings = [Listing(), Listing()]
        tasks = [
            await driver.start(partial(list_pages, case, listing=listing, prefetch=depth))
            for listing in listings
        ]
        started = driver.turns

        def close(now: int) -> bool:
            nonlocal was_closed
            if now != started + turn or all(listing.is_over for listing in listings):
                return False
            was_closed = True
            with contextlib.suppress(StopIteration):
                case.transport.aclose().send(None)  # it never waits
            return True

        driver.on_turn = close
        for task in tasks:
            await driver.join(task)
        driver.on_turn = None
        for listing in listings:
            if not listing.is_over and listing.error is None:
                case.problems.append("a listing has not ended")
            if tuple(listing.pages) != PAGES[: len(listing.pages)]:
                case.problems.append(f"a listing is {listing.pages}")
        await case.close()
        case.problems.extend(case.server.violations)

    findings = run_case(case, body)
    return [f"closed at turn {turn}: {finding}" for finding in findings], not was_closed
