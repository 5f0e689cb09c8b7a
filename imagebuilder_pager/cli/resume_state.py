"""How far the output has come, and what an error at the end speaks of."""

from __future__ import annotations

import sys

__all__ = ["ResumeState"]


class ResumeState:
    """The token that goes on after what has been written; None before it and after the last.

    ``url`` and ``profile``: of the calls, for the words of errors. ``shown``: whether the token is
    to be told at the end.
    """

    def __init__(self) -> None:
        self.url = ""
        self.profile = ""
        self.print_token_on_exit = False
        self._token: str | None = None

    def advance(self, token: str | None) -> None:
        """Something has been written, and the token goes on after it."""
        self._token = token

    def print_token(self) -> None:
        """Says on standard error where to go on, if there is anything to go on with."""
        if self.print_token_on_exit and self._token is not None and sys.stderr is not None:
            sys.stderr.write(f"NextToken: {self._token}\n")
