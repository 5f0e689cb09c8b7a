"""A walk as a state machine without I/O: it decides which listing comes next, and where it resumes.

The rule: an open listing is at an item, and the listing within that item is gone through before the
next one. So the open listings are a stack, and their keys are where the walk stands. To resume,
each is gone through until its key is found. A driver fetches the pages::

    while (listing := cursor.next_listing()) is not None:
        try:
            page = next(iterator)  # that over listing.pages, new where listing.position is None
        except InvalidPaginationTokenException as error:
            cursor.restart(error)
        else:
            cursor.receive(page)
            yield from cursor.records()

A key that is not found behind its paginator token is looked for from the start of its listing. If
it is not there, the innermost listing begins anew, so that nothing behind the key is left out. An
outer one is an error: what was within the item is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..exceptions import PagerError, ParentGoneError
from ..models.exceptions import InvalidPaginationTokenException
from ..pagination import PagePosition
from .plan import LEVELS, WalkPlan, key_of, record_of
from .records import LifecycleRecord
from .token import BEGINNING, WalkToken, pack_token
from .walk import WalkArguments

#: How often the tokens of a listing may be refused without a further item in between.
MAX_RESTARTS = 3


class Listing:
    """One listing: its pages, and how far the walk is in it.

    - ``parents``, ``ids``: the items that it is within, and their ids.
    - ``key``: the key of the item to look for. Default: None, the listing begins.
    - ``token``: the paginator's token to begin at. Default: None, the start.
    - ``given``: its items, where nothing has to be fetched. Default: None.
    """

    def __init__(
        self,
        parents: tuple[Any, ...] = (),
        ids: tuple[str, ...] = (),
        key: str | None = None,
        token: str | None = None,
        given: Sequence[Any] | None = None,
    ) -> None:
        self.parents = parents
        self.ids = ids
        self.depth = len(ids)
        self.restarts = 0
        self.has_begun_anew = False
        self._given = given
        self._keys: list[str] = []
        self._begin(key, token)

    @property
    def key(self) -> str | None:
        """The key of the item passed last, or looked for; None before the first."""
        return self._last_key if self.is_seeking or self.index < 0 else self.keys[self.index]

    @property
    def keys(self) -> list[str]:
        """The keys of the page's items, made when they are needed."""
        if not self._keys:
            self._keys = [key_of(self.depth, item) for item in self.items]
        return self._keys

    def go_back(self) -> None:
        """Go through the listing from its start, until the item passed last is found."""
        self._begin(self.key)

    def begin_anew(self) -> None:
        """Go through the listing from its start, and leave nothing out."""
        self.has_begun_anew = True
        self._begin(None)

    def receive(self, items: Sequence[Any]) -> None:
        """Take the items of the next page."""
        self._set_items(items, self.key)

    def bookmark(self) -> tuple[str | None, str | None]:
        """Return the key of the item passed last, and the token of the paginator that begins at it.

        Where going through the listing from its start finds that item as soon, there is no token.
        """
        key, position = self.key, self.position
        if position is None or self.is_seeking:
            return key, self.token
        if self.index < 0:  # a page without items: there is none to begin at
            return None, position.resume_token
        is_first_page = not any(position.request_tokens.values()) and not position.offset
        if is_first_page and key and self.keys.index(key) == self.index:
            return key, None
        return key, position.token_after(self.index)

    def _begin(self, key: str | None, token: str | None = None) -> None:
        self.token = token
        # From the start, an item without an id would never be found.
        self.is_seeking: bool = bool(key) or (key is not None and token is not None)
        self.pages: Any = None
        self.position: PagePosition | None = None
        self.has_more: bool = self._given is None
        self._set_items(self._given or (), key)

    def _set_items(self, items: Sequence[Any], last_key: str | None) -> None:
        self.items: Sequence[Any] = items
        self.index: int = -1
        self._last_key: str | None = last_key
        self._keys = []


