"""Requests by way of httpx: with the caller's client, or with connections of our own.

An ``httpx.Client`` looks anew at each request for its proxy, cookies, redirects, hooks and auth,
and its pool looks through all connections, twice a request. Where the caller brings none, there is
one host, and each transport of httpx's has one connection: whoever needs one takes it off a list,
and puts it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    "AsyncClientSender",
    "AsyncEndpointSender",
    "ClientSender",
    "EndpointSender",
    "network_error",
]

TransportT = TypeVar("TransportT")


class _Sender:
    """What all senders share: requests and answers as httpx has them, and their errors."""

    def __init__(self, endpoint_url: str, headers: Mapping[str, str], auth: SigV4Auth) -> None:
        self._endpoint_url = endpoint_url
        self._auth = auth
        # httpx's own types, so that it need not parse the same anew for each request.
        self._headers = httpx.Headers(headers)
        self._urls: dict[str, httpx.URL] = {}

    def _made(self, request: Request) -> httpx.Request:
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

    def _error(self, error: httpx.HTTPError) -> PagerError:
        """The error that botocore has for one of httpx's."""
        return network_error(error, self._endpoint_url)


class ClientSender(_Sender):
    """Sends by an ``httpx.Client`` of the caller's."""

    def __init__(
        self,
        client: httpx.Client,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._client = client

    def send(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.Sender`."""
        message = self._made(request)
        try:
            # No redirects: a signature is for one host.
            response = self._client.send(
                message, auth=self._auth, follow_redirects=False, stream=True
            )
            try:
                if not _begin(request, message, response, receiver):
                    for chunk in response.iter_raw():
                        receiver.feed(chunk)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._error(error) from error


class AsyncClientSender(_Sender):
    """The async twin of :class:`ClientSender`."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._client = client

    async def send(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.AsyncSender`."""
        message = self._made(request)
        try:
            response = await self._client.send(
                message, auth=self._auth, follow_redirects=False, stream=True
            )
            try:
                if not _begin(request, message, response, receiver):
                    async for chunk in response.aiter_raw():
                        receiver.feed(chunk)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._error(error) from error


class EndpointSender(_Sender):
    """Sends by connections of our own; thread-safe."""

    def __init__(
        self,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
        certificates: Certificates,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._transports = FreeList(_maker(httpx.HTTPTransport, endpoint_url, certificates))

    def send(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.Sender`."""
        message = self._made(request)
        self._auth.sign(message, self._auth.credentials())
        transport = self._transports.take()
        try:
            response = transport.handle_request(message)
            stream: Any = response.stream
            try:
                if not _begin(request, message, response, receiver):
                    for chunk in stream:
                        receiver.feed(chunk)
            finally:
                stream.close()
        except httpx.HTTPError as error:
            raise self._error(error) from error
        finally:
            self._transports.put_back(transport)

    def close(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            transport.close()


class AsyncEndpointSender(_Sender):
    """The async twin of :class:`EndpointSender`."""

    def __init__(
        self,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
        certificates: Certificates,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._transports = FreeList(_maker(httpx.AsyncHTTPTransport, endpoint_url, certificates))

    async def send(self, request: Request, receiver: Receiver) -> None:
        """See :data:`.exchange.AsyncSender`."""
        message = self._made(request)
        self._auth.sign(message, await self._auth.credentials_async())
        transport = self._transports.take()
        try:
            response = await transport.handle_async_request(message)
            stream: Any = response.stream
            try:
                if not _begin(request, message, response, receiver):
                    async for chunk in stream:
                        receiver.feed(chunk)
            finally:
                await stream.aclose()
        except httpx.HTTPError as error:
            raise self._error(error) from error
        finally:
            self._transports.put_back(transport)

    async def aclose(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            await transport.aclose()


def _begin(
    request: Request, message: httpx.Request, response: httpx.Response, receiver: Receiver
) -> bool:
    """Passes the head on, and the body if somebody, such as an event hook, has read it already."""
    authorization: str = message.headers.get("authorization", "")
    request.access_key = authorization.partition("Credential=")[2].partition("/")[0]
    headers = header_dict(response.headers)
    read = response.is_stream_consumed
    receiver.begin(
        response.status_code, headers, "" if read else headers.get("content-encoding", "")
    )
    if read:
        receiver.feed(response.content)
    return read


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
