"""Requests over a socket with h11, without httpx and botocore: for a process that lives for one.

Importing those two takes longer than a listing. h11 is what httpx, too, reads and writes HTTP with.
What is not plain is not done here: no proxies, no other URL than a host, perhaps with a port.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import h11

from ...exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    PagerError,
    ReadTimeoutError,
    SSLError,
)
from ..auth.signer import RequestSigner
from ..auth.sigv4 import sigv4_header
from ..config.endpoints import is_simple_url, proxy_for
from ..config.tls import LazySSLContext
from .pool import ConnectionPool
from .types import HTTPRequest, ResponseHandler, Timeouts, Transport

__all__ = ["H11Client", "is_direct"]


# In bytes and seconds; the largest head, and the age of an idle connection, are those of httpx.
READ_NUM_BYTES = 64 * 1024
MAX_INCOMPLETE_EVENT_SIZE = 100 * 1024
KEEPALIVE_EXPIRY = 5.0


def is_direct(endpoint_url: str) -> bool:
    """Whether the endpoint can be reached in this way."""
    return is_simple_url(endpoint_url) and proxy_for(endpoint_url) is None


class H11Client:
    """Sends requests to one endpoint; thread-safe.

    ``monotonic``: seconds since some moment, to know how long a connection has been idle.
    """

    def __init__(
        self,
        endpoint_url: str,
        certificates: LazySSLContext,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint_url = endpoint_url
        self._connections = ConnectionPool(
            lambda: _Connection(endpoint_url, certificates, monotonic)
        )

    def preconnect(self, timeouts: Timeouts) -> None:
        """Makes a connection in a thread; what comes of it shows with the first request."""
        connection = self._connections.acquire()
        connection.preconnect(timeouts)
        self._connections.release(connection)

    def sender(self, signer: RequestSigner, headers: Mapping[str, str]) -> Transport:
        """What signs requests and sends them.

        ``headers``: those of every request, but for the host's and the signature's.
        """
        unsigned = {name.lower(): value for name, value in headers.items()}
        unsigned["host"] = _Origin.of(self.endpoint_url).header

        def send(request: HTTPRequest, receiver: ResponseHandler) -> None:
            credentials = signer.credentials()
            request.access_key = credentials.access_key
            url = self.endpoint_url + request.path
            signature = signer.auth_headers(
                "POST", url, unsigned, request.content, credentials, algorithm=sigv4_header
            )
            self._send(request, {**unsigned, **signature}, receiver)

        return send

    def _send(
        self, request: HTTPRequest, headers: Mapping[str, str], receiver: ResponseHandler
    ) -> None:
        connection = self._connections.acquire()
        try:
            connection.handle_request(request, headers, receiver)
        except BaseException:
            connection.close()  # whatever was under way in it; it connects anew when it is needed
            raise
        finally:
            self._connections.release(connection)

    def close(self) -> None:
        """Closes the connections, for good."""
        for connection in self._connections.close():
            connection.close()


class _Origin(NamedTuple):
    """Where an endpoint is."""

    is_tls: bool
    host: str
    port: int

    @classmethod
    def of(cls, endpoint_url: str) -> _Origin:
        parts = urlsplit(endpoint_url)
        encrypted = parts.scheme == "https"
        return cls(encrypted, parts.hostname or "", parts.port or (443 if encrypted else 80))

    @property
    def header(self) -> str:
        """The header ``Host``, without a port that goes without saying."""
        usual = 443 if self.is_tls else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


class _Connection:
    """One connection at a time to a host, for one exchange at a time."""

    def __init__(
        self, endpoint_url: str, certificates: LazySSLContext, monotonic: Callable[[], float]
    ) -> None:
        self._endpoint_url = endpoint_url
        self._address = _Origin.of(endpoint_url)
        self._certificates = certificates
        self._monotonic = monotonic
        self._http = h11.Connection(h11.CLIENT)
        self._socket: socket.socket | None = None
        self._idle_since = 0.0
        self._preconnect_thread: threading.Thread | None = None
        self._preconnect_error: Exception | None = None
        self._close_after_connect = False

    def preconnect(self, timeouts: Timeouts) -> None:
        """Connects in a thread, if there can be one; :meth:`handle_request` waits for it."""
        thread = threading.Thread(target=self._try_preconnect, args=(timeouts,), daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._preconnect_thread = thread

    def _try_preconnect(self, timeouts: Timeouts) -> None:
        try:
            self._connect(timeouts)
        except Exception as error:  # noqa: BLE001 - whatever it is, handle_request raises it
            self._preconnect_error = error
        if self._close_after_connect:
            self.close()

    def handle_request(
        self, request: HTTPRequest, headers: Mapping[str, str], receiver: ResponseHandler
    ) -> None:
        """Sends the request and passes the answer on. Raises :class:`HTTPClientError`."""
        connected = self._ensure_connected(request.timeouts)
        try:
            unsent = self._write(connected, request, headers)
            try:
                self._read(connected, request, receiver)
            except (OSError, h11.RemoteProtocolError):
                if unsent is not None:
                    raise unsent from None
                raise
        except TimeoutError as error:
            raise self._error(ReadTimeoutError, "no answer in time from", error) from error
        except OSError as error:
            raise self._error(
                ConnectionClosedError, "the connection broke off to", error
            ) from error
        except h11.RemoteProtocolError as error:
            raise self._error(
                ConnectionClosedError, "the connection ended early from", error
            ) from error
        except h11.LocalProtocolError as error:
            raise self._error(HTTPClientError, "the request failed to", error) from error
        done = self._http.our_state is self._http.their_state is h11.DONE
        if done and unsent is None and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
            self._idle_since = self._monotonic()
        else:
            self.close()

    def close(self) -> None:
        """Closes what is open, and what is being opened once it is: that is not waited for."""
        self._close_after_connect = self._preconnect_thread is not None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ensure_connected(self, timeouts: Timeouts) -> socket.socket:
        """The connection, made if there is none."""
        if self._preconnect_thread is not None:
            self._preconnect_thread.join()
            self._preconnect_thread = None
            if self._preconnect_error is not None:
                raise self._preconnect_error
        if self._socket is not None and (
            self._monotonic() - self._idle_since > KEEPALIVE_EXPIRY or not _is_idle(self._socket)
        ):
            self.close()  # what is said without having been asked is a farewell
        return self._socket or self._connect(timeouts)

    def _connect(self, timeouts: Timeouts) -> socket.socket:
        encrypted, host, port = self._address
        context = self._certificates.context() if encrypted else None
        # As bytes, the host needs no IDNA, which would have to be imported.
        address: Any = (host.encode("ascii"), port)
        try:
            connection = socket.create_connection(address, timeouts.connect)
            # The head and the body are one message; it is not to wait for another.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                context.set_alpn_protocols(["http/1.1"])
                connection = context.wrap_socket(connection, server_hostname=host)
        except TimeoutError as error:
            raise self._error(ConnectTimeoutError, "connecting took too long to", error) from error
        except OSError as error:
            if "SSL" in str(error).upper():
                raise self._error(SSLError, "no TLS connection to", error) from error
            raise self._error(EndpointConnectionError, "could not connect to", error) from error
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_INCOMPLETE_EVENT_SIZE)
        self._idle_since = self._monotonic()
        self._socket = connection
        return connection

    def _write(
        self, connection: socket.socket, request: HTTPRequest, headers: Mapping[str, str]
    ) -> OSError | None:
        """Sends the request; returns what has kept it from being sent whole.

        There may be an answer all the same, which says why the rest of it was not wanted.
        """
        head = h11.Request(
            method="POST",
            target=request.path,
            headers=[*headers.items(), ("content-length", str(len(request.content)))],
        )
        parts = (head, h11.Data(data=request.content), h11.EndOfMessage())
        unsent = memoryview(b"".join(self._http.send(part) or b"" for part in parts))
        connection.settimeout(request.timeouts.write)
        try:
            while unsent:
                unsent = unsent[connection.send(unsent) :]
        except TimeoutError:
            raise
        except OSError as error:
            return error
        return None

    def _read(
        self, connection: socket.socket, request: HTTPRequest, receiver: ResponseHandler
    ) -> None:
        connection.settimeout(request.timeouts.read)
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                received = connection.recv(READ_NUM_BYTES)
                if not received and self._http.their_state is h11.SEND_RESPONSE:
                    raise h11.RemoteProtocolError("no answer before the connection's end")
                self._http.receive_data(received)
            elif isinstance(event, h11.Response):
                headers = _join_raw_headers(event.headers)
                receiver.on_headers(event.status_code, headers, headers.get("content-encoding", ""))
            elif isinstance(event, h11.Data):
                receiver.on_data(event.data)
            elif not isinstance(event, h11.InformationalResponse):
                return

    def _error(self, kind: type[HTTPClientError], what: str, error: Exception) -> PagerError:
        return kind(f"{what} {self._endpoint_url}: {str(error) or type(error).__name__}")


def _join_raw_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Those that came twice are joined; which encoding they are in is guessed as httpx does."""
    raw = list(headers)
    try:
        decoded = [(name.decode(), value.decode()) for name, value in raw]
    except UnicodeDecodeError:
        decoded = [(name.decode(), value.decode("iso-8859-1")) for name, value in raw]
    found: dict[str, str] = {}
    for name, value in decoded:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _is_idle(connection: socket.socket) -> bool:
    """Whether nothing has come, neither data nor the end; TLS's own messages do not count."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except OSError as error:
        import ssl

        return isinstance(error, ssl.SSLWantReadError)
    return False
