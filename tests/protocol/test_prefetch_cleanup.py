"""However an iteration ends, prefetching leaves no thread, task or connection behind."""

import contextlib
import contextvars
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.exceptions import PaginationError
from imagebuilder_pager.local import Fault, FaultPlan, LocalServer
from tests.fakes.image_builder import ARGUMENTS, ID, local
from tests.fakes.paginated_service import (
    BACKENDS,
    WAYS,
    FakeService,
    ours,
    ours_async,
    run,
)
from tests.fakes.prefetching import (
    ENTRY,
    TEN,
    TIMEOUT,
    CallerError,
    GatedService,
    HeldService,
    count_tasks,
    join_prefetch_threads,
    prefetch_threads,
    raise_in_loop,
    raise_in_loop_async,
    run_all_tasks,
)


def leave_by_break(iterator: Any) -> None:
    for _ in iterator:
        break


def leave_by_an_exception(iterator: Any) -> None:
    with pytest.raises(CallerError):
        raise_in_loop(iterator)


def leave_by_close(iterator: Any) -> None:
    next(iterator)
    iterator.close()
    assert list(iterator) == []


def leave_unused(iterator: Any) -> None:
    iterator.close()


def leave_by_throw(iterator: Any) -> None:
    next(iterator)
    with pytest.raises(CallerError):
        iterator.throw(CallerError())


@pytest.mark.parametrize(
    "leave", [leave_by_break, leave_by_an_exception, leave_by_close, leave_unused, leave_by_throw]
)
@pytest.mark.parametrize("what", ["pages", "items", "search"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_thread_is_left(leave: Callable[[Any], None], what: str, depth: int) -> None:
    service = FakeService(TEN)
    pages = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
    if what == "pages":
        leave(iter(pages))
    else:
        leave(pages.items() if what == "items" else pages.search("@"))
    join_prefetch_threads()
    count = len(service.requests)
    assert count <= 1 + depth
    assert len(pages.build_full_result()["Items"]) == 20  # and it can be used again


def test_no_thread_is_left_by_result_key_iters() -> None:
    pages = ours(FakeService(TEN), ENTRY).paginate(PaginationConfig={"Prefetch": 2})
    [items] = pages.result_key_iters()
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    assert len(prefetch_threads()) == 1
    del items
    gc.collect()
    join_prefetch_threads()


def test_a_collection_of_garbage_waits_for_no_thread() -> None:
    """It begins at any line, where this thread may hold what the other one waits for."""
    service = GatedService(TEN, free=1)
    iterator = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 1}).items()
    next(iterator)
    service.wait_for(2)
    cycle: list[Any] = [iterator]
    cycle.append(cycle)
    del iterator, cycle
    collected = threading.Event()

    def collect() -> None:
        gc.collect()
        collected.set()

    threading.Thread(target=collect).start()
    try:
        assert collected.wait(TIMEOUT)
        assert len(prefetch_threads()) == 1
    finally:
        for _ in range(20):
            service.gate.release()
    join_prefetch_threads()
    assert len(service.requests) == 2


@pytest.mark.parametrize("leave", ["break", "close", "an error"])
def test_leaving_the_loop_does_not_wait_for_the_request_under_way(leave: str) -> None:
    """Its result is dropped, and no other request follows."""
    service = GatedService(TEN, free=1)
    iterator = iter(ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 3}))
    next(iterator)
    service.wait_for(2)
    if leave == "break":
        del iterator
    elif leave == "close":
        iterator.close()
    else:
        with pytest.raises(CallerError):
            iterator.throw(CallerError())
    assert len(prefetch_threads()) == 1  # it has no answer yet
    service.gate.release(100)
    join_prefetch_threads()
    assert len(service.requests) == 2


