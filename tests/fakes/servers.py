"""Servers and connections that send given bytes, and what a client has received of them."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from typing import Self

import httpx

#: The responses on a connection, one for each request; or bytes to send without a request.
Script = list[bytes] | bytes

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class ScriptedServer:
    """A server that sends on each connection the bytes of its script, and then closes it."""

    def __init__(
        self,
        scripts: list[Script],
        context: ssl.SSLContext | None = None,
        *,
        host: str = "127.0.0.1",
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._host = f"[{host}]" if ":" in host else host
        self._scripts = scripts
        self._context = context
        self.requests: list[bytes] = []
        #: The number of requests on each connection.
        self.counts: list[int] = []
        self.protocols: list[str | None] = []
        self.closed = [threading.Event() for _ in scripts]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _serve(self) -> None:
        for script, closed in zip(self._scripts, self.closed, strict=True):
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                    self.protocols.append(connection.selected_alpn_protocol())
                with connection:
                    self._send_script(connection, script)
            closed.set()

    def _send_script(self, connection: socket.socket, script: Script) -> None:
        self.counts.append(0)
        if isinstance(script, bytes):
            connection.sendall(script)
            return
        for response in script:
            request = read_request(connection)
            if not request:
                return
            self.requests.append(request)
            self.counts[-1] += 1
            connection.sendall(response)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # this ends an accept
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


def read_request(connection: socket.socket) -> bytes:
    """Return the bytes of one request, or of what there is of it; b"" at the end."""
    request = b""
    while not _is_whole(request):
        received = connection.recv(65536)
        if not received:
            break
        request += received
    return request


def _is_whole(request: bytes) -> bool:
    if not request.startswith(b"POST "):
        return bool(request)
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return length is not None and len(body) >= int(length[1])


class RawConnection:
    """A connection to a server on which a test sends and reads HTTP by itself."""

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
        """Tell whether the connection stays open for a moment, in which nothing comes."""
        self.socket.settimeout(0.02)
        ended = self.read_to_end()
        self.socket.settimeout(10)
        return ended == (b"", "open")

    def is_closed(self) -> bool:
        """Wait for the server, and tell whether it has closed the connection."""
        with contextlib.suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True


def split_response(received: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (with lower-case names), and the bytes after them."""
    head, end, body = received.partition(b"\r\n\r\n")
    assert end
    status, *lines = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body
