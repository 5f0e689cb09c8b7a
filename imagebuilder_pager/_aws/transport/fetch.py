"""A small response, whole: what the endpoints that give credentials are asked for.

It goes by the transport over h11, whichever one the client has: so that all of it has one deadline
and one limit of bytes, and nothing else need be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ...exceptions import ResponseParserError
from ..config.tls import LazySSLContext
from .body import BodyReader
from .h11_transport import H11Client
from .types import Deadline, HTTPRequest, Origin, Timeouts


class FetchedResponse(NamedTuple):
    """A response; ``body`` is None where it has more bytes than the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class _Collector:
    """A response handler that keeps the response."""

    def __init__(self, limit: int, secrets: set[str]) -> None:
        self._limit = limit
        self._secrets = secrets
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.reader = BodyReader("", limit)

    def on_proxy(self, secrets: AbstractSet[str]) -> None:
        self._secrets |= secrets

    def on_sent(self) -> None:
        pass

    def on_headers(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        self.status = status
        self.headers = headers
        self.reader = BodyReader(encoding.strip().lower(), self._limit)

    def on_data(self, chunk: bytes) -> None:
        self.reader.feed(chunk)


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
) -> FetchedResponse:
    """Send one request over a connection of its own, and return the response.

    ``headers`` have names in lower case; without ``host``, which is added. ``timeout``: seconds for
    all of it. ``limit``: bytes of the body, decompressed. ``secrets``: those of a proxy are added
    to them. Raises a subclass of :class:`HTTPClientError`, and :class:`ResponseParserError` for a
    body that cannot be read.
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
        Timeouts(timeout, timeout, timeout, timeout),
        Deadline(timeout, monotonic, "timeout"),
    )
    collector = _Collector(limit, secrets)
    with H11Client(verify=ssl_context, trust_env=trust_env, monotonic=monotonic) as client:
        try:
            client.send(request, collector)
            body: bytes | None = collector.reader.finish()
        except ResponseParserError:
            if not collector.reader.limit_exceeded:
                raise
            body = None
    return FetchedResponse(collector.status, collector.headers, body)
