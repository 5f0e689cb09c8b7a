"""The part of the nest's drivers that does no I/O: the sync and the async one share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ..._validation import collect_whole_number
from ...exceptions import (
    PagerError,
    PaginationError,
    ParamValidationError,
    ParentGoneError,
    Problem,
)
from ..config import MAX_PREFETCH
from .cursor import Batch, NestCursor
from .level import NestLevel
from .listing import Gap, NestContext, NestPage
from .token import TokenEntry, encode_nest_token, fingerprint_of, parse_nest_token

RecordT = TypeVar("RecordT")

#: Makes the record of an item, of the items above it, the outermost first, and the item itself.
MakeRecord = Callable[[tuple[Any, ...], Any], RecordT]

#: What the caller has: a record, by the batch, the page and the index in it; or all of a batch.
_Position = tuple[Batch, NestPage, int] | Batch


class NestOptions(NamedTuple):
    """The options of a walk, checked."""

    context: NestContext
    starting_token: str | None
    entries: tuple[TokenEntry, ...]
    prefetch: int


class BaseNest(Generic[RecordT]):
    """The levels of a nest, and the check of a caller's options."""

    def __init__(
        self,
        levels: Sequence[NestLevel],
        *,
        make_record: MakeRecord[RecordT],
        arguments: Mapping[str, Any] | None = None,
        is_expired: Callable[[Exception], bool] | None = None,
        name: str = "walk",
    ) -> None:
        if not levels:
            raise ParamValidationError(name, [Problem("levels", "none given", "one or more")])
        self._levels = tuple(levels)
        self._make_record = make_record
        self._fingerprint = fingerprint_of(self._levels, arguments or {})
        self._is_expired = is_expired
        self._name = name

    def _validate(self, page_size: object, starting_token: object, prefetch: object) -> NestOptions:
        problems: list[Problem] = []
        limit_keys = {level.spec.limit_key for level in self._levels}
        if page_size is not None and limit_keys == {None}:
            raise PaginationError("PageSize: these operations have no parameter for it")
        size = collect_whole_number("PageSize", page_size, problems, 1)
        ahead = collect_whole_number("Prefetch", prefetch, problems, 0, MAX_PREFETCH) or 0
        if problems:
            raise ParamValidationError(self._name, problems)
        entries: tuple[TokenEntry, ...] = ()
        token: str | None = None
        if starting_token is not None:
            entries = parse_nest_token(starting_token, self._levels, self._fingerprint)
            token = str(starting_token)
        return NestOptions(
            NestContext(self._levels, size, self._fingerprint), token, entries, ahead
        )


class BaseNestIterator(Generic[RecordT]):
    """One walk through a nest, and the position that its caller has reached."""

    def __init__(
        self,
        options: NestOptions,
        make_record: MakeRecord[RecordT],
        is_expired: Callable[[Exception], bool] | None,
    ) -> None:
        self._options = options
        self._make_record = make_record
        self._is_expired = is_expired
        self._position: _Position | None = None

    @property
    def resume_token(self) -> str | None:
        """The ``StartingToken`` that resumes right behind the last record or page yielded.

        None before the first and after the last. With several iterations at once, it is that of
        the iteration that yielded last.
        """
        return _resume_token(self._options.context, self._position)

    @property
    def starting_token(self) -> str | None:
        """The ``StartingToken`` that the walk begins at."""
        return self._options.starting_token

    def _create_cursor(self, prefetch: int) -> NestCursor:
        options = self._options
        return NestCursor(
            options.context, options.entries, prefetch=prefetch, is_expired=self._is_expired
        )


class NestIteration(Generic[RecordT]):
    """One iteration over a walk: what its caller gets of each batch, and has got so far."""

    def __init__(self, walk: BaseNestIterator[RecordT]) -> None:
        self._walk = walk
        self._position: _Position | None = None

    def attach_resume_token(self, error: PagerError) -> None:
        """Set on an error the token that resumes behind what its caller has."""
        if isinstance(error, ParentGoneError):
            return  # it has its own, which goes on behind what is gone
        if self._position is None:
            error.resume_token = self._walk.starting_token
        else:
            error.resume_token = _resume_token(self._walk._options.context, self._position)

    def expand_records(self, batch: Batch) -> Iterator[RecordT]:
        """Yield the records of the batch."""
        walk = self._walk
        make_record = walk._make_record
        for page, indexes in batch.runs:
            parents, items = page.listing.parents, page.items
            for index in indexes:
                self._position = walk._position = (batch, page, index)
                yield make_record(parents, items[index])
        self._position = walk._position = batch

    def expand_pages(self, batch: Batch) -> Iterator[list[RecordT]]:
        """Yield the records of the batch as a list."""
        make_record = self._walk._make_record
        records = [
            make_record(page.listing.parents, page.items[index])
            for page, indexes in batch.runs
            for index in indexes
        ]
        self._position = self._walk._position = batch
        yield records


def _resume_token(context: NestContext, position: _Position | None) -> str | None:
    if position is None:
        return None
    if isinstance(position, Batch):
        return None if position.end is None else _encode(context, position.end)
    batch, page, index = position
    if batch.end is None and batch.is_last(page, index):
        return None
    return encode_nest_token(context.fingerprint, page.entries_at(index))


def _encode(context: NestContext, gap: Gap) -> str:
    return encode_nest_token(context.fingerprint, gap.entries())
