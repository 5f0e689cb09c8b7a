"""Standard error: what is written there, without control characters where it is a terminal."""

from __future__ import annotations

import sys

from ..exceptions import CONTROLS


def escape_controls(text: str) -> str:
    """Return the text with each control character escaped as in JSON."""
    return CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_stderr(text: str) -> None:
    """Write to standard error, if there is one; on a terminal, without control characters."""
    if sys.stderr is not None:
        sys.stderr.write(escape_controls(text) if sys.stderr.isatty() else text)
