"""Prefetching changes no page, no order, no token and no error, and is bounded."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.fakes.paginated_service import (
    WAYS,
    FakeService,
    ServiceError,
    items_by,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.prefetching import (
    TEN,
    TIMEOUT,
    collect,
    count_tasks,
    join_prefetch_threads,
    run_all_tasks,
)


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
        before = count_tasks(way)
        pages = paginate_by(way, service, {"Prefetch": depth, "MaxItems": most})
        values = aiter(pages) if by == "pages" else pages.items()
        await run_all_tasks()
        assert service.requests == []
        service.good = 1 + depth
        count = 0
        async for _ in values:
            count += 1
            page_number = count if by == "pages" else (count + 1) // 2
            with anyio.fail_after(TIMEOUT):
                while len(service.requests) < min(needed, page_number + depth):
                    await anyio.lowlevel.checkpoint()
            assert depth > 0 or count_tasks(way) == before
            is_last_item = by == "pages" or count % 2 == 0
            service.good = page_number + is_last_item + depth
        assert len(service.requests) == needed

    run(way, main)
