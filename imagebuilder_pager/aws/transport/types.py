"""What passes between the protocol and whatever carries its requests; no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from ...validation import validate_positive

__all__ = ["AsyncTransport", "HTTPRequest", "ResponseHandler", "Timeouts", "Transport"]


class Timeouts(NamedTuple):
    """Seconds, under httpx's names; None for no end."""

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None

    def with_overrides(self, connect_timeout: float | None, read_timeout: float | None) -> Timeouts:
        """The same, but for what is given. Raises :class:`ParamValidationError`."""
        connect = validate_positive("connect_timeout", connect_timeout)
        read = validate_positive("read_timeout", read_timeout)
        return Timeouts(
            connect=self.connect if connect is None else connect,
            read=self.read if read is None else read,
            write=self.write if read is None else read,
            pool=self.pool,
        )

    def capped_at(self, seconds: float) -> Timeouts:
        """The same, none of them longer than that."""
        return Timeouts(*(seconds if time is None else min(seconds, time) for time in self))


class HTTPRequest:
    """A POST to a path at the service's endpoint, unsigned.

    ``access_key``: whom it was signed for in the end; set by whoever signs it.
    """

    __slots__ = ("access_key", "content", "path", "timeouts")

    def __init__(self, path: str, content: bytes, timeouts: Timeouts) -> None:
        self.path = path
        self.content = content
        self.timeouts = timeouts
        self.access_key = ""


class ResponseHandler(Protocol):
    """Takes an answer as it comes."""

    def on_headers(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        """The head: header names are in lower case, those that came twice joined by commas.

        ``encoding`` is what the body is compressed with, "" for nothing. Raises
        :class:`ResponseParserError` for an encoding that cannot be read.
        """

    def on_data(self, chunk: bytes) -> None:
        """A piece of the body. Raises :class:`PagerError` if no more of it is wanted."""


#: Signs a request, sends it, and passes the whole answer on; raises :class:`PagerError`.
Transport = Callable[[HTTPRequest, ResponseHandler], None]
AsyncTransport = Callable[[HTTPRequest, ResponseHandler], Awaitable[None]]
