"""Fetching pages in order, when the caller needs them or ahead of it.

Prefetching changes no order: pages come one after the other, and an error comes at its page. At
most ``depth`` pages are fetched beyond the one that the caller has or waits for.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["prefetch"]

ResultT = TypeVar("ResultT")


def prefetch(fetch: Callable[[], ResultT | None], depth: int) -> Generator[ResultT]:
    """Yield the results of ``fetch`` until it returns None.

    With a ``depth`` above 0, one thread fetches. Closing the generator, as leaving a loop does,
    waits for the fetch in progress and leaves no thread behind.
    """
    if depth == 0:
        while (result := fetch()) is not None:
            yield result
        return

    from concurrent.futures import ThreadPoolExecutor

    failed = False

    def fetch_unless_failed() -> ResultT | None:
        nonlocal failed
        if failed:
            return None
        failed = True
        result = fetch()
        failed = False
        return result

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as executor:
        pending: deque[Future[ResultT | None]] = deque()
        try:
            while True:
                while len(pending) <= depth:
                    context = contextvars.copy_context()
                    pending.append(executor.submit(context.run, fetch_unless_failed))
                result = pending.popleft().result()
                if result is None:
                    return
                yield result
        finally:
            for future in pending:
                future.cancel()
