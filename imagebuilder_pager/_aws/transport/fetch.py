"""Fetch one small response from a credential endpoint.

The rule: it uses the transport over h11, whatever the client's transport is, with one deadline and
one limit of bytes for all of it. Nothing else has to be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from ...exceptions import ResponseParserError
from ..config.tls import LazySSLContext
from .h11_transport import H11Client
from .types import Deadline, HTTPRequest, Origin, ReceivedResponse, Timeouts


def fetch_response(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes = b"",
    *,
    ssl_context: LazySSLContext,
    timeout: float,
    limit: int,
    trust_env: bool,
    monotonic: Callable[[], float],
    secrets: set[str],
) -> ReceivedResponse:
    """Send one request over a new connection, and return the response.

    ``headers``: names in lower case; ``host`` is added. ``timeout``: seconds for everything.
    ``limit``: bytes of the decompressed body. ``secrets``: a proxy's are added to them. Raises a
    subclass of :class:`HTTPClientError`, and :class:`ResponseParserError` for a body that cannot be
    read or is above the limit.
    """
    origin = Origin.from_url(url)
    parts = urlsplit(url)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~")
    request = HTTPRequest(
        method,
        origin,
        target,
        {"host": origin.host_header, **headers},
        content,
        timeouts=Timeouts(timeout, timeout, timeout, None),
        deadline=Deadline(timeout, monotonic, "timeout"),
        max_response_bytes=limit,
        secrets=secrets,
    )
    with H11Client(verify=ssl_context, trust_env=trust_env, monotonic=monotonic) as client:
        try:
            return client.send(request)
        except ResponseParserError:
            # The text of that error names an argument of a client.
            raise ResponseParserError(
                f"the response is too long, with more than {limit} bytes, or cannot be decompressed"
            ) from None
