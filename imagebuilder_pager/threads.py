"""A blocking call in a thread for which nothing waits that does not want to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["BackgroundCall"]

T = TypeVar("T")


class BackgroundCall(Generic[T]):
    """A call that has been started in a daemon thread.

    ``finished`` is an event; ``on_finish`` is called after it is set. Where the system has no more
    threads, the call is made at once, in the thread of the caller.
    """

    def __init__(
        self, function: Callable[[], T], name: str, on_finish: Callable[[], object] | None = None
    ) -> None:
        self.finished: threading.Event = threading.Event()
        self._function = function
        self._on_finish = on_finish
        self._results: list[T] = []
        self._error: BaseException | None = None
        try:
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError:
            self._run()

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - it is raised by result()
            self._error = error
        finally:
            self.finished.set()
        if self._on_finish is not None:
            self._on_finish()

    def result(self) -> T:
        """Wait for the end of the call, and return or raise, once, what it has."""
        self.finished.wait()
        if self._error is not None:
            # Kept no longer: the error's traceback leads back to this object.
            error, self._error = self._error, None
            raise error
        return self._results.pop()
