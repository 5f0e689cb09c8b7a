"""The plain outputs of whole pages: ``json``, ``text`` and ``yaml-stream``."""

from __future__ import annotations

import json
from typing import Any

from ..context import ListContext
from ..stdout import Output

__all__ = ["write_json"]


def write_json(listing: ListContext, output: Output) -> None:
    """The whole result as one JSON document, as the AWS CLI writes it."""
    one_call = listing.request.no_paginate
    result = listing.raw_page() if one_call else listing.raw_pages().build_full_result()
    result = _picked(listing, result)
    if result != {}:
        output.write(json.dumps(result, indent=4, ensure_ascii=False) + "\n")


def _picked(listing: ListContext, value: Any) -> Any:
    query = listing.request.query
    return value if query is None else query.search(value)
