"""Fetching ahead: as without it to whoever looks at pages, and nothing is left behind."""

import asyncio
import concurrent.futures
import contextvars
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn, Self

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager.exceptions import PaginationError, ParamValidationError
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalServer,
)

from .fake_image_builder import ARGUMENTS, ID, local, resources
from .fake_service import (
    BACKENDS,
    WAYS,
    FakeService,
    Listing,
    ServiceError,
    botocores,
    items_by,
    ours,
    ours_async,
    pages_by,
    run,
)
from .strategies import configs, listings

PROFILE = settings(deadline=None, derandomize=True, max_examples=100)
ENTRY: dict[str, Any] = {
    "input_token": "Token",
    "output_token": "NextToken",
    "result_key": "Items",
    "limit_key": "Max",
}
#: Ten pages of two.
TEN = Listing(entry=ENTRY, items=list(range(20)), most=2)
PATIENCE = 20  # seconds, until a test that waits in vain fails


class CallerError(Exception):
    """Something in the caller's own code."""


class Failing(FakeService):
    """A service that fails, from some request on."""

    def __init__(self, listing: Listing, good: int) -> None:
        super().__init__(listing)
        self.good = good

    def __call__(self, **params: Any) -> dict[str, Any]:
        page = super().__call__(**params)
        if len(self.requests) > self.good:
            raise ServiceError(f"request {len(self.requests)}")
        return page


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in set(threading.enumerate()) - before if "prefetch" in thread.name]
    assert left == []


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


