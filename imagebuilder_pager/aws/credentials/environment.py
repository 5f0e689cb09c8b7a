"""Credentials from the environment variables, and what is static: it never changes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...exceptions import PartialCredentialsError
from ..identity import Credentials

__all__ = ["credentials_from_environment", "static_credentials"]


def credentials_from_environment() -> Credentials | None:
    """Return the credentials of the environment variables, None if there are none to read here.

    The variables are ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and, in botocore's order,
    ``AWS_SECURITY_TOKEN`` or ``AWS_SESSION_TOKEN``. Credentials with an
    ``AWS_CREDENTIAL_EXPIRATION`` are left to the provider chain. Raises
    :class:`PartialCredentialsError` for an access key id without a secret key.
    """
    environ = os.environ
    if not environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    key_pair = {name: environ.get(name) for name in names}
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    return static_credentials(key_pair, token, "the environment variables")


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
