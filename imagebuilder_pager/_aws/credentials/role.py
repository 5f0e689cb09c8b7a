"""Credentials of a role, by STS: ``role_arn`` of a profile, with the credentials that assume it.

Those are of ``source_profile``, which may have a role, too, or of ``credential_source``. All
profiles of such a chain are checked before the first request is sent.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from ...exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    PartialCredentialsError,
    Problem,
)
from ..config.shared_config import Resolved
from ..identity import Credentials, CredentialsContext, validate_not_expired

_CREDENTIAL_SOURCES = ("Environment", "EcsContainer", "Ec2InstanceMetadata")
_KEY_PAIR = {"aws_access_key_id", "aws_secret_access_key"}


class RoleProvider:
    """The provider that calls AssumeRole, once for each profile with a role.

    ``load_profile`` returns the credentials of a profile without a role, None if it has none.
    """

    name = "assume role"

    def __init__(
        self, context: CredentialsContext, load_profile: Callable[[str], Credentials | None]
    ) -> None:
        self._context = context
        self._config = context.config
        self._load_profile = load_profile

    def load(self) -> Credentials | None:
        """Return the credentials of the profile's role, None if it has none."""
        name: str | None = self._config.profile_name
        roles: list[str] = []
        while name is not None and self._has_role(name, is_source=bool(roles)):
            roles.append(name)
            name = self._source_of(roles)
        if not roles:
            return None
        if name is None:
            credentials = self._load_credential_source(roles[-1])
        elif (found := self._load_profile(name)) is not None:
            credentials = found
        else:
            raise self._invalid("source_profile", roles[-1], "a profile with credentials")
        for role in reversed(roles):
            validate_not_expired(credentials, self._context.clock.now())
            credentials = self._assume_role(role, credentials)
        return credentials

    def missing_reason(self) -> str:
        return self._config.missing_key_reason("role_arn")

    def _has_role(self, profile_name: str, *, is_source: bool) -> bool:
        """Return whether the credentials of a profile are those of its role.

        The keys of a source profile take precedence. A web identity has its own provider.
        """
        keys = self._keys_of(profile_name)
        has_own = "web_identity_token_file" in keys or (is_source and bool(keys & _KEY_PAIR))
        return "role_arn" in keys and not has_own

    def _source_of(self, roles: list[str]) -> str | None:
        """Return the source profile of the last role, None for a ``credential_source``."""
        name = roles[-1]
        keys = self._keys_of(name)
        if "mfa_serial" in keys:
            raise self._mfa_error(name)
        if {"source_profile", "credential_source"} <= keys:
            given = "source_profile and credential_source given"
            raise InvalidConfigError(Problem(f"profile {name!r}", given, "one of the two"))
        if not {"source_profile", "credential_source"} & keys:
            raise PartialCredentialsError(
                f"incomplete credentials in the profile {name!r}: source_profile or "
                "credential_source missing"
            )
        source = self._config.setting("source_profile", name)
        if source is None:
            if self._config.setting("credential_source", name) not in _CREDENTIAL_SOURCES:
                raise self._invalid("credential_source", name, ", ".join(_CREDENTIAL_SOURCES))
        elif source not in self._config.full_config()["profiles"]:
            raise self._invalid("source_profile", name, "the name of a profile")
        # A profile may be its own source, for the keys that it has beside the role.
        elif source in roles and not (source == name and keys & _KEY_PAIR):
            circle = " -> ".join([*roles[roles.index(source) :], source])
            raise self._invalid("source_profile", name, f"one that does not lead back: {circle}")
        return source

    def _keys_of(self, profile_name: str) -> set[str]:
        return set(self._config.full_config()["profiles"].get(profile_name, {}))

    def _load_credential_source(self, profile_name: str) -> Credentials:
        from .container import ContainerProvider
        from .environment import EnvironmentProvider
        from .imds import InstanceMetadataProvider

        clock = self._context.clock
        name = self._config.setting("credential_source", profile_name)
        provider: EnvironmentProvider | ContainerProvider | InstanceMetadataProvider
        if name == "Environment":
            provider = EnvironmentProvider()
        elif name == "EcsContainer":
            provider = ContainerProvider(clock, self._context.certificates)
        else:
            provider = InstanceMetadataProvider(self._config, clock)
        if (credentials := provider.load()) is not None:
            return credentials
        raise CredentialRetrievalError(
            f"credential_source of profile {profile_name!r}: {name} has no credentials: "
            f"{provider.missing_reason()}"
        )

    def _assume_role(self, profile_name: str, credentials: Credentials) -> Credentials:
        from .sts import StsClient

        def setting(key: str) -> str | None:
            return self._config.setting(key, profile_name)

        return StsClient(self._context, credentials).assume_role(
            RoleArn=setting("role_arn"),
            RoleSessionName=setting("role_session_name"),
            ExternalId=setting("external_id"),
            DurationSeconds=_whole_number(setting("duration_seconds")),
        )

    def _invalid(self, key: str, profile_name: str, allowed: str) -> InvalidConfigError:
        value = self._config.setting(key, profile_name) or ""
        return Resolved(value, f"{key} of profile {profile_name!r}").invalid(allowed)

    def _mfa_error(self, profile_name: str) -> CredentialRetrievalError:
        profile = self._config.profile_name
        return CredentialRetrievalError(
            f"the profile {profile_name!r} has an mfa_serial, and no MFA code is asked for here. "
            "On the command line, let the AWS CLI ask for it, and then name no profile: eval "
            f'"$(aws configure export-credentials --profile {shlex.quote(profile)} --format env)". '
            "In a program, let boto3 ask for it: "
            f"credentials=boto3.Session(profile_name={profile!r}).get_credentials()"
        )


def _whole_number(text: str | None) -> int | None:
    """Return a duration, None for any other text, which boto3 leaves out, too."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
