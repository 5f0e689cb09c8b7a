"""The credentials of a fleet's accounts: one provider for each, shared by all its regions.

They live in the process that makes the calls, and are never sent to another one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._aws.clock import SYSTEM_CLOCK, Clock, parse_iso8601
from .._aws.config.shared_config import SharedConfig
from .._aws.config.tls import LazySSLContext, ca_bundle_from_config, resolve_verify
from .._aws.credentials.refreshable import RefreshableCredentials
from .._aws.credentials.resolver import resolve_credentials
from .._aws.credentials.sts import StsClient
from .._aws.identity import CachingProvider, Credentials, CredentialsContext
from .._threads import call_after_fork
from ..exceptions import CredentialRetrievalError
from .targets import Account, Target


class Access(NamedTuple):
    """What the calls to an account need: credentials, and the certificates to trust."""

    provider: CachingProvider
    certificates: LazySSLContext


class FleetCredentials:
    """The providers of one process; thread-safe.

    A provider fetches when its credentials are first needed, and again before they expire. Accounts
    with the same profile share the credentials that assume their roles, and the certificates, which
    take long to load.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_profile: dict[str | None, Access] = {}
        self._by_account: dict[Account, Access] = {}
        call_after_fork(self)

    def access_to(self, target: Target) -> Access:
        """Return what the calls to the target's account need.

        The region of the first target of an account is that of its STS calls. Nothing is sent
        before the credentials are needed. Raises what a client raises for settings that are not
        valid.
        """
        account = target.account
        with self._lock:
            access = self._by_account.get(account)
            if access is None:
                access = self._make_access(account, target.region)
                self._by_account[account] = access
            return access

    def identity_of(self, target: Target) -> dict[str, str]:
        """Return what STS says of the target's credentials: their ``Account`` and ``Arn``.

        Raises what finding them and asking STS raise.
        """
        access = self.access_to(target)
        config = SharedConfig(target.account.profile)
        context = CredentialsContext(config, target.region, access.certificates, self._clock)
        return _sts_client(access.provider, context).get_caller_identity()

    def after_fork(self) -> None:
        """Forget, in a forked process, a thread that has the lock: it is in the parent."""
        self._lock = threading.Lock()

    def _make_access(self, account: Account, region: str) -> Access:
        config = SharedConfig(account.profile)
        source = self._by_profile.get(account.profile)
        certificates = (
            resolve_verify("run_fleet", None, ca_bundle_from_config(config))
            if source is None
            else source.certificates
        )
        context = CredentialsContext(config, region, certificates, self._clock)
        if source is None:
            source = Access(resolve_credentials(None, None, None, None, context), certificates)
            self._by_profile[account.profile] = source
        if account.role_arn is None:
            return source
        fetch = _RoleFetcher(account, source.provider, context)
        return Access(RefreshableCredentials(fetch, self._clock), certificates)


class _RoleFetcher:
    """A fetcher of a role's credentials by ``AssumeRole``."""

    def __init__(
        self, account: Account, source: CachingProvider, context: CredentialsContext
    ) -> None:
        self._account = account
        self._source = source
        self._context = context

    def __call__(self) -> Credentials:
        account = self._account
        params = {"RoleArn": account.role_arn, "RoleSessionName": account.session_name}
        if account.external_id is not None:
            params["ExternalId"] = account.external_id
        response = _sts_client(self._source, self._context).assume_role(**params)
        return _to_credentials(response["Credentials"], account)


def _sts_client(source: CachingProvider, context: CredentialsContext) -> StsClient:
    frozen = source.get_frozen_credentials()
    return StsClient(context, Credentials(frozen.access_key, frozen.secret_key, frozen.token))


def _to_credentials(members: Mapping[str, Any], account: Account) -> Credentials:
    try:
        expiration = parse_iso8601(members["Expiration"])
    except ValueError:
        raise CredentialRetrievalError(
            f"STS returned credentials for {account.role_arn} with an Expiration that is not a time"
        ) from None
    return Credentials(
        members["AccessKeyId"], members["SecretAccessKey"], members["SessionToken"], expiration
    )
