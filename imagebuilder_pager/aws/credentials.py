"""Where the signing credentials come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..errors import NoCredentialsError, ParamValidationError, PartialCredentialsError

__all__ = [
    "Credentials",
    "CredentialsLike",
    "CredentialsProvider",
    "EnvironmentCredentials",
    "choose_credentials",
]


@runtime_checkable
class CredentialsLike(Protocol):
    """What signing needs: botocore's ``Credentials`` and its frozen ones have it."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


@runtime_checkable
class CredentialsProvider(Protocol):
    """Something that gives the credentials of the moment, such as a boto3 session's credentials."""

    def get_frozen_credentials(self) -> CredentialsLike: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair of keys, and the session token of temporary ones. Its repr shows none of them."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def get_frozen_credentials(self) -> Credentials:
        """The credentials themselves: they do not change."""
        return self


class EnvironmentCredentials:
    """The keys of the environment, read when they are first needed and kept.

    The variables are ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_SESSION_TOKEN``.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._found: Credentials | None = None

    def get_frozen_credentials(self) -> Credentials:
        """The keys.

        Raises :class:`NoCredentialsError` that says where it looked, or
        :class:`PartialCredentialsError` that says which half is missing.
        """
        if self._found is None:
            keys = {name: self._environ.get(name) for name in _VARIABLES}
            if not any(keys.values()):
                raise NoCredentialsError(
                    "no credentials: looked at the arguments aws_access_key_id and "
                    "aws_secret_access_key, at the argument credentials, and at the environment "
                    f"variables {' and '.join(_VARIABLES)}"
                )
            token = self._environ.get("AWS_SESSION_TOKEN")
            self._found = _pair(keys, token, "the environment")
        return self._found


_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def choose_credentials(
    access_key: str | None,
    secret_key: str | None,
    token: str | None,
    credentials: CredentialsProvider | CredentialsLike | None,
) -> CredentialsProvider:
    """Where the keys come from: the arguments, an object of the caller's, or the environment.

    Raises :class:`PartialCredentialsError` for half a pair of arguments, and
    :class:`ParamValidationError` for keys and ``credentials`` at once, or for ``credentials`` that
    are neither keys nor something that gives them.
    """
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    given = access_key is not None or secret_key is not None or token is not None
    if credentials is None:
        return _pair(keys, token, "the arguments") if given else EnvironmentCredentials()
    if given:
        raise ParamValidationError(
            "ImageBuilder", ["credentials: given beside aws_* keys; allowed: one of the two"]
        )
    if isinstance(credentials, CredentialsProvider):
        return credentials
    if isinstance(credentials, CredentialsLike):
        return Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    raise ParamValidationError(
        "ImageBuilder",
        [
            f"credentials: a {type(credentials).__name__} given; allowed: an object with "
            "get_frozen_credentials(), or with access_key, secret_key and token"
        ],
    )


def _pair(keys: Mapping[str, str | None], token: str | None, where: str) -> Credentials:
    missing = [name for name, value in keys.items() if not value]
    if missing:
        raise PartialCredentialsError(
            f"incomplete credentials in {where}: {' and '.join(missing)} missing or empty"
        )
    access_key, secret_key = (value or "" for value in keys.values())
    return Credentials(access_key, secret_key, token or None)
