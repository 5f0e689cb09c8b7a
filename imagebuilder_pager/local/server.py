"""The local service on a loopback socket: HTTP/1.1 with keep-alive, one thread per connection."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from .faults.connection_faults import EXTENSION, ConnectionOutcome, plan_delivery

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["MAX_BODY_SIZE", "LocalServer"]

MAX_BODY_SIZE = 1024 * 1024
"""The longest request body that is taken, in bytes; a longer one is answered with status 413."""

_DISCARD_AT_MOST = 8 * MAX_BODY_SIZE
_LENGTH_DIGITS = 19  # of a Content-Length, enough for any length in 64 bits
_IDLE_TIMEOUT = 60.0  # seconds, after which a silent connection is closed
_CLOSE_GRACE = 2.0  # seconds that an answer on its way has, once the server is closed
_LINGER = struct.Struct("HH" if sys.platform == "win32" else "ii")


class LocalServer:
    """Serves a handler, a `LocalImageBuilder` as a rule, on a loopback address.

    It listens from the moment it is made until `close()`; used as a context manager, it closes
    itself. `port` 0 takes a free one. `latency` is the time in seconds that every answer is held
    back. The handler is called from many threads. The faults that a service's `FaultPlan` has for
    the connection are carried out here.

    Raises `ValueError` for a host that is not a loopback address (the service's keys are known to
    everybody) or a negative latency, and `OSError` if the address cannot be listened on.
    """

    def __init__(
        self,
        service: Callable[[httpx.Request], httpx.Response],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
    ) -> None:
        if not latency >= 0:
            raise ValueError(f"latency is {latency}, it has to be 0 or more seconds")
        address = _loopback(host)
        self._listener = _Server(address, port, service, latency)
        shown = f"[{address}]" if ":" in address else address
        self._url = f"http://{shown}:{self._listener.server_address[1]}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="local-image-builder",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the service is, as an endpoint URL: `http://127.0.0.1:49152`."""
        return self._url

    def close(self) -> None:
        """Stop listening, let answers on their way finish, end every connection and thread."""
        self._listener.shutdown()
        self._thread.join()
        self._listener.end_connections()
        self._listener.server_close()

    def __enter__(self) -> Self:
        """Return the server, which is already listening."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the server."""
        self.close()


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(
            f"{host!r} is not a loopback address; the local service is for this machine only, "
            "at 127.0.0.1, ::1 or localhost"
        )
    return str(address)


class _Server(socketserver.ThreadingTCPServer):
    """Accepts connections, and knows those that are open."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: str,
        port: int,
        service: Callable[[httpx.Request], httpx.Response],
        latency: float,
    ) -> None:
        self.service = service
        self.latency = latency
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _RequestHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._changed:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()
            reset = request in self._resets
            self._resets.discard(request)
        if reset:
            # What shuts down first takes its leave; only a bare close without lingering resets.
            with contextlib.suppress(OSError):
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def reset_at_end(self, request: socket.socket) -> None:
        """Reset this connection, rather than close it, once its thread lets go of it."""
        with self._changed:
            self._resets.add(request)

    def end_connections(self) -> None:
        self.closing.set()
        # Without its reading half an idle connection ends now, a busy one after its answer.
        self._shut(socket.SHUT_RD)
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, _CLOSE_GRACE)
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(how)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is nothing to report; anything else is a bug in the handler.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _BadRequestError(Exception):
    """A request that is wrong as HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _RequestHandler(BaseHTTPRequestHandler):
    """One connection: reads requests, asks the service, writes its answers."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT
    disable_nagle_algorithm = True
    _last_ending = ConnectionOutcome.KEEP

    def _handle(self) -> None:
        listener = cast("_Server", self.server)
        try:
            request = httpx.Request(
                self.command,
                self._url(),
                # As they came: what is not ASCII is for the service to judge.
                headers=[
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in self.headers.items()
                ],
                content=self._body(),
                extensions={EXTENSION: True},
            )
        except _BadRequestError as error:
            self.send_error(error.status, str(error))
            return
        if self._last_ending is ConnectionOutcome.RESET_NEXT:
            self._end(ConnectionOutcome.RESET)
            return
        response = listener.service(request)
        listener.closing.wait(listener.latency)
        self._send(response)

    def _url(self) -> httpx.URL:
        host = self.headers.get("Host", "")
        if not self.path.startswith("/"):
            raise _BadRequestError(400, "The request target has to be a path.")
        try:
            return httpx.URL(f"http://{host}{self.path}")
        except httpx.InvalidURL:
            raise _BadRequestError(400, "The Host header or the path is not valid.") from None

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise _BadRequestError(411, "A request body needs a Content-Length.")
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        text = lengths.pop()
        if lengths or not (text.isascii() and text.isdigit() and len(text) <= _LENGTH_DIGITS):
            raise _BadRequestError(400, "The Content-Length header is not valid.")
        length = int(text)
        if length > MAX_BODY_SIZE:
            # Read on for a while, else the client is cut off before it can see the answer.
            left = min(length, _DISCARD_AT_MOST)
            while left and (piece := self.rfile.read(min(left, 65536))):
                left -= len(piece)
            raise _BadRequestError(413, f"The request body is longer than {MAX_BODY_SIZE} bytes.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client went away within a request body")
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not even HTTP. What follows on the connection cannot be trusted."""
        self.close_connection = True
        body = json.dumps({"message": message or explain or "The request is not valid."}).encode()
        headers = {"Content-Type": "application/json", "Connection": "close"}
        self._send(httpx.Response(int(code), headers=headers, content=body))

    def _send(self, response: httpx.Response) -> None:
        """Write the answer: the one place where bytes leave the server."""
        listener = cast("_Server", self.server)
        delivery = plan_delivery(response, with_body=self.command != "HEAD")
        for piece in delivery.cut():
            listener.closing.wait(delivery.delay)
            self.wfile.write(piece)
        self._end(delivery.ending)

    def _end(self, ending: ConnectionOutcome) -> None:
        self._last_ending = ending
        if ending in (ConnectionOutcome.KEEP, ConnectionOutcome.RESET_NEXT):
            return
        self.close_connection = True
        if ending is ConnectionOutcome.RESET:
            cast("_Server", self.server).reset_at_end(self.connection)
        elif ending is ConnectionOutcome.HOLD:
            # Until the client goes away or the server is closed, each of which ends the reading.
            self.connection.settimeout(None)
            while self.connection.recv(65536):
                pass

    def log_message(self, *_args: object) -> None:
        """Say nothing: a line per request would bury what a test prints."""


# The base class looks for a method of its own for each of HTTP's.
for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_RequestHandler, f"do_{_method}", _RequestHandler._handle)
