"""Credentials from a container's endpoint: ECS and EKS Pod Identity."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...exceptions import CredentialRetrievalError
from ..clock import Clock
from ..config.tls import LazySSLContext
from ..transport.types import Origin
from .metadata_http import MetadataError, fetch, parse_credentials, retry

__all__ = ["ContainerMetadataFetcher"]


class ContainerMetadataFetcher:
    """The fetcher that botocore's ``ContainerProvider`` takes.

    A fetcher serves one search: called twice, it returns the same credentials.
    """

    HOST = "169.254.170.2"
    _ALLOWED_HOSTS = frozenset({HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
    # As in botocore; both times are in seconds.
    _TIMEOUT = 2.0
    _MAX_ATTEMPTS = 3
    _RETRY_DELAY = 1.0

    def __init__(self, clock: Clock, certificates: LazySSLContext) -> None:
        self._clock = clock
        self._certificates = certificates
        self._credentials: dict[str, str] | None = None

    def full_url(self, relative_uri: str) -> str:
        """Return the URL for ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI``."""
        return f"http://{self.HOST}{relative_uri}"

    def retrieve_full_uri(
        self, full_url: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the credentials as the endpoint has them.

        Raises :class:`CredentialRetrievalError`, also for a URL that AWS does not allow.
        """
        if self._credentials is None:
            self._validate_url(full_url)
            headers = {
                "accept": "application/json",
                **{name.lower(): value for name, value in (headers or {}).items()},
            }
            self._credentials = self._fetch(full_url, headers)
        return self._credentials

    def _validate_url(self, full_url: str) -> None:
        # AWS allows https, loopback and its own addresses.
        reason = ""
        try:
            url = urlsplit(full_url)  # parsed as it is when the request is sent
            host, is_valid = url.hostname or "", url.port != 0 and full_url.isprintable()
        except ValueError:
            url, host, is_valid = urlsplit(""), "", False
        if url.scheme not in {"http", "https"} or not host or not is_valid:
            reason = "is not an http:// or https:// URL"
        elif url.username is not None or url.password is not None:
            reason = "has a user name in it"
        elif url.scheme == "http" and not (host in self._ALLOWED_HOSTS or _is_loopback(host)):
            reason = (
                f"has the host {host[:80]!r}; allowed without https: a loopback address, "
                f"{', '.join(sorted(self._ALLOWED_HOSTS))}"
            )
        if reason:
            raise CredentialRetrievalError(f"the container endpoint's URL {reason}")

    def _fetch(self, full_url: str, headers: Mapping[str, str]) -> dict[str, str]:
        def attempt() -> dict[str, str]:
            return parse_credentials(
                fetch(
                    "GET",
                    full_url,
                    headers,
                    timeout=self._TIMEOUT,
                    clock=self._clock,
                    certificates=self._certificates,
                )
            )

        try:
            return retry(
                attempt, self._clock, max_attempts=self._MAX_ATTEMPTS, delay=self._RETRY_DELAY
            )
        except MetadataError as error:
            reason = str(error)
        # Without the URL's path: in a container, whoever has it has the credentials.
        authority = Origin.from_url(full_url).authority
        raise CredentialRetrievalError(
            f"the container endpoint {authority} returned no credentials: {reason}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
