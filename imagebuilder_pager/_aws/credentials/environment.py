"""Credentials from the environment variables, and static credentials, which never change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from ..._dates import parse_date
from ...exceptions import PartialCredentialsError
from ..config.shared_config import Resolved
from ..identity import Credentials


class EnvironmentProvider:
    """The provider of the environment variables; ``is_used`` is False beside a given profile."""

    name = "environment variables"

    def __init__(self, *, is_used: bool = True) -> None:
        self._is_used = is_used

    def load(self) -> Credentials | None:
        """Return the credentials of the environment variables, None without any.

        The variables are ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, in botocore's order
        ``AWS_SECURITY_TOKEN`` or ``AWS_SESSION_TOKEN``, and ``AWS_CREDENTIAL_EXPIRATION``.
        """
        environ = os.environ
        if not self._is_used or not environ.get("AWS_ACCESS_KEY_ID"):
            return None
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        key_pair = {name: environ.get(name) for name in names}
        token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
        credentials = static_credentials(key_pair, token, "the environment variables")
        if not (expiration := environ.get("AWS_CREDENTIAL_EXPIRATION")):
            return credentials
        try:
            return replace(credentials, expiration=parse_date(expiration))
        except ValueError:
            resolved = Resolved(expiration, "AWS_CREDENTIAL_EXPIRATION")
            allowed = "a date in ISO 8601 or RFC 2822, such as 2030-01-31T12:00:00Z"
            raise resolved.invalid(allowed) from None

    def missing_reason(self) -> str:
        if not self._is_used:
            return "not used, because profile_name is given"
        has_secret_key = os.environ.get("AWS_SECRET_ACCESS_KEY")
        although = ", although AWS_SECRET_ACCESS_KEY is" if has_secret_key else ""
        return f"AWS_ACCESS_KEY_ID is not set{although}"


def static_credentials(
    key_pair: Mapping[str, str | None], token: str | None, source: str
) -> Credentials:
    """Return credentials of an access key id and a secret key, in this order, and a token.

    Raises :class:`PartialCredentialsError` with the names of the values that are missing, and the
    ``source``.
    """
    missing = [name for name, value in key_pair.items() if not value]
    if missing:
        raise PartialCredentialsError(
            f"incomplete credentials in {source}: {' and '.join(missing)} missing or empty"
        )
    access_key, secret_key = (value or "" for value in key_pair.values())
    return Credentials(access_key, secret_key, token or None)
