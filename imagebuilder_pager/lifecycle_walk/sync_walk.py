"""The walk of the sync client."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from ..exceptions import PagerError
from ..models.exceptions import InvalidPaginationTokenException
from .cursor import BaseWalk, WalkCursor
from .records import LifecycleRecord

T = TypeVar("T")


class LifecycleWalk(BaseWalk):
    """The records of a walk. Each iteration over it starts anew and shares nothing.

    Raises, while it is iterated over, the errors of the operations, and :class:`ParentGoneError`
    where an item that the starting token points into no longer exists. Their ``resume_token``
    resumes.
    """

    def __iter__(self) -> Generator[LifecycleRecord]:
        return self._iterate(self._expand_records)

    def items(self) -> Generator[LifecycleRecord]:
        """Return an iterator over the records, as :class:`Checkpoint` asks for it."""
        return iter(self)

    def pages(self) -> Generator[list[LifecycleRecord]]:
        """Return an iterator over the records that each page adds, which may be none.

        After each, :attr:`resume_token` has moved on, so that a program which does a number of
        pages at a time gets on where there is no record, too.
        """
        return self._iterate(self._expand_page)

    def _iterate(self, expand: Callable[[WalkCursor, Any], Iterator[T]]) -> Generator[T]:
        cursor = WalkCursor(self._plan)
        iterators: dict[int, Generator[Any]] = {}
        try:
            while (listing := cursor.next_listing()) is not None:
                if listing.position is None:
                    iterators[listing.depth] = iter(listing.pages)
                try:
                    page = next(iterators[listing.depth])
                except InvalidPaginationTokenException as error:
                    cursor.restart(error)
                else:
                    yield from expand(cursor, page)
        except PagerError as error:
            cursor.attach_resume_token(error)
            raise
        finally:
            for iterator in iterators.values():
                iterator.close()
