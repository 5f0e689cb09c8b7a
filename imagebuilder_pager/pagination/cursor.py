"""The paginator protocol as a state machine without I/O: it decides where a listing continues.

A driver takes the next request from a :class:`PageCursor`, sends it, and passes the page back::

    while (request := cursor.next_request()) is not None:
        page = cursor.receive_page(method(**request))

A page is a dictionary, or an object that behaves like one: ``page.get(name)``,
``page[name] = value`` and ``copy.copy(page)``. A page passed in is never changed: one that is
truncated, or that gets its resume token, is copied first.
"""

from __future__ import annotations

import copy
import itertools
from array import array
from bisect import bisect_left
from collections.abc import Mapping, MutableMapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..exceptions import PaginationError
from .spec import Expression, PaginationSpec
from .tokens import MAX_OFFSET, OFFSET_KEY, StartingPoint, encode_token, parse_starting_token

PageT = TypeVar("PageT")


@runtime_checkable
class ResumablePage(Protocol):
    """A page that can carry the token that resumes after it."""

    resume_token: str | None


class PagePosition(NamedTuple):
    """The position of a page in its listing: enough to make a token for each item in it.

    - ``request_tokens``: the tokens in the page's request.
    - ``offset``: the number of items that were skipped at the start of the service's page.
    - ``item_count``: the number of items left in the page.
    - ``next_tokens``: the members of the token that resumes after it; None after the last page.
    """

    request_tokens: Mapping[str, Any]
    offset: int
    item_count: int
    next_tokens: Mapping[str, Any] | None

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after the page."""
        return None if self.next_tokens is None else encode_token(self.next_tokens)

    def token_after(self, items: int) -> str | None:
        """Return the token that resumes after the first ``items`` items of the page."""
        if items >= self.item_count:
            return self.resume_token
        return encode_token(_with_offset(self.request_tokens, self.offset + items))


class PageResult(NamedTuple, Generic[PageT]):
    """A processed page, with its position and the non-aggregate members at that time.

    A cursor that fetches ahead may be further than the page that the caller has.
    """

    page: PageT
    position: PagePosition
    non_aggregate_part: dict[str, Any]


class PageCursor(Generic[PageT]):
    """One pass over the pages of an operation.

    - ``spec``: the :class:`PaginationSpec` of the operation.
    - ``params``: the request's parameters under their wire names; the mapping is copied.
    - ``max_items``: maximum items in all. Default: None, no limit.
    - ``page_size``: the items to request in a page, of the type that the service expects. Default:
      None, the service's choice.
    - ``starting_token``: the token to resume after, or its :class:`StartingPoint`. Default: None,
      the beginning.

    Raises :class:`StartingTokenError` for an invalid token.
    """

    def __init__(
        self,
        spec: PaginationSpec,
        params: Mapping[str, Any],
        *,
        max_items: int | None = None,
        page_size: int | str | None = None,
        starting_token: str | StartingPoint | None = None,
    ) -> None:
        start = starting_token
        if start is not None and not isinstance(start, StartingPoint):
            start = parse_start(spec, start, page_size)
        self._spec = spec
        self._params = first_request(spec, params, page_size, start)
        self._max_items = max_items
        # The hashes of the tokens used so far, sorted: 8 bytes a page of a long listing.
        self._used_tokens = array("q")
        self._tokens: Mapping[str, Any] = dict.fromkeys(spec.input_tokens)
        self._items_to_skip = 0
        if start is not None:
            self._tokens, self._items_to_skip = start
            self._is_used(self._tokens)
        self._page_count = 0
        self._item_count = 0
        self._done = False
        self._repeats = False
        #: The position of the page received last; None before the first.
        self.position: PagePosition | None = None
        #: The members that are the same on every page, from the first one.
        self.non_aggregate_part: dict[str, Any] = {}

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after the page received last.

        None before the first page and after the last.
        """
        return None if self.position is None else self.position.resume_token

    def next_request(self) -> dict[str, Any] | None:
        """Return the parameters of the next request, or None after the last page.

        Raises :class:`PaginationError` where the service has returned the same token twice: the
        pages would repeat without end.
        """
        if self._done:
            return None
        if self._repeats:
            raise PaginationError(
                f"page {self._page_count} ends with a token that was used before, so that the "
                f"pages would repeat without end (input tokens: {', '.join(self._tokens)})"
            )
        return dict(self._params)

    def receive_page(self, page: PageT) -> PageT:
        """Process the response to a request, and return the page for the caller.

        Items before the starting token's offset and beyond ``max_items`` are cut off, and a page
        that can carry its resume token gets it. Raises :class:`PaginationError` for a value that
        is not a page.
        """
        return self.process_page(page).page

    def process_page(self, page: PageT) -> PageResult[PageT]:
        """Process a page as :meth:`receive_page` does; return it with its position."""
        if getattr(page, "get", None) is None:
            # Read as a page, it would end the listing as if it were whole.
            raise PaginationError(
                f"page {self._page_count + 1} is a {type(page).__name__}; allowed: a dictionary, "
                "or an object with get(name)"
            )
        editor = _CopyOnWritePage(page)
        primary = self._spec.result_keys[0]
        offset = self._skip_items(editor, primary) if self._items_to_skip else 0
        self._page_count += 1

        items = primary.search(editor.page)
        count = len(items) if items is not None else 0
        remaining = None if self._max_items is None else self._max_items - self._item_count
        request_tokens = self._tokens
        if remaining is not None and count > remaining:
            count = remaining
            editor.set(primary, _slice(items, 0, count))
            self._done = True
            next_tokens: Mapping[str, Any] | None = _with_offset(request_tokens, offset + count)
        else:
            # The original page: a token can be made of its last item, which may be cut off here.
            next_tokens = self._advance(page, max_items_reached=count == remaining)
        if self._page_count == 1:
            for expression in self._spec.non_aggregates:
                value = expression.search(editor.page)
                set_value_at_path(self.non_aggregate_part, expression, value)
        self._item_count += count
        self.position = position = PagePosition(request_tokens, offset, count, next_tokens)
        # As isinstance(editor.page, ResumablePage), but faster.
        if hasattr(editor.page, "resume_token"):
            editor.copied().resume_token = position.resume_token
        return PageResult(editor.page, position, self.non_aggregate_part)

    def _skip_items(self, editor: _CopyOnWritePage[PageT], primary: Expression) -> int:
        """Cut off the items that the starting token skips, and return how many these are.

        An offset reaches beyond a page where the page size is smaller than when the token was
        made: the rest of it is skipped in the next page.
        """
        items = primary.search(editor.page)
        skipped = 0
        if isinstance(items, (list, str, Mapping)):
            skipped = min(self._items_to_skip, len(items))
            editor.set(primary, _slice(items, skipped, None))
        else:
            editor.set(primary, None)
        self._items_to_skip -= skipped
        for expression in self._spec.result_keys[1:]:
            # The listing that the token comes from has returned these with the items before the
            # offset. Numbers stay, as in botocore: they count scanned items.
            value = expression.search(editor.page)
            if isinstance(value, (list, str)):
                editor.set(expression, value[:0])
            elif not isinstance(value, (int, float)):
                editor.set(expression, None)
        return skipped

    def _advance(self, page: PageT, *, max_items_reached: bool) -> Mapping[str, Any] | None:
        """Move to the next page, and return the members of the token that resumes there."""
        next_tokens = self._next_tokens(page)
        if not any(next_tokens.values()):
            self._done = True
            return None
        self._tokens = next_tokens
        if max_items_reached:
            self._done = True
        elif self._is_used(next_tokens):
            self._repeats = True
        else:
            _inject_tokens(self._params, next_tokens)
        return (
            _with_offset(next_tokens, self._items_to_skip) if self._items_to_skip else next_tokens
        )

    def _is_used(self, tokens: Mapping[str, Any]) -> bool:
        """Return whether the tokens were used before; now they are."""
        digest = hash(repr(sorted(tokens.items())))
        place = bisect_left(self._used_tokens, digest)
        if digest in self._used_tokens[place : place + 1]:
            return True
        self._used_tokens.insert(place, digest)
        return False

    def _next_tokens(self, page: PageT) -> dict[str, Any]:
        flag = self._spec.more_results_flag
        if flag is not None and not flag.search(page):
            return {}
        return {
            name: expression.search(page) or None  # an empty token means no token
            for name, expression in zip(
                self._spec.input_tokens, self._spec.output_tokens, strict=True
            )
        }


