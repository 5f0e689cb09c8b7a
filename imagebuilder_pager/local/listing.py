"""Which part of a listing a page is.

The rule: a position counts the items of all pages, and a page without items counts as one. So each
position is in one page, at one offset, and a page may be cut at any item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .wire import WireDict


class Part(NamedTuple):
    """A page, and the position after its items; None if nothing follows."""

    page: dict[str, Any]
    end: int | None


def find_part(
    pages: Sequence[WireDict], result_key: str, start: int, limit: int | None
) -> Part | None:
    """Return the page at the position ``start``, with at most ``limit`` items.

    ``result_key`` is the member with the items. Returns None if the listing ends before ``start``.
    """
    first = 0
    for number, page in enumerate(pages, start=1):
        given = page.get(result_key)
        items = given if isinstance(given, list | tuple) else ()
        after = first + max(1, len(items))
        if start < after:
            part = {name: value for name, value in page.items() if name != "nextToken"}
            end = after
            if items:
                end = after if limit is None else min(after, start + limit)
                part[result_key] = items[start - first : end - first]
            is_last = end == after and number == len(pages)
            return Part(part, None if is_last else end)
        first = after
    return None
