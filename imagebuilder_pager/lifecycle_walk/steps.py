"""A walk without I/O: the order of its listings, and the place where it resumes.

The listings are nested as in a plain loop, and the position of the walk is the keys of their
last items. To resume, each listing is searched for its key: the innermost from its token, which
begins at that item, the outer ones from their start.

If the innermost key is not where its token begins, it is searched from the start. If it is not
there, the listing begins anew, so that nothing is left out. A missing outer key is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..exceptions import PagerError, ParentGoneError
from ..models.exceptions import InvalidPaginationTokenException
from ..models.lifecycle_policies import LifecyclePolicySummary
from ..pagination.cursor import PagePosition
from .plan import LEVELS, WalkPlan, WalkToken, key_of, record_of
from .records import LifecycleRecord
from .walk import WalkArguments

if TYPE_CHECKING:
    from ..pagination.async_paginator import AsyncResultIterator

#: How often the tokens of a listing may be refused without a further item in between.
MAX_RESTARTS = 3

#: It yields records, and iterators over pages; it receives the next page, None at the end.
_Steps: TypeAlias = Generator[Any, Any, Any]


@dataclass(slots=True)
class _Listing:
    """An open listing, and the position of the walk in it."""

    key: str | None  # of the last item, or of the one to find
    start: str | None  # the token that the pages begin at
    path: tuple[str | None, ...] | None  # the keys within the item to find
    is_seeking: bool
    is_anew: bool = False
    restarts: int = 0
    pages: Any = None

    def seek_from_start(self) -> None:
        """Search the listing from its start for the last item, unless that has no id."""
        self.start, self.is_seeking = None, bool(self.key)
        self.is_anew = self.is_anew or not self.key

    def begin_anew(self) -> None:
        """List from the start, and leave nothing out."""
        self.start, self.path, self.is_seeking, self.is_anew = None, None, False, True


class WalkSteps:
    """One iteration over a walk.

    - ``plan``: its listings, and where it begins.
    - ``iterate``: ``iter`` or ``aiter``.
    """

    def __init__(self, plan: WalkPlan, iterate: Callable[[Any], Any]) -> None:
        self._plan = plan
        self._iterate = iterate
        self._listings: list[_Listing] = []
        self._steps = self._walk(*plan.start.keys)
        #: The iterator over pages of which the next one is needed, None at the end.
        self.needed: Any = None
        # The keys of the last record, the position of its page, and its index there.
        self._position: tuple[tuple[str | None, ...], PagePosition, int] | None = None
        next(self.records(None), None)  # no record comes before the first page

    @property
    def resume_token(self) -> str | None:
        """The token behind the last record, None before the first and at the end."""
        if self._position is None:
            return None
        keys, page, index = self._position
        return self._plan.pack(WalkToken(keys, page.token_after(index)))

    def records(self, page: Any) -> Iterator[LifecycleRecord]:
        """Yield the records up to the next page that is needed.

        Raises :class:`ParentGoneError` if an outer item of the starting token is gone.
        """
        try:
            step = self._steps.send(page)
            while isinstance(step, LifecycleRecord):
                yield step
                step = next(self._steps)
        except StopIteration:
            step = self._position = None
        self.needed = step

    def refuse(self, error: InvalidPaginationTokenException) -> None:
        """Search the listing from its start, since the service has refused its token.

        Raises the error for a request without a token, and for tokens refused again and again.
        """
        self.needed = self._steps.throw(error)

    def attach_resume_token(self, error: PagerError) -> None:
        """Set on an error the token that resumes behind the last record."""
        if not isinstance(error, ParentGoneError):  # it has its own
            error.resume_token = self.resume_token or self._plan.arguments.starting_token

    def open_pages(self) -> list[Any]:
        """Return the iterators over pages that have not ended."""
        return [listing.pages for listing in self._listings if listing.pages is not None]

    async def next_result(self) -> tuple[Any] | None:
        """Return, in an async walk, a tuple of the next page; None at the end.

        At the end of a listing, the tuple has None.
        """
        while self.needed is not None:
            try:
                return (await anext(self.needed, None),)
            except InvalidPaginationTokenException as error:
                self.refuse(error)
        return None

    async def aclose(self) -> None:
        """End, in an async walk, the fetching ahead of every listing."""
        for pages in self.open_pages():
            await pages.aclose()

    def _walk(self, key: str | None, *path: str | None) -> _Steps:
        """Walk through the given policies, or those of the account."""
        arns = self._plan.arguments.policies
        if arns is None:
            yield from self._list((), (key, *path))
            return
        listing = _Listing(key, None, None, is_seeking=False)
        self._listings.append(listing)
        for arn in arns:
            if key in {None, arn}:
                listing.key = arn
                yield from self._list((LifecyclePolicySummary(arn=arn),), path)
                key, path = None, ()
        if key is not None:
            raise self._gone(listing)

    def _list(self, parents: tuple[Any, ...], path: tuple[str | None, ...]) -> _Steps:
        """Walk through the listing within the parents; with a path, from the item of its key."""
        key, *inner = path or (None,)
        start = self._plan.start.token if path and not inner else None
        listing = _Listing(key, start, tuple(inner), is_seeking=key is not None)
        self._listings.append(listing)
        ids = [getattr(one, level.id_member) for one, level in zip(parents, LEVELS, strict=False)]
        while True:
            pages = self._plan.paginate(ids, listing.start)
            listing.pages = self._iterate(pages)
            refused = yield from self._pass(listing, pages, parents)
            if refused is not None:
                listing.restarts += 1
                has_sent_token = listing.start is not None or pages.position is not None
                if not has_sent_token or listing.restarts > MAX_RESTARTS:
                    raise refused
                listing.seek_from_start()
            elif not listing.is_seeking:
                break
            elif listing.start is not None:
                listing.seek_from_start()
            elif listing.path:
                raise self._gone(listing)
            else:
                listing.begin_anew()
        self._listings.pop()

    def _pass(self, listing: _Listing, pages: Any, parents: tuple[Any, ...]) -> _Steps:
        """Walk through the pages of a listing; return the error if its token is refused."""
        depth = len(parents)
        while True:
            try:
                page = yield listing.pages
            except InvalidPaginationTokenException as error:
                return error
            if page is None:
                return None
            for index, item in enumerate(pages.result_keys[0].search(page) or ()):
                key, path = key_of(depth, item), None
                if listing.is_seeking and key == listing.key:
                    listing.is_seeking, path, listing.path = False, listing.path, None
                elif listing.is_seeking and listing.start is not None:
                    return None  # something has moved: the item is not where the token begins
                elif not listing.is_seeking and self._plan.includes(depth, item):
                    listing.key, listing.path, path = key, None, ()
                    listing.restarts = listing.restarts if listing.is_anew else 0
                    if (record := record_of(parents, item)) is not None:
                        keys = tuple(outer.key for outer in self._listings)
                        self._position = keys, pages.position, index
                        yield record
                if path is not None and self._plan.id_within(depth, item) is not None:
                    yield from self._list((*parents, item), path)

    def _gone(self, listing: _Listing) -> ParentGoneError:
        """Return the error of a missing outer item, with the token to begin its listing anew."""
        *outer, _ = (one.key for one in self._listings)
        error = ParentGoneError(LEVELS[len(outer)].method_name, listing.key)
        error.resume_token = self._plan.pack(WalkToken((*outer, None)))
        return error


class BaseWalk:
    """The common part of the sync and the async walk."""

    def __init__(self, client: object, **arguments: Any) -> None:
        self._plan = WalkPlan(client, WalkArguments(**arguments))
        self._latest: WalkSteps | None = None

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that resumes right behind the last record yielded.

        None before the first, and when the iteration has ended. With several iterations at once,
        it is that of the iteration that yielded last.
        """
        return None if self._latest is None else self._latest.resume_token

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` that the walk begins at."""
        return self._plan.arguments.starting_token

    def _records(self, steps: WalkSteps, page: Any) -> Iterator[LifecycleRecord]:
        for record in steps.records(page):
            self._latest = steps
            yield record
        if steps.needed is None:
            self._latest = steps


class LifecycleWalk(BaseWalk):
    """The records of a walk. Each iteration over it starts anew and shares nothing.

    The iteration raises the errors of the operations, and :class:`ParentGoneError` if an item of
    the starting token no longer exists. Their ``resume_token`` resumes.
    """

    def __iter__(self) -> Generator[LifecycleRecord]:
        steps = WalkSteps(self._plan, iter)
        try:
            while steps.needed is not None:
                try:
                    page = next(steps.needed, None)
                except InvalidPaginationTokenException as error:
                    steps.refuse(error)
                else:
                    yield from self._records(steps, page)
        except PagerError as error:
            steps.attach_resume_token(error)
            raise
        finally:
            for pages in steps.open_pages():
                pages.close()

    def items(self) -> Generator[LifecycleRecord]:
        """Return an iterator over the records, as :class:`Checkpoint` asks for it."""
        return iter(self)


class AsyncLifecycleWalk(BaseWalk):
    """The async twin of :class:`LifecycleWalk`, for asyncio and trio.

    Wherever the iterating task is cancelled, :attr:`resume_token` stays right.
    """

    def __aiter__(self) -> AsyncResultIterator[LifecycleRecord]:
        from ..pagination.async_paginator import AsyncResultIterator  # a sync program goes without

        steps = WalkSteps(self._plan, aiter)
        return AsyncResultIterator(steps, steps, lambda result: self._records(steps, *result))

    def items(self) -> AsyncResultIterator[LifecycleRecord]:
        """Return an async iterator over the records, as :class:`Checkpoint` asks for it."""
        return aiter(self)
