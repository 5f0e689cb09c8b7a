"""The log on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .terminal import escape_controls

_ALL = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"
_DEBUG = {"imagebuilder_pager": _ALL, "httpx": _ALL}
#: The progress and failures of a fleet's run, and the warnings of ``--on-invalid-response warn``.
_DEFAULT = {
    "imagebuilder_pager.fleet": "%(message)s",
    "imagebuilder_pager.calls": "Warning: %(message)s",
}


class EscapingFormatter(logging.Formatter):
    """A formatter that escapes control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one text."""
        return escape_controls(super().format(record))


@contextmanager
def logging_to_stderr(*, debug: bool) -> Iterator[None]:
    """Log to standard error: with ``debug`` everything, else what no other output has."""
    with ExitStack() as stack:
        for name, template in (_DEBUG if debug else _DEFAULT).items():
            handler = logging.StreamHandler()
            handler.setFormatter(EscapingFormatter(template))
            if template is not _ALL and name.endswith(".calls"):
                handler.addFilter(lambda record: hasattr(record, "problem_count"))
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            stack.callback(logger.removeHandler, handler)
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG if debug else logging.INFO)
        yield