def parse_start(spec: PaginationSpec, token: object, page_size: int | str | None) -> StartingPoint:
    """Return the point in a listing at which a starting token resumes.

    Raises :class:`StartingTokenError` for an invalid token.
    """
    # A page of the size that is asked for now may have been asked for before.
    max_offset = max(spec.max_page_size or MAX_OFFSET, int(page_size or 0))
    return parse_starting_token(token, spec.input_tokens, max_offset)


def first_request(
    spec: PaginationSpec,
    params: Mapping[str, Any],
    page_size: int | str | None,
    start: StartingPoint | None,
) -> dict[str, Any]:
    """Return the parameters with the page size and the tokens of the first request in them."""
    request = dict(params)
    if start is not None:
        _inject_tokens(request, start.tokens)
    if page_size is not None and spec.limit_key is not None:
        request[spec.limit_key] = page_size
    return request


def _inject_tokens(params: dict[str, Any], tokens: Mapping[str, Any]) -> None:
    for name, token in tokens.items():
        # Legacy starting tokens spell an absent token "None".
        if token is not None and token != "None":
            params[name] = token
        else:
            params.pop(name, None)


def _slice(items: Any, start: int, stop: int | None) -> Any:
    """Return some of the items; those of a map are its entries, in the service's order."""
    if isinstance(items, Mapping):
        return dict(itertools.islice(items.items(), start, stop))
    return items[start:stop]


def _with_offset(tokens: Mapping[str, Any], offset: int) -> dict[str, Any]:
    return {**tokens, OFFSET_KEY: offset}


class _CopyOnWritePage(Generic[PageT]):
    """A page that is copied at its first change, and of its structures only those changed."""

    def __init__(self, page: PageT) -> None:
        self.page = page
        self._original = page

    def copied(self) -> Any:
        """Return the page to change."""
        if self.page is self._original:
            self.page = _copy(self.page)
        return self.page

    def set(self, expression: Expression, value: Any) -> None:
        target = self.copied()
        *parents, last = expression.member_path()
        for name in parents:
            inner = target.get(name)
            target[name] = {} if inner is None else _copy(inner)
            target = target[name]
        target[last] = value


def _copy(value: Any) -> Any:
    """Return a copy that can be changed, also of a mapping that cannot."""
    if isinstance(value, Mapping) and not isinstance(value, MutableMapping):
        return dict(value)
    return copy.copy(value)


def set_value_at_path(target: dict[str, Any], expression: Expression, value: Any) -> None:
    """Set the value at a path of members in a dictionary, adding dictionaries where needed."""
    *parents, last = expression.member_path()
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value
