"""AWS Signature Version 4 by botocore, part by part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from botocore.auth import SigV4Auth as BotocoreSigV4Auth

from .signer import SigningRequest


class _SignedHeaders(dict[str, str]):
    """The headers to sign, each there once, as botocore's signer looks at them."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


class _Signer(BotocoreSigV4Auth):
    """botocore's signer with given headers: it would select them twice a request."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


def botocore_sigv4_header(request: SigningRequest) -> str:
    """Return the value of the header ``Authorization``, made by botocore.

    botocore's own ``add_auth`` would use the system clock, and log the canonical request with the
    session token; so its parts are called one by one.
    """
    signer = _Signer(cast("Any", request.credentials), request.service, request.region)
    # The part of a request that the signer reads; botocore's own AWSRequest is slower.
    to_sign: Any = SimpleNamespace(
        method=request.method,
        url=request.url,
        params=None,
        headers=_SignedHeaders(request.headers),
        body=request.content,
        context={"timestamp": request.headers["x-amz-date"]},
    )
    canonical_request = signer.canonical_request(to_sign)
    string_to_sign = signer.string_to_sign(to_sign, canonical_request)
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(to_sign)}, "
        f"SignedHeaders={';'.join(request.headers)}, "
        f"Signature={signer.signature(string_to_sign, to_sign)}"
    )
