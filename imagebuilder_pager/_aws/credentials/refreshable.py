"""Credentials that are fetched, cached, and refreshed before they expire.

The windows are botocore's. In the advisory window one thread refreshes, and the others use the
current credentials; in the mandatory window all wait for the new ones.
"""

from __future__ import annotations

import copy
import logging
import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..._threads import SharedCalls, call_after_fork
from ...exceptions import CredentialRetrievalError, PagerError
from ..clock import SYSTEM_CLOCK, Clock, ServiceClock
from ..identity import CachingProvider, Credentials, CredentialsLike, header_problems

if TYPE_CHECKING:
    from concurrent.futures import Future

_log = logging.getLogger("imagebuilder_pager.credentials")

#: How long before the expiration each window begins.
ADVISORY_WINDOW = timedelta(minutes=15)
MANDATORY_WINDOW = timedelta(minutes=10)
#: After a refresh that failed or brought short-lived credentials, the seconds until the next one.
REFRESH_COOLDOWN = 60.0


class RefreshableCredentials(CachingProvider):
    """A provider that fetches credentials when they are first needed and before they expire.

    ``fetch`` returns credentials or raises a :class:`PagerError`. One thread at a time calls it,
    and all threads that waited for it get the same result or error. An error is logged as a warning
    while the old credentials are valid. Those without an expiration are cached until the service
    rejects them.
    """

    def __init__(self, fetch: Callable[[], Credentials], clock: Clock = SYSTEM_CLOCK) -> None:
        self._fetch = fetch
        self._clock = ServiceClock.of(clock)
        self._lock = threading.Lock()  # held while fetching
        self._fetches = SharedCalls()
        call_after_fork(self)
        self._credentials: Credentials | None = None
        self._rejected = False
        self._refresh_count = 0
        self._refresh_error: PagerError | None = None
        self._cooldown_until = -math.inf
        self._fetching_thread: int | None = None

    def get_frozen_credentials(self) -> Credentials:
        """Return the credentials; it may block to fetch them. Raises what ``fetch`` raises."""
        # Before the cache is read, so that a refresh that ends in between is not missed.
        count_before = self._refresh_count
        if (credentials := self.cached()) is not None:
            return credentials
        self._refuse_to_wait_for_itself()
        # Not acquire(): Ctrl-C between it and a try would leave the lock held.
        with self._lock:
            # Another thread may have refreshed, or failed to, while this one waited.
            if self._refresh_count == count_before or (
                self._refresh_error is None and self._is_expired()
            ):
                self._refresh()
            error = self._refresh_error
            if error is not None and self._is_expired():
                # A copy: one exception raised in many threads would mix their tracebacks.
                raise copy.copy(error) from error.__cause__
            assert self._credentials is not None  # noqa: S101 - else there is an error
            return self._credentials

    def _start(self, fetch: Callable[[], CredentialsLike]) -> Future[CredentialsLike]:
        self._refuse_to_wait_for_itself()
        return self._fetches.start(None, fetch, "credentials")  # one thread for all callers

    def _refuse_to_wait_for_itself(self) -> None:
        if self._fetching_thread == threading.get_ident():
            raise CredentialRetrievalError(
                "the code that is called while the credentials are fetched needs them itself"
            )

    def cached(self) -> Credentials | None:
        """Return the credentials if this thread need not refresh them, else None; never blocks."""
        time_left = self._time_left(self._clock.now())
        if (
            time_left >= ADVISORY_WINDOW
            or (time_left >= MANDATORY_WINDOW and self._lock.locked())  # it is being refreshed
            or (time_left > timedelta() and self._clock.monotonic() < self._cooldown_until)
        ):
            return self._credentials
        return None

    def invalidate(self, access_key: str) -> bool:
        """Expire the credentials with this access key id, which the service has rejected.

        It never blocks. It returns True: another thread has fetched others already, or the next
        :meth:`get_frozen_credentials` will.
        """
        if self._credentials is not None and self._credentials.access_key == access_key:
            self._rejected = True
        return True

    def _after_fork(self) -> None:
        """Forget, in a forked process, the thread that was fetching: it is in the parent."""
        self._lock = threading.Lock()
        self._fetching_thread = None

    def _time_left(self, now: datetime) -> timedelta:
        """Return the time to the expiration; 0 without credentials, or with rejected ones."""
        credentials = self._credentials
        if credentials is None or self._rejected:
            return timedelta()
        return timedelta.max if credentials.expiration is None else credentials.expiration - now

    def _is_expired(self) -> bool:
        return self._time_left(self._clock.now()) <= timedelta()

    def _refresh(self) -> None:
        """Fetch, with the lock held, and store the credentials or the error."""
        is_first = self._credentials is None
        self._refresh_error, self._cooldown_until = None, -math.inf
        self._fetching_thread = threading.get_ident()
        try:
            self._credentials = self._validate(self._fetch())
            self._rejected = False
        except PagerError as error:
            self._refresh_error = error
            if not self._is_expired():
                _log.warning(
                    "refreshing the credentials failed; using the old ones until they expire: %s",
                    error,
                )
        finally:
            self._fetching_thread = None
            self._refresh_count += 1
        if not is_first and self._time_left(self._clock.now()) < ADVISORY_WINDOW:
            # It failed or brought short-lived credentials: refreshing at every call would not help.
            self._cooldown_until = self._clock.monotonic() + REFRESH_COOLDOWN

    def _validate(self, credentials: Credentials) -> Credentials:
        """Return the fetched credentials if they can be used; otherwise the old ones must stay."""
        validate_fetched(credentials)
        expiration, machine_now = credentials.expiration, self._clock.machine_now()
        # By both clocks: a source may have either, and one response may have set the corrected one.
        if expiration is not None and expiration <= min(self._clock.now(), machine_now):
            raise CredentialRetrievalError(
                f"the credentials that were fetched expired at {expiration}, and the clock of this "
                f"machine says {machine_now}"
            )
        return credentials

    def __repr__(self) -> str:
        expiration = None if self._credentials is None else self._credentials.expiration
        return f"{type(self).__name__}(expiration={expiration})"


def validate_fetched(credentials: Credentials) -> None:
    """Raise :class:`CredentialRetrievalError` for credentials that cannot be part of a header."""
    if problems := header_problems(credentials):
        raise CredentialRetrievalError(
            f"the credentials that were fetched cannot be used: {'; '.join(map(str, problems))}"
        )
