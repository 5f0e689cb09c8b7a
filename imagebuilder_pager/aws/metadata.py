"""The endpoints inside AWS's machines: the container's, and EC2 instance metadata.

They are what ``botocore.credentials`` asks the caller for: its ``ContainerProvider`` and
``InstanceMetadataProvider`` each take a fetcher. botocore's own fetchers log the answers they
cannot read, go through a proxy of the environment, and do not say why they gave nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from ..errors import CredentialRetrievalError, InvalidConfigError
from .clock import Clock
from .profile import Profile
from .tls import Certificates

__all__ = ["ContainerFetcher", "InstanceFetcher"]

_log = logging.getLogger(__name__)

_MAX_BYTES = 64 * 1024  # keys with a session token are about two kilobytes
_FIELDS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")


_NO_CERTIFICATES = Certificates(False)


class _Failed(Exception):
    """No usable answer; the text says why and shows nothing of a body."""

    def __init__(self, why: str, *, again: bool = False, status: int = 0) -> None:
        super().__init__(why)
        self.again = again  # whether asking again may help
        self.status = status


def _ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    timeout: float,
    certificates: Certificates = _NO_CERTIFICATES,
) -> str:
    """The body of the answer; raises :class:`_Failed`.

    This is httpx's transport without its client: so there is no proxy, no redirect, no ``.netrc``,
    and no log line with the URL, which in a container is as good as a password.
    """
    try:
        request = httpx.Request(
            method,
            url,
            headers=headers,
            extensions={"timeout": httpx.Timeout(timeout).as_dict()},
        )
        # Without https there is nothing to verify, and certificates take their time to load.
        verify = certificates.context() if request.url.scheme == "https" else False
        with (
            httpx.HTTPTransport(verify=verify, trust_env=False) as transport,
            contextlib.closing(transport.handle_request(request)) as response,
        ):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise _Failed("the answer is too long")
    except (httpx.TransportError, httpx.DecodingError) as error:
        what = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
        raise _Failed(what or type(error).__name__, again=True) from None
    if response.status_code != 200:
        again = response.status_code == 429 or response.status_code >= 500
        raise _Failed(
            f"HTTP status {response.status_code}", again=again, status=response.status_code
        )
    return body.decode("utf-8", "replace")


def _keys_in(text: str) -> dict[str, Any]:
    """The keys in an answer, a JSON object; raises :class:`_Failed`."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _Failed("the answer is no JSON object", again=True)
    if missing := [name for name in _FIELDS if not isinstance(answer.get(name), str)]:
        # The service's own word for what is wrong, such as AssumeRoleUnauthorizedAccess.
        code = answer.get("Code")
        said = f" (it says {code[:80]})" if isinstance(code, str) and code.isalnum() else ""
        raise _Failed(f"the answer has no {', '.join(missing)}{said}")
    return answer


