"""The places where boto3 looks for credentials, in its order.

The providers are botocore's; what they ask the caller for is in :mod:`.container`, :mod:`.imds` and :mod:`.sts`.
They are made anew for each search, and a refresh is another search of the place that gave the keys:
so there is one way in which keys come, and none of botocore's own refreshing.

Of boto3's places these are left out: SSO and ``aws login``, which an error says; and the files of
boto 2 and of the first EC2 tools.
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
from ..config.shared_config import Profile
from ..identity import Credentials, CredentialsContext
from .container import ContainerMetadataFetcher
from .imds import InstanceMetadataFetcher
from .process import CredentialProcessRunner
from .sts import StsClient

__all__ = ["load_credentials"]


_log = logging.getLogger(__name__)


def load_credentials(
    surroundings: CredentialsContext, provider_name: str = ""
) -> tuple[Credentials, str]:
    """The first keys that are found, and the name of the place they are from.

    ``only`` names the one place to look at, for a refresh. Raises :class:`NoCredentialsError`
    that says of each place why it did not serve, a subclass of it for a place that should have
    served and failed, or :class:`InvalidConfigError`.
    """
    places = _ProviderChain(surroundings)
    failures = (
        []
        if provider_name
        else ["the arguments: neither aws_access_key_id nor credentials is given"]
    )
    for place in places.all():
        if provider_name not in {"", place.name}:
            continue
        if (keys := places.load(place)) is not None:
            _log.debug("credentials from %s, expiring %s", place.name, keys.expiration or "never")
            return keys, place.name
        failures.append(f"{place.name}: {place.missing_reason()}")
    raise NoCredentialsError("no credentials" + "".join(f"\n  - {line}" for line in failures))


@dataclass(frozen=True, slots=True)
class _ProviderEntry:
    """A place to look at: its name, botocore's provider, and what to say when it has nothing."""

    name: str
    provider: CredentialProvider | None
    missing_reason: Callable[[], str]


