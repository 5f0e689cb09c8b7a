"""Prefetching changes no page, no order, no token and no error, and is bounded."""

import threading
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import PaginationError, ParamValidationError
from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
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
from tests.fakes.prefetching import (
    ENTRY,
    TEN,
    FailingService,
    GatedService,
    count_tasks,
    exhaust,
    exhaust_async,
    join_prefetch_threads,
    prefetch_threads,
    run_all_tasks,
    watch_prefetch_thread,
)

PROFILE = settings(deadline=None, derandomize=True, max_examples=100)


# Order, tokens, truncation and errors.


@given(
    data=st.data(),
    listing=listings(),
    depth=st.integers(1, 4) | st.sampled_from(["1", 40]),
    way=st.sampled_from(WAYS),
)
@PROFILE
def test_pages_and_tokens_are_the_same_without_prefetch(
    data: st.DataObject, listing: Listing, depth: Any, way: str
) -> None:
    config = data.draw(configs(listing))
    plain, ahead = FakeService(listing), FakeService(listing)
    assert pages_by(way, ahead, {**config, "Prefetch": depth}) == pages_by(way, plain, config)
    assert ahead.requests == plain.requests
    items = items_by(way, FakeService(listing), {**config, "Prefetch": depth})
    assert items == items_by(way, FakeService(listing), config)


def test_boto3_ignores_prefetch() -> None:
    service = FakeService(TEN)
    pages = botocores(service, ENTRY).paginate(PaginationConfig={"Prefetch": 3, "MaxItems": 3})
    assert pages.build_full_result()["Items"] == [0, 1, 2]
    assert service.requests == [{}, {"Token": "t0:2.0"}]


@pytest.mark.parametrize("given", [-1, 1.5, "x", True, [1], "-2"], ids=repr)
def test_an_invalid_prefetch_is_refused(given: Any) -> None:
    message = r"PaginationConfig\.Prefetch: .* given; allowed: a whole number from 0 to 100"
    with pytest.raises(ParamValidationError, match=message):
        ours(FakeService(TEN), ENTRY).paginate(PaginationConfig={"Prefetch": given})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_an_error_of_a_later_page_comes_at_its_turn(way: str, depth: int, good: int) -> None:
    service = FailingService(TEN, good)
    seen: list[Any] = []
    tokens: list[Any] = []

    def check_sync() -> None:
        pages = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        iterator = iter(pages)
        with pytest.raises(ServiceError, match=f"request {good + 1}"):
            exhaust(iterator, seen)
        tokens.append(pages.resume_token)
        assert list(iterator) == []
        join_prefetch_threads()

    async def check_async() -> None:
        before = count_tasks(way)
        pages = ours_async(service.later, ENTRY).paginate(PaginationConfig={"Prefetch": depth})
        iterator = aiter(pages)
        with pytest.raises(ServiceError, match=f"request {good + 1}"):
            await exhaust_async(iterator, seen)
        assert count_tasks(way) == before
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
    pages, _ = pages_by(way, FailingService(TEN, 2), {"Prefetch": 3}, stop_after=2)
    assert [page["Items"] for page in pages] == [[0, 1], [2, 3]]
    pages, _ = pages_by(way, FailingService(TEN, 2), {"Prefetch": 3, "MaxItems": 4})
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


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_requests_than_needed_and_n_ahead(
    monkeypatch: pytest.MonkeyPatch, depth: int, most: int | None
) -> None:
    run_thread = watch_prefetch_thread(monkeypatch)
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    service = FakeService(TEN)
    config = {"Prefetch": depth, "MaxItems": most}
    pages = ours(service, ENTRY).paginate(PaginationConfig=config)
    assert service.requests == []
    for number, _ in enumerate(pages, start=1):
        run_thread()
        assert len(service.requests) == min(needed, number + depth)
    assert len(service.requests) == needed


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_async_requests_than_needed_and_n_ahead(
    backend: str, depth: int, most: int | None
) -> None:
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    config = {"Prefetch": depth, "MaxItems": most}

    async def main() -> None:
        service = FakeService(TEN)
        pages = ours_async(service.later, ENTRY).paginate(PaginationConfig=config)
        iterator = aiter(pages)
        await run_all_tasks()
        assert service.requests == []
        number = 0
        async for _ in iterator:
            number += 1
            await run_all_tasks()
            await run_all_tasks()
            assert len(service.requests) == min(needed, number + depth)
        assert number == needed == len(service.requests)

    run(backend, main)


def test_items_fetch_ahead_by_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    run_thread = watch_prefetch_thread(monkeypatch)
    service = FakeService(TEN)
    items = ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 2}).items()
    counts = []
    for _ in range(6):
        next(items)
        run_thread()
        counts.append(len(service.requests))
    assert counts == [3, 3, 4, 4, 5, 5]


def test_the_next_page_is_fetched_while_the_caller_works() -> None:
    """The page is in the caller's hand when the request for the next one has been sent."""
    service = GatedService(TEN, free=1)
    iterator = iter(ours(service, ENTRY).paginate(PaginationConfig={"Prefetch": 1}))
    assert next(iterator)["Items"] == [0, 1]
    service.wait_for(2)
    assert len(prefetch_threads()) == 1
    assert len(service.requests) == 2
    service.gate.release(100)
    assert next(iterator)["Items"] == [2, 3]
    service.wait_for(1)
    assert [page["Items"][0] for page in iterator] == [4, 6, 8, 10, 12, 14, 16, 18]


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
            assert prefetch_threads() == []
    assert callers == {threading.get_ident()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_0_starts_no_task_and_fetches_nothing_ahead(backend: str) -> None:
    async def main() -> None:
        service = FakeService(TEN)
        before = count_tasks(backend)
        number = 0
        async for _ in ours_async(service.later, ENTRY).paginate():
            number += 1
            await run_all_tasks()
            assert len(service.requests) == number
            assert count_tasks(backend) == before

    run(backend, main)


def never(**_: Any) -> NoReturn:
    raise AssertionError("nothing was to be sent")


def test_nothing_is_sent_before_the_first_page_is_asked_for() -> None:
    pages = ours(never, ENTRY).paginate(PaginationConfig={"Prefetch": 3})
    iterators = [iter(pages), pages.items(), pages.search("@"), *pages.result_key_iters()]
    assert prefetch_threads() == []
    del iterators
