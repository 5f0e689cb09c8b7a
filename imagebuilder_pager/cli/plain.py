"""The plain outputs of whole pages: ``json``, ``text`` and ``yaml-stream``."""

from __future__ import annotations

import json
from typing import Any

from .listing import OPERATION, Listing
from .output import Output
from .text import text_of
from .yaml import yaml_entry

__all__ = ["write_json", "write_text", "write_yaml_stream"]


def write_json(listing: Listing, output: Output) -> None:
    """The whole result as one JSON document, as the AWS CLI writes it."""
    one_call = listing.asked.one_call
    result = listing.wire_page() if one_call else listing.wire_pages().build_full_result()
    result = _picked(listing, result)
    if result != {}:
        output.write(json.dumps(result, indent=4, ensure_ascii=False) + "\n")


def write_text(listing: Listing, output: Output) -> None:
    """Tab-separated lines, page by page, the query applied to each page and to the token.

    The AWS CLI does so: with a query, a token that remains is a line that says None.
    """
    if listing.asked.one_call:
        output.write(text_of(_picked(listing, listing.wire_page())))
        return
    pages = listing.wire_pages()
    first = True
    for page in pages:
        shown = dict(pages.non_aggregate_part) if first else {}
        for key in OPERATION.pagination.result_keys:
            shown[key.expression] = key.search(page)
        with listing.signals.held():
            output.write(text_of(_picked(listing, shown)))
            listing.place.move(pages.resume_token)
        first = False
    if (token := pages.resume_token) is not None:
        output.write(text_of(_picked(listing, {"NextToken": {"NextToken": token}})))
        listing.place.move(None)


def write_yaml_stream(listing: Listing, output: Output) -> None:
    """A YAML list with an entry a page, written as they come, the query applied to each."""
    if listing.asked.one_call:
        output.write(yaml_entry(_picked(listing, listing.wire_page())))
        return
    pages = listing.wire_pages()
    for page in pages:
        with listing.signals.held():
            output.write(yaml_entry(_picked(listing, page)))
            listing.place.move(pages.resume_token)


def _picked(listing: Listing, value: Any) -> Any:
    query = listing.asked.query
    return value if query is None else query.search(value)
