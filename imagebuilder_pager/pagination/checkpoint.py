"""A checkpoint: a file from which a program that was killed resumes its listing.

The order of writes makes it safe: the caller processes an item, and only then is the token that
resumes after it saved. A program that is killed between the two processes that item again, and no
other: each item is processed at least once, and exactly once where processing it a second time
changes nothing.

The end of a listing is saved as such. A listing without a further page has no token, and a token
that is kept for a later run expires.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

from .._async_runtime import run_in_thread
from .._validation import describe_invalid_value
from ..exceptions import CheckpointError, ParamValidationError, Problem, StartingTokenError
from .checkpoint_file import CheckpointFile

PageT = TypeVar("PageT")
ItemT = TypeVar("ItemT")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

if TYPE_CHECKING:
    from .async_paginator import AsyncPageIterator, AsyncResultIterator
    from .base import BasePageIterator
    from .paginator import PageIterator

    class _Resumable(Protocol):
        @property
        def starting_token(self) -> str | None: ...
        @property
        def resume_token(self) -> str | None: ...

    class _Items(_Resumable, Protocol[T_co]):
        def items(self) -> Generator[T_co]: ...

    class _AsyncItems(_Resumable, Protocol[T_co]):
        def items(self) -> AsyncIterator[T_co]: ...


_VERSION = 1
_END: Any = object()


class Checkpoint:
    """A checkpoint file, and the progress of the listing that is saved in it.

    - ``path``: the file; it is made at the first save.
    - ``listing``: the identity of the listing, in values that JSON has. The file of another listing
      is an error. Default: None, the same as ``{}``.

    ::

        with Checkpoint("audit.checkpoint", {"lifecycleExecutionId": execution_id}) as checkpoint:
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                lifecycleExecutionId=execution_id,
                PaginationConfig={"StartingToken": checkpoint.token},
            )
            for resource in checkpoint.items(pages):
                process(resource)

    It has these attributes:

    - ``token``: the ``StartingToken`` of the next run, None for the beginning of the listing.
    - ``finished``: whether the listing has been processed to its end.
    - ``data``: a dictionary of the program's own that was saved with the token.

    The file is locked until :meth:`close`, at the latest until the process ends. It is replaced as
    a whole: at any time, and with a full disk, there is the old one or the new one. It follows no
    link. A new file is readable by its owner alone; an existing one keeps its mode.

    One checkpoint is for one iteration at a time. Raises :class:`CheckpointError` for a file that
    is not the checkpoint of this listing, :class:`CheckpointLockedError` if another run has it, and
    ``OSError`` for a file that cannot be read or written.
    """

    token: str | None
    finished: bool
    data: dict[str, Any]

    def __init__(
        self, path: str | os.PathLike[str], listing: Mapping[str, Any] | None = None
    ) -> None:
        self._listing = json.loads(json.dumps(dict(listing or {})))
        self._file = CheckpointFile(path)
        try:
            self.token, self.finished, self.data = self._load()
        except BaseException:
            self._file.close()
            raise

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def save(self, token: str, *, data: Mapping[str, Any] | None = None) -> None:
        """Save the token that resumes after the processed items.

        It is on the disk when this returns. ``data`` is saved with it, and replaces the earlier
        data; None keeps that. Where there is no token left, call :meth:`finish`.
        """
        if not isinstance(token, str) or not token:
            allowed = "a StartingToken; call finish() at the end of the listing"
            raise StartingTokenError(describe_invalid_value("token", token, allowed))
        self._save(token, finished=False, data=data)

    def finish(self, *, data: Mapping[str, Any] | None = None) -> None:
        """Save that the listing has been processed to its end."""
        self._save(None, finished=True, data=data)

    def restart(self, *, data: Mapping[str, Any] | None = None) -> None:
        """Save that the listing is to begin anew, as after its token has expired."""
        self._save(None, finished=False, data=data)

    @overload
    def items(self, pages: _Items[ItemT]) -> Iterator[ItemT]: ...
    @overload
    def items(self, pages: _AsyncItems[ItemT]) -> AsyncIterator[ItemT]: ...
    def items(self, pages: Any) -> Any:
        """Return an iterator over the items of ``pages`` that saves each when it is processed.

        ``pages`` may be the walk of a client, too: its records are the items.

        An item counts as processed when the next one is asked for. An item at which the loop ends,
        by an exception or by ``break``, is there again in the next run. For async pages, the
        iterator is an async one.

        ``pages`` must begin at :attr:`token`. If the listing is finished, there are no items, and
        nothing is sent.
        """
        return self._iterate(pages, by_page=False)

    @overload
    def pages(self, pages: PageIterator[PageT, ItemT]) -> Iterator[PageT]: ...
    @overload
    def pages(self, pages: AsyncPageIterator[PageT, ItemT]) -> AsyncIterator[PageT]: ...
    def pages(self, pages: Any) -> Any:
        """Return an iterator over pages, as :meth:`items` does over items.

        There is one save a page, which is faster; the page under way is repeated.
        """
        return self._iterate(pages, by_page=True)

    def close(self) -> None:
        """Release the file. Nothing is saved: all processed items are saved already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "finished" if self.finished else "begun" if self.token else "not begun"
        return f"{type(self).__name__}({self.path!r}, {state})"

    def _iterate(self, pages: Any, *, by_page: bool) -> Any:
        if not self.finished and pages.starting_token != self.token:
            name, given = "PaginationConfig.StartingToken", "not the token of the checkpoint"
            allowed = "paginate(..., PaginationConfig={'StartingToken': checkpoint.token})"
            raise ParamValidationError("Checkpoint", [Problem(name, given, allowed)])
        if hasattr(pages, "__aiter__"):
            return _AsyncResults(self, pages, aiter(pages) if by_page else pages.items())
        return self._iterate_sync(pages, iter(pages) if by_page else pages.items())

    def _iterate_sync(
        self, pages: BasePageIterator[Any, Any], results: Generator[T]
    ) -> Iterator[T]:
        with contextlib.closing(results):
            if self.finished:
                return
            for result in results:
                token = pages.resume_token
                yield result
                self._advance(token)
            # The last page may have no items: then it shows only now that nothing follows.
            self._advance(pages.resume_token)

    def _advance(self, token: str | None) -> None:
        if token is None:
            if not self.finished:
                self.finish()
        elif token != self.token:
            self.save(token)

    def _load(self) -> tuple[str | None, bool, dict[str, Any]]:
        content = self._file.read()
        if content is None:
            return None, False, {}
        try:
            saved = json.loads(content)
            if saved["version"] != _VERSION:
                raise ValueError(f"its version is {saved['version']!r}")
            listing, token, finished, data = (
                saved[name] for name in ("listing", "token", "finished", "data")
            )
            types_fit = isinstance(token, str | None) and isinstance(finished, bool)
            if not types_fit or not isinstance(data, dict) or (finished and token):
                raise ValueError("its members are of other types")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(
                f"{self.path} is not a checkpoint ({type(error).__name__}: {error}); it was left "
                "as it is"
            ) from None
        if listing != self._listing:
            raise CheckpointError(
                f"{self.path} is the checkpoint of another listing, {json.dumps(listing)}; give "
                "each listing its own file"
            )
        return token, finished, data

    def _save(self, token: str | None, *, finished: bool, data: Mapping[str, Any] | None) -> None:
        new_data = self.data if data is None else dict(data)
        content = {
            "version": _VERSION,
            "listing": self._listing,
            "token": token,
            "finished": finished,
            "data": new_data,
        }
        self._file.replace(json.dumps(content, indent=1).encode() + b"\n")
        self.token, self.finished, self.data = token, finished, new_data


