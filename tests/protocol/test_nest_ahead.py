"""Reading ahead over several inner listings: how far, in which order, and what is left behind."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import pytest

from imagebuilder_pager.exceptions import PagerError, PaginationError
from imagebuilder_pager.pagination import PaginationSpec
from imagebuilder_pager.pagination.nest import AsyncNest, Nest, NestLevel
from tests.fakes.nested_service import (
    ENTRY,
    FailedError,
    NestedService,
    Tree,
    nest_of,
    node,
    path_of,
    walk_by,
)
from tests.fakes.paginated_service import BACKENDS, WAYS, run
from tests.fakes.prefetching import (
    TIMEOUT,
    cancel_while_waiting,
    count_tasks,
    run_all_tasks,
)

#: Three roots of five nodes of four leaves each.
WIDE = Tree(
    [
        node(f"a{i}", *(node(f"b{j}", *(node(f"c{k}") for k in range(4))) for j in range(5)))
        for i in range(3)
    ],
    (False, True, True),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 1, 2, 4, 8])
def test_so_many_requests_at_the_same_time_and_no_more(backend: str, prefetch: int) -> None:
    service = NestedService(WIDE.roots, {"most": 2})
    walked = walk_by(backend, service, WIDE, prefetch=prefetch)
    assert walked.records == WIDE.records()
    # Beside those ahead, one that the caller waits for.
    assert min(prefetch, 5) <= service.most_in_flight <= prefetch + 1


class HeldService(NestedService):
    """A service that answers what it is asked for when it is told to; the first so many at once."""

    free = 0

    def hold(self, free: int) -> None:
        self.free = free
        self.held: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.answer = anyio.Event()
        self.asked = anyio.Event()
        self.open = 0

    async def list_later(self, depth: int, **params: Any) -> dict[str, Any]:
        self.open += 1
        try:
            await anyio.lowlevel.checkpoint()
            page = self.list(depth, **params)
            if len(self.requests) > self.free:
                self.held.append(self.requests[-1])
                self.asked.set()
                with anyio.fail_after(TIMEOUT):
                    await self.answer.wait()
            return page
        finally:
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
            self.open -= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_pages_of_several_inner_listings_are_fetched_at_the_same_time(backend: str) -> None:
    async def main() -> None:
        service = HeldService(WIDE.roots, {"most": 5})
        service.hold(free=4)
        walk = nest_of(service, WIDE, is_async=True).walk(prefetch=4)
        records = aiter(walk)
        assert await anext(records) == ("a0", "b0")
        for _ in range(20):
            await run_all_tasks()
        # The page that comes next in the order first, and no more than four.
        assert sorted(path for path, _ in service.held) == [
            ("a0", "b0"),
            ("a0", "b1"),
            ("a0", "b2"),
            ("a0", "b3"),
        ]
        service.answer.set()
        rest = [record async for record in records]
        assert [("a0", "b0"), *rest] == WIDE.records()

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_ahead_is_bounded_while_the_caller_does_nothing(backend: str) -> None:
    async def main() -> None:
        roots = [node(f"a{i}", *(node(f"b{j}") for j in range(50))) for i in range(50)]
        tree = Tree(roots, (False, True))
        service = NestedService(roots, {"most": 1})
        records = aiter(nest_of(service, tree, is_async=True).walk(prefetch=3))
        await anext(records)
        for _ in range(20):
            await run_all_tasks()
        # The two that the caller stands in, and three of each level.
        assert len(service.requests) <= 2 + 2 * 3
        await records.aclose()

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_cancelled_while_it_waits_nothing_is_left_and_the_token_is_right(
    backend: str, prefetch: int
) -> None:
    async def main() -> None:
        service = HeldService(WIDE.roots, {"most": 2})
        service.hold(free=9)
        walk = nest_of(service, WIDE, is_async=True).walk(prefetch=prefetch)
        seen: list[Any] = []
        before = count_tasks(backend)

        async def iterate() -> None:
            async for record in walk:
                seen.append(record)  # noqa: PERF401  # what there is before it is cancelled

        await cancel_while_waiting(backend, iterate, service.asked)
        await run_all_tasks()
        assert count_tasks(backend) == before
        assert service.open == 0
        rest = walk_by_token(walk.resume_token)
        assert [*seen, *rest] == WIDE.records()

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_cancelled_at_every_turn_of_the_event_loop(backend: str, prefetch: int) -> None:
    """Each time nothing is left, and what there was goes on to be the whole."""
    turns: list[int] = []

    async def main() -> None:
        before = count_tasks(backend)
        for number in range(10_000):
            service = NestedService(WIDE.roots, {"most": 3})
            walk = nest_of(service, WIDE, is_async=True).walk(prefetch=prefetch)
            seen: list[Any] = []

            async def iterate(walk: Any = walk, seen: list[Any] = seen) -> None:
                async for record in walk:
                    seen.append(record)  # noqa: PERF401  # what there is before it is cancelled

            async with anyio.create_task_group() as group:
                group.start_soon(iterate)
                for _ in range(number):
                    await anyio.lowlevel.checkpoint()
                is_whole = seen == WIDE.records()
                group.cancel_scope.cancel()
            await run_all_tasks()
            assert count_tasks(backend) == before
            assert service.in_flight == 0
            if walk.resume_token is not None or not seen:
                assert [*seen, *walk_by_token(walk.resume_token)] == WIDE.records()
            turns.append(number)
            if is_whole:
                break

    run(backend, main)
    assert len(turns) > 20, "the walk was over before it could be cancelled"


def walk_by_token(token: str | None) -> list[Any]:
    return walk_by("sync", NestedService(WIDE.roots), WIDE, starting_token=token).records


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [1, 4])
@pytest.mark.parametrize("by", ["break", "aclose", "error"])
def test_an_early_end_leaves_nothing(backend: str, prefetch: int, by: str) -> None:
    async def main() -> None:
        service = HeldService(WIDE.roots, {"most": 2})
        service.hold(free=6)
        walk = nest_of(service, WIDE, is_async=True).walk(prefetch=prefetch)
        before = count_tasks(backend)
        if by == "aclose":
            records = aiter(walk)
            await anext(records)
            await records.aclose()
            assert service.open == 0
            with pytest.raises(StopAsyncIteration):
                await anext(records)
        else:
            with pytest.raises(KeyError) if by == "error" else anyio.CancelScope():
                async for _ in walk:
                    if by == "error":
                        raise KeyError
                    break
        gc.collect()
        for _ in range(5):
            await run_all_tasks()
        assert count_tasks(backend) == before
        assert service.open == 0

    run(backend, main)


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_walk_over_several_event_loops(backend: str, second: str, prefetch: int) -> None:
    """Without prefetch it goes on; with it, the error has the token to go on with."""
    service = NestedService(WIDE.roots, {"most": 2})
    records = aiter(nest_of(service, WIDE, is_async=True).walk(prefetch=prefetch))

    async def take(count: int) -> list[Any]:
        return [await anext(records) for _ in range(count)]

    taken = run(backend, lambda: take(3))
    if prefetch == 0:
        assert [*taken, *run(second, lambda: take(len(WIDE.records()) - 3))] == WIDE.records()
        return

    async def take_the_rest_of_the_page() -> None:
        while True:
            taken.append(await anext(records))

    with pytest.raises(PaginationError, match="in the event loop in which it began") as caught:
        run(second, take_the_rest_of_the_page)
    assert len(taken) < 6
    assert [*taken, *walk_by_token(caught.value.resume_token)] == WIDE.records()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 1, 6])
@pytest.mark.parametrize("fail_at", range(12))
def test_an_error_comes_at_its_place_and_nothing_is_fetched_behind_it(
    way: str, prefetch: int, fail_at: int
) -> None:
    service = NestedService(WIDE.roots, {"most": 2}, fail_at=fail_at)
    walked = walk_by(way, service, WIDE, prefetch=prefetch)
    assert isinstance(walked.error, FailedError)
    assert walked.records == WIDE.records()[: len(walked.records)]
    if prefetch == 0:
        assert len(service.requests) == fail_at + 1
    assert [*walked.records, *walk_by_token(walked.last)] == WIDE.records()


class CountedItem(dict[str, Any]):
    """An item that is counted as long as it is kept."""

    alive: ClassVar[weakref.WeakSet["CountedItem"]] = weakref.WeakSet()

    def __init__(self, key: str) -> None:
        super().__init__(Key=key)
        self.alive.add(self)

    __hash__ = object.__hash__  # type: ignore[assignment]  # for the set


def counted_levels(*, is_async: bool) -> list[NestLevel]:
    """Fifteen pages of three nodes, each of fifteen pages of three items."""

    def list_nodes(**params: Any) -> dict[str, Any]:
        number = int(params.get("Token", 0))
        following = {"NextToken": str(number + 1)} if number < 14 else {}
        items = [CountedItem(f"{number}-{i}") for i in range(3)]
        return {"Items": items, **following}

    async def list_later(**params: Any) -> dict[str, Any]:
        await anyio.lowlevel.checkpoint()
        return list_nodes(**params)

    return [
        NestLevel(
            name=name,
            method=list_later if is_async else list_nodes,
            spec=PaginationSpec.from_model(ENTRY),
            params=lambda parents: {},
            item_id=lambda item: item["Key"],
        )
        for name in ("outer", "inner")
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 4])
def test_memory_does_not_grow_with_the_length(way: str, prefetch: int) -> None:
    most = 0
    count = 0

    def look() -> None:
        nonlocal most, count
        count += 1
        if count % 100 == 0:
            gc.collect()
            most = max(most, len(CountedItem.alive))

    async def main() -> None:
        nest = AsyncNest(counted_levels(is_async=True), make_record=lambda parents, item: None)
        async for _ in nest.walk(prefetch=prefetch):
            look()

    if way == "sync":
        nest = Nest(counted_levels(is_async=False), make_record=lambda parents, item: None)
        for _ in nest.walk(prefetch=prefetch):
            look()
    else:
        run(way, main)
    assert count == 15 * 3 * (1 + 15 * 3)
    # The pages stood in, those ahead, and what is passed at this moment: three items each.
    assert most <= 3 * (2 + 2 * prefetch + 2)


def test_a_page_that_is_not_one_is_an_error() -> None:
    levels = counted_levels(is_async=False)

    def not_a_page(**params: Any) -> Any:
        return [1]

    async def later(**params: Any) -> Any:
        return [1]

    for method, text in (
        (not_a_page, "page 1 is a list"),
        (later, "for an async function, use AsyncNest"),
    ):
        level = NestLevel(**{**vars(levels[0]), "method": method})
        with pytest.raises(PaginationError, match=text):
            list(Nest([level], make_record=path_of).walk())

    async def main() -> None:
        level = NestLevel(**{**vars(levels[0]), "method": not_a_page})
        with pytest.raises(PaginationError, match="that is not async, use Nest"):
            await anext(aiter(AsyncNest([level], make_record=path_of).walk()))

    run("asyncio", main)


def test_a_nest_without_levels_is_an_error() -> None:
    with pytest.raises(PagerError, match="levels: none given"):
        Nest([], make_record=path_of)


def test_each_iteration_starts_anew() -> None:
    walk = nest_of(NestedService(WIDE.roots), WIDE, is_async=False).walk()
    first: Iterator[Any] = iter(walk)
    next(first)
    assert list(walk) == WIDE.records()
    assert [("a0", "b0"), *first] == WIDE.records()
