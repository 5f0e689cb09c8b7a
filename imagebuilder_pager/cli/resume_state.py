"""How far the output has come, and what the last lines on standard error say of it."""

from __future__ import annotations

from .terminal import write_stderr


class ResumeState:
    """The token that resumes after what has been written; None before it and after the last.

    ``url`` and ``profile`` are those of the calls, for the errors. ``print_token_on_exit`` says
    whether :meth:`print_token` prints anything.
    """

    def __init__(self) -> None:
        self.url = ""
        self.profile = ""
        self.print_token_on_exit = False
        self._token: str | None = None

    def advance(self, token: str | None) -> None:
        """Note that something has been written, and which token resumes after it."""
        self._token = token

    def print_token(self) -> None:
        """Print the token on standard error, if there is one."""
        if self.print_token_on_exit and self._token is not None:
            write_stderr(f"NextToken: {self._token}\n")
