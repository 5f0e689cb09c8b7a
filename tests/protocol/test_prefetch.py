"""Prefetching changes no page, no order, no token and no error, and is bounded."""

import threading
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
    ENTRY,
    WAYS,
    FakeService,
    Listing,
    ServiceError,
    botocores,
    items_by,
    ours,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.prefetching import (
    TEN,
    FailingService,
    GatedService,
    collect,
    count_tasks,
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_an_error_of_a_later_page_comes_at_its_turn(way: str, depth: int, good: int) -> None:
    service = FailingService(TEN, good)
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
    pages, _ = pages_by(way, FailingService(TEN, 2), config, end.get("stop_after"))
    assert [page["Items"] for page in pages] == [[0, 1], [2, 3]]


# How many requests there are.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 100])
def test_never_more_requests_than_needed_and_n_ahead(
    monkeypatch: pytest.MonkeyPatch, way: str, depth: int, most: int | None
) -> None:
    run_thread = watch_prefetch_thread(monkeypatch)
    needed = 10 if most is None else min(10, max(1, -(-most // 2)))
    service = FakeService(TEN)

    async def main() -> None:
        iterator = aiter(paginate_by(way, service, {"Prefetch": depth, "MaxItems": most}))
        await run_all_tasks()
        assert service.requests == []
        number = 0
        async for _ in iterator:
            number += 1
            run_thread()
            await run_all_tasks()
            await run_all_tasks()
            assert len(service.requests) == min(needed, number + depth)
        assert number == needed == len(service.requests)

    run(way, main)


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
    """The caller has the page while the request for the next one is under way."""
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("config", [{}, {"Prefetch": 0}, {"Prefetch": None}, {"Prefetch": "0"}])
def test_0_starts_no_thread_or_task_and_fetches_nothing_ahead(
    way: str, config: dict[str, Any]
) -> None:
    callers: set[int] = set()

    class Service(FakeService):
        def __call__(self, **params: Any) -> dict[str, Any]:
            callers.add(threading.get_ident())
            return super().__call__(**params)

    service = Service(TEN)

    async def main() -> None:
        before = count_tasks(way)
        number = 0
        async for _ in paginate_by(way, service, config):
            number += 1
            await run_all_tasks()
            assert len(service.requests) == number
            assert count_tasks(way) == before

    run(way, main)
    assert callers == {threading.get_ident()}


def never(**_: Any) -> NoReturn:
    raise AssertionError("a request was sent")


def test_nothing_is_sent_before_the_first_page_is_asked_for() -> None:
    pages = ours(never, ENTRY).paginate(PaginationConfig={"Prefetch": 3})
    iterators = [iter(pages), pages.items(), pages.search("@"), *pages.result_key_iters()]
    assert prefetch_threads() == []
    del iterators
