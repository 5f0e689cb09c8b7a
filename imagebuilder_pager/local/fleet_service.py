"""A whole fleet as one function: STS, and Image Builder in each account and region.

The rule: the credentials choose the account, the signature chooses the region. A request to Image
Builder first takes a token of its account and region.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Hashable
from http import HTTPStatus
from typing import Any

import httpx

from .account import Account
from .account_generator import FleetSize, account_ids, generate_fleet_account
from .errors import ServiceError
from .service import MAX_CALLS, Call, LocalImageBuilder, make_response, utc_now
from .sigv4_verifier import read_credential
from .sts_service import LocalSts

DEFAULT_REGIONS = ("us-west-2", "eu-west-1", "ap-northeast-1")


class RateLimits:
    """A token bucket for each key, with the tokens of one second; thread-safe.

    ``requests_per_second`` is the rate of each key. ``monotonic`` returns seconds.
    """

    def __init__(
        self, requests_per_second: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if not requests_per_second > 0:
            raise ValueError(f"the rate limit is {requests_per_second}, it has to be above 0")
        self._rate = requests_per_second
        self._capacity = max(1.0, requests_per_second)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> None:
        """Count a request. Raises ``ServiceError``, status 429, for one beyond the limit."""
        now = self._monotonic()
        with self._lock:
            tokens, filled_at = self._buckets.get(key, (self._capacity, now))
            tokens = min(self._capacity, tokens + (now - filled_at) * self._rate)
            self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise ServiceError(
                "CallRateLimitExceededException",
                "You have exceeded the permitted request rate for the specific operation.",
            )


class _AccountService(LocalImageBuilder):
    """Image Builder in one account and region; all services of a fleet share one log of calls."""

    def __init__(self, account: Account, *, calls: deque[Call], **options: Any) -> None:
        super().__init__(account, **options)
        self._calls = calls

    def replace_account(self, account: Account) -> None:
        """Serve other data from the next request on."""
        self._account = account


class LocalFleet:
    """A function from a signed request to the response of STS or of EC2 Image Builder.

    ``AssumeRole`` returns credentials for any role in any of the ``account_ids``. ``ACCESS_KEY_ID``
    is a user in the first account. Each account has the same number of policies in each of
    ``regions``, and is not enabled in other regions. ``rate_limit`` is the requests a second that
    an account may send in a region. ``role_lifetime`` is the lifetime of a role's credentials.
    ``newest`` is the start of the newest executions; default: the last midnight, in UTC.

    An account's data are made when they are first needed. ``replace_account`` replaces them while
    the fleet serves.
    """

    def __init__(
        self,
        size: FleetSize,
        *,
        regions: Collection[str] = DEFAULT_REGIONS,
        rate_limit: float | None = None,
        role_lifetime: dt.timedelta = dt.timedelta(hours=1),
        newest: dt.datetime | None = None,
        is_running: bool = True,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        if size.accounts < 1:
            raise ValueError(f"accounts is {size.accounts}, it has to be 1 or more")
        self.account_ids: tuple[str, ...] = account_ids(size.accounts)
        self.regions: tuple[str, ...] = tuple(regions)
        self.throttled: int = 0
        self.sts: LocalSts = LocalSts(self.account_ids, role_lifetime)
        self._size = size
        self._is_running = is_running
        self._clock = clock
        midnight = clock().replace(hour=0, minute=0, second=0, microsecond=0)
        self._newest = int((newest or midnight).timestamp())
        self._rate_limits = None if rate_limit is None else RateLimits(rate_limit)
        self._lock = threading.Lock()
        self._services: dict[tuple[str, str], _AccountService] = {}
        self._replaced: dict[tuple[str, str], Account] = {}
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request; for an invalid request, an error response."""
        now = self._clock().astimezone(dt.UTC)
        access_key_id, region, service = read_credential(request)
        if service == "sts":
            return self.sts.respond(request, access_key_id, now)
        try:
            account = self.sts.find_account(request, access_key_id, now)
            builder = self._service_of(account, region)
            if self._rate_limits is not None:
                self._rate_limits.take((account, region))
        except ServiceError as error:
            with self._lock:
                self.throttled += error.status == HTTPStatus.TOO_MANY_REQUESTS
            return make_response(error, now, str(uuid.uuid4()))
        return builder(request)

    @property
    def requests(self) -> int:
        """The number of requests to Image Builder that were not throttled."""
        with self._lock:
            return sum(service.requests for service in self._services.values())

    @property
    def calls(self) -> tuple[Call, ...]:
        """The newest 10,000 of these requests; pages are numbered by account and region."""
        return tuple(self._calls.copy())

    def account(self, account_id: str, region: str) -> Account:
        """Return the data of an account in a region."""
        return self._replaced.get((account_id, region)) or generate_fleet_account(
            account_id, region, self._size, newest=self._newest, is_running=self._is_running
        )

    def replace_account(self, region: str, account: Account) -> None:
        """Replace the data of the account with that id in the region, from the next request on."""
        self._replaced[account.account_id, region] = account
        self._service_of(account.account_id, region).replace_account(account)

    def _service_of(self, account_id: str, region: str) -> _AccountService:
        if region not in self.regions:
            # AWS's error where a region is not enabled for the account.
            raise ServiceError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        key = (account_id, region)
        with self._lock:
            if key not in self._services:
                self._services[key] = _AccountService(
                    self.account(*key),
                    clock=self._clock,
                    region=region,
                    secrets=self.sts.secrets,
                    calls=self._calls,
                )
            return self._services[key]
