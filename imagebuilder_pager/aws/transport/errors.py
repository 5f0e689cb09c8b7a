"""The errors of the network, under botocore's names."""

from __future__ import annotations

import httpx

from ...exceptions import (
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

__all__ = ["map_httpx_error"]


def map_httpx_error(error: httpx.HTTPError, endpoint_url: str) -> PagerError:
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
