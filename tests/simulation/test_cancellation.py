"""At every turn of the event loop, the task is cancelled or the client is closed."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .cases import (
    ACTIVITIES,
    Activity,
    Case,
    Listing,
    check_afterwards,
    iterate,
    list_pages,
    run_case,
)
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS, PAGES, SCENARIOS
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import ASYNC, Subject
from .tls import CERTIFICATE

subjects = pytest.mark.parametrize("subject", ASYNC, ids=str)


def run_until_cancelled(
    case: Case, activity: Activity, turn: int, *, others: int = 0, twice: bool = False
) -> tuple[list[str], bool]:
    """Cancel an activity at a turn, once or twice, beside other tasks that list all pages.

    Return the findings, and whether the activity ended before that turn.
    """
    driver = case.driver
    is_done = has_cancelled = False

    async def body() -> None:
        listing = Listing()
        neighbours = [Listing() for _ in range(others)]
        tasks = [
            await driver.start(partial(list_pages, case, listing=neighbour))
            for neighbour in neighbours
        ]
        turns = {driver.turns + turn, driver.turns + turn + twice}

        async def act() -> None:
            nonlocal is_done
            await activity(case, listing)
            is_done = True

        task: Any = await driver.start(act)

        def cancel(now: int) -> bool:
            nonlocal has_cancelled
            if now not in turns or is_done:
                return False
            has_cancelled = True
            driver.cancel(task)
            return True

        driver.on_turn = cancel
        since = case.clock.monotonic()
        was_cancelled = await driver.join(task)
        driver.on_turn = None
        if has_cancelled:
            case.check_time(since)
            if not was_cancelled:
                case.problems.append("the cancellation was swallowed")
            if not others and (left := driver.library_tasks()):
                case.problems.append(f"tasks that have outlived it: {left}")
        for other in tasks:
            await driver.join(other)
        for neighbour in neighbours:
            if not neighbour.is_over:
                case.problems.append(f"another task's listing failed: {neighbour.error}")
        listings = [listing, *neighbours] if listing.iterator is not None else neighbours
        listing.iterator = None  # a cancelled task closes nothing
        await check_afterwards(case, *listings)

    findings = run_case(case, body)
    return [f"cancelled at turn {turn}: {finding}" for finding in findings], not has_cancelled


def cancel_at_every_turn(
    cases: Cases,
    activity: Activity,
    make_case: Callable[[], Case],
    *,
    stride: int = 9,
    others: int = 0,
) -> None:
    """Cancel an activity at each of its turns, once and twice.

    In a sample, use every ``stride``-th turn, and cancel twice at every other of these.
    """
    turn, is_over, twice = 1, False, False
    while not is_over:
        for is_twice in [False, True] if cases.is_full else [twice]:
            findings, is_over = run_until_cancelled(
                make_case(), activity, turn, others=others, twice=is_twice
            )
            cases.add(findings)
        turn, twice = turn + (1 if cases.is_full else stride), not twice


@subjects
@pytest.mark.parametrize("name", ACTIVITIES)
def test_a_client_works_after_a_cancellation_at_any_turn(
    cases: Cases, subject: Subject, name: str
) -> None:
    for framing in cases.sample(list(FRAMINGS), 4):
        make_case = partial(Case, subject, framing=framing)
        cancel_at_every_turn(cases, ACTIVITIES[name], make_case, stride=1)
    cases.check(at_least=8, sampled=5)


@subjects
def test_a_client_works_after_a_cancellation_at_any_turn_beside_an_error(
    cases: Cases, subject: Subject
) -> None:
    for scenario in SCENARIOS:
        cancel_at_every_turn(cases, iterate, partial(Case, subject, scenario=scenario))
    cases.check(at_least=80, sampled=12)


@subjects
def test_a_client_works_after_a_cancellation_at_any_turn_beside_a_fault(
    cases: Cases, subject: Subject
) -> None:
    for kind in (FaultKind.ENDS, FaultKind.STALLS, FaultKind.DRIPS):
        for byte in cases.sample(range(len(Server(SimulatedClock()).steps[1].data) + 1), 211):
            for step in (0, 1):
                fault = Fault(kind, step, byte)
                cancel_at_every_turn(cases, iterate, partial(Case, subject, fault=fault))
    for connect_fault in ConnectFault:
        cancel_at_every_turn(cases, iterate, partial(Case, subject, fault=connect_fault))
    cases.check(at_least=120, sampled=20)


@subjects
@pytest.mark.parametrize("max_connections", [1, 2])
@pytest.mark.parametrize("name", ["an iteration", "a prefetch"])
def test_after_a_cancellation_at_any_turn_other_tasks_get_their_connection(
    cases: Cases, subject: Subject, max_connections: int, name: str
) -> None:
    make_case = partial(Case, subject, max_connections=max_connections)
    cancel_at_every_turn(cases, ACTIVITIES[name], make_case, others=3)
    cases.check(at_least=15, sampled=3)


@subjects
def test_a_client_works_after_a_cancellation_at_any_turn_over_tls(
    cases: Cases, subject: Subject
) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    make_case = partial(Case, subject, ssl_context=context)
    cancel_at_every_turn(cases, iterate, make_case, stride=4)
    cases.check(at_least=15, sampled=5)


@subjects
@pytest.mark.parametrize("prefetch_depth", [0, 2])
@pytest.mark.parametrize("max_connections", [1, 10])
def test_after_a_close_at_any_turn_the_calls_end_and_every_connection_is_closed(
    cases: Cases, subject: Subject, prefetch_depth: int, max_connections: int
) -> None:
    turn, is_over = 1, False
    while not is_over:
        case = Case(subject, max_connections=max_connections)
        findings, is_over = run_until_closed(case, turn, prefetch_depth)
        cases.add(findings)
        turn += 1 if cases.is_full else 4
    cases.check(at_least=8, sampled=3)


def run_until_closed(case: Case, turn: int, depth: int) -> tuple[list[str], bool]:
    """Close the transport at a turn of two listings.

    Return the findings, and whether the listings ended before that turn.
    """
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
