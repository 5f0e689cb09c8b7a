"""The paginator protocol as a state machine without I/O.

Whoever drives a :class:`PageCursor` asks it for the next request, makes that request in whatever
way it likes, and hands the page back::

    while (request := cursor.next_request()) is not None:
        page = cursor.receive(method(**request))

A page is a dictionary, or an object that behaves like one: ``page.get(name)``,
``page[name] = value`` and ``copy.copy(page)``. What was handed in is never changed: where a page
has to be cut, a copy is.
"""

from __future__ import annotations

import bisect
import copy
import hashlib
from array import array
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..exceptions import PaginationError
from .spec import Expression, PaginationSpec
from .tokens import OFFSET_KEY, encode_token, parse_starting_token

__all__ = ["PageCursor", "PagePosition", "PageResult", "ResumablePage"]

PageT = TypeVar("PageT")


@runtime_checkable
class ResumablePage(Protocol):
    """A page that takes the token with which pagination goes on after it."""

    resume_token: str | None


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Where a page stands among all items: enough to make a token for any place in it.

    ``tokens`` are those that the page was asked with, ``offset`` the items of the service's page
    that come before the ones handed out, ``count`` the items handed out, ``after`` what a token
    that resumes behind the page holds, None after the last page.
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
        """The token that resumes after the first ``items`` items of the page."""
        if items >= self.item_count:
            return self.resume_token
        return encode_token(_with_offset(self.request_tokens, self.offset + items))


class PageResult(NamedTuple, Generic[PageT]):
    """A page as the caller shall see it, with what its cursor knew when it came.

    A cursor that runs ahead of the caller knows more by the time the page is handed out.
    """

    page: PageT
    position: PagePosition
    non_aggregate_part: dict[str, Any]


class PageCursor(Generic[PageT]):
    """Pages through one operation once.

    ``params`` are the request's parameters under their wire names; the mapping is copied.
    ``max_items``, ``page_size`` (whole numbers, or None) and ``starting_token`` are boto3's.
    Raises :class:`StartingTokenError` for a token that cannot be used.
    """

    def __init__(
        self,
        spec: PaginationSpec,
        params: Mapping[str, Any],
        *,
        max_items: int | None = None,
        page_size: int | str | None = None,
        starting_token: str | None = None,
    ) -> None:
        self._spec = spec
        self._params = dict(params)
        self._max_items = max_items
        self._resumed = starting_token is not None
        self._tokens: dict[str, Any] = dict.fromkeys(spec.input_tokens)
        self._items_to_skip = 0  # items still to leave out, from the starting token
        if starting_token is not None:
            self._tokens, self._items_to_skip = parse_starting_token(
                starting_token, spec.input_tokens
            )
            self._inject_tokens(self._tokens)
        if page_size is not None and spec.limit_key is not None:
            self._params[spec.limit_key] = page_size
        self._token_history = _TokenHistory()
        if self._resumed:
            self._token_history.add(self._tokens)
        self._pages = 0
        self._items = 0
        self._done = False
        self._repeated_tokens: dict[str, Any] | None = None
        #: Where the page last received stands; None before the first.
        self.position: PagePosition | None = None
        #: The members that are the same on every page, from the first one.
        self.non_aggregate_part: dict[str, Any] = {}

    @property
    def resume_token(self) -> str | None:
        """Resumes after the page last received; None before the first and after the last."""
        return None if self.position is None else self.position.resume_token

    def next_request(self) -> dict[str, Any] | None:
        """The parameters of the next request, or None when there is nothing more to ask for.

        Raises :class:`PaginationError` when the service has given a token for the second time:
        from there on it would go round in a circle.
        """
        if self._done:
            return None
        if self._repeated_tokens is not None:
            raise PaginationError(
                f"page {self._pages} ends with a token that was used before, so that the pages "
                f"would repeat without end (input tokens: {', '.join(self._repeated_tokens)})"
            )
        return dict(self._params)

    def receive_page(self, page: PageT) -> PageT:
        """Takes the page that the request was answered with; returns it as the caller shall see it.

        Items before the starting token's offset and beyond ``max_items`` are cut off, and a page
        that can carry its resume token gets it.
        """
        return self.process_page(page).page

    def process_page(self, page: PageT) -> PageResult[PageT]:
        """As :meth:`receive`, with where the page stands."""
        editor = _CopyOnWritePage(page)
        primary = self._spec.result_keys[0]
        offset = self._skip_items(editor, primary)
        self._pages += 1

        items = primary.search(editor.page)
        count = len(items) if items is not None else 0
        left = None if self._max_items is None else self._max_items - self._items
        asked_with = self._tokens
        if left is not None and count > left:
            count = left
            editor.set(primary, items[:count])
            self._done = True
            after: Mapping[str, Any] | None = _with_offset(asked_with, offset + count)
        else:
            # The page as it came: a token can be made of its last item, which may be cut off here.
            after = self._advance(page, max_items_reached=count == left)
        if self._pages == 1:
            self._record_non_aggregates(editor.page)
        self._items += count
        self.position = position = PagePosition(asked_with, offset, count, after)
        return PageResult(editor.finish(position), position, self.non_aggregate_part)

    def _skip_items(self, editor: _CopyOnWritePage[PageT], primary: Expression) -> int:
        """Cuts off what the starting token says the caller has; returns how many items that were.

        An offset may reach beyond a page when the page size has become smaller since the token
        was taken: what is left of it goes on to the next page.
        """
        if not self._items_to_skip and not (self._resumed and self._pages == 0):
            return 0
        items = primary.search(editor.page)
        skipped = 0
        if isinstance(items, (list, str)):
            skipped = min(self._items_to_skip, len(items))
            editor.set(primary, items[skipped:])
        else:
            editor.set(primary, None)
        self._items_to_skip -= skipped
        for expression in self._spec.result_keys[1:]:
            # The run that the token comes from has handed these out. Numbers stay, as in botocore:
            # they count what the service has looked at.
            value = expression.search(editor.page)
            if isinstance(value, (list, str)):
                editor.set(expression, value[:0])
            elif not isinstance(value, (int, float)):
                editor.set(expression, None)
        return skipped

    def _record_non_aggregates(self, page: PageT) -> None:
        for expression in self._spec.non_aggregates:
            set_value_at_path(self.non_aggregate_part, expression, expression.search(page))

    def _advance(self, page: PageT, *, max_items_reached: bool) -> Mapping[str, Any] | None:
        """Goes on to the page after this one; returns what a token that resumes there holds."""
        next_tokens = self._next_tokens(page)
        if all(token is None for token in next_tokens.values()):
            self._done = True
            return None
        self._tokens = next_tokens
        if max_items_reached:
            self._done = True
        elif self._token_history.add(next_tokens):
            self._inject_tokens(next_tokens)
        else:
            self._repeated_tokens = next_tokens
        return (
            _with_offset(next_tokens, self._items_to_skip) if self._items_to_skip else next_tokens
        )

    def _next_tokens(self, page: PageT) -> dict[str, Any]:
        flag = self._spec.more_results_flag
        if flag is not None and not flag.search(page):
            return {}
        return {
            name: expression.search(page) or None  # an empty token is none
            for name, expression in zip(
                self._spec.input_tokens, self._spec.output_tokens, strict=True
            )
        }

    def _inject_tokens(self, tokens: Mapping[str, Any]) -> None:
        for name, token in tokens.items():
            # "None" is how old starting tokens spell a token that is not there.
            if token is not None and token != "None":
                self._params[name] = token
            else:
                self._params.pop(name, None)


