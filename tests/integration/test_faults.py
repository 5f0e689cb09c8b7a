"""Each fault of a network or a service, at the first, a middle and the last page of a listing.

The listing goes over the default transport and over h11, sync and async.

A row of the table says whether the listing completes, or which error ends it. In either case the
items before the error and those of one resumed listing are all items, each once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest
import trio

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

ACCOUNT = generate_account(resources=90)
EXPECTED = resource_ids(ACCOUNT)
PageNumber = int | Literal["last"]
FAULTY_PAGES: dict[str, PageNumber] = {"first": 1, "middle": 3, "last": "last"}
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


ListFunction = Callable[
    [dict[str, Any], PaginationConfig], tuple[list[str], exceptions.PagerError | None]
]


def list_sync(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    """Return the items until the end or an error, and the error."""
    return list_with(ImageBuilder(**options), config)


def list_sync_h11(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    with H11Client() as http:
        return list_with(ImageBuilder(**options, http_client=http), config)


def list_with(
    new_client: ImageBuilder, config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    found: list[Any] = []
    with new_client as client:
        pages = client.get_paginator(OPERATION).paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig=config
        )
        try:
            found.extend(resource.resource_id for resource in pages.items())
        except exceptions.PagerError as error:
            return found, error
    return found, None


async def list_async(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    found: list[Any] = []
    async with AsyncImageBuilder(**options) as client:
        pages = client.get_paginator(OPERATION).paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig=config
        )
        try:
            async for resource in pages.items():
                found += [resource.resource_id]
        except exceptions.PagerError as error:
            return found, error
    return found, None


async def list_async_h11(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    async with AsyncH11Client() as http:
        return await list_async({**options, "http_client": http}, config)


def under_asyncio(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    return asyncio.run(list_async(options, config))


def under_asyncio_h11(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    return asyncio.run(list_async_h11(options, config))


def under_trio(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    result: tuple[list[str], exceptions.PagerError | None] = trio.run(list_async, options, config)
    return result


def under_trio_h11(
    options: dict[str, Any], config: PaginationConfig
) -> tuple[list[str], exceptions.PagerError | None]:
    result: tuple[list[str], exceptions.PagerError | None] = trio.run(
        list_async_h11, options, config
    )
    return result


WAYS = [list_sync, list_sync_h11, under_asyncio, under_asyncio_h11]


def check(row: Row, faulty_page: PageNumber, prefetch: int, list_items: ListFunction) -> None:
    plan = FaultPlan.on_page(faulty_page, Fault.parse(row.fault), times=row.times)
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server:
        options = {
            "region_name": "us-west-2",
            "endpoint_url": server.url,
            "credentials": row.credentials(),
            "read_timeout": row.read_timeout,
            "clock": NoSleepClock(),
        }
        config: PaginationConfig = {"PageSize": 20, "Prefetch": prefetch}
        found, error = list_items(options, config)
        assert plan.injected, "no request met the fault"
        if row.error is None:
            assert error is None
            assert found == EXPECTED
            return
        assert type(error) is row.error
        before = {"first": 0, "middle": 40, "last": 80}
        assert len(found) == next(
            before[name] for name, n in FAULTY_PAGES.items() if n == faulty_page
        )
        rest, error = list_items(options, {**config, "StartingToken": error.resume_token})
        assert error is None
        assert found + rest == EXPECTED


@pytest.mark.parametrize("list_items", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("faulty_page", FAULTY_PAGES)
@pytest.mark.parametrize("row", TABLE, ids=row_id)
def test_faults_of_a_listing(
    row: Row, faulty_page: str, prefetch: int, list_items: ListFunction
) -> None:
    check(row, FAULTY_PAGES[faulty_page], prefetch, list_items)


@pytest.mark.parametrize("list_items", [under_trio, under_trio_h11])
@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("row", TABLE, ids=row_id)
def test_faults_of_a_listing_under_trio(row: Row, prefetch: int, list_items: ListFunction) -> None:
    check(row, FAULTY_PAGES["middle"], prefetch, list_items)


def test_the_table_has_every_fault() -> None:
    assert {Fault.parse(row.fault).name for row in TABLE} == set(FAULTS)


def test_an_error_of_a_single_call_has_no_token() -> None:
    plan = FaultPlan.on_request(1, Fault("html"))
    with (
        LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server,
        ImageBuilder(
            "us-west-2",
            endpoint_url=server.url,
            credentials=Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY),
        ) as client,
        pytest.raises(exceptions.ResponseParserError) as caught,
    ):
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    assert caught.value.resume_token is None
