"""``--output jsonl``: each item in a line, as it comes, and with ``--checkpoint`` exactly once.

The order of writes that makes a checkpoint safe: first the line, then the checkpoint with the token
after it and the new length of the output. If the run is killed between the two, the next run finds
the output longer than the checkpoint says, cuts the line off, and writes it again. Signals are
deferred until both are written.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ...operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
from ..checkpoint import Checkpoint, CheckpointState, truncate_to_checkpoint
from ..context import ListContext
from ..stdout import Stdout

__all__ = ["write_jsonl"]


def write_jsonl(context: ListContext, stdout: Stdout, checkpoint_file: str | None) -> None:
    """Write the items, or what the query makes of each page; of a list, each element by itself."""
    if checkpoint_file is not None:
        _write_with_checkpoint(context, stdout, checkpoint_file)
    elif context.request.query is None:
        for items, token in context.raw_items():
            with context.signals.deferred():
                stdout.write("".join(map(_line, items)))
                context.resume_state.advance(token)
    else:
        for page, token in context.raw_pages():
            result = context.request.apply_query(page)
            elements = result if isinstance(result, list) else [result]
            with context.signals.deferred():
                stdout.write("".join(map(_line, elements)))
                context.resume_state.advance(token)


def _write_with_checkpoint(context: ListContext, stdout: Stdout, checkpoint_file: str) -> None:
    identity = {
        name: value
        for name, value in context.request.parameters.items()
        if name in {"lifecycleExecutionId", "parentResourceId"}
    }
    checkpoint = Checkpoint(checkpoint_file, {"operation": OPERATION.name, **identity})
    state = checkpoint.load()
    if state is not None:
        truncate_to_checkpoint(stdout, state)
        if state.finished:
            sys.stderr.write(
                f"The listing is finished, according to {checkpoint_file}; remove the file to "
                "begin anew.\n"
            )
            return
        context.resume_state.advance(state.token)
        context = context._replace(request=context.request.with_starting_token(state.token))

    def save(token: str | None, *, finished: bool) -> None:
        stdout.sync()
        size = stdout.tell() if stdout.is_file else None
        checkpoint.save(CheckpointState(token, finished, size))

    pages = context.paginate_raw()
    items = pages.items()
    try:
        item = next(items, None)
        if state is None:
            # Before the first line: a run killed right after it must find how long the output was.
            if stdout.is_file and item is not None:
                stdout.seek_end()
            save(None, finished=False)
        while item is not None:
            with context.signals.deferred():
                stdout.write(_line(item))
                token = pages.resume_token
                save(token, finished=token is None)
                context.resume_state.advance(token)
            item = next(items, None)
        # The last page may be empty: then it shows only now that nothing follows.
        token = pages.resume_token
        save(token, finished=token is None)
        context.resume_state.advance(token)
    finally:
        items.close()


def _line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"
