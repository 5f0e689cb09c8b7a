"""Control characters in text from the service, which must not reach a terminal."""

from __future__ import annotations

import sys

__all__ = ["escape_controls", "write_stderr"]

# All but the tab and the line break; JSON and YAML have the same escapes.
_ESCAPES = {
    code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}


def escape_controls(text: str) -> str:
    """Return the text with each control character escaped as in JSON."""
    return text.translate(_ESCAPES)


def write_stderr(text: str) -> None:
    """Write to standard error, if there is one; on a terminal, without control characters."""
    if sys.stderr is not None:
        sys.stderr.write(escape_controls(text) if sys.stderr.isatty() else text)
