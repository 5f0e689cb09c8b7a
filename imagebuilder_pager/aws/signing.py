"""SigV4 as an ``httpx.Auth``; the signature itself is botocore's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from datetime import UTC, datetime
from typing import Any, cast

import anyio.to_thread
import httpx
from botocore.auth import SigV4Auth as BotocoreSigV4Auth
from botocore.awsrequest import AWSRequest

from .credentials import (
    Credentials,
    CredentialsLike,
    CredentialsProvider,
    EnvironmentCredentials,
)

__all__ = ["SigV4Auth"]


def _now() -> datetime:
    return datetime.now(UTC)


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

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.sign(request, self._credentials.get_frozen_credentials())
        yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        credentials: CredentialsLike
        if isinstance(self._credentials, (Credentials, EnvironmentCredentials)):
            credentials = self._credentials.get_frozen_credentials()
        else:
            # They may have to be fetched, which must not hold up the event loop.
            credentials = await anyio.to_thread.run_sync(self._credentials.get_frozen_credentials)
        self.sign(request, credentials)
        yield request

    def sign(self, request: httpx.Request, credentials: CredentialsLike) -> None:
        """Adds ``X-Amz-Date``, ``X-Amz-Security-Token`` and ``Authorization`` to the request.

        botocore's own ``add_auth`` would ask the system clock, and log what it signs, session token
        included; so its parts are called one by one.
        """
        timestamp = self._clock().strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = timestamp
        if credentials.token:
            request.headers["X-Amz-Security-Token"] = credentials.token
        to_sign = AWSRequest(
            method=request.method,
            url=str(request.url),
            data=request.content,
            headers={
                name: value
                for name, value in request.headers.items()
                if name == "content-type" or name.startswith("x-amz-")
            },
        )
        to_sign.context["timestamp"] = timestamp
        signer = BotocoreSigV4Auth(cast("Any", credentials), self._service, self._region)
        string_to_sign = signer.string_to_sign(to_sign, signer.canonical_request(to_sign))
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(to_sign)}, "
            f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(to_sign))}, "
            f"Signature={signer.signature(string_to_sign, to_sign)}"
        )
