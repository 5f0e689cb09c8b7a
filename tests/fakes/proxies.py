"""A proxy on this machine, which forwards, makes tunnels, or refuses."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Self
from urllib.parse import urlsplit


class RunningProxy:
    """A proxy; ``requests`` has the head of each request that it has got.

    ``refusal`` is the response to each request, for a proxy that refuses. With ``context``, it is
    reached over TLS.
    """

    def __init__(self, refusal: bytes = b"", context: ssl.SSLContext | None = None) -> None:
        self._refusal = refusal
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        for connection in self._sockets:
            connection.close()

    def _start(self, function: object, *args: object) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)  # type: ignore[arg-type]  # any function
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
                self._sockets.append(client)
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            head, _, body = head.partition(b"\r\n\r\n")
            self.requests.append(head)
            if self._refusal:
                client.sendall(self._refusal)
                client.shutdown(socket.SHUT_WR)
                return
            method, target, *_ = head.decode().split(" ")
            url = urlsplit(target if "://" in target else f"//{target}")
            server = socket.create_connection((url.hostname, url.port or 80), 5)
            self._sockets.append(server)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = f"{method} {url.path} ".encode()
                server.sendall(path + head.split(b" ", 2)[2] + b"\r\n\r\n" + body)
            self._start(self._pump, server, client)
            self._pump(client, server)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