async def settle() -> None:
    """Lets every task do all that it can do without anything from outside."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


def tasks(backend: str) -> int:
    """How many tasks there are."""
    if backend == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def exhaust(pages: Any, items: list[Any]) -> None:
    for page in pages:
        items.extend(page["Items"])


async def exhaust_async(pages: Any, items: list[Any]) -> None:
    async for page in pages:
        items.extend(page["Items"])


def fail_in_the_loop(values: Any) -> None:
    for _ in values:
        raise CallerError


async def fail_in_the_loop_async(values: Any) -> None:
    async for _ in values:
        raise CallerError


# Order, tokens, truncation and errors.


@given(
    data=st.data(),
    listing=listings(),
    depth=st.integers(1, 4) | st.sampled_from(["1", 40]),
    way=st.sampled_from(WAYS),
)
@PROFILE
def test_pages_and_tokens_are_as_without(
    data: st.DataObject, listing: Listing, depth: Any, way: str
) -> None:
    config = data.draw(configs(listing))
    plain, ahead = FakeService(listing), FakeService(listing)
    assert pages_by(way, ahead, {**config, "Prefetch": depth}) == pages_by(way, plain, config)
    assert ahead.requests == plain.requests
    items = items_by(way, FakeService(listing), {**config, "Prefetch": depth})
    assert items == items_by(way, FakeService(listing), config)


def test_boto3_ignores_it() -> None:
    service = FakeService(TEN)
    pages = botocores(service, ENTRY).paginate(PaginationConfig={"Prefetch": 3, "MaxItems": 3})
    assert pages.build_full_result()["Items"] == [0, 1, 2]
    assert service.requests == [{}, {"Token": "t0:2.0"}]


@pytest.mark.parametrize("given", [-1, 1.5, "x", True, [1], "-2"], ids=repr)
def test_a_depth_that_is_none(given: Any) -> None:
    message = r"PaginationConfig\.Prefetch: .* given; allowed: a whole number from 0 to 100"
    with pytest.raises(ParamValidationError, match=message):
        ours(FakeService(TEN), ENTRY).paginate(PaginationConfig={"Prefetch": given})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_an_error_of_a_later_page_comes_at_its_turn(way: str, depth: int, good: int) -> None:
    service = Failing(TEN, good)
    seen: list[Any] = []
    tokens: list[Any] = []

    def check_sync() -> None:
        pages = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        iterator = iter(pages)
        with pytest.raises(ServiceError, match=f"request {good + 1}"):
            exhaust(iterator, seen)
        tokens.append(pages.resume_token)
        assert list(iterator) == []
        assert threads() == []

    async def check_async() -> None:
        before = tasks(way)
        pages = ours_async(service.later, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        iterator = aiter(pages)
        with pytest.raises(ServiceError, match=f"request {good + 1}"):
            await exhaust_async(iterator, seen)
        assert tasks(way) == before
        tokens.append(pages.resume_token)
        assert [page async for page in iterator] == []

    if way == "sync":
        check_sync()
    else:
        run(way, check_async)
    assert seen == TEN.items[: 2 * good]
    assert len(service.requests) == good + 1  # and none after the one that failed
    if good:
        rest, _, _ = items_by("sync", FakeService(TEN), {"StartingToken": tokens[0]})
        assert seen + rest == TEN.items
    else:
        assert tokens == [None]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_that_is_never_reached_is_never_raised(way: str) -> None:
    pages, _ = pages_by(way, Failing(TEN, 2), {"Prefetch": 3}, stop_after=2)
    assert [page["Items"] for page in pages] == [[0, 1], [2, 3]]
    pages, _ = pages_by(way, Failing(TEN, 2), {"Prefetch": 3, "MaxItems": 4})
    assert [page["Items"] for page in pages] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("way", WAYS)
def test_a_circle_is_found_at_its_turn(way: str) -> None:
    seen: list[Any] = []

    def method(**params: Any) -> Any:
        turn = {None: "a", "a": "b", "b": "a"}
        return {"Items": [params.get("Token")], "NextToken": turn[params.get("Token")]}

    async def later(**params: Any) -> Any:
        return method(**params)

    def go_through() -> None:
        config = {"Prefetch": 9}
        if way == "sync":
            exhaust(ours(method, ENTRY).paginate(PaginationConfig=config), seen)
        else:
            pages = ours_async(later, ENTRY).paginate(PaginationConfig=config)
            run(way, lambda: exhaust_async(pages, seen))

    with pytest.raises(PaginationError, match="page 3 ends with a token"):
        go_through()
    assert seen == [None, "a", "b"]


# How many requests there are.


class EagerExecutor:
    """Does at once whatever it is given: as far ahead as the fetching may ever get."""

    def __init__(self, **_: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> "concurrent.futures.Future[Any]":
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # noqa: BLE001  # as an executor does
            future.set_exception(error)
        return future


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_requests_than_needed_and_n_ahead(
    monkeypatch: pytest.MonkeyPatch, depth: int, most: int | None
) -> None:
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", EagerExecutor)
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    service = FakeService(TEN)
    config = {"Prefetch": depth, "MaxItems": most}
    pages = ours(service, ENTRY).paginate(PaginationConfig=config)
    assert service.requests == []
    for number, _ in enumerate(pages, start=1):
        assert len(service.requests) == min(needed, number + depth)
    assert len(service.requests) == needed

    for stop in (1, 2, 3):
        service = FakeService(TEN)
        pages_by("sync", service, config, stop_after=stop)
        assert len(service.requests) == min(needed, stop + depth)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_requests_async(backend: str, depth: int, most: int | None) -> None:
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    config = {"Prefetch": depth, "MaxItems": most}

    async def main() -> None:
        service = FakeService(TEN)
        pages = ours_async(service.later, ENTRY).paginate(PaginationConfig=config)
        iterator = aiter(pages)
        await settle()
        assert service.requests == []
        number = 0
        async for _ in iterator:
            number += 1
            await settle()
            await settle()
            assert len(service.requests) == min(needed, number + depth)
        assert number == needed == len(service.requests)

    run(backend, main)


def test_items_fetch_ahead_by_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", EagerExecutor)
    service = FakeService(TEN)
    items = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 2}).items()
    counts = []
    for _ in range(6):
        next(items)
        counts.append(len(service.requests))
    assert counts == [3, 3, 4, 4, 5, 5]


class Gated(FakeService):
    """A service whose answers come when they are let through; it tells when it has been asked."""

    def __init__(self, listing: Listing, free: int) -> None:
        super().__init__(listing)
        self.asked = threading.Semaphore(0)
        self.gate = threading.Semaphore(free)

    def __call__(self, **params: Any) -> dict[str, Any]:
        page = super().__call__(**params)
        self.asked.release()
        assert self.gate.acquire(timeout=PATIENCE)
        return page

    def wait_for(self, requests: int) -> None:
        for _ in range(requests):
            assert self.asked.acquire(timeout=PATIENCE)


def test_the_next_page_is_fetched_while_the_caller_works() -> None:
    """The page is in the caller's hand when the request for the next one has been sent."""
    service = Gated(TEN, free=1)
    iterator = iter(ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 1}))
    assert next(iterator)["Items"] == [0, 1]
    service.wait_for(2)
    assert len(threads()) == 1
    assert len(service.requests) == 2
    service.gate.release(100)
    assert next(iterator)["Items"] == [2, 3]
    service.wait_for(1)
    assert [page["Items"][0] for page in iterator] == [4, 6, 8, 10, 12, 14, 16, 18]
    assert threads() == []


# 0 fetches nothing ahead.


