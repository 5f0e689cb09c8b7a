"""Cancelling an iteration, at any time: nothing is left behind, and it can be resumed."""

import threading
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder
from imagebuilder_pager.local import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.fakes.image_builder import ID, local
from tests.fakes.paginated_service import (
    BACKENDS,
    ENTRY,
    FakeService,
    ours_async,
    run,
)
from tests.fakes.prefetching import (
    TEN,
    TIMEOUT,
    HeldService,
    cancel_while_waiting,
    collect,
    count_tasks,
    run_all_tasks,
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("free", [0, 1, 3])
def test_cancelled_while_it_waits(backend: str, depth: int, free: int) -> None:
    async def main() -> None:
        method = HeldService(free)
        seen: list[Any] = []
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        before = count_tasks(backend)
        await cancel_while_waiting(backend, lambda: collect(pages.items(), seen), method.asked)
        assert seen == TEN.items[: 2 * free]
        assert count_tasks(backend) == before
        assert method.open == 0
        assert (pages.resume_token is None) == (free == 0)
        rest = ours_async(FakeService(TEN).later, ENTRY).paginate(
            PaginationConfig={"StartingToken": pages.resume_token}
        )
        assert seen + [item async for item in rest.items()] == TEN.items
        method.answer.set()
        assert (await pages.build_full_result())["Items"] == TEN.items

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_cancelled_while_the_caller_works(backend: str, depth: int) -> None:
    async def main() -> None:
        service = FakeService(TEN)
        pages = ours_async(service.later, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        working = anyio.Event()
        before = count_tasks(backend)
        seen: list[Any] = []

        async def iterate() -> None:
            async for item in pages.items():
                seen.append(item)
                if item == 4:
                    working.set()
                    await anyio.sleep_forever()

        await cancel_while_waiting(backend, iterate, working)
        await run_all_tasks()
        assert count_tasks(backend) == before
        rest = ours_async(service.later, ENTRY).paginate(
            PaginationConfig={"StartingToken": pages.resume_token}
        )
        assert seen + [item async for item in rest.items()] == TEN.items

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_deadline_leaves_nothing_behind(backend: str) -> None:
    """anyio's scopes cancel again at each await, also at those of the cleanup."""

    async def main() -> None:
        method = HeldService(free=2)
        seen: list[Any] = []
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": 2})
        before = count_tasks(backend)
        with anyio.CancelScope() as scope:
            async for page in pages:
                seen.extend(page["Items"])
                if len(seen) == 4:
                    await method.asked.wait()
                    scope.cancel()
        assert scope.cancelled_caught
        assert seen == [0, 1, 2, 3]
        await run_all_tasks()
        assert count_tasks(backend) == before
        assert method.open == 0

    run(backend, main)


class SlowCredentials:
    """Credentials that wait for the event loop."""

    def __init__(self) -> None:
        self.asked_in: set[int] = set()
        self.refreshed = threading.Event()

    def get_frozen_credentials(self) -> Any:
        self.asked_in.add(threading.get_ident())
        assert self.refreshed.wait(TIMEOUT), "the event loop stood still"
        return self

    access_key = ACCESS_KEY_ID
    secret_key = SECRET_ACCESS_KEY
    token = None


@pytest.mark.parametrize("backend", BACKENDS)
def test_refreshing_credentials_does_not_block_the_event_loop(backend: str) -> None:
    async def main() -> None:
        credentials = SlowCredentials()
        transport = httpx.MockTransport(local(9))
        http_client = httpx.AsyncClient(transport=transport)
        client = AsyncImageBuilder("us-west-2", credentials=credentials, http_client=http_client)
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        seen: list[Any] = []
        async with anyio.create_task_group() as group:
            pages = paginator.paginate(lifecycleExecutionId=ID)
            group.start_soon(collect, pages.items(), seen)
            while not credentials.asked_in:
                await anyio.lowlevel.checkpoint()
            credentials.refreshed.set()
        assert len(seen) == 9
        assert threading.get_ident() not in credentials.asked_in

    run(backend, main)
