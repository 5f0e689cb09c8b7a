"""Every fault at every byte that the service sends."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from .cases import Case, run_listing
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS, SCENARIOS
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import ALL, CALLERS, TRANSPORTS, Subject

AT_ANY_BYTE: list[FaultKind] = [
    k for k in FaultKind if k not in {FaultKind.LATE_SURPLUS, FaultKind.HINTS}
]

transports = pytest.mark.parametrize("subject", TRANSPORTS, ids=str)


def make_cases(
    cases: Cases,
    subject: Subject,
    kinds: list[FaultKind],
    stride: int,
    *,
    scenario: str = "two pages",
    first_step: int = 0,
    always: bool = False,
) -> Iterator[Case]:
    """Yield the cases: framings, responses from a step on, kinds, and bytes."""
    for framing in FRAMINGS:
        steps = Server(SimulatedClock(), framing, scenario).steps
        for step, response in list(enumerate(steps))[first_step:]:
            for kind in kinds:
                end = len(response.data) + (kind is not FaultKind.CHANGED)
                for byte in cases.sample(range(end), stride):
                    if kind is FaultKind.SURPLUS and response.hides_another(byte):
                        continue
                    for value in changed_values(cases, step, byte, kind):
                        fault = Fault(kind, step, byte, always, value)
                        yield Case(subject, framing=framing, scenario=scenario, fault=fault)


def changed_values(cases: Cases, step: int, byte: int, kind: FaultKind) -> list[int]:
    """Return the new bytes: one with a meaning in HTTP or JSON, or all."""
    if kind is not FaultKind.CHANGED:
        return [0]
    chosen = random.Random(f"{cases.seed} {step} {byte}")
    values = [chosen.choice([chosen.randrange(256), *b'0129afzZ"{}[],: \r\n;-'])]
    if cases.is_full:
        values += [chosen.randrange(256) for _ in range(7)]
    return values


@transports
@pytest.mark.parametrize("kind", AT_ANY_BYTE, ids=lambda kind: kind.name)
def test_a_fault_at_any_byte_once_leads_to_the_right_outcome(
    cases: Cases, subject: Subject, kind: FaultKind
) -> None:
    for case in make_cases(cases, subject, [kind], 83):
        cases.add(run_listing(case))
    cases.check(at_least=45, sampled=8)


@transports
def test_after_a_fault_at_every_attempt_the_listing_can_be_resumed(
    cases: Cases, subject: Subject
) -> None:
    for case in make_cases(cases, subject, AT_ANY_BYTE, 211, always=True):
        cases.add(run_listing(case))
    cases.check(at_least=60, sampled=36)


@transports
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "two pages"])
def test_a_fault_beside_an_error_of_the_service_leads_to_the_right_outcome(
    cases: Cases, subject: Subject, scenario: str
) -> None:
    for framing in FRAMINGS:
        cases.add(run_listing(Case(subject, framing=framing, scenario=scenario)))
    for case in make_cases(cases, subject, AT_ANY_BYTE, 401, scenario=scenario, first_step=1):
        cases.add(run_listing(case))
    cases.check(at_least=28, sampled=20)


@transports
def test_a_response_between_two_pages_is_not_taken_for_the_second(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for scenario in cases.sample(list(SCENARIOS), 3):
            steps = Server(SimulatedClock(), framing, scenario).steps
            for step, response in enumerate(steps):
                for kind in (FaultKind.SURPLUS, FaultKind.LATE_SURPLUS):
                    for pause in (0.0, 1.0):
                        fault = Fault(kind, step, len(response.data))
                        case = Case(subject, framing=framing, scenario=scenario, fault=fault)
                        cases.add(run_listing(case, pause=pause))
    cases.check(at_least=100, sampled=40)


@transports
def test_interim_responses_without_an_end_are_over_with_the_total_timeout(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for scenario in cases.sample(list(SCENARIOS), 6):
            for step, _ in enumerate(Server(SimulatedClock(), framing, scenario).steps):
                for always in (False, True):
                    fault = Fault(FaultKind.HINTS, step, 0, always)
                    case = Case(subject, framing=framing, scenario=scenario, fault=fault)
                    cases.add(run_listing(case))
    cases.check(at_least=80, sampled=16)


@pytest.mark.parametrize("subject", ALL, ids=str)
def test_connecting_and_sending_that_fail_are_tried_again(cases: Cases, subject: Subject) -> None:
    for fault in ConnectFault:
        cases.add(run_listing(Case(subject, fault=fault)))
    cases.check(at_least=len(ConnectFault))


@pytest.mark.parametrize("subject", CALLERS, ids=str)
def test_with_a_client_of_the_callers_the_outcome_is_right_too(
    cases: Cases, subject: Subject
) -> None:
    """The faults that httpx does not handle are left out; see docs/transports.md.

    Its pool takes a surplus response for the next one, and a sync client's head may be slow.
    """
    kinds = [FaultKind.ENDS, FaultKind.RESET, FaultKind.STALLS, FaultKind.CHANGED]
    if subject.is_async:
        kinds.append(FaultKind.DRIPS)
    for case in make_cases(cases, subject, kinds, 211):
        cases.add(run_listing(case))
    cases.check(at_least=100, sampled=32)
