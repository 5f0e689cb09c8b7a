"""Where the signing credentials come from.

What is here serves arguments and the environment, and loads nothing. The places that have to be
read or asked are in :mod:`.chain`, which is imported when they are needed.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from ..errors import CredentialRetrievalError, ParamValidationError, PartialCredentialsError
from .clock import SYSTEM_CLOCK, Clock
from .profile import Profile
from .refresh import RefreshingCredentials
from .tls import Certificates

__all__ = [
    "CachingProvider",
    "Credentials",
    "CredentialsLike",
    "CredentialsProvider",
    "CredentialsSource",
    "Surroundings",
    "check_usable",
    "choose_credentials",
    "environment_keys",
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
    ``refresh_after_rejection(access_key)``: the service calls these keys expired; whether others
    may be had. ``can_refresh``: whether that is ever so.
    """

    def fresh(self) -> CredentialsLike | None: ...
    def refresh_after_rejection(self, access_key: str) -> bool: ...
    @property
    def can_refresh(self) -> bool: ...


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
    expires: datetime | None = None

    can_refresh = False

    def get_frozen_credentials(self) -> Credentials:
        """The credentials themselves: they do not change."""
        return self

    def fresh(self) -> Credentials:
        """The credentials themselves."""
        return self

    def refresh_after_rejection(self, access_key: str) -> bool:  # noqa: ARG002 - the protocol has it
        """There are no others."""
        return False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the search for credentials goes by.

    ``region``: of the STS calls. ``certificates``: what their TLS connections are verified against.
    """

    profile: Profile
    region: str
    certificates: Certificates = field(default_factory=Certificates)
    clock: Clock = SYSTEM_CLOCK


def choose_credentials(
    access_key: str | None,
    secret_key: str | None,
    token: str | None,
    credentials: CredentialsSource | None,
    surroundings: Surroundings,
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
            return _pair(keys, token, "the arguments")
        return RefreshingCredentials(_Search(surroundings), clock)
    if given:
        raise ParamValidationError(
            "ImageBuilder", ["credentials: given beside aws_* keys; allowed: one of the two"]
        )
    if isinstance(credentials, CachingProvider):
        return credentials
    if isinstance(credentials, CredentialsProvider):
        return _Provided(credentials)
    if isinstance(credentials, CredentialsLike):
        return Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    if callable(credentials) and not inspect.iscoroutinefunction(credentials):
        return RefreshingCredentials(_Called(credentials), clock)
    raise ParamValidationError(
        "ImageBuilder",
        [
            f"credentials: a {type(credentials).__name__} given; allowed: an object with "
            "get_frozen_credentials(), or with access_key, secret_key and token, or a function "
            "(no coroutine function) that returns fresh keys"
        ],
    )


def environment_keys() -> Credentials | None:
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
    return _pair(keys, token, "the environment")


def check_usable(credentials: CredentialsLike) -> None:
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


class _Search:
    """Looks for keys as boto3 does; where it has found some, it looks again the next time."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._found = ""

    def __call__(self) -> Credentials:
        # An explicit profile takes precedence over the environment.
        if not self._found and not self._surroundings.profile.explicit:
            keys = environment_keys()
            if keys is not None:
                return keys
        from .chain import search

        keys, self._found = search(self._surroundings, self._found)
        return keys


class _Provided:
    """A provider of the caller's, which looks after its keys itself.

    Whether its keys are fresh only it knows, so it is asked for each request.
    """

    can_refresh = True

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def get_frozen_credentials(self) -> CredentialsLike:
        return self._provider.get_frozen_credentials()

    def fresh(self) -> None:
        return None

    def refresh_after_rejection(self, access_key: str) -> bool:
        """It is asked again; its own ``refresh_after_rejection``, if it has one, decides."""
        refresh = getattr(self._provider, "refresh_after_rejection", None)
        return True if refresh is None else bool(refresh(access_key))


class _Called:
    """A function of the caller's that returns fresh keys."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def __call__(self) -> Credentials:
        try:
            return _keys_of(self._function())
        except CredentialRetrievalError:
            raise
        except Exception as error:
            raise CredentialRetrievalError(
                f"the function given as credentials failed ({type(error).__name__})"
            ) from error


def _keys_of(value: Any) -> Credentials:
    """The keys that a function of the caller's has returned."""
    if isinstance(value, Mapping):
        access_key, secret_key = value.get("AccessKeyId"), value.get("SecretAccessKey")
        token, expires = value.get("SessionToken"), value.get("Expiration")
    else:
        expires = getattr(value, "expires", None)
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
    return Credentials(access_key, secret_key, token or None, _moment(expires))


def _moment(value: Any) -> datetime | None:
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


def _pair(keys: Mapping[str, str | None], token: str | None, where: str) -> Credentials:
    missing = [name for name, value in keys.items() if not value]
    if missing:
        raise PartialCredentialsError(
            f"incomplete credentials in {where}: {' and '.join(missing)} missing or empty"
        )
    access_key, secret_key = (value or "" for value in keys.values())
    return Credentials(access_key, secret_key, token or None)
