"""Requests by way of httpx: with the caller's client, or with connections of our own.

An ``httpx.Client`` looks anew at each request for its proxy, cookies, redirects, hooks and auth,
and its pool looks through all connections, twice a request. Where the caller brings none, there is
one host, and each transport of httpx's has one connection: whoever needs one takes it off a list,
and puts it back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import httpx

from ..errors import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    PagerError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseParserError,
    SSLError,
)
from .endpoint import proxy_for
from .exchange import Receiver, Request
from .free_list import FreeList
from .signing import SigV4Auth
from .tls import Certificates

__all__ = [
    "AsyncEndpointClient",
    "AsyncHttpxSender",
    "EndpointClient",
    "HttpxSender",
    "network_error",
]

TransportT = TypeVar("TransportT")


class _Messages:
    """Requests and answers as httpx has them, made of ours and passed on to ours."""

    def __init__(self, endpoint_url: str, headers: Mapping[str, str]) -> None:
        self._endpoint_url = endpoint_url
        # httpx's own types, so that it need not parse the same anew for each request.
        self._headers = httpx.Headers(headers)
        self._urls: dict[str, httpx.URL] = {}

    def make(self, request: Request) -> httpx.Request:
        """The request as httpx has it.

        It is no ``client.build_request``: headers, cookies and query parameters that a client adds
        to all its requests would not be signed, and mean nothing to AWS.
        """
        url = self._urls.get(request.path)
        if url is None:
            url = self._urls[request.path] = httpx.URL(self._endpoint_url + request.path)
        return httpx.Request(
            "POST",
            url,
            content=request.content,
            headers=self._headers,
            extensions={"timeout": request.timeouts._asdict()},
        )

    def begin(
        self,
        message: httpx.Request,
        request: Request,
        response: httpx.Response,
        receiver: Receiver,
    ) -> bool:
        """Passes the head on; whether the body is still to be read."""
        authorization: str = message.headers.get("Authorization", "")
        request.access_key = authorization.partition("Credential=")[2].partition("/")[0]
        headers = header_dict(response.headers)
        if response.is_stream_consumed:  # by an event hook, for instance
            receiver.begin(response.status_code, headers, "")
            receiver.feed(response.content)
            return False
        receiver.begin(response.status_code, headers, headers.get("content-encoding", ""))
        return True

    def error(self, error: httpx.HTTPError) -> PagerError:
        """The error that botocore has for one of httpx's."""
        return network_error(error, self._endpoint_url)


class HttpxSender:
    """Sends by a function that signs and sends what httpx calls a request."""

    def __init__(
        self,
        send: Callable[[httpx.Request], httpx.Response],
        endpoint_url: str,
        headers: Mapping[str, str],
    ) -> None:
        self._send = send
        self._messages = _Messages(endpoint_url, headers)

    def __call__(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.Sender`."""
        message = self._messages.make(request)
        try:
            response = self._send(message)
            try:
                if self._messages.begin(message, request, response, receiver):
                    for chunk in response.iter_raw():
                        receiver.feed(chunk)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._messages.error(error) from error


class AsyncHttpxSender:
    """The async twin of :class:`HttpxSender`."""

    def __init__(
        self,
        send: Callable[[httpx.Request], Awaitable[httpx.Response]],
        endpoint_url: str,
        headers: Mapping[str, str],
    ) -> None:
        self._send = send
        self._messages = _Messages(endpoint_url, headers)

    async def __call__(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.AsyncSender`."""
        message = self._messages.make(request)
        try:
            response = await self._send(message)
            try:
                if self._messages.begin(message, request, response, receiver):
                    async for chunk in response.aiter_raw():
                        receiver.feed(chunk)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._messages.error(error) from error


class EndpointClient:
    """Signs requests to one endpoint and sends them; thread-safe."""

    def __init__(self, endpoint_url: str, auth: SigV4Auth, certificates: Certificates) -> None:
        self._auth = auth
        self._transports = FreeList(_maker(httpx.HTTPTransport, endpoint_url, certificates))

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
        self._transports = FreeList(_maker(httpx.AsyncHTTPTransport, endpoint_url, certificates))

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


def _maker(
    kind: Callable[..., TransportT], endpoint_url: str, certificates: Certificates
) -> Callable[[], TransportT]:
    proxy = proxy_for(endpoint_url)
    # Without https there is nothing to verify, and certificates take their time to load.
    encrypted = any(url is not None and url.startswith("https:") for url in (endpoint_url, proxy))
    return partial(
        kind,
        # Also where nothing is verified, a context takes its time; all transports share it.
        verify=certificates.context() if encrypted else httpx.create_ssl_context(verify=False),
        proxy=proxy,
        limits=httpx.Limits(max_connections=1),
    )


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


def header_dict(headers: httpx.Headers) -> dict[str, str]:
    """The headers with their names in lower case; those that came twice, joined by commas.

    ``dict(headers)`` is the same, and searches all headers for each of them.
    """
    found: dict[str, str] = {}
    for name, value in headers.multi_items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def network_error(error: httpx.HTTPError, endpoint_url: str) -> PagerError:
    """The error that botocore has for one of httpx's."""
    if isinstance(error, httpx.DecodingError):
        return ResponseParserError(f"the answer cannot be decompressed: {error}")
    kind, what = next(
        (kind, what) for base, kind, what in _NETWORK_ERRORS if isinstance(error, base)
    )
    if kind is EndpointConnectionError and "SSL" in str(error).upper():
        kind, what = SSLError, "no TLS connection to"
    return kind(f"{what} {endpoint_url}: {str(error) or type(error).__name__}")


_NETWORK_ERRORS: tuple[tuple[type[httpx.HTTPError], type[HTTPClientError], str], ...] = (
    (httpx.ConnectTimeout, ConnectTimeoutError, "connecting took too long to"),
    (httpx.PoolTimeout, ConnectTimeoutError, "no connection became free in time to"),
    (httpx.TimeoutException, ReadTimeoutError, "no answer in time from"),
    (httpx.ProxyError, ProxyConnectionError, "the proxy failed on the way to"),
    (httpx.ConnectError, EndpointConnectionError, "could not connect to"),
    (httpx.NetworkError, ConnectionClosedError, "the connection broke off to"),
    (httpx.RemoteProtocolError, ConnectionClosedError, "the connection ended early from"),
    (httpx.HTTPError, HTTPClientError, "the request failed to"),
)
