"""Fixtures for the tests that find credentials, and for those that list a fleet."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagebuilder_pager.local import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.fakes.credential_endpoints import CredentialEndpoints, CredentialSettings
from tests.fakes.fleets import Fleet, Serve, serve_fleet
from tests.fakes.logins import SESSION, SSO_KEYS, SsoCache, SsoPortal


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


@pytest.fixture
def sso_cache(monkeypatch: pytest.MonkeyPatch, settings: CredentialSettings) -> Iterator[SsoCache]:
    """Return the cache of an SSO profile, with a portal that is served."""
    portal = SsoPortal()
    settings.environment(AWS_ENDPOINT_URL_SSO=portal.url, AWS_ENDPOINT_URL_SSO_OIDC=portal.url)
    settings.endpoints.secrets["ASIASSOReader"] = "SecretOfSso"
    settings.file(".aws/config", f"[default]\n{SSO_KEYS['sso_session']}{SESSION}")
    yield SsoCache(monkeypatch, settings.folder, portal)
    portal.close()


@pytest.fixture
def laptop(settings: CredentialSettings, sso_cache: SsoCache) -> SsoCache:
    """Return the cache of the profile laptop, with keys of the local service, to be renewed."""
    keys = {"accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY}
    sso_cache.portal.credentials = keys
    profile = f"[profile laptop]\nregion = us-west-2\n{SSO_KEYS['sso_session']}"
    settings.file(".aws/config", profile + SESSION)
    sso_cache.write(minutes=5)
    return sso_cache


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve fleets, with the environment set for them, until the test is over."""
    with ExitStack() as stack:

        def start(fleet: Fleet, *, latency: float = 0.0) -> Fleet:
            stack.enter_context(serve_fleet(fleet, latency=latency))
            return fleet

        yield start
