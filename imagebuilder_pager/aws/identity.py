"""The types of credentials, which everything that signs or finds them needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from ..exceptions import ParamValidationError
from .clock import SYSTEM_CLOCK, Clock
from .config.shared_config import Profile
from .config.tls import LazySSLContext

__all__ = [
    "CachingProvider",
    "Credentials",
    "CredentialsContext",
    "CredentialsLike",
    "CredentialsProvider",
    "CredentialsSource",
    "validate_header_safe",
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


@runtime_checkable
class CachingProvider(CredentialsProvider, Protocol):
    """A provider that can say, without waiting, whether it has keys at hand.

    ``fresh()``: the keys, None if ``get_frozen_credentials`` has to fetch them.
    ``invalidate(access_key)``: the service calls these keys expired; whether others
    may be had.
    """

    def cached(self) -> CredentialsLike | None: ...
    def invalidate(self, access_key: str) -> bool: ...


#: What the argument ``credentials`` takes: a provider, keys, or a function that returns fresh
#: keys, as an object with ``access_key``, ``secret_key`` and ``token``, or as a mapping in the
#: shape of a ``credential_process``: ``AccessKeyId``, ``SecretAccessKey``, ``SessionToken`` and
#: ``Expiration`` (a datetime, or a string in ISO 8601).
CredentialsSource = (
    CredentialsProvider | CredentialsLike | Callable[[], CredentialsLike | Mapping[str, Any]]
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair of keys, the session token of temporary ones, and when they expire (None: never).

    Its repr shows no key.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None

    def get_frozen_credentials(self) -> Credentials:
        """The credentials themselves: they do not change."""
        return self

    def cached(self) -> Credentials:
        """The credentials themselves."""
        return self

    def invalidate(self, access_key: str) -> bool:  # noqa: ARG002 - the protocol has it
        """There are no others."""
        return False


@dataclass(frozen=True, slots=True)
class CredentialsContext:
    """What the search for credentials goes by.

    ``region``: of the STS calls. ``certificates``: what their TLS connections are verified against.
    """

    profile: Profile
    region: str
    certificates: LazySSLContext = field(default_factory=LazySSLContext)
    clock: Clock = SYSTEM_CLOCK


def validate_header_safe(credentials: CredentialsLike) -> None:
    """Raises :class:`ParamValidationError` for keys that no header can carry.

    A line break from a file is the usual case. It has to be found here: the HTTP layer below would
    show the whole header, and with it the session token, in its error.
    """
    values: dict[str, Any] = {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "aws_session_token": credentials.token or "",
    }
    problems = []
    for name, value in values.items():
        if not isinstance(value, str):
            problems.append(f"{name}: a {type(value).__name__} given; allowed: {_PRINTABLE}")
        elif not (value.isascii() and value.isprintable() and value == value.strip()):
            problems.append(f"{name}: other characters in it; allowed: {_PRINTABLE}")
    if problems:
        raise ParamValidationError("credentials", problems)


_PRINTABLE = "a string of printable ASCII, without a line break or spaces around it"
