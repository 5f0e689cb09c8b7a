"""Which credentials a client signs with: its arguments', or the provider chain's.

This module serves arguments. Everything else is in :mod:`.chain`, which is imported only when it is
needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..._threads import call_in_thread
from ..._validation import InvalidValueError, is_coroutine_function, validating
from ...exceptions import CredentialRetrievalError, Problem
from ..clock import Clock
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
from .refreshable import RefreshableCredentials, validate_fetched

_OBJECT = "an object with access_key, secret_key and token"
_OBJECT_OR_MAPPING = (
    f"{_OBJECT}, or a mapping with AccessKeyId, SecretAccessKey, SessionToken and Expiration"
)


def resolve_credentials(
    access_key: str | None,
    secret_key: str | None,
    token: str | None,
    credentials: CredentialsSource | None,
    context: CredentialsContext,
    *,
    owner: str = "ImageBuilder",
    is_async: bool = False,
) -> CachingProvider:
    """Return the provider to sign with: of the arguments, of ``credentials``, or of the chain.

    ``owner`` is the client that has the arguments, ``is_async`` whether it can await credentials.
    Nothing is read or fetched before the credentials are first needed. Raises
    :class:`PartialCredentialsError` for an access key id without a secret key or the reverse, and
    :class:`ParamValidationError` for both kinds of argument at once, or for ``credentials`` of
    another type than :data:`CredentialsSource`.
    """
    given = access_key is not None or secret_key is not None or token is not None
    if credentials is None and given:
        key_pair = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        return static_credentials(key_pair, token, "the arguments")
    if credentials is None:
        return RefreshableCredentials(_chain_fetcher(context), context.clock)
    with validating(owner):
        if given:
            problem = Problem("credentials", "given beside aws_* keys", "one of the two")
            raise InvalidValueError(problem)
        return _provider_of(credentials, context.clock, is_async=is_async)


def _provider_of(
    credentials: CredentialsSource, clock: Clock, *, is_async: bool
) -> CachingProvider:
    if isinstance(credentials, Credentials | RefreshableCredentials):
        return credentials
    given = f"a {type(credentials).__name__} given"
    allowed = (
        "an object with get_frozen_credentials(), or with access_key, secret_key and token, or a "
        "function (not a coroutine function) that returns new credentials"
    )
    # An attribute can be a property, which is code of the caller's.
    with _calling("the object given as credentials"):
        if isinstance(credentials, CredentialsProvider):
            is_coroutine = is_coroutine_function(credentials.get_frozen_credentials)
            if is_async or not is_coroutine:
                return (_AsyncProviderAdapter if is_async else _ProviderAdapter)(credentials)
            given += ", whose get_frozen_credentials() is async"
            allowed = "a sync one, or AsyncImageBuilder"
        elif isinstance(credentials, CredentialsLike):
            return Credentials(credentials.access_key, credentials.secret_key, credentials.token)
        elif callable(credentials) and not is_coroutine_function(credentials):
            return RefreshableCredentials(partial(_call_function, credentials), clock)
    raise InvalidValueError(Problem("credentials", given, allowed))


def _chain_fetcher(context: CredentialsContext) -> Callable[[], Credentials]:
    """Return a fetcher of the provider chain; the provider that had credentials is used again."""
    provider_name = ""

    def fetch() -> Credentials:
        from .chain import load_credentials

        nonlocal provider_name
        credentials, provider_name = load_credentials(context, provider_name)
        return credentials

    return fetch


class _ProviderAdapter(CachingProvider):
    """A provider of the caller's, which caches and refreshes by itself.

    It is called for each request, since it alone knows whether its credentials have expired.
    """

    SOURCE = "get_frozen_credentials() of the object given as credentials"

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def get_frozen_credentials(self) -> Credentials:
        """Return the provider's credentials. Raises :class:`CredentialRetrievalError`."""
        with _calling(self.SOURCE):
            return self._read(self._call())

    def _call(self) -> Any:
        with _calling(self.SOURCE):
            return self._provider.get_frozen_credentials()

    def _read(self, value: object) -> Credentials:
        credentials = read_credentials(_members_of(value, self.SOURCE, _OBJECT), "SessionToken")
        validate_fetched(credentials)
        return credentials


class _AsyncProviderAdapter(_ProviderAdapter):
    """A provider of the caller's, for the async client: what it returns may have to be awaited."""

    async def get_frozen_credentials_async(self) -> Credentials:
        """Return the provider's credentials. Raises :class:`CredentialRetrievalError`.

        A function that is not a coroutine function may block, so it is called in a thread; what it
        returns is awaited in the event loop, as aiobotocore's credentials are.
        """
        from ..._async_runtime import wait_for

        with _calling(self.SOURCE):
            if is_coroutine_function(self._provider.get_frozen_credentials):
                value = self._call()
            else:
                value = await wait_for(call_in_thread(self._call, "credentials"))
            return self._read(await value if inspect.isawaitable(value) else value)


def _call_function(function: Callable[[], Any]) -> Credentials:
    """Return the credentials that a function of the caller's returns.

    Raises :class:`CredentialRetrievalError` if it fails or returns anything else.
    """
    source = "the function given as credentials"
    with _calling(source):
        value = function()
        if isinstance(value, Mapping):
            members = dict(value)
        else:
            expiration = getattr(value, "expiration", None)
            if isinstance(value, CredentialsProvider):
                value = value.get_frozen_credentials()
            members = {**_members_of(value, source, _OBJECT_OR_MAPPING), "Expiration": expiration}
        if members.get("Expiration") == "":
            del members["Expiration"]
        try:
            return read_credentials(members, "SessionToken")
        except ValueError:
            raise CredentialRetrievalError(
                f"{source} returned an Expiration that is neither a datetime nor a date in "
                "ISO 8601 or RFC 2822, such as 2030-01-31T12:00:00Z"
            ) from None


def _members_of(value: Any, source: str, allowed: str) -> dict[str, Any]:
    """Return the attributes of an object that ``source`` returned, by AWS's names.

    Raises :class:`CredentialRetrievalError` for an object that is not as ``allowed``.
    """
    try:
        return {
            "AccessKeyId": value.access_key,
            "SecretAccessKey": value.secret_key,
            "SessionToken": value.token,
        }
    except AttributeError:
        if inspect.iscoroutine(value):
            value.close()  # else Python warns that it was never awaited
        raise CredentialRetrievalError(
            f"{source} returned a {type(value).__name__}; allowed: {allowed}"
        ) from None


@contextmanager
def _calling(source: str) -> Iterator[None]:
    """Raise any error of the caller's code as a :class:`CredentialRetrievalError`."""
    try:
        yield
    except CredentialRetrievalError:
        raise
    except Exception as error:
        try:
            first_line = str(error)[:200].splitlines()[:1]
        except Exception:  # noqa: BLE001 - the error's own code fails
            first_line = []
        reason = ": ".join([f"{source} failed", type(error).__name__, *first_line])
        raise CredentialRetrievalError(reason) from error
