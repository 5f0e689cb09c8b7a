"""Signing a request: the credentials, the clock, and their correction after a refusal.

The rule: a call corrects the clock once at most, and the credentials once at most. If a correction
of the clock did not help, it is undone, so that no single response can set the clock.
:mod:`..retries` decides whether the call is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from ..._dates import parse_http_date
from ..._threads import result_of
from ...exceptions import ClientError, CredentialRetrievalError, PagerError
from ..clock import Clock, ServiceClock
from ..identity import CachingProvider, CredentialsLike, validate_header_safe

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


class SigningRequest(NamedTuple):
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.method!r}, {self.url!r})"


#: Makes the value of the header ``Authorization``.
SigningAlgorithm = Callable[[SigningRequest], str]


def is_signed(name: str) -> bool:
    """Return whether the header of a name in lower case is signed, as boto3 does."""
    return name in {"content-type", "host"} or name.startswith("x-amz-")


class RequestSigner:
    """The signer of one service's requests in one region.

    ``algorithm`` makes the signature, ``clock`` gives the time of signing. The repr shows no
    credentials.
    """

    def __init__(
        self,
        credentials: CachingProvider,
        service: str,
        region: str,
        *,
        algorithm: SigningAlgorithm,
        clock: Clock,
    ) -> None:
        self.provider = credentials
        self.service = service
        self._region = region
        self._algorithm = algorithm
        self.clock: ServiceClock = ServiceClock.of(clock)

    def credentials(self, timeout: float | None = None) -> CredentialsLike:
        """Return the current credentials, fetched where needed.

        ``timeout``: the most seconds to wait for them. Raises :class:`NoCredentialsError` and the
        other errors of the search, :class:`CredentialRetrievalError` when the time is up, and
        :class:`ParamValidationError` for credentials that no header can carry.
        """
        credentials = self.provider.cached()
        if credentials is None and timeout is None:
            credentials = self.provider.get_frozen_credentials()
        elif credentials is None:
            try:
                credentials = result_of(self.provider.begin_fetch(), timeout)
            except TimeoutError:
                raise _timeout_error(timeout) from None
        validate_header_safe(credentials)
        return credentials

    async def credentials_async(self, timeout: float | None = None) -> CredentialsLike:  # noqa: ASYNC109 - as the sync twin
        """Return the current credentials; the async twin of :meth:`credentials`."""
        credentials = self.provider.cached()
        if credentials is None:
            from ..._async_runtime import current_runtime

            # A fetch holds up neither the event loop nor a cancellation.
            try:
                async with current_runtime().timeout(timeout):
                    credentials = await self.provider.get_frozen_credentials_async()
            except TimeoutError:
                raise _timeout_error(timeout) from None
        validate_header_safe(credentials)
        return credentials

    def auth_headers(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        credentials: CredentialsLike,
    ) -> dict[str, str]:
        """Return the headers to add to a request: date, session token and authorization.

        ``headers`` are the request's, names in lower case; :func:`is_signed` chooses those that
        are signed.
        """
        now = self.clock.now().isoformat(timespec="seconds")[:19]
        added = {"x-amz-date": f"{now.replace('-', '').replace(':', '')}Z"}
        if credentials.token:
            added["x-amz-security-token"] = credentials.token
        to_sign = {
            name: value for name, value in sorted({**headers, **added}.items()) if is_signed(name)
        }
        request = SigningRequest(
            method, url, to_sign, content, credentials, self.service, self._region
        )
        added["authorization"] = self._algorithm(request)
        return added


class CallSigner:
    """The signer of the attempts at one call: it corrects clock and credentials once at most."""

    def __init__(self, signer: RequestSigner) -> None:
        self._signer = signer
        self._access_key = ""
        self._date = ""
        self._has_corrected_clock = False
        self._has_dropped_credentials = False

    def auth_headers(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        credentials: CredentialsLike,
    ) -> dict[str, str]:
        """Return the headers of :meth:`RequestSigner.auth_headers` for the next attempt."""
        added = self._signer.auth_headers(method, url, headers, content, credentials)
        self._access_key, self._date = credentials.access_key, added["x-amz-date"]
        return added

    def recover(self, error: PagerError) -> bool:
        """Correct the clock or the credentials if they were the error's cause; return whether.

        A clock that is off is corrected by the response's ``Date`` header. Expired credentials are
        dropped if others can be fetched, which the next signing does.
        """
        if not isinstance(error, ClientError) or not self._date:
            return False
        code = error.response["Error"]["Code"]
        if code in _EXPIRED_CODES and not self._has_dropped_credentials:
            self._has_dropped_credentials = self._signer.provider.invalidate(self._access_key)
            return self._has_dropped_credentials
        if code in _SKEW_CODES:
            clock, date = self._signer.clock, datetime.fromisoformat(self._date)
            if not self._has_corrected_clock and clock.correct(_server_time(error), date):
                self._has_corrected_clock = True
                return True
            clock.undo_correction(date)
        return False


def _server_time(error: ClientError) -> datetime | None:
    return parse_http_date(error.response["ResponseMetadata"]["HTTPHeaders"].get("date", ""))


def _timeout_error(timeout: float | None) -> CredentialRetrievalError:
    return CredentialRetrievalError(
        f"no credentials within {timeout or 0:.3g} s, what was left of total_timeout"
    )