class ContainerFetcher:
    """The container's credentials endpoint, as botocore's ``ContainerProvider`` asks for it.

    A fetcher serves one search: asked twice, it gives the same answer.
    """

    HOST = "169.254.170.2"
    _ALLOWED_HOSTS = frozenset({HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
    _TIMEOUT = 2.0  # seconds, of each of the attempts, with a second between them; as in botocore
    _ATTEMPTS = 3

    def __init__(self, clock: Clock, certificates: Certificates) -> None:
        self._clock = clock
        self._certificates = certificates
        self._answer: dict[str, Any] | None = None

    def full_url(self, relative_uri: str) -> str:
        """The URL for ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI``."""
        return f"http://{self.HOST}{relative_uri}"

    def retrieve_full_uri(
        self, full_url: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The endpoint's answer, with the keys in it. Raises :class:`CredentialRetrievalError`."""
        if self._answer is None:
            self._check(full_url)
            self._answer = self._retrieve(
                full_url, {"Accept": "application/json", **(headers or {})}
            )
        return self._answer

    def _check(self, full_url: str) -> None:
        """Refuses what AWS does not allow: anything but https, loopback and AWS's own addresses."""
        try:
            url = httpx.URL(full_url)  # the same reading of it as when it is sent
        except httpx.InvalidURL:
            url = httpx.URL("")
        host, problem = url.host, ""
        if url.scheme not in {"http", "https"} or not host:
            problem = "is no http:// or https:// URL"
        elif url.userinfo:
            problem = "has a user name in it"
        elif url.scheme == "http" and not (host in self._ALLOWED_HOSTS or _is_loopback(host)):
            problem = (
                f"is at {host[:80]!r}; allowed without https: a loopback address, "
                f"{', '.join(sorted(self._ALLOWED_HOSTS))}"
            )
        if problem:
            raise CredentialRetrievalError(f"the container endpoint's URL {problem}")

    def _retrieve(self, full_url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        why = ""
        for attempt in range(self._ATTEMPTS):
            if attempt:
                self._clock.sleep(1)
            try:
                return _keys_in(_ask("GET", full_url, headers, self._TIMEOUT, self._certificates))
            except _Failed as failure:
                why = str(failure)
                if not failure.again:
                    break
        # Its path is left out: in a container it is as good as a password.
        url = httpx.URL(full_url)
        raise CredentialRetrievalError(
            f"the container endpoint {url.host}:{url.port or ''} gave no keys: {why}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class InstanceFetcher:
    """EC2 instance metadata, version 2, as botocore's ``InstanceMetadataProvider`` asks for it.

    Version 1, without a token, is never used. A fetcher serves one search; ``why`` says, after it
    gave nothing, why.
    """

    _TOKEN_PATH = "latest/api/token"
    _ROLE_PATH = "latest/meta-data/iam/security-credentials/"
    _TOKEN_SECONDS = "21600"

    def __init__(self, profile: Profile, clock: Clock) -> None:
        self._profile = profile
        self._clock = clock
        self.why = ""
        self._answer: dict[str, Any] | None = None

    def retrieve_iam_role_credentials(self) -> dict[str, Any]:
        """The role's keys under botocore's names for them; empty if there are none."""
        if self._answer is None:
            disabled = self._profile.find("AWS_EC2_METADATA_DISABLED")
            if disabled is not None and disabled.value.lower() == "true":
                self.why = "AWS_EC2_METADATA_DISABLED is true"
                return {}
            self._answer = self._retrieve()
        return self._answer

    def _retrieve(self) -> dict[str, Any]:
        base_url = _metadata_url(self._profile)
        attempts = int(_number(self._profile, "NUM_ATTEMPTS", "num_attempts"))
        timeout = _number(self._profile, "TIMEOUT", "timeout")
        for _ in range(attempts):
            try:
                return self._role_keys(base_url, timeout)
            except _Failed as failure:
                self.why = f"{base_url}: {failure}"
                if not failure.again:
                    break
        _log.debug("no credentials from EC2 instance metadata: %s", self.why)
        return {}

    def _role_keys(self, base_url: str, timeout: float) -> dict[str, Any]:
        lifetime = {"x-aws-ec2-metadata-token-ttl-seconds": self._TOKEN_SECONDS}
        token = _ask("PUT", base_url + self._TOKEN_PATH, lifetime, timeout)
        if not (token.isascii() and token.isprintable() and token):
            raise _Failed("the answer is no metadata token")
        headers = {"x-aws-ec2-metadata-token": token}
        try:
            roles = _ask("GET", base_url + self._ROLE_PATH, headers, timeout).split()
        except _Failed as failure:
            if failure.status == 404:
                raise _Failed("the instance has no role") from None
            raise
        if not roles:
            raise _Failed("the instance has no role")
        path = self._ROLE_PATH + quote(roles[0], safe="+=,.@-_")
        keys = _keys_in(_ask("GET", base_url + path, headers, timeout))
        return {
            "role_name": roles[0],
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["Token"],
            "expiry_time": self._extended(keys["Expiration"]),
        }

    def _extended(self, expiration: str) -> str:
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
    found = profile.find("AWS_EC2_METADATA_SERVICE_ENDPOINT", key="ec2_metadata_service_endpoint")
    if found is not None:
        if not found.value.startswith(("http://", "https://")):
            raise InvalidConfigError(
                f"{found.source}: {found.value[:80]!r} given; allowed: an http:// or https:// URL"
            )
        return found.value.rstrip("/") + "/"
    mode = profile.find(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", key="ec2_metadata_service_endpoint_mode"
    )
    if mode is None:
        ipv6 = profile.flag("AWS_IMDS_USE_IPV6", "imds_use_ipv6")
    elif mode.value.lower() in {"ipv4", "ipv6"}:
        ipv6 = mode.value.lower() == "ipv6"
    else:
        raise InvalidConfigError(f"{mode.source}: {mode.value!r} given; allowed: ipv4, ipv6")
    return "http://[fd00:ec2::254]/" if ipv6 else "http://169.254.169.254/"


def _number(profile: Profile, variable: str, key: str) -> float:
    """A setting that is a positive whole number, 1 if it is not there."""
    found = profile.find(f"AWS_METADATA_SERVICE_{variable}", key=f"metadata_service_{key}")
    if found is None:
        return 1
    if not (found.value.isascii() and found.value.isdigit() and int(found.value) > 0):
        raise InvalidConfigError(
            f"{found.source}: {found.value[:80]!r} given; allowed: a whole number, 1 or more"
        )
    return int(found.value)
