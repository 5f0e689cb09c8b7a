"""The error of ours for each failure of a transport: one table for all transports.

The rule: the row is found by httpcore's name of the failure, which httpx, httpx2 and httpcore2
share; the transport over h11 names its phases likewise. A TLS failure is an :class:`SSLError`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from .types import HTTPRequest

CLOSED_MESSAGE = "the client has been closed"

_ERRORS: dict[str, tuple[type[HTTPClientError], str]] = {
    "ConnectTimeout": (ConnectTimeoutError, "connecting took too long to"),
    "PoolTimeout": (ConnectTimeoutError, "no connection became free in time to"),
    "ReadTimeout": (ReadTimeoutError, "no response in time from"),
    "WriteTimeout": (ReadTimeoutError, "the request could not be sent in time to"),
    "TimeoutException": (ReadTimeoutError, "no response in time from"),
    "TimeoutError": (ReadTimeoutError, "no response in time from"),
    "ProxyError": (ProxyConnectionError, "the proxy failed on the way to"),
    "ConnectError": (EndpointConnectionError, "could not connect to"),
    "ReadError": (ConnectionClosedError, "the connection broke off to"),
    "WriteError": (ConnectionClosedError, "the connection broke off to"),
    "CloseError": (ConnectionClosedError, "the connection broke off to"),
    "NetworkError": (ConnectionClosedError, "the connection broke off to"),
    "RemoteProtocolError": (ConnectionClosedError, "the connection ended early from"),
    "OSError": (ConnectionClosedError, "the connection broke off to"),
}
_OTHER = (HTTPClientError, "the request failed to")


def map_transport_error(
    error: BaseException, destination: object, *, kind: str | None = None
) -> HTTPClientError:
    """Return the error, under botocore's names, for a failure on the way to a destination.

    ``kind`` is the row of the table; default: the row of the first of the error's classes that has
    one.
    """
    names = [kind] if kind is not None else [base.__name__ for base in type(error).__mro__]
    error_class, text = next((_ERRORS[name] for name in names if name in _ERRORS), _OTHER)
    message = str(error) or type(error).__name__
    if error_class is EndpointConnectionError:
        causes = {base.__name__ for cause in _chain(error) for base in type(cause).__mro__}
        if "SSLError" in causes:
            tls_error = SSLError(f"no TLS connection to {destination}: {message}")
            tls_error.certificate_rejected = "SSLCertVerificationError" in causes
            return tls_error
    return error_class(f"{text} {destination}: {message}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and the errors that it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def check_deadline(request: HTTPRequest) -> None:
    """Raise :class:`ReadTimeoutError` if the call's time is over before anything is sent."""
    try:
        request.deadline.cap(None)
    except TimeoutError as error:
        raise map_transport_error(error, request.origin) from error


def no_connection_in_time(request: HTTPRequest) -> HTTPClientError:
    """Return the error for a call that got no free connection before its deadline."""
    deadline = request.deadline
    error = TimeoutError(f"none within {deadline.seconds} s, its {deadline.name}")
    return map_transport_error(error, request.origin, kind="PoolTimeout")
