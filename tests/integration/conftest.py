"""Fixtures for the tests that find credentials."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.credential_endpoints import CredentialEndpoints, CredentialSettings


@pytest.fixture
def endpoints() -> Iterator[CredentialEndpoints]:
    endpoints = CredentialEndpoints()
    yield endpoints
    endpoints.close()


@pytest.fixture
def settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoints: CredentialEndpoints
) -> CredentialSettings:
    return CredentialSettings(monkeypatch, tmp_path, endpoints)
