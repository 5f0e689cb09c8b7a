"""The outputs that are made for reading, by rich: ``table``, ``summary`` and ``tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..listing import Listing
from ..output import Output
from .console import Screen

__all__ = ["show"]


def show(
    name: str, listing: Listing, output: Output, *, color: str, done: Callable[[], None]
) -> None:
    """Shows the listing; ``done`` is called before anything is written."""
    screen = Screen(output, color, done)
    if name == "table" and listing.asked.query is not None:
        from .anything import show_anything

        one_call = listing.asked.one_call
        result: Any = listing.wire_page() if one_call else listing.wire_pages().build_full_result()
        show_anything(screen, listing.asked.query.search(result))
    elif name == "table":
        from .table import show_table

        show_table(screen, listing)
    elif name == "summary":
        from .summary import show_summary

        show_summary(screen, listing)
    else:
        from .tree import show_tree

        show_tree(screen, listing)
