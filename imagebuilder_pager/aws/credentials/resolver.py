"""Where the signing credentials come from.

What is here serves arguments and the environment, and loads nothing. The places that have to be
read or asked are in :mod:`.chain`, which is imported when they are needed.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...exceptions import (
    CredentialRetrievalError,
    ParamValidationError,
)
from ..identity import (
    CachingProvider,
    Credentials,
    CredentialsContext,
    CredentialsLike,
    CredentialsProvider,
    CredentialsSource,
)
from .environment import credentials_from_environment, static_credentials
from .refreshable import RefreshableCredentials

__all__ = ["resolve_credentials"]


def resolve_credentials(
    access_key: str | None,
    secret_key: str | None,
    token: str | None,
    credentials: CredentialsSource | None,
    surroundings: CredentialsContext,
) -> CachingProvider:
    """Where the keys come from: the arguments, a source of the caller's, or the surroundings.

    Nothing is read or fetched before the keys are first asked for. Raises
    :class:`PartialCredentialsError` for half a pair of arguments, and
    :class:`ParamValidationError` for keys and ``credentials`` at once, or for ``credentials`` that
    are neither keys nor something that gives them.
    """
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    given = access_key is not None or secret_key is not None or token is not None
    clock = surroundings.clock
    if credentials is None:
        if given:
            return static_credentials(keys, token, "the arguments")
        return RefreshableCredentials(_DefaultChainFetcher(surroundings), clock)
    if given:
        raise ParamValidationError(
            "ImageBuilder", ["credentials: given beside aws_* keys; allowed: one of the two"]
        )
    if isinstance(credentials, CachingProvider):
        return credentials
    if isinstance(credentials, CredentialsProvider):
        return _ProviderAdapter(credentials)
    if isinstance(credentials, CredentialsLike):
        return Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    if callable(credentials) and not inspect.iscoroutinefunction(credentials):
        return RefreshableCredentials(_CallableFetcher(credentials), clock)
    raise ParamValidationError(
        "ImageBuilder",
        [
            f"credentials: a {type(credentials).__name__} given; allowed: an object with "
            "get_frozen_credentials(), or with access_key, secret_key and token, or a function "
            "(no coroutine function) that returns fresh keys"
        ],
    )


class _DefaultChainFetcher:
    """Looks for keys as boto3 does; where it has found some, it looks again the next time."""

    def __init__(self, surroundings: CredentialsContext) -> None:
        self._surroundings = surroundings
        self._found = ""

    def __call__(self) -> Credentials:
        # An explicit profile takes precedence over the environment.
        if not self._found and not self._surroundings.profile.is_explicit:
            keys = credentials_from_environment()
            if keys is not None:
                return keys
        from .chain import load_credentials

        keys, self._found = load_credentials(self._surroundings, self._found)
        return keys


class _ProviderAdapter:
    """A provider of the caller's, which looks after its keys itself.

    Whether its keys are fresh only it knows, so it is asked for each request.
    """

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def get_frozen_credentials(self) -> CredentialsLike:
        return self._provider.get_frozen_credentials()

    def cached(self) -> None:
        return None

    def invalidate(self, access_key: str) -> bool:
        """It is asked again; its own ``invalidate``, if it has one, decides."""
        refresh = getattr(self._provider, "invalidate", None)
        return True if refresh is None else bool(refresh(access_key))


class _CallableFetcher:
    """A function of the caller's that returns fresh keys."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def __call__(self) -> Credentials:
        try:
            return _to_credentials(self._function())
        except CredentialRetrievalError:
            raise
        except Exception as error:
            raise CredentialRetrievalError(
                f"the function given as credentials failed ({type(error).__name__})"
            ) from error


def _to_credentials(value: Any) -> Credentials:
    """The keys that a function of the caller's has returned."""
    if isinstance(value, Mapping):
        access_key, secret_key = value.get("AccessKeyId"), value.get("SecretAccessKey")
        token, expires = value.get("SessionToken"), value.get("Expiration")
    else:
        expires = getattr(value, "expiration", None)
        if isinstance(value, CredentialsProvider):
            value = value.get_frozen_credentials()
        if not isinstance(value, CredentialsLike):
            raise CredentialRetrievalError(
                f"the function given as credentials returned a {type(value).__name__}; allowed: "
                "an object with access_key, secret_key and token, or a mapping with AccessKeyId, "
                "SecretAccessKey, SessionToken and Expiration"
            )
        access_key, secret_key, token = value.access_key, value.secret_key, value.token
    if not access_key or not secret_key:
        raise CredentialRetrievalError(
            "the function given as credentials returned keys without "
            + ("an access key id" if not access_key else "a secret key")
        )
    return Credentials(access_key, secret_key, token or None, _parse_expiration(expires))


def _parse_expiration(value: Any) -> datetime | None:
    """A time as the caller gives it; one without a zone is in UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise CredentialRetrievalError(
            "the function given as credentials returned an Expiration that is neither a datetime "
            "nor a time in ISO 8601, such as 2030-01-31T12:00:00Z"
        )
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
