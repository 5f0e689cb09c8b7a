"""AWS Signature Version 4 by hashlib and hmac, for what cannot wait for botocore to be imported.

Written after "Create a signed AWS API request" in the IAM User Guide. The tests hold it to what
``botocore.auth`` makes of the same request, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from .credentials import CredentialsLike

__all__ = ["authorization"]

_ALGORITHM = "AWS4-HMAC-SHA256"


def authorization(
    path: str,
    headers: Mapping[str, str],
    content: bytes,
    credentials: CredentialsLike,
    *,
    service: str,
    region: str,
) -> str:
    """The ``Authorization`` header of a POST.

    ``path`` is the URL's, of letters, digits, ``-``, ``.``, ``_``, ``~`` and slashes, without a
    query. ``headers`` are those to sign, their names in lower case and in order, ``x-amz-date``
    among them, their values without spaces to fold.
    """
    timestamp = headers["x-amz-date"]
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    names = ";".join(headers)
    canonical = "\n".join(
        (
            "POST",
            path,
            "",
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            names,
            hashlib.sha256(content).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join((_ALGORITHM, timestamp, scope, digest))
    return (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
    )
