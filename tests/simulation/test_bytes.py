"""Every fault at every byte that the service sends, and at every record of TLS."""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import Iterator

import pytest

from .cases import Case, list_pages, run_case, run_listing
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS, SCENARIOS
from .server import ConnectFault, Fault, FaultKind, Server
from .subjects import TRANSPORTS, Subject
from .tls import CERTIFICATE, RECORD_FAULTS, RecordFault, TLSServer

AT_ANY_BYTE = [
    *(FaultKind.ENDS, FaultKind.RESET, FaultKind.STALLS, FaultKind.DRIPS),
    *(FaultKind.SURPLUS, FaultKind.CHANGED),
]

transports = pytest.mark.parametrize("subject", TRANSPORTS, ids=str)


def make_cases(cases: Cases, subject: Subject, kind: FaultKind) -> Iterator[Case]:
    """Yield the cases of a fault: once, at every attempt, and once beside each error."""
    for framing, scenario in itertools.product(FRAMINGS, SCENARIOS):
        steps = list(enumerate(Server(SimulatedClock(), framing, scenario).steps))
        strides = {False: 83, True: 211} if scenario == "two pages" else {False: 401}
        for always, stride in strides.items():
            for step, response in steps if scenario == "two pages" else steps[1:]:
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
def test_a_fault_at_any_byte_leads_to_the_right_outcome(
    cases: Cases, subject: Subject, kind: FaultKind
) -> None:
    for case in make_cases(cases, subject, kind):
        cases.add(run_listing(case))
    cases.check(at_least=1000, sampled=35)


@transports
def test_interim_responses_without_an_end_are_over_with_the_total_timeout(
    cases: Cases, subject: Subject
) -> None:
    for framing in FRAMINGS:
        for scenario in cases.sample(list(SCENARIOS), 3):
            cases.add(run_listing(Case(subject, framing=framing, scenario=scenario)))
            steps = Server(SimulatedClock(), framing, scenario).steps
            for step, always in itertools.product(range(len(steps)), (False, True)):
                fault = Fault(FaultKind.HINTS, step, 0, always)
                case = Case(subject, framing=framing, scenario=scenario, fault=fault)
                cases.add(run_listing(case))
    cases.check(at_least=80, sampled=40)


@transports
def test_connecting_and_sending_that_fail_are_tried_again(cases: Cases, subject: Subject) -> None:
    for fault in ConnectFault:
        cases.add(run_listing(Case(subject, fault=fault)))
    cases.check(at_least=len(ConnectFault))


# TLS


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def trusting(request: pytest.FixtureRequest) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.maximum_version = request.param
    return context


def count_records(subject: Subject, framing: str, context: ssl.SSLContext) -> int:
    """Return the number of records that the server sends in a listing without a fault."""
    case = Case(subject, framing=framing, ssl_context=context)

    async def body() -> None:
        await list_pages(case)
        await case.close()

    assert run_case(case, body) == []
    assert isinstance(case.server, TLSServer)
    return case.server.record_count()


@transports
def test_a_fault_at_any_record_leads_to_the_right_outcome(
    cases: Cases, subject: Subject, trusting: ssl.SSLContext
) -> None:
    for framing in cases.sample(list(FRAMINGS), 4):
        records = range(count_records(subject, framing, trusting))
        for kind in RECORD_FAULTS:
            for always in (False, True):
                for record in cases.sample(records, 9):
                    fault = RecordFault(kind, record, 0, always)
                    cases.add(
                        run_listing(
                            Case(subject, framing=framing, fault=fault, ssl_context=trusting)
                        )
                    )
    cases.check(at_least=56, sampled=14)


@transports
def test_a_surplus_response_in_its_own_record_is_not_taken_for_the_next_one(
    cases: Cases, subject: Subject, trusting: ssl.SSLContext
) -> None:
    for framing in FRAMINGS:
        for step, response in enumerate(TLSServer(SimulatedClock(), framing).steps):
            for kind in (FaultKind.SURPLUS, FaultKind.LATE_SURPLUS):
                fault = Fault(kind, step, len(response.data))
                case = Case(subject, framing=framing, fault=fault, ssl_context=trusting)
                cases.add(run_listing(case))
    cases.check(at_least=16)
