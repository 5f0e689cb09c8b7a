"""Nested listings that are not there, a plain nested loop over them, and walks in every way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import anyio.lowlevel
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import PagerError
from imagebuilder_pager.pagination import PaginationSpec
from imagebuilder_pager.pagination.nest import AsyncNest, Nest, NestLevel

from .paginated_service import FakeService, Listing, ServiceError, run

ENTRY: dict[str, Any] = {
    "input_token": "Token",
    "output_token": "NextToken",
    "result_key": "Items",
    "limit_key": "Max",
}
Node = dict[str, Any]


def node(key: str, *children: Node, **members: Any) -> Node:
    return {"Key": key, "Children": list(children), **members}


class ExpiredTokenError(PagerError):
    """A token that has expired."""


@dataclass
class NestedService:
    """A tree of listings: the items of each node are its children, by the path of their keys.

    ``moods`` say how a page comes out, as in :class:`Listing`. ``expire`` tells of the number of a
    request with a token whether the token has expired; ``fail_at`` is the number of a request that
    fails.
    """

    roots: list[Node]
    moods: dict[str, Any] = field(default_factory=lambda: {"most": 3})
    expire: Callable[[int], bool] = lambda number: False
    fail_at: int | None = None
    requests: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)
    generation: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    with_token: int = 0

    def children(self, path: tuple[str, ...]) -> list[Node]:
        nodes = self.roots
        for key in path:
            nodes = next(item["Children"] for item in nodes if item["Key"] == key)
        return nodes

    def list(self, depth: int, **params: Any) -> dict[str, Any]:
        path = tuple(params.pop(f"Parent{number}") for number in range(depth))
        self.requests.append((path, params))
        if len(self.requests) - 1 == self.fail_at:
            raise FailedError(f"request {self.fail_at}")
        if "Token" in params:
            self.with_token += 1
            if self.expire(self.with_token - 1):
                self.generation += 1
                raise ExpiredTokenError("the token has expired")
        items = [self._item(child, path) for child in self.children(path)]
        # A token is for one listing, and for the time until tokens expire.
        prefix = f"{self.generation}:{'/'.join(path)}|"
        if not str(params.get("Token", prefix)).startswith(prefix):
            raise ExpiredTokenError(f"the token {params['Token']} has expired")
        return FakeService(Listing(entry=ENTRY, items=items, prefix=prefix, **self.moods))(**params)

    def _item(self, child: Node, path: tuple[str, ...]) -> Node:
        return {
            **{k: v for k, v in child.items() if k != "Children"},
            "Path": (*path, child["Key"]),
        }

    async def list_later(self, depth: int, **params: Any) -> dict[str, Any]:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            for _ in range(1 + len(self.requests) * 7 % 5):
                await anyio.lowlevel.checkpoint()
            return self.list(depth, **params)
        finally:
            self.in_flight -= 1


class FailedError(PagerError):
    """The service fails."""


def is_included(parents: tuple[Node, ...], item: Node) -> bool:
    return not item.get("left_out", False)


def levels_of(
    service: NestedService, depth: int, yields: tuple[bool, ...], *, is_async: bool
) -> list[NestLevel]:
    def level(number: int) -> NestLevel:
        def method(**params: Any) -> Any:
            return (service.list_later if is_async else service.list)(number, **params)

        def params(parents: tuple[Node, ...]) -> dict[str, Any] | None:
            if parents and parents[-1].get("is_leaf"):
                return None
            return {f"Parent{i}": parent["Key"] for i, parent in enumerate(parents)}

        return NestLevel(
            name=f"level {number}",
            method=method,
            spec=PaginationSpec.from_model(ENTRY),
            params=params,
            item_id=lambda item: item["Key"],
            is_included=is_included,
            yields_records=yields[number],
        )

    return [level(number) for number in range(depth)]


@dataclass(frozen=True)
class Tree:
    """A tree of so many levels, and which of them are records."""

    roots: list[Node]
    yields: tuple[bool, ...]

    @property
    def depth(self) -> int:
        return len(self.yields)

    def records(self) -> list[tuple[str, ...]]:
        """The paths of all records, by a plain nested loop."""
        return list(self._records(self.roots, ()))

    def _records(self, nodes: list[Node], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for item in nodes:
            if not is_included((), item):
                continue
            inner = (*path, item["Key"])
            if self.yields[len(path)]:
                yield inner
            if len(inner) < self.depth and not item.get("is_leaf"):
                yield from self._records(item["Children"], inner)

    def without(self, path: tuple[str, ...]) -> "Tree":
        """The tree without the node at a path."""

        def pruned(nodes: list[Node], keys: tuple[str, ...]) -> list[Node]:
            key, *rest = keys
            if not rest:
                return [item for item in nodes if item["Key"] != key]
            return [
                {**item, "Children": pruned(item["Children"], tuple(rest))}
                if item["Key"] == key
                else item
                for item in nodes
            ]

        return replace(self, roots=pruned(self.roots, path))


@st.composite
def trees(draw: st.DrawFn, *, most_levels: int = 4, left_out: bool = True) -> Tree:
    depth = draw(st.integers(1, most_levels))
    yields = tuple(draw(st.lists(st.booleans(), min_size=depth, max_size=depth)))

    def nodes(level: int) -> list[Node]:
        count = draw(st.integers(0, 4 if level else 3))
        return [
            node(
                f"{'abcd'[level]}{number}",
                *(nodes(level + 1) if level + 1 < depth else ()),
                left_out=left_out and draw(st.integers(0, 6)) == 0,
                is_leaf=draw(st.integers(0, 6)) == 0,
            )
            for number in range(count)
        ]

    return Tree(nodes(0), yields)


@st.composite
def sizes(draw: st.DrawFn) -> dict[str, Any]:
    """How many items a page has."""
    turns = st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple)
    return {"most": draw(st.integers(1, 4)), "short": draw(turns)}


@st.composite
def moods(draw: st.DrawFn) -> dict[str, Any]:
    turns = st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple)
    return {
        **draw(sizes()),
        "hops": draw(st.just((0,)) | turns),
        "end": draw(st.sampled_from(["absent", "null", "empty"])),
        "empty": draw(st.sampled_from(["list", "null", "absent"])),
        "trailing": draw(st.booleans()),
    }


def path_of(parents: tuple[Node, ...], item: Node) -> tuple[str, ...]:
    return (*(parent["Key"] for parent in parents), item["Key"])


def is_expired(error: Exception) -> bool:
    return isinstance(error, ExpiredTokenError)


def nest_of(service: NestedService, tree: Tree, *, is_async: bool) -> Any:
    levels = levels_of(service, tree.depth, tree.yields, is_async=is_async)
    kind: Any = AsyncNest if is_async else Nest
    return kind(levels, make_record=path_of, is_expired=is_expired)


@dataclass
class Walked:
    """What a walk has yielded, the token behind each, and the one at its end or its error."""

    records: list[Any] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    last: str | None = None
    error: PagerError | None = None


def walk_by(
    way: str,
    service: NestedService,
    tree: Tree,
    *,
    stop_after: int | None = None,
    by_page: bool = False,
    **options: Any,
) -> Walked:
    """Walks in one of the ways, to the end or so many records (or pages) far."""
    walked = Walked()
    walk = nest_of(service, tree, is_async=way != "sync").walk(**options)

    def go_on(record: Any) -> bool:
        walked.records.append(record)
        walked.tokens.append(walk.resume_token)
        return len(walked.records) != stop_after

    async def main() -> None:
        async for record in walk.pages() if by_page else walk:
            if not go_on(record):
                break

    try:
        if way == "sync":
            for record in walk.pages() if by_page else walk:
                if not go_on(record):
                    break
        else:
            run(way, main)
        walked.last = walk.resume_token
    except PagerError as error:
        walked.error = error
        walked.last = error.resume_token
    return walked


__all__ = [
    "ENTRY",
    "ExpiredTokenError",
    "FailedError",
    "NestedService",
    "ServiceError",
    "Tree",
    "Walked",
    "is_expired",
    "levels_of",
    "moods",
    "nest_of",
    "node",
    "path_of",
    "sizes",
    "trees",
    "walk_by",
]
