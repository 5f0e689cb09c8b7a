"""SigV4 as an ``httpx.Auth``; the signature itself is botocore's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, cast

import anyio.to_thread
import httpx
from botocore.auth import SigV4Auth as BotocoreSigV4Auth

from .credentials import CachingProvider, CredentialsLike, check_usable
from .signer import Signer

__all__ = ["SigV4Auth"]


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


class SigV4Auth(Signer, httpx.Auth):
    """Signs every request that passes, with the credentials of that moment.

    ``Content-Type``, ``Host`` and all ``X-Amz-*`` headers are signed, as boto3 does. ``clock``
    gives the time of signing, in UTC. The repr shows no key.
    """

    requires_request_body = True

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
        self.sign(request, self.credentials())

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
        check_usable(credentials)
        self.sign(request, credentials)

    def sign(self, request: httpx.Request, credentials: CredentialsLike) -> None:
        """Adds ``X-Amz-Date``, ``X-Amz-Security-Token`` and ``Authorization`` to the request.

        botocore's own ``add_auth`` would ask the system clock, and log what it signs, session token
        included; so its parts are called one by one.
        """
        timestamp = self.timestamp()
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
        signer = _Signer(cast("Any", credentials), self.service, self.region)
        canonical_request = signer.canonical_request(to_sign)
        signed_headers = canonical_request.rsplit("\n", 2)[1]
        string_to_sign = signer.string_to_sign(to_sign, canonical_request)
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(to_sign)}, "
            f"SignedHeaders={signed_headers}, "
            f"Signature={signer.signature(string_to_sign, to_sign)}"
        )
