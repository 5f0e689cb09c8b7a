"""SigV4 as an ``httpx.Auth``; the signature itself is botocore's."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import httpx
from botocore.auth import SigV4Auth as BotocoreSigV4Auth

from ..identity import CredentialsProvider
from .signer import RequestSigner, SigningRequest

__all__ = ["SigV4Auth", "botocore_sigv4_header"]


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


def botocore_sigv4_header(request: SigningRequest) -> str:
    """The header ``Authorization``, by botocore.

    botocore's own ``add_auth`` would ask the system clock, and log what it signs, session token
    included; so its parts are called one by one.
    """
    signer = _Signer(cast("Any", request.credentials), request.service, request.region)
    to_sign: Any = _ToSign(
        request.method,
        request.url,
        _SignedHeaders(request.headers),
        request.content,
        {"timestamp": request.headers["x-amz-date"]},
    )
    canonical_request = signer.canonical_request(to_sign)
    string_to_sign = signer.string_to_sign(to_sign, canonical_request)
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(to_sign)}, "
        f"SignedHeaders={';'.join(request.headers)}, "
        f"Signature={signer.signature(string_to_sign, to_sign)}"
    )


class SigV4Auth(RequestSigner, httpx.Auth):
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
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(credentials, service, region, algorithm=botocore_sigv4_header, clock=clock)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        credentials = self.credentials()
        headers = {name.decode().lower(): value.decode() for name, value in request.headers.raw}
        url, content = str(request.url), request.content
        added = self.auth_headers(request.method, url, headers, content, credentials)
        for name, value in added.items():
            request.headers[name] = value  # update() copies them all
        yield request
