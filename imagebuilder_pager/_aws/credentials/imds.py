"""Credentials from EC2 instance metadata, version 2 (IMDSv2)."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

from ..attempts import AttemptReport
from ..config.endpoints import normalize_endpoint_url
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext
from ..transport.types import Deadline
from .metadata_http import MetadataError, fetch, parse_credentials, retry
from .reports import make_report

_log = logging.getLogger("imagebuilder_pager.credentials")


class InstanceMetadataProvider:
    """The provider of the credentials of an EC2 instance's role.

    Version 1, without a session token, is never used. ``AWS_METADATA_SERVICE_TIMEOUT`` is the time
    of each of an attempt's three requests: botocore has it anew for each wait of each request.
    """

    name = "EC2 instance metadata"
    _ROLE_PATH = "latest/meta-data/iam/security-credentials/"
    _REQUESTS = 3  # of an attempt: the token, the role's name, its credentials

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context
        self._missing_reason = ""

    def load(self) -> Credentials | None:
        """Return the role's credentials, None without any."""
        config = self._context.config
        if config.get_bool("AWS_EC2_METADATA_DISABLED"):
            self._missing_reason = "AWS_EC2_METADATA_DISABLED is true"
            return None
        base_url = _resolve_base_url(config)
        max_attempts = config.get_whole_number(
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts"
        )
        timeout = (
            config.get_whole_number("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout") or 1
        )
        report = make_report(self._context, "imds", "GetCredentials", base_url, set())
        try:
            return retry(
                lambda deadline: self._fetch_role_credentials(base_url, deadline, timeout, report),
                self._context,
                report,
                timeout=timeout * self._REQUESTS,
                max_attempts=max_attempts or 1,
                delay=0,
            )
        except MetadataError as error:
            self._missing_reason = f"{base_url}: {error}"
        _log.debug("no credentials from EC2 instance metadata: %s", self._missing_reason)
        return None

    def missing_reason(self) -> str:
        """Return the reason, "" before a search."""
        return self._missing_reason

    def _fetch_role_credentials(
        self, base_url: str, deadline: Deadline, timeout: float, report: AttemptReport
    ) -> Credentials:
        def send(method: str, path: str, headers: dict[str, str]) -> str:
            within = deadline.within(timeout, "timeout")
            return fetch(
                method,
                base_url + path,
                headers,
                context=self._context,
                report=report,
                deadline=within,
            )

        ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}
        token = send("PUT", "latest/api/token", ttl)
        if not (token.isascii() and token.isprintable() and token):
            raise MetadataError("the response is not a metadata token")
        headers = {"x-aws-ec2-metadata-token": token}
        try:
            roles = send("GET", self._ROLE_PATH, headers).split()
        except MetadataError as error:
            if error.status == 404:
                raise MetadataError("the instance has no role") from None
            raise
        if not roles:
            raise MetadataError("the instance has no role")
        path = self._ROLE_PATH + quote(roles[0], safe="+=,.@-_")
        credentials = parse_credentials(send("GET", path, headers), {token})
        return self._extend_expiration(credentials)

    def _extend_expiration(self, credentials: Credentials) -> Credentials:
        """Return the credentials, with a later expiration if they are about to expire.

        AWS's rule for its SDKs: when instance metadata cannot get new credentials it returns the
        old ones, which the services still accept. They are refreshed some minutes later.
        """
        now = self._context.clock.now()
        margin = timedelta(minutes=15, seconds=random.randint(120, 600))  # noqa: S311 - jitter
        expiration = credentials.expiration
        if expiration is None or expiration - now > margin:
            return credentials
        _log.warning(
            "EC2 instance metadata has no new credentials; using the old ones, which expire at %s",
            expiration,
        )
        return replace(credentials, expiration=now + margin)


def _resolve_base_url(config: SharedConfig) -> str:
    """Return the URL of the instance metadata, with a slash at the end.

    Raises :class:`InvalidEndpointError` or :class:`InvalidConfigError` for an invalid setting.
    """
    resolved = config.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", key="ec2_metadata_service_endpoint")
    if resolved is not None:
        return normalize_endpoint_url(resolved.value, resolved.source) + "/"
    mode = config.get(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", key="ec2_metadata_service_endpoint_mode"
    )
    if mode is None:
        use_ipv6 = config.get_bool("AWS_IMDS_USE_IPV6", "imds_use_ipv6")
    elif mode.value.lower() in {"ipv4", "ipv6"}:
        use_ipv6 = mode.value.lower() == "ipv6"
    else:
        raise mode.invalid("ipv4, ipv6")
    return "http://[fd00:ec2::254]/" if use_ipv6 else "http://169.254.169.254/"
