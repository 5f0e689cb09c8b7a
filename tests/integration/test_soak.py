"""Many threads and tasks on one client, thousands of pages, random faults from a fixed seed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local import (
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.accounts import resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.connections import ASYNC_WAYS, SYNC_WAYS, async_client, collect_ids, sync_client
from tests.fakes.prefetching import join_prefetch_threads
from tests.fakes.servers import wait_until

WORKERS = 8
PAGES = 150  # for each worker
ACCOUNT = generate_account(resources=PAGES * 4)
EXPECTED = resource_ids(ACCOUNT)
FAULTS = [
    Fault.parse(text)
    for text in (
        *("throttle", "server-error", "server-error,status=503,body=html", "expired-token"),
        *("reset-before", "reset-within", "reset-after", "close-before", "redirect"),
        *("half-body", "body-shorter", "body-longer", "body-trailing", "wrong-type", "html"),
        *("wrong-json,how=cut", "wrong-json,how=list", "broken-gzip,how=damaged"),
        "slow,delay=0.0005,pieces=3",
    )
]
#: The clients have boto3's number of attempts, and retry at once.
OPTIONS: dict[str, Any] = {"max_attempts": None, "clock": NoSleepClock()}

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
prefetches = pytest.mark.parametrize("prefetch", [0, 2])


@pytest.fixture
def url() -> Iterator[str]:
    plan = FaultPlan.random(seed=20260301, probability=0.1, faults=FAULTS)
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server:
        yield server.url
        injected = {fault.name for _, fault in plan.injected}
    assert injected == {fault.name for fault in FAULTS}


@pytest.fixture(autouse=True)
def _no_open_files(url: str) -> Iterator[None]:
    before = count_open_files()
    yield
    join_prefetch_threads()
    wait_until(lambda: count_open_files() <= before)


def count_open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def list_ids(client: Any, prefetch: int) -> list[Any]:
    """List all resources by a client, sync or async; resume after each error."""
    found: list[Any] = []
    config: dict[str, Any] = {"PageSize": 4, "Prefetch": prefetch}
    while True:
        try:
            await collect_ids(client, found, config)
        except exceptions.PagerError as error:
            config["StartingToken"] = error.resume_token
        else:
            return found


@prefetches
@pytest.mark.parametrize("way", SYNC_WAYS)
def test_threads_list_everything_and_leave_nothing_open(url: str, way: str, prefetch: int) -> None:
    with sync_client(way, url, **OPTIONS) as client, ThreadPoolExecutor(WORKERS) as threads:
        listings = [threads.submit(asyncio.run, list_ids(client, prefetch)) for _ in range(WORKERS)]
        assert [listing.result() for listing in listings] == [EXPECTED] * WORKERS


@prefetches
@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_tasks_list_everything_and_leave_nothing_open(url: str, way: str, prefetch: int) -> None:
    async def main() -> list[list[Any]]:
        async with async_client(way, url, **OPTIONS) as client:
            results = await asyncio.gather(*(list_ids(client, prefetch) for _ in range(WORKERS)))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return results

    assert asyncio.run(main()) == [EXPECTED] * WORKERS
