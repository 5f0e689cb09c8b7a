"""The endpoints inside AWS's machines: the container's, and EC2 instance metadata.

They are what ``botocore.credentials`` asks the caller for: its ``ContainerProvider`` and
``InstanceMetadataProvider`` each take a fetcher. botocore's own fetchers log the answers they
cannot read, go through a proxy of the environment, and do not say why they gave nothing.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ...exceptions import InvalidConfigError
from ...validation import validate_whole_number
from ..clock import Clock
from ..config.shared_config import Profile
from .metadata_http import MetadataError, _log, fetch, parse_credentials

__all__ = ["InstanceMetadataFetcher"]


class InstanceMetadataFetcher:
    """EC2 instance metadata, version 2, as botocore's ``InstanceMetadataProvider`` asks for it.

    Version 1, without a token, is never used. A fetcher serves one search; ``why`` says, after it
    gave nothing, why.
    """

    _TOKEN_PATH = "latest/api/token"
    _ROLE_PATH = "latest/meta-data/iam/security-credentials/"
    _TOKEN_TTL_SECONDS = "21600"

    def __init__(self, profile: Profile, clock: Clock) -> None:
        self._profile = profile
        self._clock = clock
        self.reason = ""
        self._answer: dict[str, Any] | None = None

    def retrieve_iam_role_credentials(self) -> dict[str, Any]:
        """The role's keys under botocore's names for them; empty if there are none."""
        if self._answer is None:
            disabled = self._profile.get("AWS_EC2_METADATA_DISABLED")
            if disabled is not None and disabled.value.lower() == "true":
                self.reason = "AWS_EC2_METADATA_DISABLED is true"
                return {}
            self._answer = self._retrieve()
        return self._answer

    def _retrieve(self) -> dict[str, Any]:
        base_url = _metadata_url(self._profile)
        attempts = _resolve_whole_number(self._profile, "NUM_ATTEMPTS", "num_attempts")
        timeout = _resolve_whole_number(self._profile, "TIMEOUT", "timeout")
        for _ in range(attempts):
            try:
                return self._role_keys(base_url, timeout)
            except MetadataError as failure:
                self.reason = f"{base_url}: {failure}"
                if not failure.retryable:
                    break
        _log.debug("no credentials from EC2 instance metadata: %s", self.reason)
        return {}

    def _role_keys(self, base_url: str, timeout: float) -> dict[str, Any]:
        lifetime = {"x-aws-ec2-metadata-token-ttl-seconds": self._TOKEN_TTL_SECONDS}
        token = fetch("PUT", base_url + self._TOKEN_PATH, lifetime, timeout)
        if not (token.isascii() and token.isprintable() and token):
            raise MetadataError("the answer is no metadata token")
        headers = {"x-aws-ec2-metadata-token": token}
        try:
            roles = fetch("GET", base_url + self._ROLE_PATH, headers, timeout).split()
        except MetadataError as failure:
            if failure.status == 404:
                raise MetadataError("the instance has no role") from None
            raise
        if not roles:
            raise MetadataError("the instance has no role")
        path = self._ROLE_PATH + quote(roles[0], safe="+=,.@-_")
        keys = parse_credentials(fetch("GET", base_url + path, headers, timeout))
        return {
            "role_name": roles[0],
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["Token"],
            "expiry_time": self._extend_expiration(keys["Expiration"]),
        }

    def _extend_expiration(self, expiration: str) -> str:
        """The expiry, put off for keys that are about to expire.

        AWS's rule for its SDKs: when instance metadata cannot get new keys it hands out the old
        ones, which the services then go on accepting. They are asked for again some minutes later.
        """
        now = self._clock.now()
        wait = timedelta(minutes=15, seconds=random.randint(120, 600))  # noqa: S311 - chance, not secrecy
        try:
            if datetime.fromisoformat(expiration) - wait > now:
                return expiration
        except (ValueError, TypeError):
            return expiration
        _log.warning(
            "EC2 instance metadata has no new credentials; the old ones, of %s, serve on",
            expiration,
        )
        return (now + wait).strftime("%Y-%m-%dT%H:%M:%SZ")


def _metadata_url(profile: Profile) -> str:
    """Where the instance metadata is, with a slash at the end."""
    found = profile.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", key="ec2_metadata_service_endpoint")
    if found is not None:
        if not found.value.startswith(("http://", "https://")):
            raise InvalidConfigError(
                f"{found.source}: {found.value[:80]!r} given; allowed: an http:// or https:// URL"
            )
        return found.value.rstrip("/") + "/"
    mode = profile.get(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", key="ec2_metadata_service_endpoint_mode"
    )
    if mode is None:
        ipv6 = profile.get_bool("AWS_IMDS_USE_IPV6", "imds_use_ipv6")
    elif mode.value.lower() in {"ipv4", "ipv6"}:
        ipv6 = mode.value.lower() == "ipv6"
    else:
        raise InvalidConfigError(f"{mode.source}: {mode.value!r} given; allowed: ipv4, ipv6")
    return "http://[fd00:ec2::254]/" if ipv6 else "http://169.254.169.254/"


def _resolve_whole_number(profile: Profile, variable: str, key: str) -> int:
    """Return a setting that is a whole number from 1 on, 1 where it is not set."""
    found = profile.get(f"AWS_METADATA_SERVICE_{variable}", key=f"metadata_service_{key}")
    if found is None:
        return 1
    try:
        return validate_whole_number(found.source, found.value, minimum=1, convert=True)
    except ValueError as error:
        raise InvalidConfigError(str(error)) from None
