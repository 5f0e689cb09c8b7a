"""Fixtures of the unit tests: settings, and every way to send requests."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.servers import Script, ScriptedServer
from tests.fakes.transports import KINDS, SendTo, Serve, TransportKind


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers, and close them after the test."""
    servers: list[ScriptedServer] = []

    def start(
        *scripts: Script, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> ScriptedServer:
        servers.append(ScriptedServer(list(scripts), context, host=host))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> TransportKind:
    """Each way to send requests."""
    given: TransportKind = request.param
    return given


@pytest.fixture
def send_to(kind: TransportKind, monkeypatch: pytest.MonkeyPatch) -> Iterator[SendTo]:
    """Send requests by one transport for each URL, without a proxy of the developer's."""
    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)
    requests = SendTo(kind)
    yield requests
    requests.close()


@pytest.fixture
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of AWS, of TLS and of proxies from the environment."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "SSL_", "REQUESTS_")) or name.upper().endswith(
            "_PROXY"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _no_settings: None) -> Path:
    """Return the path of the config file, for a test to write."""
    path = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    return path


@pytest.fixture
def frequent_thread_switches() -> Iterator[None]:
    """Let threads interrupt each other at every step, so that a missing lock shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
