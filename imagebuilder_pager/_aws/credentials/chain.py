"""boto3's credential provider chain, in its order.

A provider's module is loaded when its turn comes. The providers of a profile are botocore's
(:mod:`.profile`), and are loaded only where there is a shared file; all others need the standard
library alone. Each search makes new providers, and a refresh is a search with the provider that had
credentials the last time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..._validation import importing
from ...exceptions import CredentialRetrievalError, NoCredentialsError, PagerError, Problem
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext
from .environment import EnvironmentProvider
from .web_identity import WebIdentityProvider

_log = logging.getLogger(__name__)


class _Provider(Protocol):
    """A source of credentials.

    ``load`` returns None if it is not set up, and ``missing_reason`` then says why. It raises
    :class:`NoCredentialsError`, :class:`InvalidConfigError`, or any other error, if it fails.
    """

    @property
    def name(self) -> str: ...
    def load(self) -> Credentials | None: ...
    def missing_reason(self) -> str: ...


def load_credentials(
    context: CredentialsContext, provider_name: str = ""
) -> tuple[Credentials, str]:
    """Return the first credentials that are found, and the name of their provider.

    ``provider_name`` is the only provider to load from, for a refresh; "" for all. Raises
    :class:`NoCredentialsError` with the reason of each provider that has none, a subclass of it for
    a provider that is set up and failed, :class:`InvalidConfigError`, or
    :class:`MissingDependencyException` for a profile without botocore.
    """
    failures: list[Problem] = []
    for provider in _providers(context):
        if provider_name not in {"", provider.name}:
            continue
        if (credentials := _load(provider)) is not None:
            expiration = credentials.expiration or "never"
            _log.debug("credentials from %s, expiring %s", provider.name, expiration)
            return credentials, provider.name
        failures.append(Problem(provider.name, provider.missing_reason()))
    given = "\n  - the arguments: neither aws_access_key_id nor credentials is given"
    raise NoCredentialsError(f"no credentials{'' if provider_name else given}", failures)


def _providers(context: CredentialsContext) -> Iterator[_Provider]:
    """Yield all providers, in the order of ``botocore.credentials``."""
    config, profile_name = context.config, context.config.profile_name
    use_environment = not config.is_explicit
    yield EnvironmentProvider(is_used=use_environment)
    yield _set_up_by_key(context, "assume role", "role_arn")
    yield WebIdentityProvider(context, profile_name, use_environment=use_environment)
    yield _set_up_by_key(context, "SSO", "sso_account_id")
    yield _in_file(context, "shared credentials file", config.credentials_file)
    yield _set_up_by_key(context, "aws login", "login_session")
    yield _set_up_by_key(context, "credential process", "credential_process")
    yield _in_file(context, "config file", config.config_file)
    from .container import ContainerProvider

    yield ContainerProvider(context.clock, context.certificates)
    from .imds import InstanceMetadataProvider

    yield InstanceMetadataProvider(config, context.clock, context.certificates)


@dataclass(frozen=True, slots=True)
class _ProfileProvider:
    """A provider of the profile, by its name among those of :mod:`.profile`."""

    name: str
    context: CredentialsContext
    missing_reason: Callable[[], str]

    def load(self) -> Credentials | None:
        config = self.context.config
        if not config.has_files():
            config.full_config()  # an error for a profile that was named
            return None
        with importing("botocore", purpose="a profile", otherwise=SharedConfig.WITHOUT_FILES):
            from .profile import ProfileProviders
        return ProfileProviders(self.context).load(self.name)


def _set_up_by_key(context: CredentialsContext, name: str, key: str) -> _ProfileProvider:
    """Return the provider that a key of the profile sets up."""
    return _ProfileProvider(name, context, lambda: context.config.missing_key_reason(key))


def _in_file(context: CredentialsContext, name: str, path: str) -> _ProfileProvider:
    """Return the provider of the credentials in a file."""

    def missing_reason() -> str:
        if not os.path.isfile(path):  # noqa: PTH113 - a string, as in SharedConfig
            return f"there is no file {path}"
        return f"no aws_access_key_id for the profile {context.config.profile_name!r} in {path}"

    return _ProfileProvider(name, context, missing_reason)


def _load(provider: _Provider) -> Credentials | None:
    """Return the credentials of a provider, or None; any error is one of the library's."""
    try:
        return provider.load()
    except PagerError:
        raise
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or ''}" if error.strerror else "OSError"
    except Exception as error:  # noqa: BLE001 - so the provider has failed
        reason = f"its credentials cannot be used ({type(error).__name__})"
    # Outside of the handler: the error's context can hold the output of a process.
    raise CredentialRetrievalError(f"{provider.name}: {reason}")
