"""SigV4 as an ``httpx.Auth``; the signature itself is botocore's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import anyio.to_thread
import httpx
from botocore.auth import SigV4Auth as BotocoreSigV4Auth

from ..errors import ClientError
from .clock import http_date
from .credentials import CachingProvider, CredentialsLike, CredentialsProvider, check_usable

__all__ = ["SigV4Auth"]


#: A service allows five minutes; a clock that is off by less is not what it objects to.
_TOLERATED_SKEW = timedelta(minutes=4)
#: A clock without a battery begins decades ago; a date beyond that is no service's.
_BELIEVED_SKEW = timedelta(days=365 * 100)
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


class _SignedHeaders(dict[str, str]):
    """The headers to sign, each there once, as botocore's signer looks at them."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


class _Signer(BotocoreSigV4Auth):
    """botocore's signer, told which headers to sign: it would work that out twice a request."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


@dataclass(slots=True)
class _ToSign:
    """What botocore's signer looks at of a request; its ``AWSRequest`` takes longer to make."""

    method: str
    url: str
    headers: _SignedHeaders
    body: bytes
    context: dict[str, Any]
    params: None = None


class SigV4Auth(httpx.Auth):
    """Signs every request that passes, with the credentials of that moment.

    ``Content-Type``, ``Host`` and all ``X-Amz-*`` headers are signed, as boto3 does. ``clock``
    gives the time of signing, in UTC. The repr shows no key.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: CredentialsProvider,
        service: str,
        region: str,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region
        self._clock = clock
        self._offset = timedelta()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.authorize(request)
        yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await self.authorize_async(request)
        yield request

    def authorize(self, request: httpx.Request) -> None:
        """Signs the request with the credentials of the moment, fetching them where needed."""
        self.sign(request, self._credentials.get_frozen_credentials())

    async def authorize_async(self, request: httpx.Request) -> None:
        """The async twin of :meth:`authorize`."""
        credentials: CredentialsLike | None = None
        if isinstance(self._credentials, CachingProvider):
            credentials = self._credentials.fresh()
        if credentials is None:
            # They have to be fetched, which must not hold up the event loop; nor must a fetch that
            # takes its time hold up a cancellation. Whoever asks next has the use of it.
            credentials = await anyio.to_thread.run_sync(
                self._credentials.get_frozen_credentials, abandon_on_cancel=True
            )
        self.sign(request, credentials)

    def sign(self, request: httpx.Request, credentials: CredentialsLike) -> None:
        """Adds ``X-Amz-Date``, ``X-Amz-Security-Token`` and ``Authorization`` to the request.

        botocore's own ``add_auth`` would ask the system clock, and log what it signs, session token
        included; so its parts are called one by one.
        """
        check_usable(credentials)
        timestamp = (self._clock() + self._offset).strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = timestamp
        if credentials.token:
            request.headers["X-Amz-Security-Token"] = credentials.token
        signed = ((name.decode().lower(), value.decode()) for name, value in request.headers.raw)
        to_sign: Any = _ToSign(
            request.method,
            str(request.url),
            _SignedHeaders(
                (name, value)
                for name, value in signed
                if name in {"content-type", "host"} or name.startswith("x-amz-")
            ),
            request.content,
            {"timestamp": timestamp},
        )
        signer = _Signer(cast("Any", credentials), self._service, self._region)
        canonical_request = signer.canonical_request(to_sign)
        signed_headers = canonical_request.rsplit("\n", 2)[1]
        string_to_sign = signer.string_to_sign(to_sign, canonical_request)
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(to_sign)}, "
            f"SignedHeaders={signed_headers}, "
            f"Signature={signer.signature(string_to_sign, to_sign)}"
        )

    def put_right(
        self, error: ClientError, request: httpx.Request, tried: Collection[str]
    ) -> str | None:
        """Corrects what a refusal says is wrong with the signing; what that was, or None.

        What stands in ``tried`` already is not tried again.

        A clock that is off is corrected by the answer's ``Date`` header. Keys that have expired are
        given up, if there is a way to fresh ones; these are fetched at the next signing.
        """
        code = error.response["Error"]["Code"]
        if code in _EXPIRED_CODES and "credentials" not in tried:
            give_up = getattr(self._credentials, "refresh_after_rejection", None)
            if give_up is not None and give_up(_access_key_of(request)):
                return "credentials"
        elif code in _SKEW_CODES and "clock" not in tried:
            offset = self._offset_of(error)
            if offset is not None and abs(offset - self._offset) > _TOLERATED_SKEW:
                self._offset = offset
                return "clock"
        return None

    def _offset_of(self, error: ClientError) -> timedelta | None:
        """How far the service's clock is ahead of ours, by its answer."""
        theirs = http_date(error.response["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        if theirs is None:
            return None
        offset = theirs - self._clock()
        return offset if abs(offset) < _BELIEVED_SKEW else None


def _access_key_of(request: httpx.Request) -> str:
    authorization: str = request.headers.get("Authorization", "")
    return authorization.partition("Credential=")[2].partition("/")[0]
