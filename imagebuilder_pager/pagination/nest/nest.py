"""Nest and NestIterator: the sync driver of a nest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from ...exceptions import PagerError
from ..base import reject_awaitable
from ..prefetch import prefetch
from .base import BaseNest, BaseNestIterator, NestIteration, RecordT
from .cursor import Batch

T = TypeVar("T")


class Nest(BaseNest[RecordT]):
    """Listings within listings.

    - ``levels``: one or more :class:`NestLevel`, the outermost first.
    - ``make_record``: a function that returns the record of an item. It takes a tuple of the items
      above it, the outermost first, and the item.
    - ``arguments``: what tells this nest from others with the same levels, in values that JSON has.
      The token of another one is refused. Default: None, the same as ``{}``.
    - ``is_expired``: a function that tells whether an error means an expired token. That listing
      then begins again, behind the item that was passed last. Default: None, no error does.
    - ``name``: the nest's name in errors. Default: ``walk``.
    """

    def walk(
        self, *, page_size: object = None, starting_token: object = None, prefetch: object = None
    ) -> NestIterator[RecordT]:
        """Return an iterable over the records, in the order of a plain nested loop.

        Nothing is sent before the first record is requested.

        - ``page_size``: the items of a page, at every level. Default: None, the service's choice.
        - ``starting_token``: the ``resume_token`` of an earlier walk with the same arguments; the
          page size may be another. Default: None, the beginning.
        - ``prefetch``: the pages to fetch ahead of the caller, 0 to 100, one after the other.
          Default: None, the same as 0.

        Raises :class:`ParamValidationError` that names every invalid option,
        :class:`StartingTokenError` for an invalid token, :class:`PaginationError` for a
        ``page_size`` where no operation has a parameter for it.
        """
        options = self._validate(page_size, starting_token, prefetch)
        return NestIterator(options, self._make_record, self._is_expired)


class NestIterator(BaseNestIterator[RecordT]):
    """The records of a walk. Each iteration over it starts anew and shares nothing.

    Raises, while it is iterated over, the errors of the operations, and :class:`ParentGoneError`
    where an item that the starting token points to no longer exists. Their ``resume_token``
    resumes.
    """

    def __iter__(self) -> Generator[RecordT]:
        state = NestIteration(self)
        return self._iterate(state, state.expand_records)

    def items(self) -> Generator[RecordT]:
        """Return an iterator over the records, as :class:`Checkpoint` asks for it."""
        return iter(self)

    def pages(self) -> Generator[list[RecordT]]:
        """Return an iterator over the records that each page adds, which may be none.

        After each, :attr:`resume_token` has moved on, so that a program which does so many pages
        at a time gets on also where there is no record.
        """
        state = NestIteration(self)
        return self._iterate(state, state.expand_pages)

    def _iterate(
        self, state: NestIteration[RecordT], expand: Callable[[Batch], Iterator[T]]
    ) -> Generator[T]:
        try:
            for batch in self._fetch_batches():
                yield from expand(batch)
        except PagerError as error:
            state.attach_resume_token(error)
            raise

    def _fetch_batches(self) -> Generator[Batch]:
        # One thread fetches ahead, in order: it has the cursor to itself.
        cursor = self._create_cursor(prefetch=0)

        def fetch() -> Batch | None:
            while (gap := cursor.next_request()) is not None:
                try:
                    page: Any = gap.level.method(**gap.params)
                    reject_awaitable(page, "AsyncNest")
                    cursor.receive(gap, page)
                except Exception as error:
                    if not cursor.recover(gap, error):
                        raise
                else:
                    batch = cursor.take()
                    if batch.is_progress:
                        return batch
            return None

        return prefetch(fetch, self._options.prefetch)
