"""Each fault of a network or a service, at the first, a middle and the last page of a listing.

A row of the table has the error that ends the listing, None where it completes. In either case the
items before the error and those of one resumed listing are all items, each once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    FAULTS,
    SECRET_ACCESS_KEY,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.models.exceptions import (
    AccessDeniedException,
    CallRateLimitExceededException,
    InvalidPaginationTokenException,
)
from tests.fakes.accounts import resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.connections import ASYNC_WAYS, CALLER_WAYS, SYNC_WAYS, any_client, collect_ids

ACCOUNT = generate_account(resources=90)
EXPECTED = resource_ids(ACCOUNT)
PageNumber = int | Literal["last"]
#: Whether every fault meets every way at every place, as in ``make simulate``.
FULL = bool(os.environ.get("SIMULATION_FULL"))


def refreshable_source() -> Callable[[], Credentials]:
    """Return a provider whose credentials have a new session token at each call."""
    tokens = (f"token-{number}" for number in itertools.count(1))
    return lambda: Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, next(tokens))


@dataclass(frozen=True)
class Row:
    fault: str
    error: type[exceptions.PagerError] | None = None
    times: int | None = 1
    credentials: Callable[[], Any] = lambda: Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    read_timeout: float = 30.0


# fmt: off
TABLE = [
    Row("throttle"),
    Row("throttle", times=2),
    Row("throttle", times=3, error=CallRateLimitExceededException),
    Row("throttle,code=ThrottlingException,retry_after=1"),
    Row("server-error"),
    Row("server-error,status=502,body=html"),
    Row("server-error,status=503"),
    Row("server-error,status=504,body=empty"),
    Row("server-error,status=503,body=html", times=3, error=exceptions.ClientError),
    Row("reset-before"),
    Row("reset-before", times=3, error=exceptions.ConnectionClosedError),
    Row("reset-within"),
    Row("reset-after"),
    Row("close-before"),
    Row("half-body"),
    Row("half-body", times=3, error=exceptions.ConnectionClosedError),
    Row("body-shorter"),
    Row("body-longer"),
    Row("body-trailing"),
    Row("slow,delay=0.001,pieces=5"),
    Row("stall", read_timeout=0.25),
    Row("stall-within", read_timeout=0.25),
    Row("stall", times=3, read_timeout=0.1, error=exceptions.ReadTimeoutError),
    Row("wrong-json,how=cut"),
    Row("wrong-json,how=list", error=exceptions.ResponseParserError),
    Row("wrong-json,how=empty", error=exceptions.ResponseParserError),
    Row("html", error=exceptions.ResponseParserError),
    Row("broken-gzip,how=damaged", error=exceptions.ResponseParserError),
    Row("broken-gzip,how=cut"),
    Row("error,code=AccessDeniedException,message=no, not you", error=AccessDeniedException),
    Row("error,code=ServiceUnavailableException"),
    Row("redirect", error=exceptions.ClientError),
    Row("wrong-type", error=exceptions.ResponseValidationError),
    Row("expired-token", error=InvalidPaginationTokenException),
    Row("expired-credentials", error=exceptions.ClientError),
    Row("expired-credentials", credentials=refreshable_source),
    Row("expired-credentials,lasting=true", credentials=refreshable_source),
    Row("clock-skew,minutes=20"),
    Row("clock-skew,minutes=-20"),
]
# fmt: on


def row_id(value: object) -> str | None:
    if not isinstance(value, Row):
        return None
    times = "" if value.times == 1 else f"-x{value.times}"
    fresh = "-refreshable" if value.credentials is refreshable_source else ""
    return f"{value.fault}{times}{fresh}"


def list_ids(
    way: str, loop: str, url: str, options: dict[str, Any], config: dict[str, Any]
) -> tuple[list[Any], exceptions.PagerError | None]:
    """Return the ids of the items until the end or an error, and the error."""
    found: list[Any] = []

    async def main() -> None:
        async with any_client(way, url, **options) as client:
            await collect_ids(client, found, config)

    try:
        anyio.run(main, backend=loop)
    except exceptions.PagerError as error:
        return found, error
    return found, None


WAYS = [
    *((way, "asyncio") for way in [*SYNC_WAYS, *ASYNC_WAYS, *CALLER_WAYS]),
    *((way, "trio") for way in [*ASYNC_WAYS, CALLER_WAYS[1]]),
]
#: The page with the fault, the items before it, and the number of pages that are fetched ahead.
PAGES: list[tuple[PageNumber, int]] = [(1, 0), (3, 40), ("last", 80)]
PLACES = [(page, before, prefetch) for page, before in PAGES for prefetch in (0, 2)]
#: In ``make test``, each fault meets each way once, and each place once.
CASES = [
    (row, *WAYS[way], *place)
    for number, row in enumerate(TABLE)
    for way in range(len(WAYS))
    for place in (PLACES if FULL else [PLACES[(number + way) % len(PLACES)]])
]


@pytest.mark.parametrize(("row", "way", "loop", "page", "before", "prefetch"), CASES, ids=row_id)
def test_faults_of_a_listing(  # noqa: PLR0917
    row: Row, way: str, loop: str, page: PageNumber, before: int, prefetch: int
) -> None:
    plan = FaultPlan.on_page(page, Fault.parse(row.fault), times=row.times)
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server:
        options = {
            "credentials": row.credentials(),
            "aws_access_key_id": None,
            "aws_secret_access_key": None,
            "max_attempts": None,
            "read_timeout": row.read_timeout,
            "clock": NoSleepClock(),
        }
        config: dict[str, Any] = {"PageSize": 20, "Prefetch": prefetch}
        found, error = list_ids(way, loop, server.url, options, config)
        assert plan.injected, "no request met the fault"
        if row.error is None:
            assert error is None
            assert found == EXPECTED
            return
        assert type(error) is row.error
        assert len(found) == before
        config["StartingToken"] = error.resume_token
        rest, error = list_ids(way, loop, server.url, options, config)
        assert error is None
        assert found + rest == EXPECTED


def test_the_table_has_every_fault() -> None:
    assert {Fault.parse(row.fault).name for row in TABLE} == set(FAULTS)
