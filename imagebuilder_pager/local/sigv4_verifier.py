"""The verification of AWS Signature Version 4, as a service does it.

The rule: ``Host``, ``X-Amz-Date`` and every ``X-Amz-*`` header of the request have to be signed,
so a session token can be neither added nor removed. The request as received is signed once more,
and has to have the same signature; ``X-Amz-Content-SHA256`` is ignored.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from typing import TYPE_CHECKING

from .._aws.auth.signer import SigningRequest
from .._aws.auth.sigv4 import sigv4_header
from .._aws.identity import Credentials
from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_ALLOWED_SKEW = dt.timedelta(minutes=5)
"""The maximum difference between ``X-Amz-Date`` and the service's clock."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<date>\d*)/(?P<region>[^/,\s]*)"
    r"/(?P<service>[^/,\s]*)/aws4_request, *SignedHeaders=(?P<names>[^,\s]+), *"
    r"Signature=(?P<signature>[0-9a-f]+)"
)


def read_credential(request: httpx.Request) -> tuple[str, str, str]:
    """Return the access key id, region and service of a signature, "" without a valid one."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    return (match["key"], match["region"], match["service"]) if match else ("", "", "")


def verify_signature(
    request: httpx.Request,
    *,
    secrets: Mapping[str, str],
    service: str,
    now: dt.datetime,
    region: str | None = None,
) -> None:
    """Raise ``ServiceError`` unless the request has a valid signature.

    ``secrets`` maps access key ids to secret access keys. ``service`` is the signing name. ``now``
    is the service's time, an aware datetime. Without ``region``, any region is valid.
    """
    headers = request.headers
    authorization = headers.get("authorization", "").strip()
    if not authorization:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(authorization)
    timestamp = headers.get("x-amz-date", "")
    date = _parse_date(timestamp)
    if match is None or date is None:
        # AWS repeats the header in its message; here errors and logs have no signature.
        name = "Authorization" if match is None else "X-Amz-Date"
        raise ServiceError(
            "IncompleteSignatureException",
            f"The header {name} is not as AWS Signature Version 4 has it.",
        )
    secret = secrets.get(match["key"])
    if secret is None:
        raise ServiceError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    names = match["names"].split(";")
    required = {"host", "x-amz-date", *(name for name in headers if name.startswith("x-amz-"))}
    scope = (match["date"], match["region"], match["service"])
    expected_scope = (timestamp[:8], region or match["region"] or "REGION", service)
    if unsigned := sorted(required.difference(names)):
        problem = " ".join(
            f"'{name}' must be a 'SignedHeader' in the AWS Auth." for name in unsigned
        )
    elif scope != expected_scope:
        problem = (
            f"Credential should be scoped to {'/'.join(expected_scope)}, not {'/'.join(scope)}."
        )
    elif abs(late := now.replace(microsecond=0) - date) > _ALLOWED_SKEW:
        state = "expired" if late > _ALLOWED_SKEW else "not yet current"
        problem = f"Signature {state}: {timestamp} is not within 5 min. of {now:%Y%m%dT%H%M%S%z}."
    else:
        signed = {
            # White space is collapsed to one space, and stripped at the ends.
            name: ",".join(" ".join(value.split()) for value in headers.get_list(name))
            for name in names
        }
        signing = SigningRequest(
            request.method,
            str(request.url),
            signed,
            request.read(),
            Credentials(match["key"], secret),
            service,
            match["region"],
        )
        expected = sigv4_header(signing).rpartition("=")[2]
        if hmac.compare_digest(expected, match["signature"]):
            return
        problem = (
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details."
        )
    raise ServiceError("InvalidSignatureException", problem)


def _parse_date(text: str) -> dt.datetime | None:
    if not re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
        return None
    try:
        return dt.datetime.strptime(text, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None
