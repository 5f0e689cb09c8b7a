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

from ...exceptions import PagerError
from ..auth.httpx_auth import SigV4Auth
from ..config.endpoints import proxy_for
from ..config.tls import LazySSLContext
from .errors import map_httpx_error
from .pool import ConnectionPool
from .types import HTTPRequest, ResponseHandler

__all__ = [
    "AsyncHttpxClientTransport",
    "AsyncHttpxPoolTransport",
    "HttpxClientTransport",
    "HttpxPoolTransport",
]


TransportT = TypeVar("TransportT")


class _BaseTransport:
    """What all senders share: requests and answers as httpx has them, and their errors."""

    def __init__(self, endpoint_url: str, headers: Mapping[str, str], auth: SigV4Auth) -> None:
        self._endpoint_url = endpoint_url
        self._auth = auth
        # httpx's own types, so that it need not parse the same anew for each request.
        self._headers = httpx.Headers(headers)
        self._urls: dict[str, httpx.URL] = {}

    def _build_request(self, request: HTTPRequest) -> httpx.Request:
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
        return map_httpx_error(error, self._endpoint_url)


class HttpxClientTransport(_BaseTransport):
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

    def send(self, request: HTTPRequest, receiver: ResponseHandler) -> None:
        """See :data:`.types.Transport`."""
        message = self._build_request(request)
        try:
            # No redirects: a signature is for one host.
            response = self._client.send(
                message, auth=self._auth, follow_redirects=False, stream=True
            )
            try:
                if not _handle_headers(request, message, response, receiver):
                    for chunk in response.iter_raw():
                        receiver.on_data(chunk)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._error(error) from error


class AsyncHttpxClientTransport(_BaseTransport):
    """The async twin of :class:`HttpxClientTransport`."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._client = client

    async def send(self, request: HTTPRequest, receiver: ResponseHandler) -> None:
        """See :data:`.types.AsyncTransport`."""
        message = self._build_request(request)
        try:
            response = await self._client.send(
                message, auth=self._auth, follow_redirects=False, stream=True
            )
            try:
                if not _handle_headers(request, message, response, receiver):
                    async for chunk in response.aiter_raw():
                        receiver.on_data(chunk)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._error(error) from error


class HttpxPoolTransport(_BaseTransport):
    """Sends by connections of our own; thread-safe."""

    def __init__(
        self,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
        certificates: LazySSLContext,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._transports = ConnectionPool(
            _transport_factory(httpx.HTTPTransport, endpoint_url, certificates)
        )

    def send(self, request: HTTPRequest, receiver: ResponseHandler) -> None:
        """See :data:`.types.Transport`."""
        message = self._build_request(request)
        self._auth.attach_resume_token(message, self._auth.credentials())
        transport = self._transports.acquire()
        try:
            response = transport.handle_request(message)
            stream: Any = response.stream
            try:
                if not _handle_headers(request, message, response, receiver):
                    for chunk in stream:
                        receiver.on_data(chunk)
            finally:
                stream.close()
        except httpx.HTTPError as error:
            raise self._error(error) from error
        finally:
            self._transports.release(transport)

    def close(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            transport.close()


class AsyncHttpxPoolTransport(_BaseTransport):
    """The async twin of :class:`HttpxPoolTransport`."""

    def __init__(
        self,
        endpoint_url: str,
        headers: Mapping[str, str],
        auth: SigV4Auth,
        certificates: LazySSLContext,
    ) -> None:
        super().__init__(endpoint_url, headers, auth)
        self._transports = ConnectionPool(
            _transport_factory(httpx.AsyncHTTPTransport, endpoint_url, certificates)
        )

    async def send(self, request: HTTPRequest, receiver: ResponseHandler) -> None:
        """See :data:`.types.AsyncTransport`."""
        message = self._build_request(request)
        self._auth.attach_resume_token(message, await self._auth.credentials_async())
        transport = self._transports.acquire()
        try:
            response = await transport.handle_async_request(message)
            stream: Any = response.stream
            try:
                if not _handle_headers(request, message, response, receiver):
                    async for chunk in stream:
                        receiver.on_data(chunk)
            finally:
                await stream.aclose()
        except httpx.HTTPError as error:
            raise self._error(error) from error
        finally:
            self._transports.release(transport)

    async def aclose(self) -> None:
        """Closes the connections, for good."""
        for transport in self._transports.close():
            await transport.aclose()


def _handle_headers(
    request: HTTPRequest,
    message: httpx.Request,
    response: httpx.Response,
    receiver: ResponseHandler,
) -> bool:
    """Passes the head on, and the body if somebody, such as an event hook, has read it already."""
    authorization: str = message.headers.get("authorization", "")
    request.access_key = authorization.partition("Credential=")[2].partition("/")[0]
    headers = join_headers(response.headers)
    read = response.is_stream_consumed
    receiver.on_headers(
        response.status_code, headers, "" if read else headers.get("content-encoding", "")
    )
    if read:
        receiver.on_data(response.content)
    return read


def _transport_factory(
    kind: Callable[..., TransportT], endpoint_url: str, certificates: LazySSLContext
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


def join_headers(headers: httpx.Headers) -> dict[str, str]:
    """The headers with their names in lower case; those that came twice, joined by commas.

    ``dict(headers)`` is the same, and searches all headers for each of them.
    """
    found: dict[str, str] = {}
    for name, value in headers.multi_items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
