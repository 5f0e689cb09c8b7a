"""The credentials of a fleet's accounts: one provider for each, shared by all its regions.

They stay in the process that makes the calls, and are never sent to another one.
"""

from __future__ import annotations

from typing import NamedTuple

from .._aws.clock import SYSTEM_CLOCK, Clock, ServiceClock
from .._aws.config.shared_config import SharedConfig
from .._aws.config.tls import LazySSLContext, ca_bundle_from_config, resolve_verify
from .._aws.credentials.refreshable import RefreshableCredentials
from .._aws.credentials.resolver import resolve_credentials
from .._aws.credentials.sts import StsClient
from .._aws.identity import CachingProvider, Credentials, CredentialsContext
from .targets import Account, Target


class Access(NamedTuple):
    """The credentials for an account, and the certificates to trust."""

    provider: CachingProvider
    certificates: LazySSLContext


class FleetCredentials:
    """The providers of one process; thread-safe, since each step that stores one is atomic.

    A provider fetches when its credentials are first needed, and again before they expire. Accounts
    with the same profile share the credentials that assume their roles, and the certificates, which
    take long to load.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        #: The clock of STS and of the clients, which correct it.
        self.clock: ServiceClock = ServiceClock.of(clock)
        self._by_profile: dict[str | None, Access] = {}
        self._by_account: dict[Account, Access] = {}

    def access_to(self, target: Target) -> Access:
        """Return the credentials and the certificates for the target's account.

        STS is called in the region of the account's first target, when the credentials are needed.
        Raises the errors of a client for invalid settings.
        """
        account = target.account
        if (access := self._by_account.get(account)) is not None:
            return access
        return self._by_account.setdefault(account, self._make_access(account, target.region))

    def identity_of(self, target: Target) -> dict[str, str]:
        """Return the ``Account`` and ``Arn`` of the target's credentials, from STS.

        Raises the errors of finding credentials and of STS.
        """
        access = self.access_to(target)
        return self._sts_client(access, target.account, target.region).get_caller_identity()

    def _make_access(self, account: Account, region: str) -> Access:
        source = self._by_profile.get(account.profile)
        if source is None:
            config = SharedConfig(account.profile)
            certificates = resolve_verify("run_fleet", None, ca_bundle_from_config(config))
            context = CredentialsContext(config, region, certificates, self.clock)
            source = Access(resolve_credentials(None, None, None, None, context), certificates)
            source = self._by_profile.setdefault(account.profile, source)
        if account.role_arn is None:
            return source
        params = {"RoleArn": account.role_arn, "RoleSessionName": account.session_name}
        if account.external_id is not None:
            params["ExternalId"] = account.external_id

        def fetch() -> Credentials:
            return self._sts_client(source, account, region).assume_role(**params)

        return Access(RefreshableCredentials(fetch, self.clock), source.certificates)

    def _sts_client(self, access: Access, account: Account, region: str) -> StsClient:
        config = SharedConfig(account.profile)
        context = CredentialsContext(config, region, access.certificates, self.clock)
        frozen = access.provider.get_frozen_credentials()
        return StsClient(context, Credentials(frozen.access_key, frozen.secret_key, frozen.token))
