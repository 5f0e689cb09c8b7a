"""One listing of a nest: what each of its pages adds to the order of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...exceptions import ParentGoneError
from ..cursor import PageCursor
from ..tokens import StartingPoint
from .level import NestLevel
from .seek import Seek, passed_before
from .token import TokenEntry, encode_nest_token

#: How often a listing begins anew without a further item in between.
MAX_RESTARTS = 3


class NestContext(NamedTuple):
    """The settings that all listings of a nest share."""

    levels: Sequence[NestLevel]
    page_size: int | None
    fingerprint: str


class NestPage(NamedTuple):
    """A received page: its place in its listing, and its items."""

    listing: Listing
    tokens: Mapping[str, Any]
    before: int
    items: Sequence[Any]

    def entries_at(self, index: int) -> Iterator[TokenEntry]:
        """Yield the entries of a token that stands in the item, the outermost first."""
        yield from self.listing.outer_entries()
        level = self.listing.level
        yield TokenEntry(
            self.tokens,
            index,
            self.before,
            level.id_of(self.items[index]),
            passed=passed_before(level, self.items, index),
        )


class Run(NamedTuple):
    """Records that follow each other: items of one page, by their indexes."""

    page: NestPage
    indexes: Sequence[int]


class Gap:
    """A page that has still to be received, at its place in the order of records.

    ``tail`` are the entries with which a token goes on here, behind those of the items above;
    ``is_resuming`` says that they are still those of the starting token. ``content`` is what the
    page adds, records and further gaps, the last one first.
    """

    __slots__ = (
        "content",
        "error",
        "is_reached",
        "is_resuming",
        "is_started",
        "key",
        "listing",
        "tail",
    )

    def __init__(
        self, listing: Listing, before: int, tail: tuple[TokenEntry, ...], *, is_resuming: bool
    ) -> None:
        self.listing: Listing = listing
        self.tail: tuple[TokenEntry, ...] = tail
        self.is_resuming: bool = is_resuming
        # Compared, these are in the order of the records.
        self.key: tuple[int, ...] = (*listing.key, before)
        self.is_started: bool = False
        self.is_reached: bool = False
        self.content: list[Run | Gap] | None = None
        self.error: BaseException | None = None

    @property
    def level(self) -> NestLevel:
        """The level of its listing; its method is to be called."""
        return self.listing.level

    @property
    def params(self) -> dict[str, Any]:
        """The wire parameters to call it with.

        Raises :class:`PaginationError` where the service has returned the same token twice.
        """
        return self.listing.next_request()

    def entries(self) -> Iterator[TokenEntry]:
        """Yield the entries of a token that goes on with this page, the outermost first."""
        yield from self.listing.outer_entries()
        yield from self.tail


class Listing:
    """One listing of a nest, the one within the item at an index of a page, or the outermost.

    ``entries`` are those of a starting token from its level on.
    """

    __slots__ = (
        "_context",
        "_cursor",
        "_inner",
        "_last_id",
        "_params",
        "_passed",
        "_restarts",
        "_seek",
        "_start",
        "_tokens",
        "first_gap",
        "key",
        "level",
        "outer",
        "parents",
    )

    def __init__(
        self,
        context: NestContext,
        outer: tuple[NestPage, int] | None,
        parents: tuple[Any, ...],
        params: Mapping[str, Any],
        entries: tuple[TokenEntry, ...] = (),
    ) -> None:
        depth = len(parents)
        self._context = context
        self.level: NestLevel = context.levels[depth]
        self._inner = context.levels[depth + 1] if depth + 1 < len(context.levels) else None
        self.outer: tuple[NestPage, int] | None = outer
        self.parents: tuple[Any, ...] = parents
        self._params = params
        self.key: tuple[int, ...] = ()
        if outer is not None:
            page, index = outer
            self.key = (*page.listing.key, page.before + index)
        # The request tokens and the number of items before them, of the page requested next.
        self._tokens: Mapping[str, Any] = {}
        self._passed = 0
        self._last_id: str | None = None
        self._seek: Seek | None = None
        self._start = TokenEntry({}, 0, 0, None, is_next=True)
        self._restarts = 0
        self._cursor: PageCursor[Any] | None = None
        if entries:
            self._begin(entries[0], entries[1:])
        tail = entries or (self._start,)
        self.first_gap: Gap = Gap(self, self._passed, tail, is_resuming=bool(entries))

    @property
    def depth(self) -> int:
        """The number of its level, 0 for the outermost."""
        return len(self.parents)

    def outer_entries(self) -> Iterator[TokenEntry]:
        """Yield the entries of a token for the items that it is within."""
        if self.outer is not None:
            page, index = self.outer
            yield from page.entries_at(index)

    def next_request(self) -> dict[str, Any]:
        """Return the wire parameters of the page requested next."""
        if self._cursor is None:
            self._cursor = self._create_cursor()
        request = self._cursor.next_request()
        return {} if request is None else request

    def receive(self, gap: Gap, page: Any) -> list[Run | Gap]:
        """Process the page of a gap, and return what it adds, the last one first.

        Raises :class:`PaginationError` for a value that is not a page, and
        :class:`ParentGoneError` where the item looked for is not in the listing.
        """
        cursor = self._cursor = self._cursor or self._create_cursor()
        result = cursor.process_page(page)
        found = self.level.spec.result_keys[0].search(result.page)
        items = found if isinstance(found, list) else [] if found is None else list(found)
        received = NestPage(self, self._tokens, self._passed, items)
        content: list[Run | Gap] = []
        start = 0
        seek = self._seek
        if seek is not None:
            index = seek.find(self.level, items)
            start = len(items) if index is None else index + 1
            if index is not None:
                self._seek = None
                inner = None
                if seek.inner is not None:
                    inner = self._inner_gap(received, index, seek.inner)
                if inner is not None:
                    content.append(inner)
        if start < len(items):
            self._restarts = 0
            self._add_items(content, received, start)
        if items:
            self._last_id = self.level.id_of(items[-1])
            self._passed += len(items)
        next_tokens = result.position.next_tokens
        if next_tokens is not None:
            self._tokens = _present(next_tokens)
            content.append(self._next_gap(gap))
        elif self._seek is not None and self._seek.can_fail:
            raise self._gone_error(self._seek)
        content.reverse()
        return content

    def restart(self) -> bool:
        """Begin anew, where the service has refused the token of the page requested last.

        What has been passed is looked for by its last item. Return whether that is possible:
        not for a request without a token, and not again and again without an item in between.
        """
        if not self._tokens or self._restarts == MAX_RESTARTS:
            return False
        if self._seek is not None:
            self._seek = self._seek.from_beginning(self._start.before)
        elif self._passed:
            self._seek = Seek(self._last_id, self._passed - 1, None)
        self._tokens = {}
        self._passed = 0
        self._start = TokenEntry({}, 0, 0, None, is_next=True)
        self._restarts += 1
        self._cursor = None
        return True

    def _next_gap(self, gap: Gap) -> Gap:
        """Return the gap of the page behind one that has been received."""
        if self._seek is not None:  # nothing has been passed yet
            return Gap(self, self._passed, gap.tail, is_resuming=gap.is_resuming)
        entry = TokenEntry(self._tokens, 0, self._passed, self._last_id, is_next=True)
        return Gap(self, self._passed, (entry,), is_resuming=False)

    def _begin(self, entry: TokenEntry, inner: tuple[TokenEntry, ...]) -> None:
        self._start = entry
        self._tokens = entry.page
        self._passed = entry.before
        if not entry.is_next:
            self._seek = Seek(entry.id, entry.at, inner, entry.passed)
        elif entry.at:
            self._seek = Seek(entry.id, entry.at - 1, None)
        else:
            self._last_id = entry.id

    def _add_items(self, content: list[Run | Gap], page: NestPage, start: int) -> None:
        level, parents = self.level, self.parents
        is_included = level.is_included
        items = page.items
        # An item may be null.
        indexes = [i for i in range(start, len(items)) if items[i] is not None]
        if is_included is not None:
            indexes = [i for i in indexes if is_included(parents, items[i])]
        if self._inner is None:
            if level.yields_records and indexes:
                content.append(Run(page, indexes))
            return
        run: list[int] = []
        for index in indexes:
            if level.yields_records:
                run.append(index)
            gap = self._inner_gap(page, index, ())
            if gap is None:
                continue
            if run:
                content.append(Run(page, run))
                run = []
            content.append(gap)
        if run:
            content.append(Run(page, run))

    def _inner_gap(self, page: NestPage, index: int, entries: tuple[TokenEntry, ...]) -> Gap | None:
        """Return the first page of the listing within an item, None where there is none."""
        if self._inner is None:
            return None
        parents = (*self.parents, page.items[index])
        params = self._inner.params(parents)
        if params is None:
            return None
        return Listing(self._context, (page, index), parents, params, entries).first_gap

    def _create_cursor(self) -> PageCursor[Any]:
        spec = self.level.spec
        size: int | str | None = self._context.page_size
        if size is not None and spec.limit_as_string:
            size = str(size)
        tokens = {name: self._tokens.get(name) for name in spec.input_tokens}
        start = StartingPoint(tokens, 0) if self._tokens else None
        return PageCursor(spec, self._params, page_size=size, starting_token=start)

    def _gone_error(self, seek: Seek) -> ParentGoneError:
        behind = seek.entry_behind(self._start)
        error = ParentGoneError(self.level.name, seek.id)
        error.resume_token = encode_nest_token(
            self._context.fingerprint, (*self.outer_entries(), behind)
        )
        return error


def _present(tokens: Mapping[str, Any]) -> dict[str, Any]:
    return {name: token for name, token in tokens.items() if token is not None}
