"""The verification of AWS Signature Version 4, as a service does it.

The source is "Create a signed AWS API request" in the IAM User Guide. Only hashlib and hmac are
used, so that the check is independent of the code that signed the request.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


_ALLOWED_SKEW = dt.timedelta(minutes=5)
"""The maximum difference of ``X-Amz-Date`` and the service's clock, in either direction."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_TERMINATOR = "aws4_request"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class _Authorization:
    """The parts of an ``Authorization`` header."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


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

    ``Host``, ``X-Amz-Date`` and every ``X-Amz-*`` header of the request have to be signed, so a
    session token can neither be added to nor removed from a signed request. The hash of the body
    is that of the received body, whatever ``X-Amz-Content-SHA256`` says.

    The code of the ``ServiceError`` is ``MissingAuthenticationTokenException`` (no signature),
    ``IncompleteSignatureException`` (one that cannot be parsed), ``UnrecognizedClientException``
    (an unknown access key id) or ``InvalidSignatureException`` (scope, date or signature).
    """
    authorization = _parse_authorization(request)
    secret = secrets.get(authorization.access_key_id)
    if secret is None:
        raise ServiceError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    timestamp, date = _parse_date(request)
    _check_signed_headers(request, authorization)
    _check_scope(authorization, timestamp, service, region)
    _check_date(timestamp, date, now)

    body_hash = hashlib.sha256(request.read()).hexdigest()
    string_to_sign = "\n".join(
        (
            _ALGORITHM,
            timestamp,
            authorization.scope,
            hashlib.sha256(_canonical_request(request, authorization, body_hash)).hexdigest(),
        )
    )
    expected = _sign(secret, authorization, string_to_sign)
    # compare_digest accepts a str only if it is ASCII, and a header may not be.
    if not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
        raise ServiceError("InvalidSignatureException", _MISMATCH)


def _parse_authorization(request: httpx.Request) -> _Authorization:
    headers = request.headers.get_list("authorization")
    if not headers or not headers[0].strip():
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if len(headers) > 1:
        raise _incomplete("The request has more than one Authorization header.")
    if not headers[0].isascii():
        raise _incomplete("Authorization header has characters that are not ASCII.")
    algorithm, _, rest = headers[0].strip().partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm', it has to be '{_ALGORITHM}'.")

    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        if name in fields:
            raise _incomplete(f"Authorization header has more than one '{name}' parameter.")
        fields[name] = value
    missing = [n for n in ("Credential", "Signature", "SignedHeaders") if not fields.get(n)]
    if missing:
        raise _incomplete(
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        )
    try:
        access_key_id, date, region, service, terminator = fields["Credential"].split("/")
    except ValueError:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        ) from None
    signed = tuple(fields["SignedHeaders"].split(";"))
    return _Authorization(
        access_key_id, date, region, service, terminator, signed, fields["Signature"]
    )


def _parse_date(request: httpx.Request) -> tuple[str, dt.datetime]:
    """Return the ``X-Amz-Date`` of the request, as sent and as an aware datetime."""
    timestamp = request.headers.get("x-amz-date")
    if timestamp is None:
        raise _incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    try:
        # strptime alone also accepts months and hours of one digit.
        if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp):
            raise ValueError
        date = dt.datetime.strptime(timestamp, "%Y%m%dT%H%M%S%z")
    except ValueError:
        raise _incomplete("Date must be in ISO-8601 'basic format', as 20230115T104500Z.") from None
    return timestamp, date


def _check_signed_headers(request: httpx.Request, authorization: _Authorization) -> None:
    required = {"host", "x-amz-date"}
    required.update(name for name in request.headers if name.startswith("x-amz-"))
    unsigned = sorted(required.difference(authorization.signed_headers))
    if unsigned:
        raise ServiceError(
            "InvalidSignatureException",
            " ".join(f"'{name}' must be a 'SignedHeader' in the AWS Auth." for name in unsigned),
        )
    if not all(name in request.headers for name in authorization.signed_headers):
        raise ServiceError("InvalidSignatureException", _MISMATCH)


def _check_scope(
    authorization: _Authorization, timestamp: str, service: str, region: str | None
) -> None:
    violations = []
    if authorization.date != timestamp[:8]:
        violations.append(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{authorization.date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    if not authorization.region or region not in (None, authorization.region):
        violations.append(
            f"Credential should be scoped to a valid region, not '{authorization.region}'."
        )
    if authorization.service != service:
        violations.append(f"Credential should be scoped to correct service: '{service}'.")
    if authorization.terminator != _SCOPE_TERMINATOR:
        violations.append(
            f"Credential should be scoped with a valid terminator: '{_SCOPE_TERMINATOR}', "
            f"not '{authorization.terminator}'."
        )
    if violations:
        raise ServiceError("InvalidSignatureException", " ".join(violations))


def _check_date(timestamp: str, date: dt.datetime, now: dt.datetime) -> None:
    now = now.astimezone(dt.UTC)
    clock = now.strftime(_DATE_FORMAT)
    minutes = f"{_ALLOWED_SKEW.total_seconds() / 60:g} min."
    # In whole seconds, as the header is.
    now = now.replace(microsecond=0)
    earliest, latest = now - _ALLOWED_SKEW, now + _ALLOWED_SKEW
    if date < earliest:
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is now earlier than "
            f"{earliest.strftime(_DATE_FORMAT)} ({clock} - {minutes})",
        )
    if date > latest:
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature not yet current: {timestamp} is still later than "
            f"{latest.strftime(_DATE_FORMAT)} ({clock} + {minutes})",
        )


def _canonical_request(
    request: httpx.Request, authorization: _Authorization, body_hash: str
) -> bytes:
    path, _, query = request.url.raw_path.partition(b"?")
    parameters = []
    for pair in filter(None, query.split(b"&")):
        name, _, value = pair.partition(b"=")
        parameters.append(
            (
                quote(unquote_to_bytes(name), safe="-_.~"),
                quote(unquote_to_bytes(value), safe="-_.~"),
            )
        )
    values: dict[bytes, list[bytes]] = {}
    for raw_name, raw_value in request.headers.raw:
        # White space is collapsed to one space, and stripped at the ends.
        values.setdefault(raw_name.lower(), []).append(b" ".join(raw_value.split()))
    names = sorted(name.encode() for name in authorization.signed_headers)
    return b"\n".join(
        (
            request.method.encode(),
            # For every service but S3 the path is encoded a second time.
            quote(path or b"/", safe="/-_.~").encode(),
            "&".join(f"{name}={value}" for name, value in sorted(parameters)).encode(),
            b"".join(name + b":" + b",".join(values[name]) + b"\n" for name in names),
            b";".join(names),
            body_hash.encode(),
        )
    )


def _sign(secret: str, authorization: _Authorization, string_to_sign: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (
        authorization.date,
        authorization.region,
        authorization.service,
        authorization.terminator,
    ):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


def _incomplete(message: str) -> ServiceError:
    # AWS repeats the header in its message; here no signature gets into errors and logs.
    return ServiceError("IncompleteSignatureException", message)
