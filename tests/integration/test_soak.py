"""Many threads and tasks on one client, thousands of pages, random faults from a fixed seed.

The client sends by the default transport, or by h11.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS, resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.prefetching import join_prefetch_threads

WORKERS = 8
PAGES = 150  # of each worker
ACCOUNT = generate_account(resources=PAGES * 4)
EXPECTED = resource_ids(ACCOUNT)
FAULTS = [
    Fault.parse(text)
    for text in (
        "throttle",
        "server-error,status=503,body=html",
        "server-error",
        "reset-before",
        "reset-within",
        "reset-after",
        "close-before",
        "half-body",
        "body-shorter",
        "body-longer",
        "body-trailing",
        "wrong-json,how=cut",
        "wrong-json,how=list",
        "html",
        "broken-gzip,how=damaged",
        "redirect",
        "wrong-type",
        "expired-token",
        "slow,delay=0.0005,pieces=3",
    )
]


@pytest.fixture
def options() -> Iterator[dict[str, Any]]:
    plan = FaultPlan.random(seed=20260301, probability=0.1, faults=FAULTS)
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=plan)) as server:
        yield {
            "region_name": "us-west-2",
            "endpoint_url": server.url,
            **LOCAL_CREDENTIALS,
            "clock": NoSleepClock(),
        }
        injected = {fault.name for _, fault in plan.injected}
    assert injected == {fault.name for fault in FAULTS}


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


on_linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


@on_linux
@pytest.mark.parametrize("over", ["httpx", "h11"])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_threads_list_everything_and_leave_nothing_open(
    options: dict[str, Any], prefetch: int, over: str
) -> None:
    results: dict[int, list[str]] = {}

    def work(client: ImageBuilder, number: int) -> None:
        found: list[Any] = []
        token = None
        while True:
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
                PaginationConfig={"PageSize": 4, "Prefetch": prefetch, "StartingToken": token},
            )
            try:
                found.extend(resource.resource_id for resource in pages.items())
            except exceptions.PagerError as error:
                token = error.resume_token
            else:
                results[number] = found
                return

    files_before = open_files()
    with (
        H11Client() if over == "h11" else contextlib.nullcontext() as http,
        ImageBuilder(**options, http_client=http) as client,
    ):
        threads = [threading.Thread(target=work, args=(client, n)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == dict.fromkeys(range(WORKERS), EXPECTED)
    join_prefetch_threads()
    assert files_are_closed(files_before)


@on_linux
@pytest.mark.parametrize("over", ["httpx", "h11"])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_tasks_list_everything_and_leave_nothing_open(
    options: dict[str, Any], prefetch: int, over: str
) -> None:
    async def work(client: AsyncImageBuilder) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
                PaginationConfig={"PageSize": 4, "Prefetch": prefetch, "StartingToken": token},
            )
            try:
                async for resource in pages.items():
                    found += [resource.resource_id]
            except exceptions.PagerError as error:
                token = error.resume_token
            else:
                return found

    async def main() -> list[list[Any]]:
        async with (
            AsyncH11Client() if over == "h11" else contextlib.nullcontext() as http,
            AsyncImageBuilder(**options, http_client=http) as client,
        ):
            results = await asyncio.gather(*(work(client) for _ in range(WORKERS)))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return results

    files_before = open_files()
    assert asyncio.run(main()) == [EXPECTED] * WORKERS
    assert files_are_closed(files_before)


def files_are_closed(before: int) -> bool:
    """Wait for the server, and tell whether no more files are open than before."""
    done = threading.Event()
    for _ in range(200):
        if open_files() <= before:
            return True
        done.wait(0.01)
    return False
