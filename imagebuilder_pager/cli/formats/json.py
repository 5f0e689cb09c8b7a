"""``--output json``, one document, and ``--output jsonl``, each item in a line as it comes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from ..listing import Listing
from ..terminal import write_stderr


def write_json(listing: Listing) -> None:
    """Write the whole result as one JSON document, as the AWS CLI does."""
    result = listing.request.apply_query(listing.raw_result())
    if result != {}:
        listing.stdout.write(json.dumps(result, indent=4, ensure_ascii=False) + "\n")


def write_jsonl(listing: Listing, checkpoint_file: str | None) -> None:
    """Write the items, or the result of the query on each page; of a list, each element by itself.

    With a checkpoint, each line is there once, whenever the command is killed.
    """
    operation, request = listing.operation, listing.request
    is_one_line = request.query is None
    if checkpoint_file is None:
        listing.write(listing.raw_items() if is_one_line else listing.raw_pages(), _lines)
        return
    from ..checkpoint import OutputCheckpoint

    selection = {
        key: request.parameters[key]
        for key in operation.listing_params
        if key in request.parameters
    }
    identity = {"operation": operation.name, **selection}
    if not is_one_line:
        identity["query"] = request.query.expression
    with OutputCheckpoint(checkpoint_file, identity, listing.stdout) as checkpoint:
        checkpoint.truncate_output()
        if checkpoint.finished:
            write_stderr(
                f"The listing is finished, according to {checkpoint_file}; remove the file to "
                "begin anew.\n"
            )
            return
        listing.resume_state.token = checkpoint.token
        config = request.parameters.get("PaginationConfig") or {}
        request.parameters["PaginationConfig"] = {**config, "StartingToken": checkpoint.token}
        listing.write(
            listing.raw_items() if is_one_line else listing.raw_pages(),
            _lines,
            partial(checkpoint.write, is_one_line=is_one_line),
        )


def _lines(values: Any) -> str:
    """Return a line for each element of a list, or one for another value."""
    return "".join(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        for value in (values if isinstance(values, list) else [values])
    )
