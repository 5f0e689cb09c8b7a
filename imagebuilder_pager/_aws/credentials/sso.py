"""Credentials of an SSO profile: a role of an account in IAM Identity Center.

The profile names the account and the role. The session that they are fetched with is a section
``[sso-session ...]``, or in the older form the profile's own start URL and region.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ...exceptions import CredentialRetrievalError, InvalidConfigError
from ..config.region import region_problem
from ..identity import Credentials, CredentialsContext
from .login_cache import LoginRequired

_ROLE_KEYS = ("sso_account_id", "sso_role_name")
_SESSION_KEYS = ("sso_start_url", "sso_region")


class SsoProvider:
    """The provider that calls GetRoleCredentials of the SSO portal."""

    name = "SSO"

    def __init__(self, context: CredentialsContext, profile_name: str) -> None:
        self._context = context
        self._profile_name = profile_name

    def load(self) -> Credentials | None:
        """Return the credentials of the role, None if the profile has no SSO account and role."""
        config = self._context.config
        profile: Mapping[str, Any] = config.full_config()["profiles"].get(self._profile_name, {})
        if not any(key in profile for key in _ROLE_KEYS):
            return None
        session, source = profile, f"profile {self._profile_name!r}"
        account_id, role_name = _required(profile, source, _ROLE_KEYS)
        session_name = config.setting("sso_session", self._profile_name)
        if session_name is not None:
            session, source = self._session(profile, session_name)
        start_url, region = _required(session, source, _SESSION_KEYS)
        if problem := region_problem(region, f"sso_region of {source}"):
            raise InvalidConfigError(problem)
        from .sso_calls import get_role_credentials
        from .sso_token import load_token

        try:
            token = load_token(self._context, region, start_url, session_name)
            return get_role_credentials(self._context, region, token, account_id, role_name)
        except LoginRequired as error:
            reason = str(error)
        login = f"aws sso login --profile {shlex.quote(self._profile_name)}"
        raise CredentialRetrievalError(f"SSO: {reason}; to log in, run: {login}")

    def missing_reason(self) -> str:
        return self._context.config.missing_key_reason(_ROLE_KEYS[0])

    def _session(self, profile: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], str]:
        """Return the section of an SSO session, and its name for an error."""
        source = f"[sso-session {name}]"
        config = self._context.config
        session: Mapping[str, Any] | None = config.full_config()["sso_sessions"].get(name)
        if session is None:
            raise InvalidConfigError(
                f"sso_session of profile {self._profile_name!r} names {source}, which is not in "
                f"{config.config_file}"
            )
        for key, value in session.items():
            if profile.get(key, value) != value:
                raise InvalidConfigError(
                    f"{key} is {profile[key]!r} in the profile {self._profile_name!r} and "
                    f"{value!r} in its {source}; allowed: the same value, or {source} alone"
                )
        return session, source


def _required(settings: Mapping[str, Any], source: str, keys: tuple[str, ...]) -> list[str]:
    """Return the values of all keys. Raises :class:`InvalidConfigError` if one is missing."""
    missing = [key for key in keys if not isinstance(settings.get(key), str) or not settings[key]]
    if missing:
        raise InvalidConfigError(f"SSO: {source} has no {' and no '.join(missing)}")
    return [settings[key] for key in keys]
