"""Servers and connections that send given bytes, and the bytes that clients send them."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Self

import httpx
import pytest

#: The responses on a connection, one for each request, or bytes to send without a request.
Script = list[bytes] | bytes

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class ConnectionServer:
    """A server that calls a function in a thread for each connection, with its number from 1.

    With ``context``, the connections are over TLS.
    """

    def __init__(
        self,
        serve: Callable[[socket.socket, int], object],
        context: ssl.SSLContext | None = None,
        *,
        host: str = "127.0.0.1",
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=256)
        self._serve = serve
        self._context = context
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        #: Its host and port.
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"{'http' if context is None else 'https'}://{self.address}"
        self.accepted = 0
        self.open = 0
        self._start(self._accept)

    def _start(self, function: Callable[..., object], *args: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(120)  # longer than wait_until: the client has to close it
                with self._lock:
                    self.accepted += 1
                    self.open += 1
                    self._connections.append(connection)
                self._start(self._run, connection, self.accepted)

    def _run(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            if self._context is None:
                self._serve(connection, number)
            else:
                with self._context.wrap_socket(connection, server_side=True) as encrypted:
                    self._connections.append(encrypted)
                    self._serve(encrypted, number)
        with self._lock:
            self.open -= 1

    def close(self) -> None:
        """Close the listener and all connections, and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # this ends accept()
        self._listener.close()
        self._threads[0].join(5)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ScriptedServer(ConnectionServer):
    """A server that sends on each connection the bytes of its script, and then closes it."""

    def __init__(
        self,
        scripts: list[Script],
        context: ssl.SSLContext | None = None,
        *,
        host: str = "127.0.0.1",
    ) -> None:
        self._scripts = scripts
        self.requests: list[bytes] = []
        #: The number of requests on each connection with a successful TLS handshake.
        self.counts: list[int] = []
        self.protocols: list[str | None] = []
        self.closed = [threading.Event() for _ in scripts]
        super().__init__(self._send_script, context, host=host)

    def _send_script(self, connection: socket.socket, number: int) -> None:
        script = self._scripts[number - 1]
        with self._lock:
            index = len(self.counts)
            self.counts.append(0)
        if isinstance(connection, ssl.SSLSocket):
            self.protocols.append(connection.selected_alpn_protocol())
        if isinstance(script, bytes):
            connection.sendall(script)
            return
        for response in script:
            request = read_request(connection)
            if not request:
                return
            self.requests.append(request)
            self.counts[index] += 1
            connection.sendall(response)

    def _run(self, connection: socket.socket, number: int) -> None:
        if number <= len(self._scripts):
            super()._run(connection, number)
            self.closed[number - 1].set()


def requests_on(connection: socket.socket) -> Iterator[bytes]:
    """Yield the requests on a connection."""
    while request := read_request(connection):
        yield request


def read_request(connection: socket.socket) -> bytes:
    """Return the bytes of one request, or of a part of it; b"" at the end."""
    request = bytearray()
    while received := connection.recv(65536):
        request += received
        if not request.startswith(b"POST "):
            break
        end = request.find(b"\r\n\r\n") + 4
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", request[:end])
        if length is not None and len(request) >= end + int(length[1]):
            break
    return bytes(request)


class RawConnection:
    """A connection to a server on which a test itself sends and reads HTTP."""

    def __init__(self, url: str) -> None:
        address = httpx.URL(url)
        self.socket = socket.create_connection((address.host, address.port or 80), timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def read_response(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (with lower-case names) and body of one response."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._recv()
        status, headers, body = split_response(received)
        while len(body) < int(headers["content-length"]):
            body += self._recv()
        return status, headers, body

    def read_until(self, end: bytes) -> bytes:
        """Return the bytes up to and including these."""
        received = b""
        while not received.endswith(end):
            received += self._recv()
        return received

    def read_to_end(self) -> tuple[bytes, str]:
        """Return all bytes, and how the connection ends: ``closed``, ``reset`` or ``open``."""
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "open"
        return received, "closed"

    def _recv(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "the server has closed the connection within a response"
        return data

    def is_open(self) -> bool:
        """Return whether the connection stays open and silent for a moment."""
        self.socket.settimeout(0.02)
        ended = self.read_to_end()
        self.socket.settimeout(10)
        return ended == (b"", "open")

    def is_closed(self) -> bool:
        """Wait for the server, and return whether it has closed the connection."""
        with contextlib.suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True


def split_response(received: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (with lower-case names), and the bytes after them."""
    head, end, body = received.partition(b"\r\n\r\n")
    assert end
    status, *lines = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true, of a server or another thread."""
    for _ in range(60_000):
        if condition():
            return
        threading.Event().wait(0.001)
    pytest.fail("it has not happened")
