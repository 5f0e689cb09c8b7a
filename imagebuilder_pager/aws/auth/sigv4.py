"""AWS Signature Version 4 by hashlib and hmac, for what cannot wait for botocore to be imported.

Written after "Create a signed AWS API request" in the IAM User Guide. The tests hold it to what
``botocore.auth`` makes of the same request, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from .signer import SigningRequest

__all__ = ["sigv4_header"]


_ALGORITHM = "AWS4-HMAC-SHA256"


def sigv4_header(request: SigningRequest) -> str:
    """The header ``Authorization``.

    The URL's path is of letters, digits, ``-``, ``.``, ``_``, ``~`` and slashes, and it has no
    query. No header's value has spaces to fold.
    """
    timestamp = request.headers["x-amz-date"]
    scope = f"{timestamp[:8]}/{request.region}/{request.service}/aws4_request"
    names = ";".join(request.headers)
    canonical = "\n".join(
        (
            request.method,
            urlsplit(request.url).path,
            "",
            *(f"{name}:{value}" for name, value in request.headers.items()),
            "",
            names,
            hashlib.sha256(request.content).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{request.credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join((_ALGORITHM, timestamp, scope, digest))
    return (
        f"{_ALGORITHM} Credential={request.credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, "
        f"Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
    )
