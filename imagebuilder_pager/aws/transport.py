"""The HTTP client that is made where the caller brings none: signed requests to one endpoint.

An ``httpx.Client`` looks anew at each request for its proxy, cookies, redirects, hooks and auth,
and its pool looks through all connections, twice a request. Here there is one host, and each
transport of httpx's has one connection: whoever needs one takes it off a list, and puts it back.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx

from ..errors import HTTPClientError
from .signing import SigV4Auth
from .tls import Certificates

__all__ = ["AsyncEndpointClient", "EndpointClient", "proxy_for"]

TransportT = TypeVar("TransportT")


class EndpointClient:
    """Signs requests to one endpoint and sends them; thread-safe."""

    def __init__(self, endpoint_url: str, auth: SigV4Auth, certificates: Certificates) -> None:
        self._auth = auth
        self._transports = _Transports(httpx.HTTPTransport, endpoint_url, certificates)

    def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, of which the body is still to be read; closing it frees the connection."""
        self._auth.authorize(request)
        transport = self._transports.take()
        try:
            response = transport.handle_request(request)
        except BaseException:
            self._transports.put_back(transport)
            raise
        response.stream = _Stream(response.stream, lambda: self._transports.put_back(transport))
        return response

    def close(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            transport.close()


class AsyncEndpointClient:
    """The async twin of :class:`EndpointClient`."""

    def __init__(self, endpoint_url: str, auth: SigV4Auth, certificates: Certificates) -> None:
        self._auth = auth
        self._transports = _Transports(httpx.AsyncHTTPTransport, endpoint_url, certificates)

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, of which the body is still to be read; closing it frees the connection."""
        await self._auth.authorize_async(request)
        transport = self._transports.take()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self._transports.put_back(transport)
            raise
        response.stream = _AsyncStream(
            response.stream, lambda: self._transports.put_back(transport)
        )
        return response

    async def aclose(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            await transport.aclose()


class _Transports(Generic[TransportT]):
    """Transports of one connection each: those that nobody uses at the moment are in a list."""

    def __init__(
        self, kind: Callable[..., TransportT], endpoint_url: str, certificates: Certificates
    ) -> None:
        proxy = proxy_for(endpoint_url)
        self._kind = kind
        self._options: dict[str, Any] = {
            # Also where nothing is verified, a context takes its time; all transports share it.
            "verify": _context(certificates, endpoint_url, proxy),
            "proxy": proxy,
            "limits": httpx.Limits(max_connections=1),
        }
        self._all: list[TransportT] = []
        self._free: list[TransportT] = []
        self._closed = False

    # Taking from a list and adding to it are atomic.

    def take(self) -> TransportT:
        if self._closed:
            raise HTTPClientError("the client has been closed")
        try:
            return self._free.pop()
        except IndexError:
            transport = self._kind(**self._options)
            self._all.append(transport)
            return transport

    def put_back(self, transport: TransportT) -> None:
        self._free.append(transport)

    def close(self) -> list[TransportT]:
        """All that there are, to be closed."""
        self._closed = True
        return self._all


class _Stream(httpx.SyncByteStream):
    """A body that says when it has been closed."""

    def __init__(self, stream: Any, closed: Callable[[], None]) -> None:
        self._stream = stream
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._closed()


class _AsyncStream(httpx.AsyncByteStream):
    """The async twin of :class:`_Stream`."""

    def __init__(self, stream: Any, closed: Callable[[], None]) -> None:
        self._stream = stream
        self._closed = closed

    def __aiter__(self) -> AsyncIterator[bytes]:
        iterator: AsyncIterator[bytes] = self._stream.__aiter__()
        return iterator

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._closed()


def _context(certificates: Certificates, endpoint_url: str, proxy: str | None) -> ssl.SSLContext:
    # Without https there is nothing to verify, and certificates take their time to load.
    encrypted = any(url is not None and url.startswith("https:") for url in (endpoint_url, proxy))
    return httpx.create_ssl_context(verify=certificates.load() if encrypted else False)


def proxy_for(url: str) -> str | None:
    """The proxy for a URL, by the variables and system settings that Python, and boto3, go by."""
    if sys.platform not in {"darwin", "win32"} and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return None  # and urllib.request, which takes its time, need not be imported
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
