"""The providers of a profile, by botocore, which is loaded with this module.

They call ours for all requests, and for the sources of a role: :mod:`.sts`,
:mod:`.environment`, :mod:`.container` and :mod:`.imds`. Each search makes new providers, and none
of botocore's own refreshing takes place.

Of boto3's providers these are left out: SSO and ``aws login``, with an error that says so; and the
files of boto 2 and of the first EC2 tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from botocore.credentials import (
    AssumeRoleProvider,
    CanonicalNameCredentialSourcer,
    ConfigProvider,
    CredentialProvider,
    ProcessProvider,
    SharedCredentialProvider,
)
from botocore.credentials import CredentialRetrievalError as BotocoreRetrievalError
from botocore.credentials import InvalidConfigError as BotocoreConfigError
from botocore.credentials import PartialCredentialsError as BotocorePartialError

from ...exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    PagerError,
    PartialCredentialsError,
)
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext
from .container import ContainerProvider
from .environment import EnvironmentProvider
from .imds import InstanceMetadataProvider
from .process import run_credential_process
from .sts import StsClient
from .web_identity import WebIdentityProvider


class ProfileProviders:
    """botocore's providers of one search, which share the sources of a role."""

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context
        self._config = context.config
        self._instance = InstanceMetadataProvider(
            context.config, context.clock, context.certificates
        )
        #: By its command: botocore runs a process again if its credentials expire soon.
        self._outputs: dict[tuple[str, ...], bytes] = {}
        container = ContainerProvider(context.clock, context.certificates)
        # botocore's types name its own providers.
        sources: list[Any] = [
            SimpleNamespace(CANONICAL_NAME="Environment", load=EnvironmentProvider().load),
            SimpleNamespace(CANONICAL_NAME="EcsContainer", load=container.load),
            SimpleNamespace(CANONICAL_NAME="Ec2InstanceMetadata", load=self._instance.load),
        ]
        self._assume_role = AssumeRoleProvider(
            load_config=self._config.full_config,
            client_creator=self._create_sts_client,
            cache={},
            profile_name=self._config.profile_name,
            prompter=_reject_mfa_prompt,
            credential_sourcer=CanonicalNameCredentialSourcer(sources),
            profile_provider_builder=self,
        )
        self._providers = self._providers_of(self._config.profile_name)

    def load(self, name: str) -> Credentials | None:
        """Return the credentials of one of the providers, by its name in the chain; None if none.

        Raises :class:`NoCredentialsError` or :class:`InvalidConfigError`, and botocore's other
        errors.
        """
        provider = self._assume_role if name == "assume role" else self._providers[name]
        try:
            found = provider.load()
            if found is None:
                return None
            frozen = found.get_frozen_credentials()
        except (BotocorePartialError, BotocoreConfigError, BotocoreRetrievalError) as error:
            failure = self._map_error(name, error)
        else:
            # Private to botocore; without it, credentials are cached until they are rejected.
            expiration: datetime | None = getattr(found, "_expiry_time", None)
            return Credentials(frozen.access_key, frozen.secret_key, frozen.token, expiration)
        # Outside of the handler: the error's context can hold the output of a process.
        raise failure

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        """Return the providers of a source profile, for botocore's ``AssumeRoleProvider``."""
        web_identity = WebIdentityProvider(
            self._context, profile_name, use_environment=not disable_env_vars
        )
        source = SimpleNamespace(METHOD="web identity", load=web_identity.load)
        return [source, *self._providers_of(profile_name).values()]

    def _providers_of(self, name: str) -> dict[str, CredentialProvider]:
        config = self._config
        return {
            "SSO": _UnsupportedProvider(config, name, "SSO", ("sso_account_id", "sso_role_name")),
            "shared credentials file": SharedCredentialProvider(config.credentials_file, name),
            "aws login": _UnsupportedProvider(config, name, "aws login", ("login_session",)),
            "credential process": ProcessProvider(
                name, config.full_config, popen=self._start_process
            ),
            "config file": ConfigProvider(config.config_file, name),
        }

    def _create_sts_client(self, _service: str, **arguments: Any) -> Any:
        """Return a client, where botocore's providers would call ``session.create_client``."""
        credentials = Credentials(
            arguments["aws_access_key_id"],
            arguments["aws_secret_access_key"],
            arguments.get("aws_session_token"),
        )
        client = StsClient(self._context, credentials)

        def assume_role(**params: str) -> dict[str, Any]:
            found = client.assume_role(**params)
            members = {
                "AccessKeyId": found.access_key,
                "SecretAccessKey": found.secret_key,
                "SessionToken": found.token,
                "Expiration": found.expiration,
            }
            return {"Credentials": members}

        return SimpleNamespace(assume_role=assume_role)

    def _start_process(self, command: Sequence[str], **_: Any) -> Any:
        """Run a command, where botocore's ``ProcessProvider`` would call ``subprocess.Popen``."""
        key = tuple(command)
        if key not in self._outputs:
            self._outputs[key] = run_credential_process(command)
        return SimpleNamespace(returncode=0, communicate=lambda: (self._outputs[key], b""))

    def _map_error(self, name: str, error: Any) -> PagerError:
        """Return our error for one of botocore's, without any text that may hold a secret."""
        if isinstance(error, BotocorePartialError):
            missing = error.kwargs["cred_var"]
            return PartialCredentialsError(f"incomplete credentials in {name}: {missing} missing")
        if isinstance(error, BotocoreConfigError):
            return InvalidConfigError(f"{name}: {error}")
        reason = self._instance.missing_reason()
        detail = f" (EC2 instance metadata: {reason})" if reason else ""
        return CredentialRetrievalError(f"{name}: {error}{detail}")


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
