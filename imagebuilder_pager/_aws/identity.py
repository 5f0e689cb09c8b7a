"""The types of credentials, for the modules that resolve them or sign with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from .._dates import assume_utc, parse_date
from .._threads import call_in_thread
from ..exceptions import CredentialRetrievalError, ParamValidationError, Problem
from .attempts import AttemptHook
from .clock import Clock
from .config.shared_config import SharedConfig
from .config.tls import LazySSLContext

if TYPE_CHECKING:
    from concurrent.futures import Future


@runtime_checkable
class CredentialsLike(Protocol):
    """The attributes that signing needs; all of botocore's credentials have them."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


@runtime_checkable
class CredentialsProvider(Protocol):
    """An object that returns the current credentials, such as a boto3 session's credentials."""

    def get_frozen_credentials(self) -> CredentialsLike: ...


class AsyncCredentialsProvider(Protocol):
    """An object that does so when it is awaited, such as aiobotocore's; for the async client."""

    async def get_frozen_credentials(self) -> CredentialsLike: ...


class CachingProvider:
    """The base of our own providers, which are all that a signer has.

    Only ``get_frozen_credentials`` blocks.
    """

    __slots__ = ()

    def get_frozen_credentials(self) -> CredentialsLike:
        """Return the current credentials, fetched where needed."""
        raise NotImplementedError

    async def get_frozen_credentials_async(self) -> CredentialsLike:
        """Return the current credentials, fetched in a thread."""
        from .._async_runtime import wait_for

        return await wait_for(self.begin_fetch())

    def begin_fetch(self) -> Future[CredentialsLike]:
        """Call :meth:`get_frozen_credentials` in a thread.

        Raises :class:`CredentialRetrievalError` where the system has no more threads.
        """
        try:
            return self._start(self.get_frozen_credentials)
        except RuntimeError as error:
            raise CredentialRetrievalError(f"the credentials cannot be fetched: {error}") from None

    def _start(self, fetch: Callable[[], CredentialsLike]) -> Future[CredentialsLike]:
        return call_in_thread(fetch, "credentials")

    def cached(self) -> CredentialsLike | None:
        """Return the credentials; None if they have to be fetched."""
        return None

    def invalidate(self, access_key: str) -> bool:  # noqa: ARG002 - a cache needs it
        """Drop the credentials with this access key id, which the service has rejected.

        Return whether others may be fetched.
        """
        return True


#: The argument ``credentials``: a provider, which may be async in the async client; credentials; or
#: a function that returns new credentials. The function may return an object with ``access_key``,
#: ``secret_key`` and ``token``, or a mapping in the shape of a ``credential_process``:
#: ``AccessKeyId``, ``SecretAccessKey``, ``SessionToken`` and ``Expiration`` (a datetime, or a
#: string in ISO 8601 or RFC 2822).
CredentialsSource = (
    CredentialsProvider
    | AsyncCredentialsProvider
    | CredentialsLike
    | Callable[[], CredentialsLike | Mapping[str, Any]]
)


@dataclass(frozen=True, slots=True)
class Credentials(CachingProvider):
    """An access key id with its secret key and, where temporary, session token and expiration.

    ``expiration`` is None for credentials that are not known to expire. The repr shows neither keys
    nor token.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None

    def get_frozen_credentials(self) -> Credentials:
        """Return the credentials themselves: they do not change."""
        return self

    def cached(self) -> Credentials:
        """Return the credentials themselves."""
        return self

    def invalidate(self, access_key: str) -> bool:  # noqa: ARG002 - a cache needs it
        """Return False: there are no other credentials."""
        return False


def read_credentials(members: Mapping[str, Any], token_name: str) -> Credentials:
    """Return the credentials in a mapping of AWS; ``token_name`` is the member with the token.

    A missing key is "". Raises ``ValueError`` for an ``Expiration`` that is neither a datetime nor
    a date in ISO 8601 or RFC 2822.
    """
    expiration = members.get("Expiration")
    if isinstance(expiration, str):
        expiration = parse_date(expiration)
    if expiration is not None and not isinstance(expiration, datetime):
        raise ValueError("neither a datetime nor a string")
    return Credentials(
        members.get("AccessKeyId") or "",
        members.get("SecretAccessKey") or "",
        members.get(token_name) or None,
        expiration and assume_utc(expiration),
    )


class CredentialsContext(NamedTuple):
    """The settings that credentials are resolved by.

    ``region`` is that of the STS calls. ``certificates`` verify all TLS connections for them.
    ``on_attempt`` is called after each attempt at a call for credentials.
    """

    config: SharedConfig
    region: str
    certificates: LazySSLContext
    clock: Clock
    on_attempt: AttemptHook | None = None


def validate_header_safe(credentials: CredentialsLike) -> None:
    """Raise :class:`ParamValidationError` for credentials that cannot be part of a header.

    A line break from a file is the usual case. It has to be found here, because the HTTP layer
    would show the whole header, and with it the session token, in its error.
    """
    if problems := header_problems(credentials):
        raise ParamValidationError("credentials", problems)


def header_problems(credentials: CredentialsLike) -> list[Problem]:
    """Return why credentials cannot be part of a header, a problem for each of their values."""
    values: dict[str, Any] = {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "aws_session_token": credentials.token or "",
    }
    problems = []
    for name, value in values.items():
        if not isinstance(value, str):
            problems.append(Problem(name, f"a {type(value).__name__} given", _PRINTABLE))
        elif not value and name != "aws_session_token":
            problems.append(Problem(name, "missing or empty", _PRINTABLE))
        elif not (value.isascii() and value.isprintable() and value == value.strip()):
            problems.append(Problem(name, "other characters in it", _PRINTABLE))
    return problems


_PRINTABLE = "a string of printable ASCII, without a line break or spaces around it"
