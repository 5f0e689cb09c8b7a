"""The relay of the benchmarks, which makes a connection as slow as a network's."""

from __future__ import annotations

import socket
import time

from benchmarks.relay import Relay


def test_the_relay_passes_bytes_on_after_its_delay() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Relay(server.getsockname()[1], delay=0.02) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client,
    ):
        served, _ = server.accept()
        with served:
            served.settimeout(10)
            started = time.monotonic()
            client.sendall(b"ping")
            assert served.recv(4) == b"ping"
            served.sendall(b"pong")
            assert client.recv(4) == b"pong"
            assert time.monotonic() - started >= 0.04
            served.close()
            assert client.recv(1) == b""
