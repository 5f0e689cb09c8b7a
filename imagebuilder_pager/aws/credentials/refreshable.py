"""Keys that are fetched, kept, and fetched again before they expire."""

from __future__ import annotations

import copy
import enum
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...exceptions import CredentialRetrievalError, PagerError
from ..clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from ..identity import Credentials


__all__ = ["RefreshableCredentials"]


_log = logging.getLogger(__name__)

# botocore's windows. Within the first, one thread fetches new keys and the others go on with those
# there are; within the second, all wait for the new ones.
ADVISORY = timedelta(minutes=15)
MANDATORY = timedelta(minutes=10)
#: After a refresh that was of no use, how long the keys there are serve before the next one.
REFRESH_COOLDOWN = timedelta(minutes=1)


class _RefreshState(enum.Enum):
    """How badly new keys are needed."""

    FRESH = enum.auto()
    ADVISORY = enum.auto()  # the advisory window
    MANDATORY = enum.auto()  # the mandatory window
    EXPIRED = enum.auto()  # there are no keys that would be accepted


class RefreshableCredentials:
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
        self._credentials: Credentials | None = None
        self._rejected = False
        self._refresh_count = 0
        self._preconnect_error: PagerError | None = None
        self._cooldown_until: datetime | None = None

    def get_frozen_credentials(self) -> Credentials:
        """The keys; it may block to fetch them. Raises what ``fetch`` raises."""
        count_before = (
            self._refresh_count
        )  # before looking at the keys, so that no attempt goes unnoticed
        due = self._refresh_state()
        if due is _RefreshState.FRESH:
            return self._current()
        if not self._lock.acquire(blocking=due is not _RefreshState.ADVISORY):
            return self._current()
        try:
            # Another thread may have fetched, or failed to, while this one waited.
            if self._refresh_count == count_before or (
                self._preconnect_error is None and self._refresh_state() is _RefreshState.EXPIRED
            ):
                self._refresh()
            if (
                self._preconnect_error is not None
                and self._refresh_state() is _RefreshState.EXPIRED
            ):
                # A copy: one exception raised in many threads would mix their tracebacks.
                raise copy.copy(self._preconnect_error) from self._preconnect_error.__cause__
            return self._current()
        finally:
            self._lock.release()

    def cached(self) -> Credentials | None:
        """The keys, if there is no need to fetch others, or somebody is at it; never blocks."""
        due = self._refresh_state()
        if due is _RefreshState.FRESH or (due is _RefreshState.ADVISORY and self._lock.locked()):
            return self._credentials
        return None

    def invalidate(self, access_key: str) -> bool:
        """The service has called the keys with this access key id expired. Never blocks.

        Returns whether other keys may be had: those there are now, if another thread has fetched
        them already, or those that the next :meth:`get_frozen_credentials` fetches.
        """
        if self._credentials is not None and self._credentials.access_key == access_key:
            self._rejected = True
        return True

    def _refresh_state(self) -> _RefreshState:
        keys, now = self._credentials, self._clock.now()
        if keys is None or self._rejected:
            return _RefreshState.EXPIRED
        if keys.expiration is None:
            return _RefreshState.FRESH
        left = keys.expiration - now
        if left <= timedelta():
            return _RefreshState.EXPIRED
        if left >= ADVISORY or (self._cooldown_until is not None and now < self._cooldown_until):
            return _RefreshState.FRESH
        return _RefreshState.ADVISORY if left >= MANDATORY else _RefreshState.MANDATORY

    def _current(self) -> Credentials:
        assert self._credentials is not None  # noqa: S101 - else OVERDUE, and an error instead
        return self._credentials

    def _refresh(self) -> None:
        """Fetches, with the lock held, and keeps the keys, or else why there are none."""
        first = self._credentials is None
        self._preconnect_error = self._cooldown_until = None
        try:
            self._credentials = self._validate_expiration(self._fetch())
            self._rejected = False
        except PagerError as error:
            self._preconnect_error = error
            if self._refresh_state() is not _RefreshState.EXPIRED:
                _log.warning("refreshing the credentials failed, the old ones serve on: %s", error)
        finally:
            self._refresh_count += 1
        if not first and self._refresh_state() in (_RefreshState.ADVISORY, _RefreshState.MANDATORY):
            # It failed, or brought keys as short-lived as the last: not at every call, then.
            self._cooldown_until = self._clock.now() + REFRESH_COOLDOWN

    def _validate_expiration(self, keys: Credentials) -> Credentials:
        if keys.expiration is not None and keys.expiration <= (now := self._clock.now()):
            raise CredentialRetrievalError(
                f"the credentials that were fetched expired at {keys.expiration}, and by the clock "
                f"of this machine it is {now}"
            )
        return keys

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(expires={self._credentials and self._credentials.expiration})"
        )
