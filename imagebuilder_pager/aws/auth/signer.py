"""Whose keys a request is signed with, by which clock, and what a refusal says to put right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

from ...exceptions import ClientError
from ..clock import parse_http_date
from ..identity import CachingProvider, CredentialsLike, CredentialsProvider, validate_header_safe

__all__ = ["RequestSigner", "SigningAlgorithm", "SigningRequest"]


#: A service allows five minutes; a clock that is off by less is not what it objects to.
_MIN_CORRECTED_SKEW = timedelta(minutes=4)
#: A clock without a battery begins decades ago; a date beyond that is no service's.
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


def _now() -> datetime:
    return datetime.now(UTC)


class SigningRequest:
    """A request as it is signed, and with what.

    ``headers`` are those to sign, their names in lower case and sorted, ``x-amz-date`` among them.
    It is no record: its repr would show the session token.
    """

    __slots__ = ("content", "credentials", "headers", "method", "region", "service", "url")

    method: str
    url: str
    headers: dict[str, str]
    content: bytes
    credentials: CredentialsLike
    service: str
    region: str


#: Makes the header ``SigningAlgorithm`` of a request.
SigningAlgorithm = Callable[[SigningRequest], str]


class RequestSigner:
    """All that signing has to know but the request; how it is signed is the sender's to choose.

    ``service`` and ``region`` are what is signed for, ``clock`` gives the time of signing, in UTC.
    The repr shows no key.
    """

    def __init__(
        self,
        credentials: CredentialsProvider,
        service: str,
        region: str,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._clock_skew = timedelta()
        self._service = service
        self._region = region

    def credentials(self) -> CredentialsLike:
        """The keys of the moment, fetched where needed.

        Raises :class:`NoCredentialsError` and the other errors of the search, and
        :class:`ParamValidationError` for keys that no header can carry.
        """
        credentials = self._credentials.get_frozen_credentials()
        validate_header_safe(credentials)
        return credentials

    async def credentials_async(self) -> CredentialsLike:
        """The async twin of :meth:`credentials`."""
        credentials: CredentialsLike | None = None
        if isinstance(self._credentials, CachingProvider):
            credentials = self._credentials.cached()
        if credentials is None:
            import anyio.to_thread

            # They have to be fetched, which must not hold up the event loop; nor must a fetch that
            # takes its time hold up a cancellation. Whoever asks next has the use of it.
            credentials = await anyio.to_thread.run_sync(
                self._credentials.get_frozen_credentials, abandon_on_cancel=True
            )
        validate_header_safe(credentials)
        return credentials

    def auth_headers(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        credentials: CredentialsLike,
        *,
        algorithm: SigningAlgorithm,
    ) -> dict[str, str]:
        """The headers to add to a request: date, session token and authorization.

        ``headers`` are those that it has, names in lower case; of these ``content-type``, ``host``
        and all ``x-amz-*`` are signed, as boto3 does.
        """
        added = {"x-amz-date": (self._clock() + self._clock_skew).strftime("%Y%m%dT%H%M%SZ")}
        if credentials.token:
            added["x-amz-security-token"] = credentials.token
        request = SigningRequest()
        request.method, request.url, request.content = method, url, content
        request.headers = {
            name: value
            for name, value in sorted({**headers, **added}.items())
            if name in {"content-type", "host"} or name.startswith("x-amz-")
        }
        request.credentials = credentials
        request.service, request.region = self._service, self._region
        added["authorization"] = algorithm(request)
        return added

    def recover_from_auth_error(
        self, error: ClientError, access_key: str, attempted: Collection[str]
    ) -> str | None:
        """Corrects what a refusal says is wrong with the signing; what that was, or None.

        ``access_key`` is the one that was signed with. What stands in ``tried`` already is not
        tried again.

        A clock that is off is corrected by the answer's ``Date`` header. Keys that have expired are
        given up, if there is a way to fresh ones; these are fetched at the next signing.
        """
        code = error.response["Error"]["Code"]
        if code in _EXPIRED_CODES and "credentials" not in attempted:
            invalidate = getattr(self._credentials, "invalidate", None)
            if invalidate is not None and invalidate(access_key):
                return "credentials"
        elif code in _SKEW_CODES and "clock" not in attempted:
            offset = self._measure_clock_skew(error)
            if offset is not None and abs(offset - self._clock_skew) > _MIN_CORRECTED_SKEW:
                self._clock_skew = offset
                return "clock"
        return None

    def _measure_clock_skew(self, error: ClientError) -> timedelta | None:
        """How far the service's clock is ahead of ours, by its answer."""
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        server_time = parse_http_date(headers.get("date", ""))
        if server_time is None:
            return None
        offset = server_time - self._clock()
        return offset if abs(offset) < _MAX_PLAUSIBLE_SKEW else None
