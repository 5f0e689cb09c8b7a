"""The outputs that are made for reading, by rich: ``table``, ``summary`` and ``tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import ListContext
from ..stdout import Output
from .console import RichWriter

__all__ = ["show"]


def show(
    name: str, listing: ListContext, output: Output, *, color: str, done: Callable[[], None]
) -> None:
    """Shows the listing; ``done`` is called before anything is written."""
    screen = RichWriter(output, color, done)
    if name == "table" and listing.request.query is not None:
        from .query_table import show_query_result

        one_call = listing.request.no_paginate
        result: Any = listing.raw_page() if one_call else listing.raw_pages().build_full_result()
        show_query_result(screen, listing.request.query.search(result))
    elif name == "table":
        from .table import show_table

        show_table(screen, listing)
    elif name == "summary":
        from .summary import show_summary

        show_summary(screen, listing)
    else:
        from .tree import show_tree

        show_tree(screen, listing)
