"""``--output json``, one document, and ``--output jsonl``, each item in a line as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..listing import Listing
from ..stdout import Stdout
from ..terminal import write_stderr


def write_json(listing: Listing, stdout: Stdout) -> None:
    """Write the whole result as one JSON document, as the AWS CLI does."""
    result = listing.request.apply_query(listing.raw_result())
    if result != {}:
        stdout.write(json.dumps(result, indent=4, ensure_ascii=False) + "\n")


def write_jsonl(listing: Listing, stdout: Stdout, checkpoint_file: str | None) -> None:
    """Write the items, or what the query makes of each page; of a list, each element by itself.

    With a checkpoint, each line is there once, whenever the command is killed.
    """
    if checkpoint_file is None:
        listing.write(stdout, _lines(listing))
        return
    from ..checkpoint import OutputCheckpoint

    identity = {"operation": listing.operation.name, **listing.request.listing()}
    with OutputCheckpoint(checkpoint_file, identity, stdout) as checkpoint:
        checkpoint.truncate_output()
        if checkpoint.finished:
            write_stderr(
                f"The listing is finished, according to {checkpoint_file}; remove the file to "
                "begin anew.\n"
            )
            return
        listing.resume_state.token = checkpoint.token
        listing.request = listing.request.with_starting_token(checkpoint.token)
        for lines, token in _lines(listing):
            with listing.signals.deferred():
                checkpoint.write(lines, token, is_one_line=listing.request.query is None)
                listing.resume_state.token = token


def _lines(listing: Listing) -> Iterator[tuple[str, str | None]]:
    if listing.request.query is None:
        for items, token in listing.raw_items():
            yield "".join(map(_line, items)), token
        return
    for page, token in listing.raw_pages():
        result = listing.request.apply_query(page)
        yield "".join(map(_line, result if isinstance(result, list) else [result])), token


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"
