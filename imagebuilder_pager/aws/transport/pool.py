"""A list of connections: those that nobody uses at the moment are free for the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ...exceptions import HTTPClientError

__all__ = ["ConnectionPool"]


ConnectionT = TypeVar("ConnectionT")


class ConnectionPool(Generic[ConnectionT]):
    """Made by ``make`` when none is free; thread-safe, for taking and adding are atomic."""

    def __init__(self, create_connection: Callable[[], ConnectionT]) -> None:
        self._make = create_connection
        self._all: list[ConnectionT] = []
        self._free: list[ConnectionT] = []
        self._closed = False

    def acquire(self) -> ConnectionT:
        """One for the caller alone. Raises :class:`HTTPClientError` after :meth:`close`."""
        if self._closed:
            raise HTTPClientError("the client has been closed")
        try:
            return self._free.pop()
        except IndexError:
            connection = self._make()
            self._all.append(connection)
            return connection

    def release(self, connection: ConnectionT) -> None:
        """It is free again."""
        self._free.append(connection)

    def close(self) -> list[ConnectionT]:
        """All that there are, for the caller to close; no more can be taken."""
        self._closed = True
        return self._all
