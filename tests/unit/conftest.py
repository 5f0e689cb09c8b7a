"""Fixtures of the unit tests: settings, and the transport over h11."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.transport.h11_transport import H11Client
from imagebuilder_pager.aws.transport.types import Timeouts
from tests.fakes.h11_requests import LOCALHOST_CERTIFICATE, TIMEOUTS, SendTo, Serve, send
from tests.fakes.servers import RecordedResponse, Script, ScriptedServer


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers, and close them after the test."""
    servers: list[ScriptedServer] = []

    def start(*scripts: Script, context: ssl.SSLContext | None = None) -> ScriptedServer:
        servers.append(ScriptedServer(list(scripts), context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def send_to() -> Iterator[SendTo]:
    """Send requests by one client for each URL."""
    clients: dict[str, H11Client] = {}

    def send_to_url(
        url: str,
        *,
        certificates: LazySSLContext | None = None,
        response: Any = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> RecordedResponse:
        if url not in clients:
            clients[url] = H11Client(url, certificates or LazySSLContext())
        return send(clients[url], response, timeouts)

    yield send_to_url
    for client in clients.values():
        client.close()


@pytest.fixture
def localhost_context() -> ssl.SSLContext:
    """Return a server's TLS context with a certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOCALHOST_CERTIFICATE)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


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
