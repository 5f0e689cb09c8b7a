"""Credentials from a container's endpoint: ECS and EKS Pod Identity."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import httpx

from ...exceptions import CredentialRetrievalError
from ..clock import Clock
from ..config.tls import LazySSLContext
from .metadata_http import MetadataError, fetch, parse_credentials

__all__ = ["ContainerMetadataFetcher"]


class ContainerMetadataFetcher:
    """The container's credentials endpoint, as botocore's ``ContainerProvider`` asks for it.

    A fetcher serves one search: asked twice, it gives the same answer.
    """

    HOST = "169.254.170.2"
    _ALLOWED_HOSTS = frozenset({HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
    _TIMEOUT = 2.0  # seconds, of each of the attempts, with a second between them; as in botocore
    _ATTEMPTS = 3

    def __init__(self, clock: Clock, certificates: LazySSLContext) -> None:
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
                return parse_credentials(
                    fetch("GET", full_url, headers, self._TIMEOUT, self._certificates)
                )
            except MetadataError as failure:
                why = str(failure)
                if not failure.retryable:
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
