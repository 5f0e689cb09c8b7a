"""Requests to the credential endpoints inside AWS's machines."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx

from ..config.tls import LazySSLContext

_log = logging.getLogger(__name__)

_MAX_BYTES = 64 * 1024  # keys with a session token are about two kilobytes
_FIELDS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")


_NO_CERTIFICATES = LazySSLContext(False)


class MetadataError(Exception):
    """No usable answer; the text says why and shows nothing of a body."""

    def __init__(self, why: str, *, again: bool = False, status: int = 0) -> None:
        super().__init__(why)
        self.retryable = again  # whether asking again may help
        self.status = status


def fetch(
    method: str,
    url: str,
    headers: Mapping[str, str],
    timeout: float,
    certificates: LazySSLContext = _NO_CERTIFICATES,
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
                    raise MetadataError("the answer is too long")
    except (httpx.TransportError, httpx.DecodingError) as error:
        what = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
        raise MetadataError(what or type(error).__name__, again=True) from None
    if response.status_code != 200:
        again = response.status_code == 429 or response.status_code >= 500
        raise MetadataError(
            f"HTTP status {response.status_code}", again=again, status=response.status_code
        )
    return body.decode("utf-8", "replace")


def parse_credentials(text: str) -> dict[str, Any]:
    """The keys in an answer, a JSON object; raises :class:`_Failed`."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise MetadataError("the answer is no JSON object", again=True)
    if missing := [name for name in _FIELDS if not isinstance(answer.get(name), str)]:
        # The service's own word for what is wrong, such as AssumeRoleUnauthorizedAccess.
        code = answer.get("Code")
        said = f" (it says {code[:80]})" if isinstance(code, str) and code.isalnum() else ""
        raise MetadataError(f"the answer has no {', '.join(missing)}{said}")
    return answer
