"""The lines above each output: the execution and its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from ..._rows import Operation
from .console import replace_controls, status_style
from .describe import in_words

if TYPE_CHECKING:
    from ...models.lifecycle import ListLifecycleExecutionResourcesResponse as Page


def execution_header(pages: Sequence[Page], note: str) -> Group:
    """Return the execution of the pages and its state, with a note below."""
    line = Text("Lifecycle execution ")
    reason = Text()
    if pages:
        line.append(replace_controls(pages[0].lifecycle_execution_id), style="bold")
        state = pages[0].lifecycle_execution_state
        if state is not None:
            line.append("  ").append(
                replace_controls(state.status), style=status_style(state.status)
            )
            reason = Text(replace_controls(state.reason))
    parts = [line, *([reason] if reason else []), Text(note, style="dim")]
    return Group(*parts)


def listing_header(operation: Operation, pages: Sequence[Any], note: str) -> Group:
    """Return what all pages of a listing have in common, with a note below."""
    if operation.method_name == "list_lifecycle_execution_resources":
        return execution_header(pages, note)
    lines = []
    for name in operation.non_aggregate_keys:
        value = pages[0].get(name) if pages else None
        if value is not None and name != "requestId":
            lines.append(
                Text.assemble(f"{in_words(name)}  ", (replace_controls(str(value)), "bold"))
            )
    return Group(*lines, Text(note, style="dim"))
