"""The search for the item that a token stands in, from its page on to the end of the listing.

The rule: the item is the one with its id, wherever it is now. If it is gone, the listing goes on
behind the last item that is known to come before it and is still there; of those on its page, the
token has short digests. So it relies on the order of the items that are left, and on nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from .level import NestLevel
from .token import MAX_PASSED, TokenEntry


class Seek:
    """A search through the pages of one listing.

    ``at`` is the index of the item from the first page on. With ``inner``, the nest goes on within
    the item, at these entries; with None, behind it. ``passed`` are digests of the items right
    before it.
    """

    def __init__(
        self,
        item_id: str | None,
        at: int,
        inner: tuple[TokenEntry, ...] | None,
        passed: Sequence[str] = (),
    ) -> None:
        self.id = item_id
        self.inner = inner
        self._at = at
        self._passed = frozenset(passed)
        self._first_passed = at - len(passed)
        self._seen = 0
        self._last_passed: tuple[int, str | None] | None = None

    def find(self, level: NestLevel, items: Sequence[Any]) -> int | None:
        """Return the item's index in the next page, None where it is not there."""
        index = self._at - self._seen
        is_here = 0 <= index < len(items)
        if self.id is None or (is_here and level.id_of(items[index]) == self.id):
            found = index if is_here else None
        else:
            ids = [level.id_of(item) for item in items]
            found = ids.index(self.id) if self.id in ids else None
            if self._passed and found is None:
                for number, item_id in enumerate(ids):
                    if item_id is not None and _digest(item_id) in self._passed:
                        self._last_passed = self._seen + number, item_id
        self._seen += len(items)
        return found

    def from_beginning(self, before: int) -> Seek:
        """Return the same search, where there are ``before`` items before its first page."""
        again = Seek(self.id, before + self._at, self.inner)
        again._passed = self._passed
        again._first_passed = before + self._first_passed
        return again

    @property
    def can_fail(self) -> bool:
        """Whether it is an error not to find it: not where it only counts what was passed."""
        return self.id is not None or self.inner is not None

    def entry_behind(self, first: TokenEntry) -> TokenEntry:
        """Return where to go on if the item is gone; ``first`` is the entry of the first page."""
        at, item_id = self._first_passed, None
        if self._last_passed is not None:
            at, item_id = self._last_passed[0] + 1, self._last_passed[1]
        return TokenEntry(first.page, at, first.before, item_id, is_next=True)


def passed_before(level: NestLevel, items: Sequence[Any], index: int) -> tuple[str, ...]:
    """Return the digests of the items of a page before an index, at most ``MAX_PASSED``."""
    ids = (level.id_of(item) for item in items[max(0, index - MAX_PASSED) : index])
    return tuple(_digest(item_id or "") for item_id in ids)


def _digest(item_id: str) -> str:
    return hashlib.blake2b(item_id.encode("utf-8", "replace"), digest_size=4).hexdigest()
