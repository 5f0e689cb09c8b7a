"""The lines above each output: the execution and its state."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from ...models.lifecycle import ListLifecycleExecutionResourcesResponse as Page
from .console import replace_controls, status_style

__all__ = ["execution_header"]


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
