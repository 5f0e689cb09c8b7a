"""Standard error: what is written there, without control characters where it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..exceptions import CONTROLS

if TYPE_CHECKING:
    import logging


def escape_controls(text: str) -> str:
    """Return the text with each control character escaped as in JSON."""
    return CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_stderr(text: str) -> None:
    """Write to standard error, if there is one; on a terminal, without control characters."""
    if sys.stderr is not None:
        sys.stderr.write(escape_controls(text) if sys.stderr.isatty() else text)


def stderr_formatter(template: str) -> logging.Formatter:
    """Return a formatter for standard error; on a terminal, without control characters."""
    import logging

    class EscapingFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return escape_controls(super().format(record))

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return (EscapingFormatter if is_terminal else logging.Formatter)(template)


@contextmanager
def showing_mismatches(*, debug: bool) -> Iterator[None]:
    """Write the warnings of ``--on-invalid-response warn``, which ``--debug`` shows by itself."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            write_stderr(f"Warning: {record.getMessage()}\n")

    handler = logging.NullHandler() if debug else Handler(logging.WARNING)
    logger = logging.getLogger("imagebuilder_pager._aws.protocol.responses")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
