"""``--output jsonl``: each item in a line, as it comes, and with ``--checkpoint`` exactly once.

With a checkpoint, lines and checkpoint are written in the order that :mod:`..checkpoint` says.
Signals are deferred until both are written.
"""

from __future__ import annotations

import json
from typing import Any

from ..checkpoint import OutputCheckpoint
from ..context import ListContext
from ..stdout import Stdout
from ..terminal import write_stderr


def write_jsonl(context: ListContext, stdout: Stdout, checkpoint_file: str | None) -> None:
    """Write the items, or what the query makes of each page; of a list, each element by itself."""
    if checkpoint_file is not None:
        listing = {"operation": context.operation.name, **context.request.listing()}
        with OutputCheckpoint(checkpoint_file, listing, stdout) as checkpoint:
            _write_with_checkpoint(context, stdout, checkpoint, checkpoint_file)
    elif context.request.query is None:
        for items, token in context.raw_items():
            with context.signals.deferred():
                stdout.write("".join(map(_line, items)))
                context.resume_state.advance(token)
    else:
        for page, token in context.raw_pages():
            with context.signals.deferred():
                stdout.write(_query_lines(context, page))
                context.resume_state.advance(token)


def _write_with_checkpoint(
    context: ListContext, stdout: Stdout, checkpoint: OutputCheckpoint, checkpoint_file: str
) -> None:
    checkpoint.truncate_output()
    if checkpoint.finished:
        write_stderr(
            f"The listing is finished, according to {checkpoint_file}; remove the file to begin "
            "anew.\n"
        )
        return
    context.resume_state.advance(checkpoint.token)
    context = context._replace(request=context.request.with_starting_token(checkpoint.token))
    if context.request.query is None:
        _write_items(context, stdout, checkpoint)
    else:
        _write_query_results(context, stdout, checkpoint)


def _write_items(context: ListContext, stdout: Stdout, checkpoint: OutputCheckpoint) -> None:
    for items, token in context.raw_items():
        with context.signals.deferred():
            if items and checkpoint.is_new:
                # Before the first line: a run killed right after it must find how long the
                # output was.
                checkpoint.begin()
            stdout.write("".join(map(_line, items)))
            checkpoint.advance(token)
            context.resume_state.advance(token)


def _write_query_results(
    context: ListContext, stdout: Stdout, checkpoint: OutputCheckpoint
) -> None:
    for page, token in context.raw_pages():
        lines = _query_lines(context, page)
        with context.signals.deferred():
            if lines:
                checkpoint.begin(stdout.byte_count(lines))
                stdout.write(lines)
            checkpoint.advance(token)
            context.resume_state.advance(token)


def _query_lines(context: ListContext, page: dict[str, Any]) -> str:
    result = context.request.apply_query(page)
    return "".join(map(_line, result if isinstance(result, list) else [result]))


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"
