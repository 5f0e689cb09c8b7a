"""Credentials from a container's endpoint: ECS and EKS Pod Identity."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from ...exceptions import CredentialRetrievalError
from ..identity import Credentials, CredentialsContext
from ..transport.types import Deadline, Origin
from .metadata_http import MetadataError, fetch, parse_credentials, retry
from .reports import make_report
from .token_file import read_token_file

_RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"


class ContainerProvider:
    """The provider of a container's credentials."""

    name = "container endpoint"

    HOST = "169.254.170.2"
    _ALLOWED_HOSTS = frozenset({HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
    # As in botocore; both times are in seconds. The longest search takes 2 + 1 + 2 + 1 + 2.
    _TIMEOUT = 2.0
    _MAX_ATTEMPTS = 3
    _RETRY_DELAY = 1.0

    def __init__(self, context: CredentialsContext) -> None:
        self._context = context

    def load(self) -> Credentials | None:
        """Return the credentials of the endpoint, None if no endpoint is set."""
        relative_uri, full_uri = os.environ.get(_RELATIVE_URI), os.environ.get(_FULL_URI)
        if relative_uri is not None:
            full_uri = f"http://{self.HOST}{relative_uri}"
        if full_uri is None:
            return None
        headers = {"accept": "application/json", **_auth_headers()}
        self._validate_url(full_uri)
        report = make_report(self._context, "container", "GetCredentials", full_uri, set())

        def attempt(deadline: Deadline) -> Credentials:
            text = fetch(
                "GET", full_uri, headers, context=self._context, report=report, deadline=deadline
            )
            return parse_credentials(text, headers.values())

        try:
            return retry(
                attempt,
                self._context,
                report,
                timeout=self._TIMEOUT,
                max_attempts=self._MAX_ATTEMPTS,
                delay=self._RETRY_DELAY,
            )
        except MetadataError as error:
            reason = str(error)
        # Without the URL's path: in a container, the path gives access to the credentials.
        authority = Origin.from_url(full_uri).authority
        raise CredentialRetrievalError(
            f"the container endpoint {authority} returned no credentials: {reason}"
        )

    def missing_reason(self) -> str:
        return f"neither {_RELATIVE_URI} nor {_FULL_URI} is set"

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
        elif "@" in full_url:
            reason = "has a user name in it"
        elif url.scheme == "http" and not (host in self._ALLOWED_HOSTS or _is_loopback(host)):
            reason = (
                f"has the host {host[:80]!r}; allowed without https: a loopback address, "
                f"{', '.join(sorted(self._ALLOWED_HOSTS))}"
            )
        if reason:
            raise CredentialRetrievalError(f"the container endpoint's URL {reason}")


def _auth_headers() -> dict[str, str]:
    """Return the header with the endpoint's token, if one is set; the file is read each time."""
    source, token = _TOKEN, os.environ.get(_TOKEN)
    if (token_file := os.environ.get(_TOKEN_FILE)) is not None:
        source, token = f"the token file {token_file}", read_token_file(token_file)
    if token is None:
        return {}
    if not (token.isascii() and token.isprintable()):
        raise CredentialRetrievalError(
            f"{source} has characters that cannot be part of a header; allowed: printable ASCII"
        )
    return {"authorization": token}


def _is_loopback(host: str) -> bool:
    import ipaddress  # slow to import

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
