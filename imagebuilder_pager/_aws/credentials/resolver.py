"""Which credentials a client signs with: its arguments', or the provider chain's.

This module serves arguments. Everything else is in :mod:`.chain`, which is imported only when it is
needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ...exceptions import CredentialRetrievalError, ParamValidationError, Problem
from ..identity import (
    CachingProvider,
    Credentials,
    CredentialsContext,
    CredentialsLike,
    CredentialsProvider,
    CredentialsSource,
    read_credentials,
)
from .environment import static_credentials
from .refreshable import RefreshableCredentials


def resolve_credentials(
    access_key: str | None,
    secret_key: str | None,
    token: str | None,
    credentials: CredentialsSource | None,
    context: CredentialsContext,
) -> CachingProvider:
    """Return the provider to sign with: of the arguments, of ``credentials``, or of the chain.

    Nothing is read or fetched before the credentials are first needed. Raises
    :class:`PartialCredentialsError` for an access key id without a secret key or the reverse, and
    :class:`ParamValidationError` for both kinds of argument at once, or for ``credentials`` of
    another type than :data:`CredentialsSource`.
    """
    key_pair = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    given = access_key is not None or secret_key is not None or token is not None
    clock = context.clock
    if credentials is None:
        if given:
            return static_credentials(key_pair, token, "the arguments")
        return RefreshableCredentials(_chain_fetcher(context), clock)
    if given:
        raise ParamValidationError(
            "ImageBuilder", [Problem("credentials", "given beside aws_* keys", "one of the two")]
        )
    if isinstance(credentials, CachingProvider):
        return credentials
    if isinstance(credentials, CredentialsProvider):
        return _ProviderAdapter(credentials)
    if isinstance(credentials, CredentialsLike):
        return Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    if callable(credentials) and not inspect.iscoroutinefunction(credentials):
        return RefreshableCredentials(partial(_fetch_from, credentials), clock)
    allowed = (
        "an object with get_frozen_credentials(), or with access_key, secret_key and token, or a "
        "function (not a coroutine function) that returns new credentials"
    )
    raise ParamValidationError(
        "ImageBuilder", [Problem("credentials", f"a {type(credentials).__name__} given", allowed)]
    )


def _chain_fetcher(context: CredentialsContext) -> Callable[[], Credentials]:
    """Return a fetcher of the provider chain; the provider that had credentials is used again."""
    provider_name = ""

    def fetch() -> Credentials:
        from .chain import load_credentials

        nonlocal provider_name
        credentials, provider_name = load_credentials(context, provider_name)
        return credentials

    return fetch


class _ProviderAdapter:
    """A provider of the caller's, which caches and refreshes by itself.

    It is called for each request, since it alone knows whether its credentials have expired.
    """

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def get_frozen_credentials(self) -> CredentialsLike:
        return self._provider.get_frozen_credentials()

    def cached(self) -> None:
        return None

    def invalidate(self, access_key: str) -> bool:
        """Return the result of the provider's own ``invalidate``, True if it has none."""
        invalidate = getattr(self._provider, "invalidate", None)
        return True if invalidate is None else bool(invalidate(access_key))


def _fetch_from(function: Callable[[], Any]) -> Credentials:
    """Return the credentials that a function of the caller's returns.

    Raises :class:`CredentialRetrievalError` if it fails or returns anything else.
    """
    try:
        return _to_credentials(function())
    except CredentialRetrievalError:
        raise
    except Exception as error:
        raise CredentialRetrievalError(
            f"the function given as credentials failed ({type(error).__name__})"
        ) from error


def _to_credentials(value: Any) -> Credentials:
    returned = "the function given as credentials returned"
    if isinstance(value, Mapping):
        members = dict(value)
    else:
        members = {"Expiration": getattr(value, "expiration", None)}
        if isinstance(value, CredentialsProvider):
            value = value.get_frozen_credentials()
        if not isinstance(value, CredentialsLike):
            raise CredentialRetrievalError(
                f"{returned} a {type(value).__name__}; allowed: an object with access_key, "
                "secret_key and token, or a mapping with AccessKeyId, SecretAccessKey, "
                "SessionToken and Expiration"
            )
        members["AccessKeyId"], members["SecretAccessKey"] = value.access_key, value.secret_key
        members["SessionToken"] = value.token
    if members.get("Expiration") == "":
        del members["Expiration"]
    try:
        credentials = read_credentials(members, "SessionToken")
    except ValueError:
        raise CredentialRetrievalError(
            f"{returned} an Expiration that is neither a datetime nor a time in ISO 8601, such as "
            "2030-01-31T12:00:00Z"
        ) from None
    if not credentials.access_key or not credentials.secret_key:
        missing = "a secret key" if credentials.access_key else "an access key id"
        raise CredentialRetrievalError(f"{returned} credentials without {missing}")
    return credentials
