"""``--output text``: tab-separated lines, by the AWS CLI's rules.

The scalars of a dictionary make a line, in the order of their keys, led by the dictionary's own
key in capitals; dictionaries and lists within it follow on lines of their own. The dictionaries of
a list share their columns. A list of scalars under a key is a line for each, a bare one a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
from ..context import ListContext
from ..stdout import Output
from .json import _picked

__all__ = ["text_of", "write_text"]


def text_of(value: Any) -> str:
    """The lines of a value, each with its line break; of an empty list or dictionary, none."""
    return "".join(f"{line}\n" for line in _lines(value, None))


def _lines(value: Any, key: str | None, columns: Sequence[str] | None = None) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _of_dictionary(value, key, columns)
    elif isinstance(value, list):
        yield from _of_list(value, key)
    else:
        yield str(value)


def _of_dictionary(
    members: dict[str, Any], key: str | None, columns: Sequence[str] | None
) -> Iterator[str]:
    scalars = {name for name, value in members.items() if _is_scalar(value)}
    if columns is None:
        columns = sorted(scalars)
    if columns:
        cells = [str(members.get(name, "")) for name in columns]
        yield "\t".join(cells if key is None else [key.upper(), *cells])
    for name in sorted(members.keys() - set(columns)):
        yield from _lines(members[name], name)


def _of_list(values: list[Any], key: str | None) -> Iterator[str]:
    if any(isinstance(value, dict) for value in values):
        columns = sorted(
            {
                name
                for value in values
                if isinstance(value, dict)
                for name, member in value.items()
                if _is_scalar(member)
            }
        )
        for value in values:
            yield from _lines(value, key, columns)
        return
    scalars = [str(value) for value in values if _is_scalar(value)]
    if scalars and key is None:
        yield "\t".join(scalars)
    elif key is not None:
        yield from (f"{key.upper()}\t{scalar}" for scalar in scalars)
    for value in values:
        if not _is_scalar(value):
            yield from _lines(value, key)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def write_text(listing: ListContext, output: Output) -> None:
    """Tab-separated lines, page by page, the query applied to each page and to the token.

    The AWS CLI does so: with a query, a token that remains is a line that says None.
    """
    if listing.request.no_paginate:
        output.write(text_of(_picked(listing, listing.raw_page())))
        return
    pages = listing.raw_pages()
    first = True
    for page in pages:
        shown = dict(pages.non_aggregate_part) if first else {}
        for key in OPERATION.pagination.result_keys:
            shown[key.expression] = key.search(page)
        with listing.signals.deferred():
            output.write(text_of(_picked(listing, shown)))
            listing.resume_state.advance(pages.resume_token)
        first = False
    if (token := pages.resume_token) is not None:
        output.write(text_of(_picked(listing, {"NextToken": {"NextToken": token}})))
        listing.resume_state.advance(None)
