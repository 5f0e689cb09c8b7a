"""boto3's credential provider chain, in its order.

A provider's module is loaded when its turn comes. The providers of a profile are botocore's
(:mod:`.profile`), and are loaded only where there is a shared file; all others need the standard
library alone. Each search makes new providers, and a refresh is a search with the provider that had
credentials the last time. So credentials are found in one way only.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..._lazy import cached_property
from ..._validation import importing
from ...exceptions import CredentialRetrievalError, NoCredentialsError, PagerError, Problem
from ..identity import Credentials, CredentialsContext
from .environment import EnvironmentProvider

if TYPE_CHECKING:
    from .container import ContainerProvider
    from .imds import InstanceMetadataProvider
    from .profile import ProfileProviders
    from .web_identity import WebIdentityProvider

_log = logging.getLogger(__name__)


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
    for entry in _ProviderChain(context).entries():
        if provider_name not in {"", entry.name}:
            continue
        if (credentials := _load(entry)) is not None:
            expiration = credentials.expiration or "never"
            _log.debug("credentials from %s, expiring %s", entry.name, expiration)
            return credentials, entry.name
        failures.append(Problem(entry.name, entry.missing_reason()))
    given = "\n  - the arguments: neither aws_access_key_id nor credentials is given"
    raise NoCredentialsError(f"no credentials{'' if provider_name else given}", failures)


class _ProviderEntry(NamedTuple):
    """A provider of the chain: its name, its credentials or None, and why it has none."""

    name: str
    load: Callable[[], Credentials | None]
    missing_reason: Callable[[], str]


class _ProviderChain:
    """The providers of one search, each made when it is first needed."""

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context
        self._config = context.config
        self._environment = EnvironmentProvider()

    def entries(self) -> Iterator[_ProviderEntry]:
        """Yield all providers, in the order of ``botocore.credentials``."""
        config = self._config
        if config.is_explicit:
            yield _ProviderEntry(
                "environment variables",
                lambda: None,
                lambda: "not used, because profile_name is given",
            )
        else:
            environment = self._environment
            yield _ProviderEntry(
                "environment variables", environment.load, environment.missing_reason
            )
        yield self._key_entry("assume role", "role_arn")
        web_identity = self._web_identity
        yield _ProviderEntry("web identity", web_identity.load, web_identity.missing_reason)
        yield self._key_entry("SSO", "sso_account_id")
        yield self._file_entry("shared credentials file", config.credentials_file)
        yield self._key_entry("aws login", "login_session")
        yield self._key_entry("credential process", "credential_process")
        yield self._file_entry("config file", config.config_file)
        container = self._container
        yield _ProviderEntry("container endpoint", container.load, container.missing_reason)
        instance = self._instance
        yield _ProviderEntry("EC2 instance metadata", instance.load, instance.missing_reason)

    def _key_entry(self, name: str, key: str) -> _ProviderEntry:
        """Return the entry of a provider that a key of the profile sets up."""
        return _ProviderEntry(
            name,
            lambda: self._load_from_profile(name),
            lambda: self._config.missing_key_reason(key),
        )

    def _file_entry(self, name: str, path: str) -> _ProviderEntry:
        """Return the entry of a provider that reads the credentials in a file."""

        def missing_reason() -> str:
            if not os.path.isfile(path):  # noqa: PTH113 - a string, as in SharedConfig
                return f"there is no file {path}"
            return f"no aws_access_key_id for the profile {self._config.profile_name!r} in {path}"

        return _ProviderEntry(name, lambda: self._load_from_profile(name), missing_reason)

    def _load_from_profile(self, name: str) -> Credentials | None:
        if self._config.has_files():
            return self._profile.load(name)
        self._config.full_config()  # an error for a profile that was named
        return None

    @cached_property
    def _profile(self) -> ProfileProviders:
        with importing("botocore", purpose="a profile", otherwise=self._config.WITHOUT_FILES):
            from .profile import ProfileProviders
        return ProfileProviders(self._context, self._environment, self._container, self._instance)

    @cached_property
    def _web_identity(self) -> WebIdentityProvider:
        from .web_identity import WebIdentityProvider

        return WebIdentityProvider(
            self._context,
            self._config.profile_name,
            use_environment=not self._config.is_explicit,
        )

    @cached_property
    def _container(self) -> ContainerProvider:
        from .container import ContainerProvider

        return ContainerProvider(self._context.clock, self._context.certificates)

    @cached_property
    def _instance(self) -> InstanceMetadataProvider:
        from .imds import InstanceMetadataProvider

        return InstanceMetadataProvider(self._config, self._context.clock)


def _load(entry: _ProviderEntry) -> Credentials | None:
    """Return the credentials of a provider, None if it is not set up.

    Raises :class:`NoCredentialsError` or :class:`InvalidConfigError` if it is, and fails.
    """
    try:
        return entry.load()
    except PagerError:
        raise
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or ''}" if error.strerror else "OSError"
    except Exception as error:  # noqa: BLE001 - any error means that the provider has failed
        reason = f"its credentials cannot be used ({type(error).__name__})"
    # Outside of the handler: the error's context can hold what a process has printed.
    raise CredentialRetrievalError(f"{entry.name}: {reason}")