def test_0_starts_no_thread_and_fetches_nothing_ahead() -> None:
    callers: set[int] = set()

    def method(**params: Any) -> Any:
        callers.add(threading.get_ident())
        return service(**params)

    service = FakeService(TEN)
    for config in ({}, {"Prefetch": 0}, {"Prefetch": None}, {"Prefetch": "0"}):
        service.requests.clear()
        for number, _ in enumerate(ours(method, ENTRY).paginate(PaginationConfig=config), start=1):
            assert len(service.requests) == number
            assert threads() == []
    assert callers == {threading.get_ident()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_0_starts_no_task_and_fetches_nothing_ahead(backend: str) -> None:
    async def main() -> None:
        service = FakeService(TEN)
        before = tasks(backend)
        number = 0
        async for _ in ours_async(service.later, ENTRY).paginate():
            number += 1
            await settle()
            assert len(service.requests) == number
            assert tasks(backend) == before

    run(backend, main)


# Nothing is left behind.


def leave_by_break(iterator: Any) -> None:
    for _ in iterator:
        break


def leave_by_an_exception(iterator: Any) -> None:
    with pytest.raises(CallerError):
        fail_in_the_loop(iterator)


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
    assert threads() == []
    count = len(service.requests)
    assert count <= 1 + depth
    assert len(pages.build_full_result()["Items"]) == 20  # and it can be used again
    assert threads() == []


def test_no_thread_is_left_by_result_key_iters() -> None:
    pages = ours(FakeService(TEN), ENTRY).paginate(PaginationConfig={"Prefetch": 2})
    [items] = pages.result_key_iters()
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    assert len(threads()) == 1
    del items
    gc.collect()
    assert threads() == []


def test_closing_waits_for_the_request_that_is_under_way() -> None:
    """The connection that it uses is free again when close() returns."""
    service = Gated(TEN, free=1)
    iterator = iter(ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 3}))
    next(iterator)
    service.wait_for(2)
    closed = threading.Event()

    def close() -> None:
        iterator.close()
        closed.set()

    closer = threading.Thread(target=close)
    closer.start()
    assert not closed.is_set()  # it cannot be: the second request has no answer yet
    service.gate.release(100)
    closer.join(PATIENCE)
    assert closed.is_set()
    assert threads() == []
    assert len(service.requests) == 2


class Held:
    """An async service that answers the first pages, and then only when it is told to.

    Tidying up after a request takes it a while, as closing a connection does.
    """

    def __init__(self, free: int) -> None:
        self.service = FakeService(TEN)
        self.free = free
        self.asked = anyio.Event()
        self.answer = anyio.Event()
        self.open = 0

    async def __call__(self, **params: Any) -> Any:
        self.open += 1
        try:
            await anyio.lowlevel.checkpoint()
            page = self.service(**params)
            if len(self.service.requests) > self.free:
                self.asked.set()
                with anyio.fail_after(PATIENCE):
                    await self.answer.wait()
            return page
        finally:
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
            self.open -= 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", ["break", "exception", "drop", "aclose", "unused", "search fails"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_task_is_left(backend: str, way: str, depth: int) -> None:
    """Neither a task nor a request that is under way."""

    async def main() -> None:
        method = Held(free=1)
        before = tasks(backend)
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        if way == "break":
            async for _ in pages:
                await method.asked.wait()
                assert tasks(backend) == before + 1
                assert method.open == 1
                break
        elif way == "exception":
            with pytest.raises(CallerError):
                await fail_in_the_loop_async(pages.items())
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
            assert tasks(backend) == before  # at once
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
            assert tasks(backend) == before
            assert [value async for value in found] == []
        await settle()
        assert tasks(backend) == before
        assert method.open == 0
        method.answer.set()
        assert len((await pages.build_full_result())["Items"]) == 20

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_iteration_is_for_one_task_at_a_time(backend: str) -> None:
    async def main() -> None:
        for depth in (0, 2):
            method = Held(free=0)
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
                await fail_in_the_loop_async(pages)
            iterator = aiter(pages)
            await anext(iterator)
            await iterator.aclose()
            await settle()
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
        assert all(connection.is_idle() for connection in transport._pool.connections)
        with pytest.raises(CallerError):
            fail_in_the_loop(pages)
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


# Cancelling.


