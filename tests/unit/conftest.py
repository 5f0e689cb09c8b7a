"""Fixtures for the tests of settings."""

import os
from pathlib import Path

import pytest


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
