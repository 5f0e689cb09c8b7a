"""A proxy on this machine that forwards, makes tunnels, or refuses."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from typing import cast
from urllib.parse import urlsplit

from .servers import ConnectionServer


class RunningProxy(ConnectionServer):
    """A proxy; ``requests`` has the head of each received request.

    ``refusal`` is the response to each request, for a proxy that refuses. With ``context``, the
    proxy uses TLS.
    """

    def __init__(self, refusal: bytes = b"", context: ssl.SSLContext | None = None) -> None:
        self._refusal = refusal
        self.requests: list[bytes] = []
        super().__init__(self._respond, context)

    def _respond(self, client: socket.socket, _: int) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        head, _separator, body = head.partition(b"\r\n\r\n")
        self.requests.append(head)
        if self._refusal:
            client.sendall(self._refusal)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):  # otherwise the system may reset the connection
                pass
            return
        method, target, *_rest = head.decode().split(" ")
        url = urlsplit(target if "://" in target else f"//{target}")
        with socket.create_connection((url.hostname, url.port or 80), 5) as server:
            self._connections.append(server)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                line = f"{method} {url._replace(scheme='', netloc='').geturl()} ".encode()
                server.sendall(line + head.split(b" ", 2)[2] + b"\r\n\r\n" + body)
            _relay(client, server)


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until one side ends.

    In one thread: two threads may not use one TLS connection at once.
    """
    sinks = {client: server, server: client}
    with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
        for source in sinks:
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = cast("socket.socket", key.fileobj)
                data = source.recv(65536)
                if isinstance(source, ssl.SSLSocket):
                    while source.pending():
                        data += source.recv(65536)
                if not data:
                    return
                sinks[source].sendall(data)
