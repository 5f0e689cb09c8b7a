"""Which credentials a client signs with: its arguments', or the provider chain's.

This module serves arguments. Everything else is in :mod:`.chain`, which is imported only when it is
needed.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..._dates import assume_utc
from ...exceptions import CredentialRetrievalError, ParamValidationError, Problem
from ..identity import (
    CachingProvider,
    Credentials,
    CredentialsContext,
    CredentialsLike,
    CredentialsProvider,
    CredentialsSource,
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
        return RefreshableCredentials(_DefaultChainFetcher(context), clock)
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
        return RefreshableCredentials(_CallableFetcher(credentials), clock)
    allowed = (
        "an object with get_frozen_credentials(), or with access_key, secret_key and token, or a "
        "function (not a coroutine function) that returns new credentials"
    )
    raise ParamValidationError(
        "ImageBuilder", [Problem("credentials", f"a {type(credentials).__name__} given", allowed)]
    )


class _DefaultChainFetcher:
    """A fetcher of boto3's provider chain; the provider that had credentials is used again."""

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context
        self._provider_name = ""

    def __call__(self) -> Credentials:
        from .chain import load_credentials

        credentials, self._provider_name = load_credentials(self._context, self._provider_name)
        return credentials


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
        """Return what the provider's own ``invalidate`` returns, True if it has none."""
        invalidate = getattr(self._provider, "invalidate", None)
        return True if invalidate is None else bool(invalidate(access_key))


class _CallableFetcher:
    """A fetcher that calls a function of the caller's."""

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
    """Return the credentials that a function of the caller's has returned.

    Raises :class:`CredentialRetrievalError` for anything else.
    """
    if isinstance(value, Mapping):
        access_key, secret_key = value.get("AccessKeyId"), value.get("SecretAccessKey")
        token, expiration = value.get("SessionToken"), value.get("Expiration")
    else:
        expiration = getattr(value, "expiration", None)
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
            "the function given as credentials returned credentials without "
            + ("an access key id" if not access_key else "a secret key")
        )
    return Credentials(access_key, secret_key, token or None, _parse_expiration(expiration))


def _parse_expiration(value: Any) -> datetime | None:
    """Return an ``Expiration`` as an aware datetime, None for none.

    Raises :class:`CredentialRetrievalError` for anything but a datetime or ISO 8601.
    """
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
    return assume_utc(value)
