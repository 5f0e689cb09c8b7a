"""Prefetching changes no page, no order, no token and no error, is bounded, and leaves nothing."""

import contextlib
import contextvars
import gc
import os
import subprocess
import sys
import threading
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.exceptions import PaginationError
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    Fault,
    FaultPlan,
    LocalServer,
)
from tests.fakes.image_builder import ARGUMENTS, ID, local
from tests.fakes.paginated_service import (
    BACKENDS,
    ENTRY,
    WAYS,
    FakeService,
    ServiceError,
    botocores,
    items_by,
    ours,
    ours_async,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.prefetching import (
    CANCELLATIONS,
    TEN,
    TIMEOUT,
    CallerError,
    GatedService,
    HeldService,
    cancel_while_waiting,
    collect,
    count_tasks,
    join_prefetch_threads,
    prefetch_threads,
    run_all_tasks,
)

# Pages and errors come in order, and no more requests are sent than needed.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_an_error_of_a_later_page_comes_at_its_turn(way: str, depth: int, good: int) -> None:
    service = FakeService(TEN, good)
    pages = paginate_by(way, service, {"Prefetch": depth})
    seen: list[Any] = []

    async def main() -> None:
        before = count_tasks(way)
        iterator = aiter(pages)
        with pytest.raises(ServiceError, match=f"request {good + 1}"):
            await collect(iterator, seen)
        join_prefetch_threads()
        assert count_tasks(way) == before
        assert [page async for page in iterator] == []

    run(way, main)
    items = [item for page in seen for item in page["Items"]]
    assert items == TEN.items[: 2 * good]
    assert len(service.requests) == good + 1  # and none after the one that failed
    assert (pages.resume_token is None) == (good == 0)
    rest, _, _ = items_by("sync", FakeService(TEN), {"StartingToken": pages.resume_token})
    assert items + rest == TEN.items


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", [{"stop_after": 2}, {"config": {"MaxItems": 4}}], ids=str)
def test_an_error_that_is_never_reached_is_never_raised(way: str, end: dict[str, Any]) -> None:
    config = {"Prefetch": 3, **end.get("config", {})}
    pages, _ = pages_by(way, FakeService(TEN, 2), config, end.get("stop_after"))
    assert [page["Items"] for page in pages] == [[0, 1], [2, 3]]


def test_boto3_ignores_prefetch() -> None:
    service = FakeService(TEN)
    pages = botocores(service, ENTRY).paginate(PaginationConfig={"Prefetch": 3, "MaxItems": 3})
    assert pages.build_full_result()["Items"] == [0, 1, 2]
    assert service.requests == [{}, {"Token": "t0:2.0"}]


# How many requests there are.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["pages", "items"])
@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_requests_than_needed_and_n_ahead(
    way: str, by: str, depth: int, most: int | None
) -> None:
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    service = FakeService(TEN)

    async def main() -> None:
        pages = paginate_by(way, service, {"Prefetch": depth, "MaxItems": most})
        values = aiter(pages) if by == "pages" else pages.items()
        await run_all_tasks()
        assert service.requests == []
        count = 0
        async for _ in values:
            count += 1
            page_number = count if by == "pages" else (count + 1) // 2
            expected = min(needed, page_number + depth)
            with anyio.fail_after(TIMEOUT):
                while len(service.requests) < expected:
                    await anyio.lowlevel.checkpoint()
            await run_all_tasks()  # in which a task or thread would send one more
            assert len(service.requests) == expected
        assert len(service.requests) == needed

    run(way, main)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("config", [{}, *({"Prefetch": none} for none in (None, 0, "0"))], ids=str)
def test_by_default_pages_are_fetched_without_a_thread_or_task(
    way: str, config: dict[str, Any]
) -> None:
    counts: list[int] = []

    def method(**params: Any) -> Any:
        counts.append(count_tasks(way))
        return TEN.page(params)

    async def main() -> None:
        before = count_tasks(way)
        assert len([page async for page in paginate_by(way, method, config)]) == 10
        assert counts == [before] * 10

    run(way, main)


# However an iteration ends, nothing is left behind.


@pytest.mark.parametrize("leave", ["break", "close", "unused", "throw"])
@pytest.mark.parametrize("values", ["pages", "items", "search", "failing search", "a result key"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_thread_is_left(leave: str, values: str, depth: int) -> None:
    service = FakeService(TEN)
    pages = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
    iterator: Any = {
        "pages": iter(pages),
        "items": pages.items(),
        "search": pages.search("@"),
        "failing search": pages.search("abs(Items)"),
        "a result key": pages.result_key_iters()[0],
    }[values]
    if leave != "unused" and values == "failing search":
        with pytest.raises(PaginationError, match="invalid type"):
            next(iterator)
    elif leave != "unused":
        next(iterator)
    if leave == "throw":  # as an error in the loop
        with pytest.raises(CallerError):
            iterator.throw(CallerError())
    elif leave == "close":
        iterator.close()
        assert list(iterator) == []
    del iterator
    gc.collect()
    join_prefetch_threads()
    assert len(service.requests) <= (0 if leave == "unused" else 1 + depth)
    assert len(pages.build_full_result()["Items"]) == 20  # and it can be used again


@pytest.mark.parametrize("leave", ["drop", "close", "an error", "a collection of garbage"])
@pytest.mark.parametrize("depth", [1, 3])
def test_leaving_the_loop_does_not_wait_for_the_request_under_way(leave: str, depth: int) -> None:
    """Its result is dropped, and no other request follows.

    A collection of garbage begins at any line, where this thread may hold a lock of the other one.
    """
    service = GatedService(TEN, free=1)
    iterator: Any = iter(ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": depth}))
    next(iterator)
    service.wait_for(2)
    if leave == "close":
        iterator.close()
    elif leave == "an error":
        with pytest.raises(CallerError):
            iterator.throw(CallerError())
    cycle: list[Any] = [iterator] if leave == "a collection of garbage" else []
    cycle.append(cycle)
    del iterator, cycle
    collection = threading.Thread(target=gc.collect)
    collection.start()
    collection.join(TIMEOUT)
    assert not collection.is_alive()
    assert len(prefetch_threads()) == 1  # it has no answer yet
    service.gate.release(100)
    join_prefetch_threads()
    assert len(service.requests) == 2


@pytest.mark.parametrize("over", ["httpx", "h11", "an httpx.Client"])
def test_a_client_may_be_closed_while_a_page_is_fetched(
    over: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error of the request under way is raised nowhere and printed nowhere."""
    plan = FaultPlan({2: Fault("stall")})
    with LocalServer(local(9, faults=plan)) as server:
        http_client = {"httpx": None, "h11": H11Client(), "an httpx.Client": httpx.Client()}[over]
        arguments: Any = {**ARGUMENTS, "endpoint_url": server.url, "http_client": http_client}
        with http_client or contextlib.nullcontext(), ImageBuilder(**arguments) as client:
            config: Any = {"Prefetch": 1, "PageSize": 2}
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                lifecycleExecutionId=ID, PaginationConfig=config
            )
            for _ in pages:
                while not plan.injected:
                    os.sched_yield()
                break
    join_prefetch_threads()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("leave", ["drop", "aclose", "unused", "search fails"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_task_is_left(backend: str, leave: str, depth: int) -> None:
    """Neither a task nor a request that is under way."""

    async def main() -> None:
        method = HeldService(free=1)
        before = count_tasks(backend)
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        iterator: Any = pages.search("abs(Items)") if leave == "search fails" else pages.items()
        if leave == "search fails":
            with pytest.raises(PaginationError, match="invalid type"):
                await anext(iterator)
        elif leave != "unused":
            await anext(iterator)
            await method.asked.wait()
            assert count_tasks(backend) == before + 1
            assert method.open == 1
        if leave != "drop":
            await iterator.aclose()
            assert count_tasks(backend) == before  # at once
            assert [value async for value in iterator] == []
            await iterator.aclose()
        del iterator
        await run_all_tasks()
        assert count_tasks(backend) == before
        assert method.open == 0
        method.answer.set()
        assert len((await pages.build_full_result())["Items"]) == 20

    run(backend, main)


async def rest_of(token: str | None) -> list[Any]:
    pages = ours_async(FakeService(TEN).later, ENTRY).paginate(
        PaginationConfig={"StartingToken": token}
    )
    return [item async for item in pages.items()]


@pytest.mark.parametrize("by", CANCELLATIONS)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("free", [0, 1, 3])
def test_cancelled_while_it_waits(by: str, depth: int, free: int) -> None:
    async def main() -> None:
        method = HeldService(free)
        seen: list[Any] = []
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        before = count_tasks(by)
        await cancel_while_waiting(by, lambda: collect(pages.items(), seen), method.asked)
        assert seen == TEN.items[: 2 * free]
        if by == "asyncio":
            await run_all_tasks()  # the scope has cancelled the cleanup's own wait
        assert count_tasks(by) == before
        assert method.open == 0
        assert (pages.resume_token is None) == (free == 0)
        assert seen + await rest_of(pages.resume_token) == TEN.items
        method.answer.set()
        assert (await pages.build_full_result())["Items"] == TEN.items

    run(by, main)


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_an_iteration_over_several_event_loops(backend: str, second: str, depth: int) -> None:
    """Without prefetch it continues; with it, the error has the token to resume with."""
    paginator = ours_async(FakeService(TEN).later, ENTRY)
    items = paginator.paginate(PaginationConfig={"Prefetch": depth}).items()

    async def take(count: int) -> list[Any]:
        return [await anext(items) for _ in range(count)]

    first = run(backend, lambda: take(3))
    if depth == 0:
        assert [*first, *run(second, lambda: take(17))] == TEN.items
        return
    assert [*first, *run(second, lambda: take(1))] == [0, 1, 2, 3]  # of the page that is here
    with pytest.raises(PaginationError, match="in the event loop in which it began") as caught:
        run(second, lambda: take(1))
    assert run(second, lambda: rest_of(caught.value.resume_token)) == TEN.items[4:]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_an_iteration_is_for_one_task_at_a_time(backend: str, depth: int) -> None:
    async def main() -> None:
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


class SlowCredentials:
    """Credentials that wait for the event loop."""

    access_key, secret_key, token = ACCESS_KEY_ID, SECRET_ACCESS_KEY, None

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.refreshed = threading.Event()

    def get_frozen_credentials(self) -> Any:
        self.asked.set()
        assert self.refreshed.wait(TIMEOUT), "the event loop stood still"
        return self


@pytest.mark.parametrize("backend", BACKENDS)
def test_refreshing_credentials_does_not_block_the_event_loop(backend: str) -> None:
    async def main() -> None:
        credentials = SlowCredentials()
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(local(9)))
        client = AsyncImageBuilder("us-west-2", credentials=credentials, http_client=http_client)
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        seen: list[Any] = []
        async with anyio.create_task_group() as group:
            group.start_soon(collect, paginator.paginate(lifecycleExecutionId=ID).items(), seen)
            while not credentials.asked.is_set():
                await anyio.lowlevel.checkpoint()
            credentials.refreshed.set()
        assert len(seen) == 9

    run(backend, main)


# The caller's context.


REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 2])
def test_the_callers_context_is_seen_where_pages_are_fetched(way: str, depth: int) -> None:
    seen = set()

    def method(**params: Any) -> Any:
        seen.add(REQUEST_ID.get())
        return TEN.page(params)

    async def main() -> None:
        REQUEST_ID.set("mine")
        assert [page async for page in paginate_by(way, method, {"Prefetch": depth})]

    run(way, main)
    assert seen == {"mine"}


# The exit of the interpreter waits for no prefetching; a forked process has no thread for it.

START = """
import atexit, os, sys, threading
answer, second_request = threading.Event(), threading.Event()
if "answer" in sys.argv:
    atexit.register(answer.set)

from imagebuilder_pager.exceptions import PaginationError
from imagebuilder_pager.pagination import PaginationSpec, Paginator

def list_things(Token=0):
    if Token and "wait" in sys.argv:
        second_request.set()
        answer.wait()
    return {"Things": [Token], "Token": Token + 1}

spec = PaginationSpec(input_token="Token", output_token="Token", result_key="Things")
iterator = iter(Paginator(list_things, spec).paginate(PaginationConfig={"Prefetch": 40}))
next(iterator)
"""
FORK = """
child = os.fork()
if child == 0:
    try:
        for _ in range(4):
            next(iterator)
    except PaginationError as error:
        print(str(error)[:40], flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(next(iterator)["Things"])
"""


def run_python(program: str, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("answer", ["never", "answer"])
def test_an_unfinished_iterator_does_not_hold_up_the_exit(answer: str) -> None:
    """The second request is answered while Python exits, or never."""
    assert run_python("second_request.wait()", "wait", answer) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where there is os.fork")
def test_an_iteration_with_prefetch_stays_with_the_parent() -> None:
    assert run_python(FORK) == (0, "the thread that fetches the pages is not\n[1]\n", "")
