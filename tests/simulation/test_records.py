"""Every fault at every record of TLS, including the handshake's."""

from __future__ import annotations

import ssl

import pytest

from .cases import Case, list_pages, run_case, run_listing
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS
from .server import Fault, FaultKind
from .subjects import TRANSPORTS, Subject
from .tls import CERTIFICATE, RecordFault, RecordFaultKind, TLSServer

transports = pytest.mark.parametrize("subject", TRANSPORTS, ids=str)


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
        for kind in RecordFaultKind:
            for always in (False, True):
                for record in cases.sample(records, 9):
                    fault = RecordFault(kind, record, always)
                    cases.add(
                        run_listing(
                            Case(subject, framing=framing, record_fault=fault, ssl_context=trusting)
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
