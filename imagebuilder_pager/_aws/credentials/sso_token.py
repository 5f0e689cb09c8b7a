"""The token of an SSO session, in the cache that the AWS CLI and AWS's SDKs share.

The rule: a token of an ``sso_session`` is renewed in its last 15 minutes, where the cache has what
that needs. The new one replaces the file as a whole. A token that cannot be renewed is used until
it expires. Its times are by the machine's clock, as the AWS CLI writes them. Programs that use this
library renew one after another; after a failure the file is read again, since another program may
have renewed the token.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..._dates import parse_iso8601
from ...exceptions import PagerError
from ..clock import ServiceClock
from ..identity import CredentialsContext
from .login_cache import LoginRequired, is_token, locked, read_login_file, replacing
from .sso_calls import create_token

_log = logging.getLogger("imagebuilder_pager.credentials")

_RENEWAL_WINDOW = timedelta(minutes=15)
_REGISTRATION_MEMBERS = ("clientId", "clientSecret", "refreshToken")


class _Token(NamedTuple):
    """The members of a token, and its expiration."""

    members: dict[str, Any]
    expiration: datetime


def load_token(
    context: CredentialsContext, region: str, start_url: str, session_name: str | None
) -> str:
    """Return the access token of a session, renewed where it is due.

    ``session_name`` is None for the older form, whose token is never renewed. Raises
    :class:`LoginRequired` if there is no valid token.
    """
    key = hashlib.sha1((session_name or start_url).encode(), usedforsecurity=False).hexdigest()
    directory = os.path.expanduser("~/.aws/sso/cache")  # noqa: PTH111 - works without a home
    path = os.path.join(directory, f"{key}.json")  # noqa: PTH118 - as above
    now = ServiceClock.of(context.clock).machine_now

    def is_due(token: _Token) -> bool:
        time_left = token.expiration - now()
        return session_name is not None and time_left < _RENEWAL_WINDOW

    token = _read(path)
    problem = ""
    if is_due(token):
        with locked(directory, context.clock):
            token = _read(path)
            if is_due(token):
                try:
                    token = _renew(context, region, start_url, path, token.members)
                except (PagerError, OSError) as error:
                    problem = f" and cannot be renewed ({error})"
                    token = _read(path)
    if token.expiration <= now():
        raise LoginRequired(f"the token in {path} expired at {token.expiration}{problem}")
    if problem and is_due(token):
        _log.warning("the SSO token in %s expires at %s%s", path, token.expiration, problem)
    access_token: str = token.members["accessToken"]
    return access_token


def _read(path: str) -> _Token:
    """Return a token in the cache that can be used, whether or not it has expired."""
    members = read_login_file(path)
    if not is_token(members.get("accessToken")):
        raise LoginRequired(f"the file {path} has no usable accessToken")
    expiration = _date(members, "expiresAt")
    if expiration is None:
        raise LoginRequired(f"the file {path} has no date as expiresAt")
    return _Token(members, expiration)


def _renew(
    context: CredentialsContext, region: str, start_url: str, path: str, members: dict[str, Any]
) -> _Token:
    """Return the token that OIDC gives for the refresh token, stored in the cache."""
    now = ServiceClock.of(context.clock).machine_now
    registration = {name: str(members.get(name) or "") for name in _REGISTRATION_MEMBERS}
    missing = [name for name, value in registration.items() if not is_token(value)]
    registration_end = _date(members, "registrationExpiresAt")
    if missing or registration_end is None:
        raise LoginRequired(f"it has no {', '.join(missing) or 'registrationExpiresAt'}")
    if registration_end <= now():
        raise LoginRequired(f"its registration expired at {registration_end}")
    token: _Token | None = None
    try:
        with replacing(path) as file:
            issued = create_token(context, region, registration)
            expiration = now() + timedelta(seconds=issued["expiresIn"])
            renewed = {
                "startUrl": start_url,
                "region": region,
                "accessToken": issued["accessToken"],
                "expiresAt": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "clientId": registration["clientId"],
                "clientSecret": registration["clientSecret"],
                "registrationExpiresAt": members["registrationExpiresAt"],
            }
            if "refreshToken" in issued:
                renewed["refreshToken"] = issued["refreshToken"]
            token = _Token(renewed, expiration)
            json.dump(renewed, file)
    except OSError as error:
        if token is None:
            raise
        _log.warning("the renewed SSO token cannot be stored in %s: %s", path, error)
    return token


def _date(members: dict[str, Any], name: str) -> datetime | None:
    """Return a date of a token, None without one."""
    try:
        return parse_iso8601(str(members.get(name)))
    except ValueError:
        return None
