"""The services behind an SSO profile, on a local port, and the caches of SSO and ``aws login``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from imagebuilder_pager.local import LocalServer

START_URL = "https://example.awsapps.com/start"
ACCOUNT = "123456789012"
SESSION = f"[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = {START_URL}\n"
ROLE_KEYS = f"sso_account_id = {ACCOUNT}\nsso_role_name = Reader\n"
#: The keys of a profile, by the form of its session.
SSO_KEYS = {
    "sso_session": f"sso_session = corp\n{ROLE_KEYS}",
    "sso_start_url": f"sso_start_url = {START_URL}\nsso_region = eu-west-1\n{ROLE_KEYS}",
}
LOGIN_SESSION = "arn:aws:iam::123456789012:user/me"
LOGIN_FILE = hashlib.sha256(LOGIN_SESSION.encode()).hexdigest() + ".json"
#: By the form: what the name of the cached file is the digest of.
CACHE_KEYS = {"sso_session": "corp", "sso_start_url": START_URL}

Response = tuple[int, bytes]


class SsoPortal:
    """Both services, which record their requests.

    A refresh token is good for one CreateToken, which gives the next one. ``scripted`` has, by
    path, the responses in place of the usual ones; ``create_token`` makes those of OIDC.
    """

    #: A scripted response with this content repeats the request.
    REPEAT = b"repeat"

    def __init__(self) -> None:
        self.generation = 1
        self.requests: list[httpx.Request] = []
        self.scripted: dict[str, Response] = {}
        self.credentials: dict[str, Any] = {}
        self.create_token: Callable[[httpx.Request], Response] = self.renew
        self._server = LocalServer(self._serve)
        self.url = self._server.url
        self.close = self._server.close

    @property
    def access_token(self) -> str:
        return f"AccessTokenSecret{self.generation}"

    @property
    def refresh_token(self) -> str:
        return f"RefreshTokenSecret{self.generation}"

    @property
    def paths(self) -> list[str]:
        """The paths of the requests."""
        return [request.url.path for request in self.requests]

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        respond = self.create_token if request.method == "POST" else self._get_role_credentials
        status, content = self.scripted.get(request.url.path) or respond(request)
        if content == self.REPEAT:
            sent = f"{request.headers} {request.content.decode()}"
            repeated = {"message": sent, "error": sent, "roleCredentials": {"accessKeyId": sent}}
            content = json.dumps(repeated).encode()
        headers = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
        return httpx.Response(status, headers=headers, content=content)

    def _get_role_credentials(self, request: httpx.Request) -> Response:
        if request.headers["x-amz-sso_bearer_token"] != self.access_token:
            return 401, b'{"message": "Session token not found or invalid"}'
        issued = {
            "accessKeyId": f"ASIASSO{request.url.params['role_name']}",
            "secretAccessKey": "SecretOfSso",
            "sessionToken": "SessionTokenOfSso",
            "expiration": int((datetime.now(UTC) + timedelta(hours=1)).timestamp()) * 1000,
        }
        return 200, json.dumps({"roleCredentials": issued | self.credentials}).encode()

    def renew(self, request: httpx.Request) -> Response:
        expected = {"grantType": "refresh_token", "refreshToken": self.refresh_token}
        expected |= {"clientId": "the-client", "clientSecret": "ClientSecretOfSso"}
        if json.loads(request.content) != expected:
            return 400, b'{"error": "invalid_grant", "error_description": "Invalid refresh token"}'
        self.generation += 1
        issued = {"accessToken": self.access_token, "refreshToken": self.refresh_token}
        return 200, json.dumps({**issued, "expiresIn": 3600, "tokenType": "Bearer"}).encode()


def write_sso_token(
    folder: Path,
    expiration: datetime,
    generation: int = 1,
    form: str = "sso_session",
    **members: Any,
) -> Path:
    """Write the token of a portal's ``generation``; a member that is None is left out."""
    token = {
        "startUrl": START_URL,
        "region": "eu-west-1",
        "accessToken": f"AccessTokenSecret{generation}",
        "expiresAt": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        "clientId": "the-client",
        "clientSecret": "ClientSecretOfSso",
        "registrationExpiresAt": "2099-01-01T00:00:00Z",
        "refreshToken": f"RefreshTokenSecret{generation}",
    }
    token = {name: value for name, value in {**token, **members}.items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sso_file(form)
    path.write_text(json.dumps(token))
    return path


def sso_file(form: str) -> str:
    """Return the name of the file with a session's token."""
    return hashlib.sha1(CACHE_KEYS[form].encode(), usedforsecurity=False).hexdigest() + ".json"


class SsoCache:
    """The folder with the tokens of a portal, for this library and for botocore."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path, portal: SsoPortal) -> None:
        self.folder = home / ".aws" / "sso" / "cache"
        self.folder.mkdir(parents=True)
        self.portal = portal
        for provider in (SSOProvider, SSOTokenProvider):
            monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(self.folder))

    def path(self, form: str = "sso_session") -> Path:
        return self.folder / sso_file(form)

    def write(self, form: str = "sso_session", *, minutes: float = 480, **members: Any) -> Path:
        """Write a token that expires after ``minutes``; a member that is None is left out."""
        expiration = datetime.now(UTC) + timedelta(minutes=minutes)
        return write_sso_token(self.folder, expiration, self.portal.generation, form, **members)

    def read(self) -> dict[str, Any]:
        token: dict[str, Any] = json.loads(self.path().read_text())
        return token


def write_login(folder: Path, *, minutes: float = 60, **members: Any) -> Path:
    """Write a file as ``aws login`` does; its credentials expire after ``minutes``."""
    expiration = datetime.now(UTC) + timedelta(minutes=minutes)
    credentials = {
        "accessKeyId": "ASIALOGIN",
        "secretAccessKey": "SecretOfLogin",
        "sessionToken": "TokenOfLogin",
        "accountId": "123456789012",
        "expiresAt": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
    }
    session = {"tokenType": "aws_sigv4", "refreshToken": "RefreshSecret", "clientId": "x"}
    session["dpopKey"] = "KeySecret"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOGIN_FILE
    path.write_text(json.dumps({"accessToken": credentials | members, **session}))
    return path
