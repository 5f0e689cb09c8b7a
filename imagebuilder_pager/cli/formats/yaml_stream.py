"""``--output yaml-stream``: YAML without a YAML library, which is little for plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..context import ListContext
from ..stdout import Output
from .json import _picked

__all__ = ["write_yaml_stream", "yaml_entry"]


# Keys that no reader of YAML takes for anything but a string; y, no, null and others are not.
_PLAIN_KEY = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z][A-Za-z0-9]*")


def yaml_entry(value: Any) -> str:
    """The value as an entry of a list: entries one after the other are a document."""
    return "".join(f"{line}\n" for line in _entries([value], ""))


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            name = key if _PLAIN_KEY.fullmatch(key) else _scalar(key)
            if _is_empty(member):
                yield f"{indent}{name}: {_scalar(member)}"
            else:
                yield f"{indent}{name}:"
                # A list may stand at the indentation of its key.
                deeper = indent if isinstance(member, list) else f"{indent}  "
                yield from _block(member, deeper)
    else:
        yield from _entries(value, indent)


def _entries(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        if _is_empty(value):
            yield f"{indent}- {_scalar(value)}"
            continue
        for number, line in enumerate(_block(value, f"{indent}  ")):
            yield line if number else f"{indent}- {line[len(indent) + 2 :]}"


def _is_empty(value: Any) -> bool:
    """Whether the value stands on the line of its key: a scalar, or nothing."""
    return not isinstance(value, (dict, list)) or not value


def _scalar(value: Any) -> str:
    """JSON's scalars are YAML's, with the few characters escaped that YAML does not let stand."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        text,
    )


def write_yaml_stream(listing: ListContext, output: Output) -> None:
    """A YAML list with an entry a page, written as they come, the query applied to each."""
    if listing.request.no_paginate:
        output.write(yaml_entry(_picked(listing, listing.raw_page())))
        return
    pages = listing.raw_pages()
    for page in pages:
        with listing.signals.deferred():
            output.write(yaml_entry(_picked(listing, page)))
            listing.resume_state.advance(pages.resume_token)
