"""A fake paginated service, by an entry of AWS's ``paginators-1.json``.

It serves botocore's paginator and ours, sync and async, records the requests, and refuses unknown
tokens.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.lowlevel
import botocore.paginate

from imagebuilder_pager.pagination import AsyncPaginator, PaginationSpec, Paginator

T = TypeVar("T")
Entry = dict[str, Any]
State = tuple[int, int]
BACKENDS = ("asyncio", "trio")
WAYS = ("sync", *BACKENDS)
#: The operation of most tests.
ENTRY: Entry = {
    "input_token": "Token",
    "output_token": "NextToken",
    "result_key": "Items",
    "limit_key": "Max",
}


class ServiceError(Exception):
    """An error of the service."""


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def put(page: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split(".")
    for name in way:
        page = page.setdefault(name, {})
    page[last] = value


def members(entry: Entry) -> Any:
    """Return the part of a service model that botocore's paginator reads."""
    kind = "string" if entry.get("limit_as_string") else "integer"
    shapes = {entry["limit_key"]: SimpleNamespace(type_name=kind)} if "limit_key" in entry else {}
    return SimpleNamespace(input_shape=SimpleNamespace(members=shapes))


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The items of a service, and the kinds of its pages.

    ``most``: maximum items of a page. ``short``: how many items fewer a page has, in turns.
    ``hops``: empty pages before the items, in turns. ``end`` and ``empty``: the form of a missing
    token, and of missing items. ``trailing``: an empty page comes last. ``stale``: with
    ``more_results``, the last page still has a token.
    """

    entry: Entry
    items: Any
    most: int = 3
    short: tuple[int, ...] = (0,)
    hops: tuple[int, ...] = (0,)
    kind: str = "text"
    prefix: str = "t"
    sparse: bool = False
    end: str = "absent"
    empty: str = "list"
    trailing: bool = False
    stale: bool = False
    secondary: tuple[str, ...] = ()

    @property
    def input_tokens(self) -> list[str]:
        return as_list(self.entry["input_token"])

    @property
    def primary(self) -> str:
        return as_list(self.entry["result_key"])[0]

    @property
    def states(self) -> list[State]:
        return [
            (place, hop)
            for place in range(len(self.items) + 1)
            for hop in range(max(self.hops) + 1)
        ]

    def tokens(self, state: State) -> dict[str, Any]:
        """Return the tokens of a state, without missing ones."""
        return {
            name: self._token(number, state)
            for number, name in enumerate(self.input_tokens)
            if not (self.sparse and number and state[0] % 2)
        }

    def _token(self, number: int, state: State) -> Any:
        place, hop = state
        if self.kind == "key":  # the last item's key
            return f"{self.prefix}{place - 1}" + ("+" * hop)
        if self.kind == "number":
            return (place * 4 + hop) * 10 + number + 1
        if self.kind == "bytes":
            return b"\xff\x00" + f"{number}.{place}.{hop}".encode()
        if self.kind == "object":
            return {"at": [place, {"hop": bytes([hop, 255])}], "of": f"{self.prefix}{number}"}
        return f"{self.prefix}{number}:{place}.{hop}"

    def state(self, params: dict[str, Any]) -> State:
        """Return the state of a request's tokens."""
        given = {name: params[name] for name in self.input_tokens if name in params}
        if not given:
            return 0, 0
        for state in self.states:
            if self.tokens(state) == given:
                return state
        raise ServiceError(f"tokens that were never given: {given}")

    def page(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the response to a request."""
        place, hop = state = self.state(params)
        page: dict[str, Any] = {}
        if hop < self.hops[place % len(self.hops)]:
            end, following, last = place, (place, hop + 1), False
        else:
            limit = int(params.get(self.entry.get("limit_key", ""), self.most))
            size = max(1, min(limit, self.most) - self.short[place % len(self.short)])
            end = min(place + size, len(self.items))
            following = (end, 0)
            # A token made of the last item is on every page with an item.
            always = self.kind == "key" and "more_results" not in self.entry
            last = end == len(self.items) and (end == place or not (self.trailing or always))
        self._put_items(page, place, end)
        if not last or (self.stale and "more_results" in self.entry):
            self._put_tokens(page, state, following)
        elif self.end != "absent":
            for path in as_list(self.entry["output_token"]):
                if path.replace(".", "").isalnum():
                    put(page, path, None if self.end == "null" else "")
        if "more_results" in self.entry:
            put(page, self.entry["more_results"], not last)
        for path in as_list(self.entry.get("non_aggregate_keys")):
            put(page, path, {path: [place]} if place % 2 else f"{path} on the page at {state}")
        return page

    def _put_items(self, page: dict[str, Any], place: int, end: int) -> None:
        if place < end or self.empty == "list":
            put(page, self.primary, copy.deepcopy(self.items[place:end]))
        elif self.empty == "null":
            put(page, self.primary, None)
        secondary = as_list(self.entry["result_key"])[1:]
        for number, (path, kind) in enumerate(zip(secondary, self.secondary, strict=True)):
            if kind == "list":
                count = (place + number + end) % 4
                put(page, path, [f"{number}/{place}/{i}" for i in range(count)])
            elif kind == "text":
                put(page, path, f"<{number}/{place}>")
            elif kind == "number":
                put(page, path, end - place if number == 0 else place / 2)
            elif kind == "sometimes" and place % 2 == 0:
                put(page, path, [place])

    def _put_tokens(self, page: dict[str, Any], state: State, following: State) -> None:
        tokens = self.tokens(following)
        for name, text in zip(self.input_tokens, as_list(self.entry["output_token"]), strict=True):
            if name not in tokens:
                continue
            paths = text.split(" || ")
            if self.kind != "key":
                put(page, paths[state[0] % len(paths)], tokens[name])
            elif following[0] == state[0] or state[0] % 2:
                put(page, paths[0], tokens[name])


class FakeService:
    """A service that responds with the pages of a listing, and records its requests.

    After ``good`` requests, it fails.
    """

    def __init__(self, listing: Listing, good: int = 10**6) -> None:
        self.listing = listing
        self.good = good
        self.requests: list[dict[str, Any]] = []

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(params))
        if len(self.requests) > self.good:
            raise ServiceError(f"request {len(self.requests)}")
        return self.listing.page(params)

    async def later(self, **params: Any) -> dict[str, Any]:
        await anyio.lowlevel.checkpoint()
        return self(**params)


def spec_of(entry: Entry) -> PaginationSpec:
    plain = {name: value for name, value in entry.items() if name != "limit_as_string"}
    return PaginationSpec.from_model(plain, limit_as_string=entry.get("limit_as_string", False))


def ours(method: Callable[..., Any], entry: Entry) -> Paginator[Any, Any]:
    return Paginator(method, spec_of(entry))


def ours_async(method: Callable[..., Awaitable[Any]], entry: Entry) -> AsyncPaginator[Any, Any]:
    return AsyncPaginator(method, spec_of(entry))


def botocores(method: Callable[..., Any], entry: Entry) -> Any:
    # As Any: the stubs have no constructor, and pages may have any type.
    paginator: Any = botocore.paginate.Paginator
    return paginator(method, entry, members(entry))


if TYPE_CHECKING:
    BotocorePageIterator = botocore.paginate.PageIterator[Any]  # generic in the stubs alone
else:
    BotocorePageIterator = botocore.paginate.PageIterator


class CompletePageIterator(BotocorePageIterator):
    """botocore's iterator, with a complete page where a token without an offset resumes.

    botocore empties the other result keys of that page, and items that are not in a list.
    """

    def _handle_first_request(self, parsed: Any, primary: Any, truncation: Any) -> Any:
        untyped: Any = self  # the stubs have none of these
        if untyped._parse_starting_token()[1] == 0:
            return 0
        inherited: Any = super()
        return inherited._handle_first_request(parsed, primary, truncation)


def botocores_complete(method: Callable[..., Any], entry: Entry) -> Any:
    """Return botocore's paginator with :class:`CompletePageIterator`."""
    paginator = botocores(method, entry)
    paginator.PAGE_ITERATOR_CLS = CompletePageIterator
    return paginator


def run(way: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run an async function to its end, under trio or (also for ``sync``) asyncio."""
    if way == "trio":
        import trio  # not in the environment with aiobotocore

        return trio.run(function)

    async def main() -> T:
        return await function()

    return asyncio.run(main())


class Each(AsyncIterator[Any]):
    """The values of a sync or an async iterable; both are read with ``await``."""

    def __init__(self, values: Any) -> None:
        self._values = aiter(values) if hasattr(values, "__aiter__") else iter(values)

    async def __anext__(self) -> Any:
        if hasattr(self._values, "__anext__"):
            return await anext(self._values)
        for value in self._values:
            return value
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await close(self._values)


async def close(closable: Any) -> None:
    """Close a sync or an async iterator or client."""
    if hasattr(closable, "aclose"):
        await closable.aclose()
    else:
        closable.close()


async def settled(value: Any) -> Any:
    """Return the value, awaited if it is awaitable."""
    return await value if isinstance(value, Awaitable) else value


class Pages:
    """Our pages or our walk, sync or async; both are read with ``await``."""

    def __init__(self, pages: Any) -> None:
        self.pages = pages

    def __aiter__(self) -> Each:
        return Each(self.pages)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pages, name)

    def items(self) -> Each:
        return Each(self.pages.items())

    def search(self, expression: str) -> Each:
        return Each(self.pages.search(expression))

    def result_key_iters(self) -> list[Each]:
        return [Each(values) for values in self.pages.result_key_iters()]

    async def build_full_result(self) -> dict[str, Any]:
        result: dict[str, Any] = await settled(self.pages.build_full_result())
        return result


def paginate_by(way: str, method: Callable[..., Any], config: Any = None, **params: Any) -> Pages:
    """Return our pages of a service, or of a function of :data:`ENTRY`, in one of the ways."""
    entry = method.listing.entry if isinstance(method, FakeService) else ENTRY

    async def later(**params: Any) -> Any:
        await anyio.lowlevel.checkpoint()
        return method(**params)

    paginator: Any = ours(method, entry) if way == "sync" else ours_async(later, entry)
    return Pages(paginator.paginate(PaginationConfig=config, **params))


#: Some values, the resume token after each, and the final one.
Found = tuple[list[Any], list[str | None], str | None]


def gone_through(way: str, pages: Pages, values: Any, stop_after: int | None) -> Found:
    """Return some values of the pages, the resume token after each, and the final one."""
    found: list[Any] = []
    tokens: list[str | None] = []

    async def main() -> None:
        async for value in values:
            found.append(value)
            tokens.append(pages.resume_token)
            if len(found) == stop_after:
                break

    run(way, main)
    return found, tokens, pages.resume_token


def pages_by(
    way: str, service: FakeService, config: Any = None, stop_after: int | None = None
) -> tuple[list[Any], list[str | None]]:
    """Return the service's pages and the resume token after each, in one of the ways."""
    pages = paginate_by(way, service, config)
    found, tokens, _ = gone_through(way, pages, pages, stop_after)
    return found, tokens


def items_by(
    way: str, service: FakeService, config: Any = None, stop_after: int | None = None
) -> Found:
    """Return the service's items with their tokens, as :func:`pages_by` does the pages."""
    pages = paginate_by(way, service, config)
    return gone_through(way, pages, pages.items(), stop_after)


def expand_items(listing: Listing, pages: list[Any]) -> list[Any]:
    """Return the items of some pages; if the listing is a text, its characters."""
    items: list[Any] = []
    for page in pages:
        inner = page
        for name in listing.primary.split("."):
            inner = inner.get(name) if inner else None
        items.extend(inner or ())
    return items