class WalkCursor:
    """One pass of a walk.

    - ``plan``: its listings, and where it begins.
    """

    def __init__(self, plan: WalkPlan) -> None:
        self._plan = plan
        # The keys of the starting token that are still to be looked for, inside of the open ones.
        self._path = list(plan.start.keys)
        self._stack: list[Listing] = []
        self._open()
        next(self.records(), None)  # given policies need no page, and are no records

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that resumes here; None at the beginning and at the end."""
        position = self.position
        if position is None or position == BEGINNING:
            return None
        return pack_token(self._plan.fingerprint, position)

    @property
    def position(self) -> WalkToken | None:
        """Where the walk stands, None at the end."""
        if self._path:
            return self._plan.start
        if all(map(self._is_last, reversed(self._stack))):
            return None
        keys = [listing.bookmark()[0] for listing in self._stack]
        for level, listing in reversed([*enumerate(self._stack)]):
            if (token := listing.bookmark()[1]) is not None:
                return WalkToken(tuple(keys), level, token)
        return WalkToken(tuple(keys))

    def next_listing(self) -> Listing | None:
        """Return the listing whose next page is needed, None at the end."""
        if not self._stack:
            return None
        listing = self._stack[-1]
        if listing.pages is None:
            listing.pages = self._plan.paginate(listing.ids, listing.token)
        return listing

    def receive(self, page: Any) -> None:
        """Take the next page of that listing."""
        listing = self._stack[-1]
        listing.position = position = listing.pages.position
        listing.has_more = position.next_tokens is not None
        listing.receive(listing.pages.result_keys[0].search(page) or ())

    def restart(self, error: InvalidPaginationTokenException) -> None:
        """Go through the listing from its start, where the service has refused its token.

        Raises the error for a request without a token, and for tokens refused again and again.
        """
        listing = self._stack[-1]
        has_sent_token = listing.token is not None or listing.position is not None
        if not has_sent_token or listing.restarts == MAX_RESTARTS:
            raise error
        listing.restarts += 1
        if listing.key:
            listing.go_back()
        else:
            listing.begin_anew()

    def records(self) -> Iterator[LifecycleRecord]:
        """Yield the records up to the next page that is needed; at each, :attr:`position` is right.

        Raises :class:`ParentGoneError` where an outer item of the starting token is gone.
        """
        while self._stack:
            listing = self._stack[-1]
            if listing.index + 1 < len(listing.items):
                listing.index += 1
                record = self._pass_item(listing, listing.items[listing.index])
                if record is not None:
                    yield record
            elif listing.has_more:
                return
            elif listing.is_seeking:
                self._miss(listing)
            else:
                self._stack.pop()

    def attach_resume_token(self, error: PagerError) -> None:
        """Set on an error the token that resumes behind what the caller has."""
        if not isinstance(error, ParentGoneError):  # it has its own
            error.resume_token = self.resume_token

    def _pass_item(self, listing: Listing, item: Any) -> LifecycleRecord | None:
        if listing.is_seeking:
            if listing.keys[listing.index] == listing.key:
                listing.is_seeking = False
                if self._path:
                    self._enter(listing, item)
            elif listing.token is not None:  # something before it has moved
                listing.go_back()
            return None
        if not listing.has_begun_anew:
            listing.restarts = 0
        if not self._plan.includes(listing.depth, item):
            return None
        self._enter(listing, item)
        return record_of(listing.parents, item)

    def _enter(self, listing: Listing, item: Any) -> None:
        """Open the listing within an item, if there is one."""
        item_id = self._plan.id_within(listing.depth, item)
        if item_id is None:
            self._path.clear()
        else:
            self._open((*listing.parents, item), (*listing.ids, item_id))

    def _open(self, parents: tuple[Any, ...] = (), ids: tuple[str, ...] = ()) -> None:
        key = token = None
        if self._path:
            key = self._path.pop(0)
            token = self._plan.start.token if self._plan.start.level == len(ids) else None
        given = None if ids else self._plan.policies
        self._stack.append(Listing(parents, ids, key, token, given))

    def _miss(self, listing: Listing) -> None:
        """Decide what follows where a listing does not have the item that is looked for."""
        if listing.token is not None:
            listing.go_back()
        elif self._path:
            error = ParentGoneError(LEVELS[listing.depth].method_name, listing.key)
            keys = [outer.key for outer in self._stack[:-1]]
            error.resume_token = pack_token(self._plan.fingerprint, WalkToken((*keys, None)))
            raise error
        else:
            listing.begin_anew()

    def _is_last(self, listing: Listing) -> bool:
        """Return whether nothing can follow in a listing."""
        depth, rest = listing.depth, listing.items[listing.index + 1 :]
        is_open = listing.has_more or listing.is_seeking
        return not is_open and not any(self._plan.includes(depth, item) for item in rest)


class BaseWalk:
    """One walk, and how far its caller is: what the sync and the async one share."""

    def __init__(self, client: object, arguments: WalkArguments) -> None:
        self._plan = WalkPlan(client, arguments)
        self._cursor: WalkCursor | None = None

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that resumes right behind the last record or page yielded.

        None before the first and after the last. With several iterations at once, it is that of
        the iteration that yielded last.
        """
        return None if self._cursor is None else self._cursor.resume_token

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` that the walk begins at."""
        return self._plan.starting_token

    def _expand_records(self, cursor: WalkCursor, page: Any) -> Iterator[LifecycleRecord]:
        cursor.receive(page)
        for record in cursor.records():
            self._cursor = cursor
            yield record
        self._cursor = cursor

    def _expand_page(self, cursor: WalkCursor, page: Any) -> Iterator[list[LifecycleRecord]]:
        position = cursor.position
        cursor.receive(page)
        records = list(cursor.records())
        self._cursor = cursor
        # Nothing has moved on while the item of the starting token is still looked for.
        if records or cursor.position != position:
            yield records
