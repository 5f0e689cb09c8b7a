"""boto3's credential provider chain, in its order.

The providers are botocore's. They call fetchers of ours for what goes over the network:
:mod:`.container`, :mod:`.imds` and :mod:`.sts`. Each search makes new providers, and a refresh is a
search with the provider that had credentials the last time. So credentials are found in one way
only, and none of botocore's own refreshing takes place.

Of boto3's providers these are left out: SSO and ``aws login``, with an error that says so; and the
files of boto 2 and of the first EC2 tools.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.credentials import (
    AssumeRoleProvider,
    AssumeRoleWithWebIdentityProvider,
    CanonicalNameCredentialSourcer,
    ConfigProvider,
    ContainerProvider,
    CredentialProvider,
    EnvProvider,
    InstanceMetadataProvider,
    ProcessProvider,
    SharedCredentialProvider,
)
from botocore.credentials import CredentialRetrievalError as BotocoreRetrievalError
from botocore.credentials import InvalidConfigError as BotocoreConfigError
from botocore.credentials import PartialCredentialsError as BotocorePartialError

from ...exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    PagerError,
    PartialCredentialsError,
)
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext
from .container import ContainerMetadataFetcher
from .imds import InstanceMetadataFetcher
from .process import CredentialProcessRunner
from .sts import StsClient

__all__ = ["load_credentials"]


_log = logging.getLogger(__name__)


def load_credentials(
    context: CredentialsContext, provider_name: str = ""
) -> tuple[Credentials, str]:
    """Return the first credentials that are found, and the name of their provider.

    ``provider_name`` is the only provider to load from, for a refresh; "" for all. Raises
    :class:`NoCredentialsError` with the reason of each provider that has none, a subclass of it for
    a provider that is set up and failed, or :class:`InvalidConfigError`.
    """
    chain = _ProviderChain(context)
    failures = (
        []
        if provider_name
        else ["the arguments: neither aws_access_key_id nor credentials is given"]
    )
    for entry in chain.entries():
        if provider_name not in {"", entry.name}:
            continue
        if (credentials := chain.load(entry)) is not None:
            expiration = credentials.expiration or "never"
            _log.debug("credentials from %s, expiring %s", entry.name, expiration)
            return credentials, entry.name
        failures.append(f"{entry.name}: {entry.missing_reason()}")
    raise NoCredentialsError("no credentials" + "".join(f"\n  - {line}" for line in failures))


@dataclass(frozen=True, slots=True)
class _ProviderEntry:
    """A provider of the chain: its name, botocore's provider, and why it has no credentials."""

    name: str
    provider: CredentialProvider | None
    missing_reason: Callable[[], str]


