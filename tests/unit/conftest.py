"""Fixtures of the unit tests: settings, and every way to send requests."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, Outcomes, async_outcomes, errors_of, sync_outcomes
from tests.fakes.clocks import FakeClock
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


@pytest.fixture(params=[sync_outcomes, async_outcomes], ids=["sync", "async"])
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """Make calls by a client of each kind; return the page or the error of each.

    By default, the credentials are local, and the clock is that of the service, or a new one.
    """

    def make_calls(service: Any, count: int = 1, **options: Any) -> list[Any]:
        arguments = {"clock": getattr(service, "clock", None) or FakeClock(), **options}
        if "credentials" not in options:
            arguments = {**LOCAL_CREDENTIALS, **arguments}
        results: list[Any] = request.param(service, count, **arguments)
        return results

    return make_calls


@pytest.fixture
def calls(outcomes: Outcomes) -> MakeCalls:
    """Make calls by a client of each kind; return the error of each, or None."""
    return lambda *arguments, **options: errors_of(outcomes(*arguments, **options))


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
