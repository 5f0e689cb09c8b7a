"""boto3's credential provider chain, in its order.

A provider's module is loaded when its turn comes, and needs the standard library alone. Each search
makes new providers, and a refresh is a search with the provider that had credentials the last time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from ...exceptions import CredentialRetrievalError, NoCredentialsError, PagerError, Problem
from ..identity import Credentials, CredentialsContext
from .environment import EnvironmentProvider

_log = logging.getLogger("imagebuilder_pager.credentials")


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
    a provider that is set up and failed, or :class:`InvalidConfigError`.
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
    config = context.config
    yield EnvironmentProvider(is_used=not config.is_explicit)
    from .role import RoleProvider

    yield RoleProvider(context, partial(_load_profile, context))
    yield from _profile_providers(
        context, config.profile_name, use_environment=not config.is_explicit
    )
    from .container import ContainerProvider

    yield ContainerProvider(context)
    from .imds import InstanceMetadataProvider

    yield InstanceMetadataProvider(context)


def _profile_providers(
    context: CredentialsContext, profile_name: str, *, use_environment: bool
) -> Iterator[_Provider]:
    """Yield the providers of a profile: of the client's own, or of one that a role is based on."""
    from .web_identity import WebIdentityProvider

    yield WebIdentityProvider(context, profile_name, use_environment=use_environment)
    from .sso import SsoProvider

    yield SsoProvider(context, profile_name)
    from .profile_keys import ProfileKeysProvider

    yield ProfileKeysProvider(context.config, profile_name, in_config_file=False)
    from .login import LoginProvider

    yield LoginProvider(context, profile_name)
    from .process import ProcessProvider

    yield ProcessProvider(context, profile_name)
    yield ProfileKeysProvider(context.config, profile_name, in_config_file=True)


def _load_profile(context: CredentialsContext, profile_name: str) -> Credentials | None:
    """Return the credentials of a profile that a role is based on, None without any."""
    providers = _profile_providers(context, profile_name, use_environment=False)
    return next(filter(None, map(_load, providers)), None)


def _load(provider: _Provider) -> Credentials | None:
    """Return the credentials of a provider, or None; any error is one of the library's."""
    try:
        return provider.load()
    except PagerError:
        raise
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or ''}" if error.strerror else "OSError"
    except Exception as error:  # noqa: BLE001 - whatever it is, the provider has failed
        reason = f"its credentials cannot be used ({type(error).__name__})"
    # Outside of the handler: the error's context can hold the output of a process.
    raise CredentialRetrievalError(f"{provider.name}: {reason}")
