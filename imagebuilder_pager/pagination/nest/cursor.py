"""A nest as a state machine without I/O: it decides which page is fetched next, and the order.

The rule: the records are a sequence with gaps. A gap is a page that has still to be received. A
received page replaces its gap. Each of its items is followed by a gap for the listing within it.
The gap of the next page comes last. So the order is that of a plain nested loop, however the pages
come in. A driver fills the gap that its caller has reached, and others ahead of it::

    while not cursor.is_finished:
        gap = cursor.next_request()
        if gap is not None:
            cursor.receive(gap, gap.level.method(**gap.params))
        if cursor.is_ready:
            batch = cursor.take()

Memory does not grow with the length. At each level, at most ``prefetch`` pages are ahead of the
caller. Of the pages behind it, one a level is kept: the page that it stands in.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .listing import Gap, Listing, NestContext, NestPage, Run
from .token import TokenEntry


class Batch(NamedTuple):
    """The records up to the next page still to come, which is ``end``; None at the very end."""

    runs: Sequence[Run]
    end: Gap | None

    @property
    def is_progress(self) -> bool:
        """Whether the walk has got further than its starting token."""
        return bool(self.runs) or self.end is None or not self.end.is_resuming

    def is_last(self, page: NestPage, index: int) -> bool:
        """Return whether the item is the last record."""
        last, indexes = self.runs[-1]
        return page is last and index == indexes[-1]


class NestCursor:
    """One walk through a nest.

    - ``context``: the levels and the page size, as :meth:`Nest.walk` checks them.
    - ``entries``: those of a starting token. Default: none, the beginning.
    - ``prefetch``: maximum pages to fetch at the same time ahead of the caller. Default: 0.
    - ``is_expired``: a function that tells whether an error means an expired token. That listing
      then begins again, behind the item that was passed last. Default: None, no error does.
    """

    def __init__(
        self,
        context: NestContext,
        entries: tuple[TokenEntry, ...] = (),
        *,
        prefetch: int = 0,
        is_expired: Callable[[Exception], bool] | None = None,
    ) -> None:
        self._context = context
        self._prefetch = prefetch
        self._is_expired = is_expired
        params: Mapping[str, Any] | None = context.levels[0].params(())
        # The sequence from where the caller is, as a stack: what is within a page comes before
        # what is behind it.
        self._sequence: list[list[Run | Gap]] = []
        self._current: Gap | None = None
        # The gaps that no request has been made for, of each level, in the order of the records.
        self._waiting: list[list[tuple[tuple[int, ...], int, Gap]]] = [[] for _ in context.levels]
        self._serial = itertools.count()
        self._in_flight = 0
        self._ahead = [0] * len(context.levels)
        self._has_failed = False
        if params is not None:
            self._current = Listing(context, None, (), params, entries).first_gap

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left."""
        return self._current is None

    @property
    def is_ready(self) -> bool:
        """Whether :meth:`take` has something to return or to raise."""
        current = self._current
        return current is not None and (current.content is not None or current.error is not None)

    def reach(self) -> None:
        """Say that the caller waits for the next page: it is no longer one ahead."""
        gap = self._current
        if gap is not None and not gap.is_reached:
            gap.is_reached = True
            if gap.is_started:
                self._ahead[gap.listing.depth] -= 1

    def next_request(self) -> Gap | None:
        """Return the page to fetch next, None where none may be fetched now.

        First comes the page that the caller waits for, then those ahead in their order.
        """
        if self._prefetch == 0:
            self.reach()
        gap = self._current
        if gap is None or gap.is_started or not gap.is_reached:
            gap = self._next_ahead()
        if gap is None:
            return None
        gap.is_started = True
        self._in_flight += 1
        if not gap.is_reached:
            self._ahead[gap.listing.depth] += 1
        return gap

    def receive(self, gap: Gap, page: Any) -> None:
        """Process the page of a gap.

        Raises :class:`PaginationError` for a value that is not a page, and
        :class:`ParentGoneError` where the item that a token stands in is gone.
        """
        content = gap.listing.receive(gap, page)
        self._in_flight -= 1
        gap.content = content
        if self._prefetch:
            for entry in content:
                if isinstance(entry, Gap):
                    self._add_waiting(entry)

    def recover(self, gap: Gap, error: BaseException) -> bool:
        """Return whether the page can be requested again after an error, which is now forgotten."""
        if not isinstance(error, Exception) or self._is_expired is None:
            return False
        if not self._is_expired(error) or not gap.listing.restart():
            return False
        self._in_flight -= 1
        gap.is_started = False
        if not gap.is_reached:
            self._ahead[gap.listing.depth] -= 1
            self._add_waiting(gap)
        return True

    def fail(self, gap: Gap, error: BaseException) -> None:
        """Set the error that :meth:`take` raises in place of the page.

        From now on, no page is fetched ahead.
        """
        self._in_flight -= 1
        self._has_failed = True
        gap.error = error

    def take(self) -> Batch:
        """Return what the page that the caller has reached adds, when :attr:`is_ready` is true.

        Raises the error that there was in place of the page.
        """
        gap = self._current
        if gap is None or (gap.content is None and gap.error is None):
            raise RuntimeError("the next page has not been received")
        if gap.error is not None:
            raise gap.error
        content, gap.content = gap.content or [], None
        self._sequence.append(content)
        self._current = None
        runs: list[Run] = []
        while self._sequence and self._current is None:
            entries = self._sequence[-1]
            entry = entries.pop() if entries else None
            if not entries:
                self._sequence.pop()
            if isinstance(entry, Gap):
                self._current = entry
            elif entry is not None:
                runs.append(entry)
        return Batch(runs, self._current)

    def _add_waiting(self, gap: Gap) -> None:
        heap = self._waiting[gap.listing.depth]
        heapq.heappush(heap, (gap.key, next(self._serial), gap))

    def _next_ahead(self) -> Gap | None:
        if self._has_failed or self._in_flight >= self._prefetch:
            return None
        first: tuple[tuple[int, ...], int, Gap] | None = None
        for depth, heap in enumerate(self._waiting):
            while heap and heap[0][2].is_started:
                heapq.heappop(heap)
            if heap and self._ahead[depth] < self._prefetch and (first is None or heap[0] < first):
                first = heap[0]
        if first is None:
            return None
        heapq.heappop(self._waiting[first[2].listing.depth])
        return first[2]
