"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from ..exceptions import PaginationError

if TYPE_CHECKING:
    from queue import SimpleQueue

ResultT = TypeVar("ResultT")


def prefetch(fetch: Callable[[], ResultT | None], depth: int) -> Generator[ResultT]:
    """Yield the results of ``fetch`` until it returns None.

    With a ``depth`` above 0, one daemon thread fetches, each time in a context of the caller.
    Closing the generator, as leaving a loop does, waits for nothing: no further fetch begins, and
    the result of the one in progress is dropped. Neither does the exit of the interpreter wait.
    """
    if depth == 0:
        while (result := fetch()) is not None:
            yield result
        return
    # Written in C: neither Ctrl-C nor a collection of garbage leaves a lock of theirs held.
    from queue import SimpleQueue

    permits: SimpleQueue[contextvars.Context] = SimpleQueue()
    results: SimpleQueue[tuple[ResultT | None, BaseException | None]] = SimpleQueue()
    is_closed = False

    def run() -> None:
        has_more = True
        while has_more:
            context = permits.get()
            if is_closed:
                return
            try:
                result = context.run(fetch)
            except BaseException as raised:  # noqa: BLE001 - raised where the page is asked for
                results.put((None, raised))
                return
            has_more = result is not None
            results.put((result, None))

    process_id = os.getpid()
    try:
        for _ in range(depth):
            permits.put(contextvars.copy_context())
        try:
            threading.Thread(target=run, name="prefetch", daemon=True).start()
        except RuntimeError as refusal:
            raise PaginationError(f"pages cannot be fetched ahead: {refusal}") from None
        while True:
            if os.getpid() != process_id:
                raise PaginationError(
                    "the thread that fetches the pages is not in this process, which was forked"
                )
            permits.put(contextvars.copy_context())
            result, error = results.get()
            if error is not None:
                raise error
            if result is None:
                return
            yield result
    finally:
        is_closed = True
        permits.put(contextvars.Context())  # to wake the thread
