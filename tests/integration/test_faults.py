"""Each fault of a network or a service, at the first, a middle and the last page of a listing.

A row of the table has the error that ends the listing, None where it completes. In either case the
items before the error and those of one resumed listing are all items, each once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
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
from imagebuilder_pager.pagination import PaginationConfig
from tests.fakes.accounts import resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.paginated_service import run

ACCOUNT = generate_account(resources=90)
EXPECTED = resource_ids(ACCOUNT)
PageNumber = int | Literal["last"]
#: Whether every fault meets every way at every place, as in ``make simulate``.
FULL = bool(os.environ.get("SIMULATION_FULL"))
OPERATION: Final = "list_lifecycle_execution_resources"


class RefreshableSource:
    """A provider whose credentials have a new session token at each call."""

    def __init__(self) -> None:
        self.fetched = 0

    def __call__(self) -> Credentials:
        self.fetched += 1
        return Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, f"token-{self.fetched}")


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
    Row("expired-credentials", credentials=RefreshableSource),
    Row("expired-credentials,lasting=true", credentials=RefreshableSource),
    Row("clock-skew,minutes=20"),
    Row("clock-skew,minutes=-20"),
]
# fmt: on


def row_id(value: object) -> str | None:
    if not isinstance(value, Row):
        return None
    times = "" if value.times == 1 else f"-x{value.times}"
    fresh = "-refreshable" if value.credentials is RefreshableSource else ""
    return f"{value.fault}{times}{fresh}"


def list_items(
    loop: str | None, *, h11: bool, options: dict[str, Any], config: PaginationConfig
) -> tuple[list[Any], exceptions.PagerError | None]:
    """Return the ids of the items until the end or an error, and the error."""
    params: Any = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "PaginationConfig": config}
    found: list[Any] = []

    def list_sync(**http: Any) -> None:
        with ImageBuilder(**options, **http) as client:
            pages = client.get_paginator(OPERATION).paginate(**params)
            found.extend(resource.resource_id for resource in pages.items())

    async def list_async(**http: Any) -> None:
        async with AsyncImageBuilder(**options, **http) as client:
            async for resource in client.get_paginator(OPERATION).paginate(**params).items():
                found.append(resource.resource_id)  # noqa: PERF401  # some before an error

    async def list_async_h11() -> None:
        async with AsyncH11Client() as http:
            await list_async(http_client=http)

    try:
        if loop is not None:
            run(loop, list_async_h11 if h11 else list_async)
        elif h11:
            with H11Client() as http:
                list_sync(http_client=http)
        else:
            list_sync()
    except exceptions.PagerError as error:
        return found, error
    return found, None


WAYS = [(loop, h11) for loop in (None, "asyncio", "trio") for h11 in (False, True)]
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


@pytest.mark.parametrize(("row", "loop", "h11", "page", "before", "prefetch"), CASES, ids=row_id)
def test_faults_of_a_listing(  # noqa: PLR0917
    row: Row, loop: str | None, h11: bool, page: PageNumber, before: int, prefetch: int
) -> None:
    plan = FaultPlan.on_page(page, Fault.parse(row.fault), times=row.times)
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server:
        options = {
            "region_name": "us-west-2",
            "endpoint_url": server.url,
            "credentials": row.credentials(),
            "read_timeout": row.read_timeout,
            "clock": NoSleepClock(),
        }
        config: PaginationConfig = {"PageSize": 20, "Prefetch": prefetch}
        found, error = list_items(loop, h11=h11, options=options, config=config)
        assert plan.injected, "no request met the fault"
        if row.error is None:
            assert error is None
            assert found == EXPECTED
            return
        assert type(error) is row.error
        assert len(found) == before
        config["StartingToken"] = error.resume_token
        rest, error = list_items(loop, h11=h11, options=options, config=config)
        assert error is None
        assert found + rest == EXPECTED


def test_the_table_has_every_fault() -> None:
    assert {Fault.parse(row.fault).name for row in TABLE} == set(FAULTS)
