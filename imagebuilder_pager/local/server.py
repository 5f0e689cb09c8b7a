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
from typing import TYPE_CHECKING, Any, Final, Self, cast

import httpx

from .faults.connection_faults import FAULT_EXTENSION, ConnectionOutcome, plan_delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from .service import Call

_MAX_LENGTH_DIGITS = 9  # of a Content-Length
_IDLE_TIMEOUT = 60.0  # seconds
_CLOSE_GRACE = 2.0  # seconds for responses in progress when the server is closed
_LINGER = struct.Struct("HH" if sys.platform == "win32" else "ii")


class LocalServer:
    """A server for a ``LocalImageBuilder``, or a function like it, on a loopback address.

    It listens from its creation until ``close()`` or the end of its ``with`` block. It carries out
    the faults of the connection. ``url`` is its endpoint URL, such as ``http://127.0.0.1:49152``.

    - ``service``: the function from a request to a response; it is called from many threads.
    - ``host``: a loopback address, since the service's credentials are public. Default: 127.0.0.1.
    - ``port``: the port; 0 selects a free one. Default: 0.
    - ``latency``: seconds by which each response is delayed. Default: 0.

    Raises ``ValueError`` for another host and for a negative latency, and ``OSError`` if it cannot
    listen on the address.
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
        address = _resolve_loopback(host)
        self._server = _Server(address, port, service, latency)
        url_host = f"[{address}]" if ":" in address else address
        self.url: Final = f"http://{url_host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="local-image-builder",
            daemon=True,
        )
        self._thread.start()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The ``calls`` of the service; empty for a function without ``calls``."""
        calls: tuple[Call, ...] = getattr(self._server.service, "calls", ())
        return calls

    def close(self) -> None:
        """Stop listening, finish responses in progress, and end every connection and thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Return the server, which is already listening."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the server."""
        self.close()


def _resolve_loopback(host: str) -> str:
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
    """The listening socket and its open connections."""

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
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End idle connections now, and the others after their response or the grace time."""
        self.closing.set()
        # A connection that can no longer be read ends at its next wait for a request.
        self._shutdown_connections(socket.SHUT_RD)
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, _CLOSE_GRACE)
        self._shutdown_connections(socket.SHUT_RDWR)

    def _shutdown_connections(self, how: int) -> None:
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(how)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may disconnect at any time; any other error is a bug.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _RequestHandler(BaseHTTPRequestHandler):
    """The handler of one connection: it reads requests and writes the service's responses."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT
    disable_nagle_algorithm = True
    _last_outcome = ConnectionOutcome.KEEP

    def _handle(self) -> None:
        server = cast("_Server", self.server)
        request = self._read_request()
        if request is None:
            return
        if self._last_outcome is ConnectionOutcome.RESET_NEXT:
            self._apply_outcome(ConnectionOutcome.RESET)
            return
        response = server.service(request)
        server.closing.wait(server.latency)
        self._send(response)

    def _read_request(self) -> httpx.Request | None:
        """Return the request, or send the error of an invalid one and return None."""
        text = self.headers.get("Content-Length", "0")
        if not self.path.startswith("/"):
            self.send_error(400, "The request target has to be a path.")
            return None
        if "Transfer-Encoding" in self.headers:
            self.send_error(411, "A request body needs a Content-Length.")
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_LENGTH_DIGITS):
            self.send_error(400, "The Content-Length header is not valid.")
            return None
        try:
            url = httpx.URL(f"http://{self.headers.get('Host', '')}{self.path}")
        except httpx.InvalidURL:
            self.send_error(400, "The Host header or the path is not valid.")
            return None
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise ConnectionAbortedError("the client went away within a request body")
        # Unchanged: the service decides about a value that is not ASCII.
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in self.headers.items()]
        extensions = {FAULT_EXTENSION: True}
        return httpx.Request(
            self.command, url, headers=headers, content=body, extensions=extensions
        )

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Respond to an invalid HTTP request, and close the connection."""
        self.close_connection = True
        body = json.dumps({"message": message or explain or "The request is not valid."}).encode()
        headers = {"Content-Type": "application/json", "Connection": "close"}
        self._send(httpx.Response(int(code), headers=headers, content=body))

    def _send(self, response: httpx.Response) -> None:
        """Write the response, by its fault if it has one. Only this method writes responses."""
        server = cast("_Server", self.server)
        delivery = plan_delivery(response, with_body=self.command != "HEAD")
        for piece in delivery.iter_pieces():
            server.closing.wait(delivery.delay)
            self.wfile.write(piece)
        self._apply_outcome(delivery.outcome)

    def _apply_outcome(self, outcome: ConnectionOutcome) -> None:
        self._last_outcome = outcome
        if outcome in (ConnectionOutcome.KEEP, ConnectionOutcome.RESET_NEXT):
            return
        self.close_connection = True
        if outcome is ConnectionOutcome.RESET:
            # Only a close with a linger time of 0, and without a shutdown before it, sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
            self.connection.close()
        elif outcome is ConnectionOutcome.HOLD:
            # The client or ``close()`` ends this read.
            self.connection.settimeout(None)
            while self.connection.recv(65536):
                pass

    def log_message(self, *_args: object) -> None:
        """Log nothing: a line for each request would hide the output of a test."""


# The base class calls a method do_X for the HTTP method X.
for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_RequestHandler, f"do_{_method}", _RequestHandler._handle)
