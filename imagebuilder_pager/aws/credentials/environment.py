"""Credentials from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...exceptions import PartialCredentialsError
from ..identity import Credentials

__all__ = ["credentials_from_environment"]


def credentials_from_environment() -> Credentials | None:
    """The keys of the environment, without loading anything; None if that would not do.

    The variables are ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and, in botocore's order,
    ``AWS_SECURITY_TOKEN`` or ``AWS_SESSION_TOKEN``. Without the first there are none; those with
    an ``AWS_CREDENTIAL_EXPIRATION`` are left to the chain. Raises
    :class:`PartialCredentialsError` for a key id without its secret key.
    """
    environ = os.environ
    if not environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    keys = {name: environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    return static_credentials(keys, token, "the environment")


def static_credentials(
    keys: Mapping[str, str | None], token: str | None, where: str
) -> Credentials:
    missing = [name for name, value in keys.items() if not value]
    if missing:
        raise PartialCredentialsError(
            f"incomplete credentials in {where}: {' and '.join(missing)} missing or empty"
        )
    access_key, secret_key = (value or "" for value in keys.values())
    return Credentials(access_key, secret_key, token or None)
