"""At every byte of what the service sends, all that can go wrong there."""

from __future__ import annotations

import random

import pytest

from .cases import Case, check_afterwards, is_retried, list_pages, run_case
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS, SCENARIOS
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import ALL, CALLERS, TRANSPORTS, Subject


def run(case: Case, *, pause: float = 0.0) -> list[str]:
    async def body() -> None:
        listing = await list_pages(case, pause=pause)
        if is_retried(case) and listing.error is not None:
            case.problems.append(f"it was not tried again: {listing.error}")
        await check_afterwards(case, listing)

    return run_case(case, body)


def faults_at(
    cases: Cases, step: int, byte: int, kind: FaultKind, *, always: bool = False
) -> list[Fault]:
    if kind is not FaultKind.CHANGED:
        return [Fault(kind, step, byte, always)]
    # One that means something in HTTP or JSON, or any.
    chosen = random.Random(f"{cases.seed} {step} {byte}")
    values = [chosen.choice([chosen.randrange(256), *b'0129afzZ"{}[],: \r\n;-'])]
    if cases.is_full:
        values += [chosen.randrange(256) for _ in range(7)]
    return [Fault(kind, step, byte, always, value) for value in values]


AT_ANY_BYTE = [k for k in FaultKind if k not in {FaultKind.LATE_SURPLUS, FaultKind.HINTS}]


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
@pytest.mark.parametrize("kind", AT_ANY_BYTE, ids=lambda kind: kind.name)
def test_whatever_goes_wrong_once_at_whichever_byte_the_outcome_is_right(
    cases: Cases, subject: Subject, kind: FaultKind
) -> None:
    for framing in FRAMINGS:
        for step, response in enumerate(Server(SimulatedClock(), framing).steps):
            end = len(response.data) + (kind is not FaultKind.CHANGED)
            stride = (7 if subject.is_trio else 1) if framing == "chunked" else 31
            for byte in cases.sample(range(end), stride):
                if kind is FaultKind.SURPLUS and response.hides_another(byte):
                    continue
                for fault in faults_at(cases, step, byte, kind):
                    cases.add(run(Case(subject, framing=framing, fault=fault)))
    cases.check(at_least=45)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_what_goes_wrong_with_every_attempt_is_an_error_that_the_listing_goes_on_from(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for step, response in enumerate(Server(SimulatedClock(), framing).steps):
            for kind in AT_ANY_BYTE:
                end = len(response.data) + (kind is not FaultKind.CHANGED)
                for byte in cases.sample(range(end), 61):
                    if kind is FaultKind.SURPLUS and response.hides_another(byte):
                        continue
                    for fault in faults_at(cases, step, byte, kind, always=True):
                        cases.add(run(Case(subject, framing=framing, fault=fault)))
    cases.check(at_least=60)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "two pages"])
def test_whatever_goes_wrong_beside_an_error_of_the_services_the_outcome_is_right(
    cases: Cases, subject: Subject, scenario: str
) -> None:
    for framing in FRAMINGS:
        steps = Server(SimulatedClock(), framing, scenario).steps
        cases.add(run(Case(subject, framing=framing, scenario=scenario)))
        for step, response in list(enumerate(steps))[1:]:
            for kind in AT_ANY_BYTE:
                end = len(response.data) + (kind is not FaultKind.CHANGED)
                for byte in cases.sample(range(end), 83):
                    if kind is FaultKind.SURPLUS and response.hides_another(byte):
                        continue
                    for fault in faults_at(cases, step, byte, kind):
                        case = Case(subject, framing=framing, scenario=scenario, fault=fault)
                        cases.add(run(case))
    cases.check(at_least=28)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_a_response_that_comes_between_two_pages_is_not_taken_for_the_second(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for scenario in SCENARIOS:
            steps = Server(SimulatedClock(), framing, scenario).steps
            for step, response in enumerate(steps):
                for kind in (FaultKind.SURPLUS, FaultKind.LATE_SURPLUS):
                    for pause in (0.0, 1.0):
                        fault = Fault(kind, step, len(response.data))
                        case = Case(subject, framing=framing, scenario=scenario, fault=fault)
                        cases.add(run(case, pause=pause))
    cases.check(at_least=100)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_interim_responses_for_ever_end_with_the_total_timeout(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for scenario in SCENARIOS:
            for step, _ in enumerate(Server(SimulatedClock(), framing, scenario).steps):
                for always in (False, True):
                    fault = Fault(FaultKind.HINTS, step, 0, always)
                    cases.add(run(Case(subject, framing=framing, scenario=scenario, fault=fault)))
    cases.check(at_least=80)


@pytest.mark.parametrize("subject", ALL, ids=str)
def test_connections_that_do_not_come_about_or_take_no_request_are_tried_again(
    cases: Cases, subject: Subject
) -> None:
    for fault in ConnectFault:
        cases.add(run(Case(subject, fault=fault)))
    cases.check(at_least=len(ConnectFault))


@pytest.mark.parametrize("subject", CALLERS, ids=str)
def test_with_a_client_of_the_callers_the_outcome_is_right_too(
    cases: Cases, subject: Subject
) -> None:
    """But where httpx does not let it be held: see the docs.

    Its pool hands a surplus response over as the next one, and a sync client's head may drip.
    """
    kinds = {FaultKind.ENDS, FaultKind.RESET, FaultKind.STALLS, FaultKind.CHANGED}
    if subject.is_async:
        kinds.add(FaultKind.DRIPS)
    for framing in FRAMINGS:
        for step, response in enumerate(Server(SimulatedClock(), framing).steps):
            for kind in AT_ANY_BYTE:
                if kind in kinds:
                    end = len(response.data) + (kind is not FaultKind.CHANGED)
                    for byte in cases.sample(range(end), 31):
                        for fault in faults_at(cases, step, byte, kind):
                            cases.add(run(Case(subject, framing=framing, fault=fault)))
    cases.check(at_least=100)