async def cancel_in_the_middle(
    backend: str, iterate: Callable[[], Awaitable[None]], asked: anyio.Event
) -> None:
    """Cancels, from another task, what waits for an answer."""
    if backend == "trio":
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(iterate)
                await asked.wait()
                await settle()
                scope.cancel()
        assert scope.cancelled_caught
        return
    task = asyncio.ensure_future(iterate())
    await asked.wait()
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("free", [0, 1, 3])
@pytest.mark.parametrize("by", ["pages", "items"])
def test_cancelled_while_it_waits(backend: str, depth: int, free: int, by: str) -> None:
    async def main() -> None:
        method = Held(free)
        seen: list[Any] = []
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        before = tasks(backend)

        async def iterate() -> None:
            if by == "items":
                async for item in pages.items():
                    seen.extend([item])
            else:
                await exhaust_async(pages, seen)

        await cancel_in_the_middle(backend, iterate, method.asked)
        assert seen == TEN.items[: 2 * free]
        assert tasks(backend) == before
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
        before = tasks(backend)
        seen: list[Any] = []

        async def iterate() -> None:
            async for item in pages.items():
                seen.append(item)
                if item == 4:
                    working.set()
                    await anyio.sleep_forever()

        await cancel_in_the_middle(backend, iterate, working)
        await settle()
        assert tasks(backend) == before
        rest = ours_async(service.later, ENTRY).paginate(
            PaginationConfig={"StartingToken": pages.resume_token}
        )
        assert seen + [item async for item in rest.items()] == TEN.items

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_deadline_leaves_nothing_behind(backend: str) -> None:
    """anyio's scopes cancel again at each await, also at those that tidy up."""

    async def main() -> None:
        method = Held(free=2)
        seen: list[Any] = []
        pages = ours_async(method, ENTRY).paginate(PaginationConfig={"Prefetch": 2})
        before = tasks(backend)
        with anyio.CancelScope() as scope:
            async for page in pages:
                seen.extend(page["Items"])
                if len(seen) == 4:
                    await method.asked.wait()
                    scope.cancel()
        assert scope.cancelled_caught
        assert seen == [0, 1, 2, 3]
        await settle()
        assert tasks(backend) == before
        assert method.open == 0

    run(backend, main)


class HeldTransport(httpx.AsyncBaseTransport):
    """The local Image Builder, which answers the third request when it is told to."""

    def __init__(self) -> None:
        self.local = local(9)
        self.asked = anyio.Event()
        self.answer = anyio.Event()
        self.open = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.open += 1
        try:
            await request.aread()
            response = self.local(request)
            if self.local.requests == 3:
                self.asked.set()
                with anyio.fail_after(PATIENCE):
                    await self.answer.wait()
            return response
        finally:
            self.open -= 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_cancelling_leaves_the_client_usable(backend: str, depth: int) -> None:
    async def main() -> None:
        transport = HeldTransport()
        seen: list[str | None] = []
        config: Any = {"PageSize": 2, "Prefetch": depth}
        async with httpx.AsyncClient(transport=transport) as http_client:
            client = AsyncImageBuilder(**ARGUMENTS, http_client=http_client)
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)

            async def iterate() -> None:
                async for item in pages.items():
                    seen.extend([item.resource_id])

            await cancel_in_the_middle(backend, iterate, transport.asked)
            assert transport.open == 0
            assert len(seen) == 4
            rest = paginator.paginate(
                lifecycleExecutionId=ID, PaginationConfig={"StartingToken": pages.resume_token}
            )
            seen.extend([item.resource_id async for item in rest.items()])
            assert seen == [resource["resourceId"] for resource in resources(9)]

    run(backend, main)


# Nothing blocks the event loop.


class SlowCredentials:
    """Credentials that wait for something that only the event loop can do."""

    def __init__(self) -> None:
        self.asked_in: set[int] = set()
        self.refreshed = threading.Event()

    def get_frozen_credentials(self) -> Any:
        self.asked_in.add(threading.get_ident())
        assert self.refreshed.wait(PATIENCE), "the event loop stood still"
        return self

    access_key = ACCESS_KEY_ID
    secret_key = SECRET_ACCESS_KEY
    token = None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 2])
def test_refreshing_credentials_does_not_block_the_event_loop(backend: str, depth: int) -> None:
    async def main() -> None:
        credentials = SlowCredentials()
        transport = httpx.MockTransport(local(9))
        async with httpx.AsyncClient(transport=transport) as http_client:
            client = AsyncImageBuilder(
                "us-west-2", credentials=credentials, http_client=http_client
            )
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            config: Any = {"PageSize": 4, "Prefetch": depth}
            pages = paginator.paginate(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig=config
            )
            full: dict[str, Any] = {}

            async def build() -> None:
                full.update(await pages.build_full_result())

            async with anyio.create_task_group() as group:
                group.start_soon(build)
                while not credentials.asked_in:
                    await anyio.lowlevel.checkpoint()
                credentials.refreshed.set()
            assert len(full["resources"]) == 9
        assert threading.get_ident() not in credentials.asked_in

    run(backend, main)


def never(**_: Any) -> NoReturn:
    raise AssertionError("nothing was to be sent")


def test_nothing_is_sent_before_the_first_page_is_asked_for() -> None:
    pages = ours(never, ENTRY).paginate(PaginationConfig={"Prefetch": 3})
    iterators = [iter(pages), pages.items(), pages.search("@"), *pages.result_key_iters()]
    assert threads() == []
    del iterators
