"""The verification of AWS Signature Version 4, as a service does it.

The rule: ``Host``, ``X-Amz-Date`` and every ``X-Amz-*`` header of the request have to be signed,
so a session token can be neither added nor removed. The hash of the body is computed from the
received body; ``X-Amz-Content-SHA256`` is ignored.

The source is "Create a signed AWS API request" in the IAM User Guide. Only hashlib and hmac are
used: the check shares no code with the signer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_ALLOWED_SKEW = dt.timedelta(minutes=5)
"""The maximum difference between ``X-Amz-Date`` and the service's clock."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_TERMINATOR = "aws4_request"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class _Authorization:
    """The parts of an ``Authorization`` header; ``scope`` begins with the date."""

    access_key_id: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)


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
    date, timestamp = _parse_date(request), request.headers["x-amz-date"]
    problem = (
        _find_unsigned_header(request, authorization)
        or _find_wrong_scope(authorization.scope, timestamp, service, region)
        or _find_wrong_date(date, now)
    )
    if not problem:
        expected = _sign(secret, request, authorization, timestamp)
        # compare_digest accepts a str only if it is ASCII; a header may have other characters.
        if not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
            problem = _MISMATCH
    if problem:
        raise ServiceError("InvalidSignatureException", problem)


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
    access_key_id, *scope = fields["Credential"].split("/")
    if len(scope) != 4:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    signed = tuple(fields["SignedHeaders"].split(";"))
    return _Authorization(access_key_id, tuple(scope), signed, fields["Signature"])


def _parse_date(request: httpx.Request) -> dt.datetime:
    """Return the valid ``X-Amz-Date`` of the request."""
    timestamp: str | None = request.headers.get("x-amz-date")
    if timestamp is None:
        raise _incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    try:
        date = dt.datetime.strptime(timestamp, _DATE_FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        date = None
    # strptime alone also accepts months and hours of one digit.
    if date is None or date.strftime(_DATE_FORMAT) != timestamp:
        raise _incomplete("Date must be in ISO-8601 'basic format', as 20230115T104500Z.")
    return date


def _find_unsigned_header(request: httpx.Request, authorization: _Authorization) -> str | None:
    required = {"host", "x-amz-date"}
    required.update(name for name in request.headers if name.startswith("x-amz-"))
    unsigned = sorted(required.difference(authorization.signed_headers))
    if unsigned:
        return " ".join(f"'{name}' must be a 'SignedHeader' in the AWS Auth." for name in unsigned)
    was_sent = all(name in request.headers for name in authorization.signed_headers)
    return None if was_sent else _MISMATCH


def _find_wrong_scope(
    scope: tuple[str, ...], timestamp: str, service: str, region: str | None
) -> str:
    scope_date, scope_region, scope_service, terminator = scope
    violations = []
    if scope_date != timestamp[:8]:
        violations.append(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{scope_date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    if not scope_region or region not in (None, scope_region):
        violations.append(f"Credential should be scoped to a valid region, not '{scope_region}'.")
    if scope_service != service:
        violations.append(f"Credential should be scoped to correct service: '{service}'.")
    if terminator != _SCOPE_TERMINATOR:
        violations.append(
            f"Credential should be scoped with a valid terminator: '{_SCOPE_TERMINATOR}', "
            f"not '{terminator}'."
        )
    return " ".join(violations)


def _find_wrong_date(date: dt.datetime, now: dt.datetime) -> str | None:
    # In whole seconds, like the header.
    now = now.astimezone(dt.UTC).replace(microsecond=0)
    earliest, latest = now - _ALLOWED_SKEW, now + _ALLOWED_SKEW
    if earliest <= date <= latest:
        return None
    problem, relation, limit, sign = (
        ("expired", "is now earlier than", earliest, "-")
        if date < earliest
        else ("not yet current", "is still later than", latest, "+")
    )
    minutes = f"{_ALLOWED_SKEW.total_seconds() / 60:g} min."
    return (
        f"Signature {problem}: {date:{_DATE_FORMAT}} {relation} {limit:{_DATE_FORMAT}} "
        f"({now:{_DATE_FORMAT}} {sign} {minutes})"
    )


def _sign(
    secret: str, request: httpx.Request, authorization: _Authorization, timestamp: str
) -> str:
    path, _, query = request.url.raw_path.partition(b"?")
    parameters = sorted(
        [quote(unquote_to_bytes(part), safe="-_.~") for part in pair.partition(b"=")[::2]]
        for pair in query.split(b"&")
        if pair
    )
    values: dict[bytes, list[bytes]] = {}
    for raw_name, raw_value in request.headers.raw:
        # White space is collapsed to one space, and stripped at the ends.
        values.setdefault(raw_name.lower(), []).append(b" ".join(raw_value.split()))
    names = sorted(name.encode() for name in authorization.signed_headers)
    canonical_request = b"\n".join(
        (
            request.method.encode(),
            # For every service but S3 the path is encoded a second time.
            quote(path or b"/", safe="/-_.~").encode(),
            "&".join(f"{name}={value}" for name, value in parameters).encode(),
            b"".join(name + b":" + b",".join(values[name]) + b"\n" for name in names),
            b";".join(names),
            hashlib.sha256(request.read()).hexdigest().encode(),
        )
    )
    digest = hashlib.sha256(canonical_request).hexdigest()
    to_sign = "\n".join((_ALGORITHM, timestamp, "/".join(authorization.scope), digest))
    key = f"AWS4{secret}".encode()
    for part in (*authorization.scope, to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _incomplete(message: str) -> ServiceError:
    # AWS repeats the header in its message; here errors and logs have no signature.
    return ServiceError("IncompleteSignatureException", message)
