"""The log on standard error, and the warnings of ``--on-invalid-response warn``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .terminal import escape_controls, write_stderr


class EscapingFormatter(logging.Formatter):
    """A formatter that escapes control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one text."""
        return escape_controls(super().format(record))


class _MismatchHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "problem_count"):
            write_stderr(f"Warning: {record.getMessage()}\n")


@contextmanager
def handled(name: str, handler: logging.Handler, level: int | None = None) -> Iterator[None]:
    """Have a logger with a handler, and a level; afterwards it is as before."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    if level is not None:
        logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def showing_mismatches(*, debug: bool) -> AbstractContextManager[None]:
    """Write the warnings of ``--on-invalid-response warn``, which ``--debug`` shows by itself."""
    handler = logging.NullHandler() if debug else _MismatchHandler(logging.WARNING)
    return handled("imagebuilder_pager.calls", handler)


def configure_logging(*, debug: bool) -> None:
    """Log everything to standard error with ``debug``, otherwise nothing."""
    handler: logging.Handler
    if debug:
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        formatter = EscapingFormatter if is_terminal else logging.Formatter
        handler = logging.StreamHandler()
        handler.setFormatter(
            formatter("%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s")
        )
    else:
        # Without any handler, Python would print warnings, such as of a retry.
        handler = logging.NullHandler()
    for name in ("imagebuilder_pager", "httpx"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        if debug:
            logger.setLevel(logging.DEBUG)
