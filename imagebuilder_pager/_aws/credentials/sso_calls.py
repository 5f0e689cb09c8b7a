"""The two calls behind an SSO profile: GetRoleCredentials of the portal, CreateToken of OIDC.

Neither is signed. A token is the only proof, so it is in no error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ..._dates import parse_http_date
from ...exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    ResponseParserError,
)
from ..clock import ServiceClock
from ..config.endpoints import ServiceMetadata, resolve_endpoint
from ..identity import Credentials, CredentialsContext
from ..retries import RetryState, call_with_retries
from ..transport.fetch import fetch_response
from ..transport.types import Deadline, ReceivedResponse
from .login_cache import LoginRequired, is_token, parse_object
from .reports import make_report

T = TypeVar("T")

_GOVCLOUD = frozenset({"aws-us-gov"})
PORTAL = ServiceMetadata("sso", _GOVCLOUD, "portal.sso")
OIDC = ServiceMetadata("sso-oidc", _GOVCLOUD, "oidc")
_BUDGET = 30.0  # seconds, of all attempts and the waits between them
_TIMEOUT = 10.0  # seconds, of each attempt, as far as the budget lasts
_MAX_ATTEMPTS = 3
_MAX_BYTES = 256 * 1024
_CREDENTIAL_MEMBERS = ("accessKeyId", "secretAccessKey", "sessionToken")


def get_role_credentials(
    context: CredentialsContext, region: str, token: str, account_id: str, role_name: str
) -> Credentials:
    """Call GetRoleCredentials; return the role's credentials.

    Raises :class:`LoginRequired` for a token that is not accepted, and
    :class:`CredentialRetrievalError` for any other failure.
    """
    role = {"role_name": role_name, "account_id": account_id}
    wanted = f"no credentials for the role {role_name!r} of the account {account_id!r}"
    try:
        return _call(
            context,
            (PORTAL, region, "GetRoleCredentials"),
            ("GET", f"/federation/credentials?{urlencode(role, quote_via=quote)}", b""),
            {"x-amz-sso_bearer_token": token},
            _read_role_credentials,
            secrets={token},
        )
    except (ClientError, HTTPClientError, ResponseParserError) as error:
        if isinstance(error, ClientError) and _is_unauthorized(error):
            raise LoginRequired(f"the token is not accepted: {error}") from error
        raise CredentialRetrievalError(f"SSO returned {wanted}: {error}") from error


def _read_role_credentials(response: Mapping[str, Any]) -> Credentials:
    try:
        members: Any = response["roleCredentials"]
        values = [members[name] for name in _CREDENTIAL_MEMBERS]
        expiration = datetime.fromtimestamp(members["expiration"] / 1000, UTC)
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        values = [None]
    if not all(value and isinstance(value, str) for value in values):
        names = ", ".join((*_CREDENTIAL_MEMBERS, "expiration"))
        raise ResponseParserError(f"the response has no roleCredentials with {names}")
    access_key, secret_key, session_token = values
    return Credentials(access_key, secret_key, session_token, expiration)


def create_token(
    context: CredentialsContext, region: str, registration: Mapping[str, str]
) -> dict[str, Any]:
    """Call CreateToken; return a response with ``accessToken`` and ``expiresIn``, in seconds.

    ``registration`` has ``clientId``, ``clientSecret`` and ``refreshToken``. Raises
    :class:`ClientError` where the service refuses, and other errors of a call.
    """
    return _call(
        context,
        (OIDC, region, "CreateToken"),
        ("POST", "/token", json.dumps({"grantType": "refresh_token", **registration}).encode()),
        {"content-type": "application/json"},
        _read_token,
        secrets=set(registration.values()),
    )


def _read_token(response: dict[str, Any]) -> dict[str, Any]:
    seconds = response.get("expiresIn")
    is_usable = isinstance(seconds, int | float) and 0 < seconds < 2**31
    if not is_usable or not is_token(response.get("accessToken")):
        raise CredentialRetrievalError("CreateToken returned no usable accessToken and expiresIn")
    return response


def _call(
    context: CredentialsContext,
    operation: tuple[ServiceMetadata, str, str],
    request: tuple[str, str, bytes],
    headers: Mapping[str, str],
    read: Callable[[dict[str, Any]], T],
    *,
    secrets: set[str],
) -> T:
    """Return what ``read`` makes of the members; an error shows none of the ``secrets``.

    ``operation`` is the service, the region and the operation's name; ``request`` is the method,
    the path and the content. ``read`` raises a :class:`PagerError` for members that are missing.
    """
    service, region, name = operation
    method, path, content = request
    clock = ServiceClock.of(context.clock)
    url = resolve_endpoint(service, region, context.config)
    deadline = Deadline(_BUDGET, clock.monotonic)
    state = RetryState(None, _MAX_ATTEMPTS, deadline.remaining)
    report = make_report(context, service.name, name, url, secrets)

    def attempt() -> T:
        response = fetch_response(
            method,
            url + path,
            {"accept": "application/json", "accept-encoding": "identity"}
            | dict(headers)
            | state.headers(),
            content,
            ssl_context=context.certificates,
            timeout=min(_TIMEOUT, deadline.remaining() or 0.0),
            limit=_MAX_BYTES,
            trust_env=True,
            monotonic=clock.monotonic,
            secrets=secrets,
        )
        report.receive(response.status, response.headers.get("x-amzn-requestid"))
        members = parse_object(response.body)
        if response.status != 200:
            raise _client_error(name, response, members)
        if members is None:
            raise ResponseParserError(f"{name}: the response is not a JSON object")
        # By this clock the credentials expire.
        clock.correct(parse_http_date(response.headers.get("date", "")), clock.now())
        return read(members)

    return call_with_retries(attempt, state, clock, report)


def _is_unauthorized(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return bool(code == "UnauthorizedException" or status == 401)


def _client_error(
    name: str, response: ReceivedResponse, members: Mapping[str, Any] | None
) -> ClientError:
    message: Any = "the response is not a JSON object"
    code: Any = response.headers.get("x-amzn-errortype")
    if members is not None:
        message = members.get("message") or members.get("error_description")
        code = code or members.get("error")
    metadata = {
        "RequestId": response.headers.get("x-amzn-requestid"),
        "HTTPStatusCode": response.status,
        "HTTPHeaders": dict(response.headers),
    }
    error = {"Code": str(code or response.status).split(":", 1)[0], "Message": message}
    return ClientError({"Error": error, "ResponseMetadata": metadata}, name)
