"""Keys that are fetched, kept, and fetched again before they expire."""

from __future__ import annotations

import copy
import enum
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import CredentialRetrievalError, PagerError
from .clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from .credentials import Credentials

__all__ = ["RefreshingCredentials"]

_log = logging.getLogger(__name__)

# botocore's windows. Within the first, one thread fetches new keys and the others go on with those
# there are; within the second, all wait for the new ones.
ADVISORY = timedelta(minutes=15)
MANDATORY = timedelta(minutes=10)
#: After a refresh that was of no use, how long the keys there are serve before the next one.
PAUSE = timedelta(minutes=1)


class _Due(enum.Enum):
    """How badly new keys are needed."""

    NO = enum.auto()
    SOON = enum.auto()  # the advisory window
    NOW = enum.auto()  # the mandatory window
    OVERDUE = enum.auto()  # there are no keys that would be accepted


class RefreshingCredentials:
    """A provider that fetches its keys when they are first needed and before they expire.

    ``fetch`` gives keys or raises a :class:`PagerError`; it is called by one thread at a
    time, and what it gives or raises is that of all threads that have waited for it. A fetch that
    fails while the old keys hold is logged as a warning. Keys without an expiry are kept until the
    service rejects them.
    """

    def __init__(self, fetch: Callable[[], Credentials], clock: Clock = SYSTEM_CLOCK) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()  # held while fetching
        self._keys: Credentials | None = None
        self._rejected = False
        self._attempts = 0
        self._failure: PagerError | None = None
        self._paused_until: datetime | None = None

    def get_frozen_credentials(self) -> Credentials:
        """The keys; it may block to fetch them. Raises what ``fetch`` raises."""
        seen = self._attempts  # before looking at the keys, so that no attempt goes unnoticed
        due = self._due()
        if due is _Due.NO:
            return self._held()
        if not self._lock.acquire(blocking=due is not _Due.SOON):
            return self._held()
        try:
            # Another thread may have fetched, or failed to, while this one waited.
            if self._attempts == seen or (self._failure is None and self._due() is _Due.OVERDUE):
                self._attempt()
            if self._failure is not None and self._due() is _Due.OVERDUE:
                # A copy: one exception raised in many threads would mix their tracebacks.
                raise copy.copy(self._failure) from self._failure.__cause__
            return self._held()
        finally:
            self._lock.release()

    def fresh(self) -> Credentials | None:
        """The keys, if there is no need to fetch others, or somebody is at it; never blocks."""
        due = self._due()
        if due is _Due.NO or (due is _Due.SOON and self._lock.locked()):
            return self._keys
        return None

    @property
    def can_refresh(self) -> bool:
        """Whether :meth:`refresh_after_rejection` may help; it may here."""
        return True

    def refresh_after_rejection(self, access_key: str) -> bool:
        """The service has called the keys with this access key id expired. Never blocks.

        Returns whether other keys may be had: those there are now, if another thread has fetched
        them already, or those that the next :meth:`get_frozen_credentials` fetches.
        """
        if self._keys is not None and self._keys.access_key == access_key:
            self._rejected = True
        return True

    def _due(self) -> _Due:
        keys, now = self._keys, self._clock.now()
        if keys is None or self._rejected:
            return _Due.OVERDUE
        if keys.expires is None:
            return _Due.NO
        left = keys.expires - now
        if left <= timedelta():
            return _Due.OVERDUE
        if left >= ADVISORY or (self._paused_until is not None and now < self._paused_until):
            return _Due.NO
        return _Due.SOON if left >= MANDATORY else _Due.NOW

    def _held(self) -> Credentials:
        assert self._keys is not None  # noqa: S101 - else OVERDUE, and an error instead
        return self._keys

    def _attempt(self) -> None:
        """Fetches, with the lock held, and keeps the keys, or else why there are none."""
        first = self._keys is None
        self._failure = self._paused_until = None
        try:
            self._keys = self._checked(self._fetch())
            self._rejected = False
        except PagerError as error:
            self._failure = error
            if self._due() is not _Due.OVERDUE:
                _log.warning("refreshing the credentials failed, the old ones serve on: %s", error)
        finally:
            self._attempts += 1
        if not first and self._due() in (_Due.SOON, _Due.NOW):
            # It failed, or brought keys as short-lived as the last: not at every call, then.
            self._paused_until = self._clock.now() + PAUSE

    def _checked(self, keys: Credentials) -> Credentials:
        if keys.expires is not None and keys.expires <= (now := self._clock.now()):
            raise CredentialRetrievalError(
                f"the credentials that were fetched expired at {keys.expires}, and by the clock "
                f"of this machine it is {now}"
            )
        return keys

    def __repr__(self) -> str:
        return f"{type(self).__name__}(expires={self._keys and self._keys.expires})"
