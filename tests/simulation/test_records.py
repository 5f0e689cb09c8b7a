"""At every record of TLS, those of the handshake included, all that can go wrong there."""

from __future__ import annotations

import ssl

import pytest

from .cases import Case, check_afterwards, list_pages, run_case
from .clock import SimulatedClock
from .conftest import Cases
from .responses import FRAMINGS
from .server import Fault, FaultKind
from .subjects import TRANSPORTS, Subject
from .tls import CERTIFICATE, RecordFault, RecordFaultKind, TLSServer

#: What is tried again wherever it happens.
RETRIED = {RecordFaultKind.ENDS, RecordFaultKind.RESET, RecordFaultKind.STALLS, RecordFaultKind.CUT}


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def trusting(request: pytest.FixtureRequest) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.maximum_version = request.param
    return context


def run(case: Case, *, must_succeed: bool = False) -> list[str]:
    async def body() -> None:
        listing = await list_pages(case)
        if must_succeed and listing.error is not None:
            case.problems.append(f"it was not tried again: {listing.error}")
        await check_afterwards(case, listing)

    return run_case(case, body)


def count_records(subject: Subject, framing: str, context: ssl.SSLContext) -> int:
    """Return how many records the server sends in a listing in which nothing goes wrong."""
    case = Case(subject, framing=framing, ssl_context=context)

    async def body() -> None:
        await list_pages(case)
        await case.close()

    assert run_case(case, body) == []
    assert isinstance(case.server, TLSServer)
    return case.server.record_count()


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_whatever_goes_wrong_at_whichever_record_the_outcome_is_right(
    cases: Cases, subject: Subject, trusting: ssl.SSLContext
) -> None:
    for framing in FRAMINGS:
        records = range(count_records(subject, framing, trusting))
        for kind in RecordFaultKind:
            for always in (False, True):
                is_main = framing == "chunked" and not always and not subject.is_trio
                is_main = is_main and trusting.maximum_version is ssl.TLSVersion.TLSv1_3
                for record in cases.sample(records, 1 if is_main else 9):
                    fault = RecordFault(kind, record, always)
                    is_retried = not always and (
                        kind in RETRIED or (kind is RecordFaultKind.ALERT and record == 0)
                    )
                    case = Case(subject, framing=framing, record_fault=fault, ssl_context=trusting)
                    cases.add(run(case, must_succeed=is_retried))
    cases.check(at_least=56)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_a_surplus_response_in_a_record_of_its_own_is_not_taken_for_the_next_one(
    cases: Cases, subject: Subject, trusting: ssl.SSLContext
) -> None:
    for framing in FRAMINGS:
        for step, response in enumerate(TLSServer(SimulatedClock(), framing).steps):
            for kind in (FaultKind.SURPLUS, FaultKind.LATE_SURPLUS):
                fault = Fault(kind, step, len(response.data))
                case = Case(subject, framing=framing, fault=fault, ssl_context=trusting)
                cases.add(run(case))
    cases.check(at_least=16)


@pytest.mark.parametrize("subject", TRANSPORTS, ids=str)
def test_a_certificate_that_is_not_trusted_is_not_tried_again(
    cases: Cases, subject: Subject
) -> None:
    case = Case(subject, ssl_context=ssl.create_default_context())

    async def body() -> None:
        listing = await list_pages(case)
        if not (listing.error or "").startswith("SSLError"):
            case.problems.append(f"its error is {listing.error}")
        if case.server.connection_count != 1:
            case.problems.append(f"{case.server.connection_count} connections were tried")
        await case.close()

    cases.add(run_case(case, body))
    cases.check(at_least=1)
