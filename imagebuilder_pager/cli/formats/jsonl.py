"""``--output jsonl``: an item a line, as it comes, and with ``--checkpoint`` exactly once.

The order is: the line is written, then the checkpoint has the token after it and the length of the
output with it. Killed between the two, the next run finds the output longer than the checkpoint
says, cuts the line off, and writes it again. Signals wait until both are done.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ...operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
from ..checkpoint import Checkpoint, CheckpointState, truncate_to_checkpoint
from ..context import ListContext
from ..stdout import Output

__all__ = ["write_lines"]


def write_lines(listing: ListContext, output: Output, checkpoint_file: str | None) -> None:
    """Writes the items; ``listing.place`` moves on with each."""
    if checkpoint_file is not None:
        _write_with_checkpoint(listing, output, checkpoint_file)
    elif listing.request.no_paginate:
        page = listing.raw_page()
        with listing.signals.deferred():
            found = page.get("resources", []) if listing.request.query is None else page
            output.write("".join(map(_line, _picked(listing, found))))
            listing.resume_state.advance(page.get("nextToken"))
    elif listing.request.query is not None:
        pages = listing.raw_pages()
        for page in pages:
            # What a query makes of a page is no item: the token goes on behind the whole of it.
            with listing.signals.deferred():
                output.write("".join(map(_line, _picked(listing, page))))
                listing.resume_state.advance(pages.resume_token)
    else:
        pages = listing.raw_pages()
        for item in pages.items():
            with listing.signals.deferred():
                output.write(_line(item))
                listing.resume_state.advance(pages.resume_token)


def _write_with_checkpoint(listing: ListContext, output: Output, checkpoint_file: str) -> None:
    asked = listing.request
    what = {
        name: value
        for name, value in asked.parameters.items()
        if name in {"lifecycleExecutionId", "parentResourceId"}
    }
    checkpoint = Checkpoint(checkpoint_file, {"operation": OPERATION.name, **what})
    parameters = asked.parameters
    reached = checkpoint.load()
    if reached is not None:
        truncate_to_checkpoint(output, reached)
        if reached.finished:
            sys.stderr.write(
                f"The listing is finished, says {checkpoint_file}; remove it to begin anew.\n"
            )
            return
        listing.resume_state.advance(reached.token)
        parameters = asked.with_starting_token(reached.token)

    def save(token: str | None, *, finished: bool) -> None:
        output.sync()
        size = output.tell() if output.is_file else None
        checkpoint.save(CheckpointState(token, finished, size))

    pages = listing.raw_pages(parameters)
    items = pages.items()
    try:
        item = next(items, None)
        if reached is None:
            # Before the first line: a run killed right after it must find how long the output was.
            if output.is_file and item is not None:
                output.seek_end()
            save(None, finished=False)
        while item is not None:
            with listing.signals.deferred():
                output.write(_line(item))
                token = pages.resume_token
                save(token, finished=token is None)
                listing.resume_state.advance(token)
            item = next(items, None)
        # The last page may be empty: then only now it shows that nothing follows.
        token = pages.resume_token
        save(token, finished=token is None)
        listing.resume_state.advance(token)
    finally:
        items.close()


def _picked(listing: ListContext, page: Any) -> list[Any]:
    query = listing.request.query
    if query is None:
        return page if isinstance(page, list) else [page]
    found = query.search(page)
    return found if isinstance(found, list) else [found]


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"
