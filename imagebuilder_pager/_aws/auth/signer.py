"""Signing a request: the credentials, the clock, and their correction after a refusal.

The rule: a call corrects the clock once at most, and the credentials once at most. If a correction
of the clock did not help, it is undone, so that no single response can set the clock.
:mod:`..retries` decides whether the call is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..._dates import parse_http_date
from ..._threads import call_in_thread, result_of
from ...exceptions import ClientError, CredentialRetrievalError
from ..identity import (
    CachingProvider,
    CredentialsLike,
    RefreshableProvider,
    validate_header_safe,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

#: A service allows five minutes, and accepts a clock that is off by less.
_MIN_CORRECTED_SKEW = timedelta(minutes=4)
#: A clock without a battery begins decades ago; a date beyond that is not a service's.
_MAX_PLAUSIBLE_SKEW = timedelta(days=365 * 100)
_SKEW_CODES = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
_EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})


@dataclass(slots=True, repr=False)
class SigningRequest:
    """A request as it is signed.

    ``headers`` are those to sign, their names in lower case and sorted, ``x-amz-date`` among them.
    A repr would show the session token.
    """

    method: str
    url: str
    headers: dict[str, str]
    content: bytes
    credentials: CredentialsLike
    service: str
    region: str


class SignedWith(NamedTuple):
    """The access key id and the header ``x-amz-date`` that a request was signed with."""

    access_key: str
    date: str


#: Makes the value of the header ``Authorization``.
SigningAlgorithm = Callable[[SigningRequest], str]


class RequestSigner:
    """The signer of one service's requests in one region.

    ``algorithm`` makes the signature, ``clock`` gives the time of signing, in UTC. The repr shows
    no credentials.
    """

    def __init__(
        self,
        credentials: CachingProvider,
        service: str,
        region: str,
        *,
        algorithm: SigningAlgorithm,
        clock: Callable[[], datetime],
    ) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region
        self._algorithm = algorithm
        self._clock = clock
        self._clock_skew = timedelta()

    def credentials(self, timeout: float | None = None) -> CredentialsLike:
        """Return the current credentials, fetched where needed.

        ``timeout``: the most seconds to wait for them. Raises :class:`NoCredentialsError` and the
        other errors of the search, :class:`CredentialRetrievalError` when the time is up, and
        :class:`ParamValidationError` for credentials that no header can carry.
        """
        credentials = self._credentials.cached()
        if credentials is None and timeout is None:
            credentials = self._credentials.get_frozen_credentials()
        elif credentials is None:
            try:
                credentials = result_of(self._begin_fetch(), timeout)
            except TimeoutError:
                raise _timeout_error(timeout) from None
        validate_header_safe(credentials)
        return credentials

    async def credentials_async(self, timeout: float | None = None) -> CredentialsLike:  # noqa: ASYNC109 - as the sync twin
        """Return the current credentials; the async twin of :meth:`credentials`."""
        credentials = self._credentials.cached()
        if credentials is None:
            from ..._async_runtime import current_runtime, wait_for

            # A fetch holds up neither the event loop nor a cancellation.
            try:
                async with current_runtime().timeout(timeout):
                    credentials = await wait_for(self._begin_fetch())
            except TimeoutError:
                raise _timeout_error(timeout) from None
        validate_header_safe(credentials)
        return credentials

    def _begin_fetch(self) -> Future[CredentialsLike]:
        """Fetch in a thread; a provider that caches uses one thread for all current callers."""
        provider = self._credentials
        try:
            if isinstance(provider, RefreshableProvider):
                return provider.begin_fetch()
            # A provider of the caller's may have other credentials for each.
            return call_in_thread(provider.get_frozen_credentials, "credentials")
        except RuntimeError as error:
            raise CredentialRetrievalError(f"the credentials cannot be fetched: {error}") from None

    def auth_headers(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        credentials: CredentialsLike,
    ) -> dict[str, str]:
        """Return the headers to add to a request: date, session token and authorization.

        ``headers`` are the request's, names in lower case; of these ``content-type``, ``host``
        and all ``x-amz-*`` are signed, as boto3 does.
        """
        now = (self._clock() + self._clock_skew).isoformat(timespec="seconds")[:19]
        added = {"x-amz-date": f"{now.replace('-', '').replace(':', '')}Z"}
        if credentials.token:
            added["x-amz-security-token"] = credentials.token
        to_sign = {
            name: value
            for name, value in sorted({**headers, **added}.items())
            if name in {"content-type", "host"} or name.startswith("x-amz-")
        }
        request = SigningRequest(
            method, url, to_sign, content, credentials, self._service, self._region
        )
        added["authorization"] = self._algorithm(request)
        return added

    def recover_from_auth_error(
        self, error: ClientError, signed: SignedWith, attempted: Collection[str]
    ) -> str | None:
        """Correct the clock or the credentials after a refusal; return which of them, or None.

        ``signed`` is how the refused request was signed. ``attempted`` has the names, ``"clock"``
        or ``"credentials"``, of the corrections that must not be made again.

        A clock that is off is corrected by the response's ``Date`` header. Expired credentials are
        dropped if others can be fetched, which the next signing does.
        """
        code = error.response["Error"]["Code"]
        if code in _EXPIRED_CODES and "credentials" not in attempted:
            if self._credentials.invalidate(signed.access_key):
                return "credentials"
        elif code in _SKEW_CODES:
            server_time = None if "clock" in attempted else _server_time(error)
            if self._correct_clock(datetime.fromisoformat(signed.date), server_time):
                return "clock"
        return None

    def _correct_clock(self, signed_at: datetime, server_time: datetime | None) -> bool:
        """Set the clock by the service's, if the request's differs; else undo the correction."""
        now = self._clock()
        if (
            server_time is not None
            and abs(server_time - signed_at) > _MIN_CORRECTED_SKEW
            and abs(server_time - now) < _MAX_PLAUSIBLE_SKEW
        ):
            self._clock_skew = server_time - now
            return True
        # Another thread may have corrected it while this request was under way.
        if abs(signed_at - now - self._clock_skew) < _MIN_CORRECTED_SKEW:
            self._clock_skew = timedelta()
        return False


def _server_time(error: ClientError) -> datetime | None:
    return parse_http_date(error.response["ResponseMetadata"]["HTTPHeaders"].get("date", ""))


def _timeout_error(timeout: float | None) -> CredentialRetrievalError:
    return CredentialRetrievalError(
        f"no credentials within {timeout or 0:.3g} s, what was left of total_timeout"
    )
