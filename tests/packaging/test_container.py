"""What make container does where it cannot run, and the relay that it serves TLS with."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from tools.container import STDLIB_LIST
from tools.relay import Relay

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests" / "unit" / "localhost.pem"


def test_without_its_tools_it_says_which_are_missing_and_succeeds(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "tools/container.py", "--work", tmp_path / "work"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Missing: mmdebstrap, chroot, mount, unshare")
    assert ran.stdout.endswith("The container was not run.\n")
    assert not (tmp_path / "work").exists()


def test_the_list_of_the_standard_library_is_sorted_and_has_no_folder() -> None:
    lines = STDLIB_LIST.read_text().splitlines()
    assert lines == sorted(set(lines))
    assert all(line.endswith((".py", ".so")) for line in lines)
    assert {"os.py", "ssl.py", "json/decoder.py"} <= set(lines)
    assert not {"pip", "idlelib", "unittest", "tkinter"} & {line.split("/")[0] for line in lines}


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


def test_the_relay_adds_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Relay(server.getsockname()[1], tls=context) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=10) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        served, _ = server.accept()
        with served:
            served.settimeout(10)
            client.sendall(b"ping")
            assert served.recv(4) == b"ping"