class _ProviderChain:
    """The providers of one search, which share their fetchers."""

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context
        self._config = context.config
        self._processes = CredentialProcessRunner()
        self._instance_fetcher = InstanceMetadataFetcher(self._config, context.clock)
        # botocore's types name its own fetchers.
        container: Any = ContainerMetadataFetcher(context.clock, context.certificates)
        instance: Any = self._instance_fetcher
        self._environment = EnvProvider()
        self._container = ContainerProvider(fetcher=container)
        self._instance = InstanceMetadataProvider(instance)

    def entries(self) -> list[_ProviderEntry]:
        """Return all providers, in the order of ``botocore.credentials``."""
        config = self._config
        return [
            _ProviderEntry(
                "environment variables",
                None if config.is_explicit else self._environment,
                self._missing_environment_reason,
            ),
            _ProviderEntry(
                "assume role", self._assume_role(), self._missing_key_reason("role_arn")
            ),
            *self._profile_entries(config.profile_name, disable_env_vars=config.is_explicit),
            _ProviderEntry(
                "container endpoint",
                self._container,
                lambda: (
                    "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
                ),
            ),
            _ProviderEntry(
                "EC2 instance metadata",
                self._instance,
                lambda: self._instance_fetcher.missing_reason,
            ),
        ]

    def load(self, entry: _ProviderEntry) -> Credentials | None:
        """Return the credentials of a provider, None if it is not set up.

        Raises :class:`NoCredentialsError` or :class:`InvalidConfigError` if it is, and fails.
        """
        try:
            found = None if entry.provider is None else entry.provider.load()
            if found is None:
                return None
            frozen = found.get_frozen_credentials()
        except PagerError:
            raise  # raised by a fetcher of ours
        except Exception as error:  # noqa: BLE001 - whatever it is, the provider has failed
            failure = self._map_error(entry.name, error)
        else:
            # Private to botocore; without it, credentials are cached until they are rejected.
            expiration: datetime | None = getattr(found, "_expiry_time", None)
            return Credentials(frozen.access_key, frozen.secret_key, frozen.token, expiration)
        # Outside of the handler: the error's context can hold what a process has printed.
        raise failure

    def providers(
        self,
        profile_name: str,
        disable_env_vars: bool = False,
    ) -> list[CredentialProvider]:
        """Return the providers of a source profile, for botocore's ``AssumeRoleProvider``."""
        entries = self._profile_entries(profile_name, disable_env_vars=disable_env_vars)
        return [entry.provider for entry in entries if entry.provider is not None]

    def _profile_entries(self, name: str, *, disable_env_vars: bool) -> list[_ProviderEntry]:
        config = self._config
        web_identity = AssumeRoleWithWebIdentityProvider(
            load_config=config.full_config,
            client_creator=self._create_sts_client,
            profile_name=name,
            cache={},
            disable_env_vars=disable_env_vars,
        )
        sso = _UnsupportedProvider(config, name, "SSO", ("sso_account_id", "sso_role_name"))
        shared = SharedCredentialProvider(config.credentials_file, name)
        login = _UnsupportedProvider(config, name, "aws login", ("login_session",))
        process = ProcessProvider(name, config.full_config, popen=self._processes.start)
        config_file = ConfigProvider(config.config_file, name)
        return [
            _ProviderEntry("web identity", web_identity, self._missing_web_identity_reason),
            _ProviderEntry("SSO", sso, self._missing_key_reason("sso_account_id")),
            _ProviderEntry(
                "shared credentials file",
                shared,
                self._missing_file_reason(config.credentials_file),
            ),
            _ProviderEntry("aws login", login, self._missing_key_reason("login_session")),
            _ProviderEntry(
                "credential process", process, self._missing_key_reason("credential_process")
            ),
            _ProviderEntry(
                "config file", config_file, self._missing_file_reason(config.config_file)
            ),
        ]

    def _assume_role(self) -> CredentialProvider:
        sources = [self._environment, self._container, self._instance]
        return AssumeRoleProvider(
            load_config=self._config.full_config,
            client_creator=self._create_sts_client,
            cache={},
            profile_name=self._config.profile_name,
            prompter=_reject_mfa_prompt,
            credential_sourcer=CanonicalNameCredentialSourcer(sources),
            profile_provider_builder=self,
        )

    def _create_sts_client(self, _service: str, **arguments: Any) -> Any:
        """Return a client, where botocore's providers would call ``session.create_client``."""
        credentials = None
        if "aws_access_key_id" in arguments:
            credentials = Credentials(
                arguments["aws_access_key_id"],
                arguments["aws_secret_access_key"],
                arguments.get("aws_session_token"),
            )
        return StsClient(self._context, credentials)

    def _missing_environment_reason(self) -> str:
        if self._config.is_explicit:
            return "not used, because profile_name is given"
        although = (
            ", although AWS_SECRET_ACCESS_KEY is" if os.environ.get("AWS_SECRET_ACCESS_KEY") else ""
        )
        return f"AWS_ACCESS_KEY_ID is not set{although}"

    def _missing_web_identity_reason(self) -> str:
        missing_key = self._missing_key_reason("web_identity_token_file")()
        if self._config.is_explicit:
            return missing_key
        return f"AWS_WEB_IDENTITY_TOKEN_FILE is not set, and {missing_key}"

    def _missing_key_reason(self, key: str) -> Callable[[], str]:
        name = self._config.profile_name
        if name in self._config.full_config()["profiles"]:
            return lambda: f"the profile {name!r} has no {key}"
        return lambda: f"there is no profile {name!r}"

    def _missing_file_reason(self, path: str) -> Callable[[], str]:
        if not os.path.isfile(path):  # noqa: PTH113 - a string, for botocore
            return lambda: f"there is no file {path}"
        name = self._config.profile_name
        return lambda: f"no aws_access_key_id for the profile {name!r} in {path}"

    def _map_error(self, name: str, error: Exception) -> PagerError:
        """Return our error for one of a provider's, without any text that may hold a secret."""
        if isinstance(error, BotocorePartialError):
            missing = error.kwargs["cred_var"]
            return PartialCredentialsError(f"incomplete credentials in {name}: {missing} missing")
        if isinstance(error, BotocoreConfigError):
            return InvalidConfigError(f"{name}: {error}")
        if isinstance(error, BotocoreRetrievalError):
            reason = self._instance_fetcher.missing_reason
            detail = f" (EC2 instance metadata: {reason})" if reason else ""
            return CredentialRetrievalError(f"{name}: {error}{detail}")
        if isinstance(error, OSError) and error.strerror:
            return CredentialRetrievalError(f"{name}: {error.strerror}: {error.filename or ''}")
        return CredentialRetrievalError(
            f"{name}: its credentials cannot be used ({type(error).__name__})"
        )


class _UnsupportedProvider(CredentialProvider):
    """A provider of boto3's that is not supported: an error for a profile that is set up for it."""

    METHOD = "unsupported"

    def __init__(
        self, config: SharedConfig, profile_name: str, feature: str, keys: Sequence[str]
    ) -> None:
        super().__init__()
        self._config = config
        self._profile_name = profile_name
        self._feature = feature
        self._keys = keys

    def load(self) -> None:
        """Raise :class:`CredentialRetrievalError` if the profile has one of the keys."""
        settings = self._config.full_config()["profiles"].get(self._profile_name, {})
        if any(key in settings for key in self._keys):
            raise CredentialRetrievalError(
                f"the profile {self._profile_name!r} is set up for {self._feature}, which is "
                "supported through boto3 only: give credentials=boto3.Session("
                f"profile_name={self._profile_name!r}).get_credentials()"
            )


def _reject_mfa_prompt(_prompt: str) -> str:
    raise CredentialRetrievalError(
        "the profile has an mfa_serial, and there is no prompt for the MFA code: give "
        "credentials=boto3.Session(...).get_credentials()"
    )
