"""What passes between the protocol and whatever carries its requests; no I/O."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

from ..errors import ParamValidationError

__all__ = [
    "AsyncSender",
    "Receiver",
    "Request",
    "Sender",
    "Timeouts",
    "checked",
    "request_headers",
    "user_agent",
]

NumberT = TypeVar("NumberT", float, int)


def checked(name: str, value: NumberT | None) -> NumberT | None:
    """The argument of that name. Raises :class:`ParamValidationError` if it is no good number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1e9:
        raise ParamValidationError(
            "ImageBuilder", [f"{name}: {value!r} given; allowed: a number above 0, at most 1e9"]
        )
    return value


class Timeouts(NamedTuple):
    """Seconds, under httpx's names; None for no end."""

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None

    def replaced(self, connect_timeout: float | None, read_timeout: float | None) -> Timeouts:
        """The same, but for what is given. Raises :class:`ParamValidationError`."""
        connect = checked("connect_timeout", connect_timeout)
        read = checked("read_timeout", read_timeout)
        return Timeouts(
            connect=self.connect if connect is None else connect,
            read=self.read if read is None else read,
            write=self.write if read is None else read,
            pool=self.pool,
        )

    def at_most(self, seconds: float) -> Timeouts:
        """The same, none of them longer than that."""
        return Timeouts(*(seconds if time is None else min(seconds, time) for time in self))


class Request:
    """A POST to a path at the service's endpoint, unsigned.

    ``access_key``: whom it was signed for in the end; set by whoever signs it.
    """

    __slots__ = ("access_key", "content", "path", "timeouts")

    def __init__(self, path: str, content: bytes, timeouts: Timeouts) -> None:
        self.path = path
        self.content = content
        self.timeouts = timeouts
        self.access_key = ""


class Receiver(Protocol):
    """Takes an answer as it comes."""

    def begin(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        """The head: header names are in lower case, those that came twice joined by commas.

        ``encoding`` is what the body is compressed with, "" for nothing. Raises
        :class:`ResponseParserError` for an encoding that cannot be read.
        """

    def feed(self, chunk: bytes) -> None:
        """A piece of the body. Raises :class:`PagerError` if no more of it is wanted."""


#: Signs a request, sends it, and passes the whole answer on; raises :class:`PagerError`.
Sender = Callable[[Request, Receiver], None]
AsyncSender = Callable[[Request, Receiver], Awaitable[None]]


def request_headers(agent: str) -> dict[str, str]:
    """The headers that all requests have, but for those of the signature."""
    return {
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": agent,
    }


def user_agent(product: str, version: str) -> str:
    """The User-Agent header in AWS's format (ua/2.1), led by this product."""
    if hasattr(os, "uname"):  # the platform module knows all this, and takes its time to import
        system = os.uname()
        name, release, machine = system.sysname, system.release, system.machine
    else:
        name, release, machine = sys.platform, "unknown", "unknown"
    python = ".".join(map(str, sys.version_info[:3]))
    implementation = sys.implementation.name
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation)
    return (
        f"{product}/{version} ua/2.1 os/{_ua(name.lower())}#{_ua(release)} md/arch#{_ua(machine)} "
        f"lang/python#{python} md/pyimpl#{_ua(implementation)}"
    )


def _ua(value: str) -> str:
    allowed = "!$%&'*+-.^_`|~"
    return "".join(c if c.isascii() and (c.isalnum() or c in allowed) else "-" for c in value)