class _ProviderChain:
    """The places of one search, which share their fetchers."""

    def __init__(self, surroundings: CredentialsContext) -> None:
        self._surroundings = surroundings
        self._profile = surroundings.profile
        self._processes = CredentialProcessRunner()
        self._instance = InstanceMetadataFetcher(self._profile, surroundings.clock)
        container: Any = ContainerMetadataFetcher(surroundings.clock, surroundings.certificates)
        instance: Any = self._instance
        self._environment = EnvProvider()
        self._container = ContainerProvider(fetcher=container)
        self._ec2 = InstanceMetadataProvider(instance)

    def all(self) -> list[_ProviderEntry]:
        """All places, in the order of ``botocore.credentials.create_credential_resolver``."""
        profile = self._profile
        return [
            _ProviderEntry(
                "the environment",
                None if profile.is_explicit else self._environment,
                self._missing_environment_reason,
            ),
            _ProviderEntry(
                "the role of the profile", self._role(), self._missing_key_reason("role_arn")
            ),
            *self._of_profile(profile.name, disable_env_vars=profile.is_explicit),
            _ProviderEntry(
                "the container endpoint",
                self._container,
                lambda: (
                    "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
                ),
            ),
            _ProviderEntry("EC2 instance metadata", self._ec2, lambda: self._instance.reason),
        ]

    def load(self, place: _ProviderEntry) -> Credentials | None:
        """The keys of a place, None if it is not set up to give any."""
        try:
            found = None if place.provider is None else place.provider.load()
            if found is None:
                return None
            frozen = found.get_frozen_credentials()
        except PagerError:
            raise  # ours, out of what the provider has called
        except Exception as error:  # noqa: BLE001 - whatever it is, the place has failed
            problem = self._problem(place.name, error)
        else:
            # botocore keeps the moment to itself; without it, keys are kept until rejected.
            expires: datetime | None = getattr(found, "_expiry_time", None)
            return Credentials(frozen.access_key, frozen.secret_key, frozen.token, expires)
        # Outside of the handler: the error's context can hold what a process has printed.
        raise problem

    def providers(
        self,
        profile_name: str,
        disable_env_vars: bool = False,
    ) -> list[CredentialProvider]:
        """What botocore's ``AssumeRoleProvider`` asks for the keys of a source profile."""
        places = self._of_profile(profile_name, disable_env_vars=disable_env_vars)
        return [place.provider for place in places if place.provider is not None]

    def _of_profile(self, name: str, *, disable_env_vars: bool) -> list[_ProviderEntry]:
        profile = self._profile
        web_identity = AssumeRoleWithWebIdentityProvider(
            load_config=profile.config,
            client_creator=self._sts_client,
            profile_name=name,
            cache={},
            disable_env_vars=disable_env_vars,
        )
        sso = _UnsupportedProvider(profile, name, "SSO", ("sso_account_id", "sso_role_name"))
        shared = SharedCredentialProvider(profile.credentials_file, name)
        login = _UnsupportedProvider(profile, name, "aws login", ("login_session",))
        process = ProcessProvider(name, profile.config, popen=self._processes.start)
        config = ConfigProvider(profile.config_file, name)
        return [
            _ProviderEntry("web identity", web_identity, self._missing_web_identity_reason),
            _ProviderEntry("SSO", sso, self._missing_key_reason("sso_account_id")),
            _ProviderEntry(
                "the shared credentials file",
                shared,
                self._missing_file_reason(profile.credentials_file),
            ),
            _ProviderEntry("aws login", login, self._missing_key_reason("login_session")),
            _ProviderEntry(
                "a credential process", process, self._missing_key_reason("credential_process")
            ),
            _ProviderEntry(
                "the config file", config, self._missing_file_reason(profile.config_file)
            ),
        ]

    def _role(self) -> CredentialProvider:
        sources = [self._environment, self._container, self._ec2]
        return AssumeRoleProvider(
            load_config=self._profile.config,
            client_creator=self._sts_client,
            cache={},
            profile_name=self._profile.name,
            prompter=_reject_mfa_prompt,
            credential_sourcer=CanonicalNameCredentialSourcer(sources),
            profile_provider_builder=self,
        )

    def _sts_client(self, _service: str, **arguments: Any) -> Any:
        """What botocore's providers take for ``session.create_client``."""
        keys = None
        if "aws_access_key_id" in arguments:
            keys = Credentials(
                arguments["aws_access_key_id"],
                arguments["aws_secret_access_key"],
                arguments.get("aws_session_token"),
            )
        return StsClient(self._surroundings, keys)

    # Why a place has nothing.

    def _missing_environment_reason(self) -> str:
        if self._profile.is_explicit:
            return "passed over, for profile_name is given"
        though = ", though AWS_SECRET_ACCESS_KEY is" if _is_set("AWS_SECRET_ACCESS_KEY") else ""
        return f"AWS_ACCESS_KEY_ID is not set{though}"

    def _missing_web_identity_reason(self) -> str:
        lacks = self._missing_key_reason("web_identity_token_file")()
        if self._profile.is_explicit:
            return lacks
        return f"AWS_WEB_IDENTITY_TOKEN_FILE is not set, and {lacks}"

    def _missing_key_reason(self, key: str) -> Callable[[], str]:
        profile = self._profile
        if profile.name in profile.config()["profiles"]:
            return lambda: f"the profile {profile.name!r} has no {key}"
        return lambda: f"there is no profile {profile.name!r}"

    def _missing_file_reason(self, path: str) -> Callable[[], str]:
        if not os.path.isfile(path):  # noqa: PTH113 - a string, for botocore
            return lambda: f"there is no file {path}"
        return lambda: f"no aws_access_key_id for the profile {self._profile.name!r} in {path}"

    def _problem(self, name: str, error: Exception) -> PagerError:
        """Our error for another; only texts that cannot have a secret in them are kept."""
        if isinstance(error, BotocorePartialError):
            missing = error.kwargs["cred_var"]
            return PartialCredentialsError(f"incomplete credentials in {name}: {missing} missing")
        if isinstance(error, BotocoreConfigError):
            return InvalidConfigError(f"{name}: {error}")
        if isinstance(error, BotocoreRetrievalError):
            why = (
                f" (EC2 instance metadata: {self._instance.reason})"
                if self._instance.reason
                else ""
            )
            return CredentialRetrievalError(f"{name}: {error}{why}")
        if isinstance(error, OSError) and error.strerror:
            return CredentialRetrievalError(f"{name}: {error.strerror}: {error.filename or ''}")
        return CredentialRetrievalError(
            f"{name}: what it gave cannot be used ({type(error).__name__})"
        )


class _UnsupportedProvider(CredentialProvider):
    """A place of boto3's that is not supported: an error, where it would have served."""

    METHOD = "unsupported"

    def __init__(self, profile: Profile, name: str, what: str, keys: Sequence[str]) -> None:
        super().__init__()
        self._profile = profile
        self._name = name
        self._what = what
        self._keys = keys

    def load(self) -> None:
        settings = self._profile.config()["profiles"].get(self._name, {})
        if any(key in settings for key in self._keys):
            raise CredentialRetrievalError(
                f"the profile {self._name!r} is for {self._what}, which only boto3 knows; with it, "
                f"give credentials=boto3.Session(profile_name={self._name!r}).get_credentials()"
            )


def _reject_mfa_prompt(_prompt: str) -> str:
    raise CredentialRetrievalError(
        "the profile has an mfa_serial, and there is nobody to ask for its code; with it, give "
        "credentials=boto3.Session(...).get_credentials()"
    )


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable))