@pytest.mark.parametrize("over", ["httpx", "h11", "an httpx.Client"])
def test_a_client_may_be_closed_while_a_page_is_fetched(
    over: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the request under way ends with is raised nowhere and printed nowhere."""
    plan = FaultPlan({2: Fault("stall")})
    with LocalServer(local(9, faults=plan)) as server:
        http_client = {"httpx": None, "h11": H11Client(), "an httpx.Client": httpx.Client()}[over]
        arguments: Any = {**ARGUMENTS, "endpoint_url": server.url, "http_client": http_client}
        with http_client or contextlib.nullcontext(), ImageBuilder(**arguments) as client:
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            config: Any = {"Prefetch": 1, "PageSize": 2}
            for _ in paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config):
                while not plan.injected:
                    os.sched_yield()
                break
    join_prefetch_threads()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", ["break", "exception", "drop", "aclose", "unused", "search fails"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_task_is_left(backend: str, way: str, depth: int) -> None:
    """Neither a task nor a request that is under way."""

    async def main() -> None:
        method = HeldService(free=1)
        before = count_tasks(backend)
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        if way == "break":
            async for _ in pages:
                await method.asked.wait()
                assert count_tasks(backend) == before + 1
                assert method.open == 1
                break
        elif way == "exception":
            with pytest.raises(CallerError):
                await raise_in_loop_async(pages.items())
        elif way == "drop":
            iterator = aiter(pages)
            await anext(iterator)
            await method.asked.wait()
            del iterator
        elif way == "aclose":
            iterator = aiter(pages)
            await anext(iterator)
            await method.asked.wait()
            await iterator.aclose()
            assert count_tasks(backend) == before  # at once
            assert method.open == 0
            assert [page async for page in iterator] == []
            await iterator.aclose()
        elif way == "unused":
            iterator = aiter(pages)
            await iterator.aclose()
            assert [page async for page in iterator] == []
        else:
            found = pages.search("abs(Items)")
            with pytest.raises(Exception, match="invalid type"):
                await anext(found)
            assert count_tasks(backend) == before
            assert [value async for value in found] == []
        await run_all_tasks()
        assert count_tasks(backend) == before
        assert method.open == 0
        method.answer.set()
        assert len((await pages.build_full_result())["Items"]) == 20

    run(backend, main)


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_an_iteration_over_several_event_loops(backend: str, second: str, depth: int) -> None:
    """Without prefetch it goes on; with it, the error has the token to go on with."""
    paginator = ours_async(FakeService(TEN).later, ENTRY)
    pages = paginator.paginate(PaginationConfig={"Prefetch": depth})
    items = pages.items()

    async def take(count: int) -> list[Any]:
        return [await anext(items) for _ in range(count)]

    first = run(backend, lambda: take(3))
    if depth == 0:
        assert [*first, *run(second, lambda: take(17))] == TEN.items
        return
    assert [*first, *run(second, lambda: take(1))] == [0, 1, 2, 3]  # of the page that is here
    with pytest.raises(PaginationError, match="in the event loop in which it began") as caught:
        run(second, lambda: take(1))

    async def rest() -> list[Any]:
        config = {"StartingToken": caught.value.resume_token, "Prefetch": depth}
        return [item async for item in paginator.paginate(PaginationConfig=config).items()]

    assert run(second, rest) == TEN.items[4:]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_iteration_is_for_one_task_at_a_time(backend: str) -> None:
    async def main() -> None:
        for depth in (0, 2):
            method = HeldService(free=0)
            pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
            iterator = aiter(pages)
            async with anyio.create_task_group() as group:
                group.start_soon(anext, iterator)
                await method.asked.wait()
                with pytest.raises(RuntimeError, match="already waiting for its next page"):
                    await anext(iterator)
                with pytest.raises(RuntimeError, match="waiting for its next page, in another"):
                    await iterator.aclose()
                method.answer.set()
            assert [page["Items"][0] async for page in iterator] == list(range(2, 20, 2))

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_no_connection_is_left_open(backend: str, depth: int) -> None:
    """Over a real socket: the pool has idle connections, and none when the client is closed."""

    async def main() -> None:
        transport = httpx.AsyncHTTPTransport()
        config: Any = {"Prefetch": depth, "PageSize": 2}
        async with httpx.AsyncClient(transport=transport) as http_client:
            client = AsyncImageBuilder(
                **{**ARGUMENTS, "endpoint_url": server.url}, http_client=http_client
            )
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
            async for _ in pages:
                break
            with pytest.raises(CallerError):
                await raise_in_loop_async(pages)
            iterator = aiter(pages)
            await anext(iterator)
            await iterator.aclose()
            await run_all_tasks()
            assert all(connection.is_idle() for connection in transport._pool.connections)
            assert len((await pages.build_full_result())["resources"]) == 9
        assert transport._pool.connections == []

    with LocalServer(local(9)) as server:
        run(backend, main)


@pytest.mark.parametrize("depth", [0, 2])
def test_no_connection_is_left_open_sync(depth: int) -> None:
    transport = httpx.HTTPTransport()
    config: Any = {"Prefetch": depth, "PageSize": 2}
    with LocalServer(local(9)) as server, httpx.Client(transport=transport) as http_client:
        arguments = {**ARGUMENTS, "endpoint_url": server.url}
        client = ImageBuilder(**arguments, http_client=http_client)
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
        for _ in pages:
            break
        join_prefetch_threads()
        assert all(connection.is_idle() for connection in transport._pool.connections)
        with pytest.raises(CallerError):
            raise_in_loop(pages)
        join_prefetch_threads()
        assert all(connection.is_idle() for connection in transport._pool.connections)
        assert len(list(pages.items())) == 9
    assert transport._pool.connections == []


# The caller's context.


REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 2])
def test_the_callers_context_is_seen_where_pages_are_fetched(way: str, depth: int) -> None:
    seen = set()
    config = {"Prefetch": depth}

    def method(**params: Any) -> Any:
        seen.add(REQUEST_ID.get())
        return TEN.page(params)

    async def later(**params: Any) -> Any:
        await anyio.lowlevel.checkpoint()
        return method(**params)

    async def main() -> None:
        REQUEST_ID.set("mine")
        assert [page async for page in ours_async(later, ENTRY).paginate(PaginationConfig=config)]

    def main_sync() -> None:
        REQUEST_ID.set("mine")
        assert list(ours(method, ENTRY).paginate(PaginationConfig=config))

    if way == "sync":
        contextvars.copy_context().run(main_sync)
    else:
        run(way, main)
    assert seen == {"mine"}
