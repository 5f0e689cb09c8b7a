"""Credentials of a role, by STS: ``role_arn`` of a profile, with the credentials that assume it."""

from __future__ import annotations

from collections.abc import Callable

from ...exceptions import CredentialRetrievalError
from ..clock import ServiceClock
from ..identity import Credentials, CredentialsContext
from .role_chain import invalid_setting, read_role_chain


class RoleProvider:
    """The provider that calls AssumeRole, once for each role of a chain of profiles.

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
        chain = read_role_chain(self._config)
        if chain is None:
            return None
        last = chain.roles[-1]
        if chain.source_profile is None:
            credentials = self._load_credential_source(last)
        elif (found := self._load_profile(chain.source_profile)) is not None:
            credentials = found
        else:
            allowed = "a profile with credentials"
            raise invalid_setting(self._config, last, "source_profile", allowed)
        self._check_expiration(last, credentials)
        for profile_name in reversed(chain.roles):
            credentials = self._assume_role(profile_name, credentials)
        return credentials

    def missing_reason(self) -> str:
        return self._config.missing_key_reason("role_arn")

    def _check_expiration(self, profile_name: str, source: Credentials) -> None:
        """Raise :class:`CredentialRetrievalError` for credentials that cannot assume a role."""
        # By both clocks, since the machine's, or the date that corrected it, may be wrong.
        clock = ServiceClock.of(self._context.clock)
        now = min(clock.machine_now(), clock.now())
        if source.expiration is not None and source.expiration <= now:
            raise CredentialRetrievalError(
                f"the credentials that assume the role of profile {profile_name!r} expired at "
                f"{source.expiration}, and by the clock of this machine it is {now}"
            )

    def _load_credential_source(self, profile_name: str) -> Credentials:
        from .container import ContainerProvider
        from .environment import EnvironmentProvider
        from .imds import InstanceMetadataProvider

        name = self._config.setting("credential_source", profile_name)
        provider: EnvironmentProvider | ContainerProvider | InstanceMetadataProvider
        if name == "Environment":
            provider = EnvironmentProvider()
        elif name == "EcsContainer":
            provider = ContainerProvider(self._context)
        else:
            provider = InstanceMetadataProvider(self._context)
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


def _whole_number(text: str | None) -> int | None:
    """Return a duration, None for any other text, which boto3 leaves out, too."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