class _AsyncResults(AsyncIterator[T], Generic[T]):
    """The items or pages of an async listing, each saved when the next one is asked for."""

    # No async generator: trio warns of those that are left before their end.

    def __init__(
        self,
        checkpoint: Checkpoint,
        pages: BasePageIterator[Any, Any],
        results: AsyncResultIterator[T],
    ) -> None:
        self._checkpoint = checkpoint
        self._pages = pages
        self._results = results
        #: The token after the result that the caller has; empty as soon as it is saved.
        self._unsaved: list[str | None] = []
        self._lock = threading.Lock()

    async def __anext__(self) -> T:
        await self._save_processed()
        if self._checkpoint.finished:
            await self._results.aclose()
            raise StopAsyncIteration
        result = await anext(self._results, _END)
        self._unsaved = [self._pages.resume_token]
        if result is _END:
            await self._save_processed()
            raise StopAsyncIteration
        return result

    async def aclose(self) -> None:
        """End the iteration; the result under way is not saved."""
        self._unsaved = []
        await self._results.aclose()

    async def _save_processed(self) -> None:
        if self._unsaved:
            # Waiting for the disk takes milliseconds, in which other tasks run.
            await run_in_thread(partial(self._save, self._unsaved))

    def _save(self, unsaved: list[str | None]) -> None:
        # A cancelled task's save continues in its thread; the next save waits for it.
        with self._lock:
            if unsaved:
                self._checkpoint._advance(unsaved[0])
                unsaved.clear()