def _with_offset(tokens: Mapping[str, Any], offset: int) -> dict[str, Any]:
    return {**tokens, OFFSET_KEY: offset}


class _TokenHistory:
    """The tokens met so far, at eight bytes each, so that a long listing stays small."""

    def __init__(self) -> None:
        self._digests = array("Q")

    def add(self, tokens: Mapping[str, Any]) -> bool:
        """Whether the tokens are new."""
        text = repr(sorted(tokens.items())) if len(tokens) > 1 else repr(tokens)
        digest = int.from_bytes(
            hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        )
        index = bisect.bisect_left(self._digests, digest)
        if index < len(self._digests) and self._digests[index] == digest:
            return False
        self._digests.insert(index, digest)
        return True


class _CopyOnWritePage(Generic[PageT]):
    """Changes a copy of a page, made at the first change; only what lies on the way is copied."""

    def __init__(self, page: PageT) -> None:
        self.page = page
        self._original = page

    def set(self, expression: Expression, value: Any) -> None:
        self._copy_once()
        *parents, last = expression.member_path()
        target: Any = self.page
        for name in parents:
            inner = target.get(name)
            target[name] = {} if inner is None else _copy(inner)
            target = target[name]
        target[last] = value

    def finish(self, position: PagePosition) -> PageT:
        # As isinstance(self.page, ResumablePage), which takes its time.
        if hasattr(self.page, "resume_token"):
            self._copy_once()
            self.page.resume_token = position.resume_token
        return self.page

    def _copy_once(self) -> None:
        if self.page is self._original:
            self.page = _copy(self.page)


def _copy(value: Any) -> Any:
    """A copy that can be changed, also of a mapping that cannot."""
    if isinstance(value, Mapping) and not isinstance(value, MutableMapping):
        return dict(value)
    return copy.copy(value)


def set_value_at_path(target: dict[str, Any], expression: Expression, value: Any) -> None:
    """Sets the value at a path of members in a dictionary, making dictionaries on the way."""
    *way, last = expression.member_path()
    for name in way:
        target = target.setdefault(name, {})
    target[last] = value
