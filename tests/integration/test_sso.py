"""SSO profiles have boto3's credentials, and their tokens are renewed as by the AWS CLI."""

import fcntl
import json
import logging
import os
import re
import stat
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from imagebuilder_pager._aws.clock import ServiceClock
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager.exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    InvalidEndpointError,
)
from imagebuilder_pager.fleet import Account, make_targets
from imagebuilder_pager.local import LocalServer
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clocks import NOW, FakeClock, NoSleepClock
from tests.fakes.command_line import EXAMPLE_ID, run_command
from tests.fakes.connections import WAYS, any_client, collect_ids
from tests.fakes.credential_endpoints import (
    ROLE,
    CredentialSettings,
    boto3_credentials,
    texts_of,
)
from tests.fakes.credentials import access_key_of
from tests.fakes.fleets import (
    Serve,
    expected_records,
    make_fleet,
    role_arn,
    run,
    stored_records,
)
from tests.fakes.logins import ACCOUNT, ROLE_KEYS, SESSION, SSO_KEYS, SsoCache, write_sso_token
from tests.fakes.proxies import RunningProxy

FORMS = list(SSO_KEYS)
PORTAL, OIDC = "/federation/credentials", "/token"
#: botocore shows some of the errors of the parsers that it uses.
BOTO3_ERRORS = (botocore.exceptions.BotoCoreError, ValueError, LookupError, RuntimeError, TypeError)
CREDENTIALS = ("ASIASSOReader", "SecretOfSso", "SessionTokenOfSso")


def write_profile(settings: CredentialSettings, keys: str = SSO_KEYS["sso_session"]) -> None:
    settings.file(".aws/config", f"[default]\n{keys}{SESSION}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_source", [False, True])
def test_a_profile_or_a_role_over_it_has_boto3s_credentials(
    settings: CredentialSettings, sso_cache: SsoCache, form: str, is_source: bool
) -> None:
    role = f"[profile role]\nrole_arn = {ROLE}/x\nsource_profile = laptop\n"
    settings.file(".aws/config", f"[profile laptop]\n{SSO_KEYS[form]}{SESSION}{role}")
    sso_cache.write(form)
    profile = "role" if is_source else "laptop"
    found = settings.our_credentials(profile)
    assert found == boto3_credentials(profile)
    assert found[0] == ("ASIASTSx1" if is_source else "ASIASSOReader")
    mine, theirs = sso_cache.portal.requests
    assert mine.url == theirs.url
    assert mine.url.path == PORTAL
    assert dict(mine.url.params) == {"role_name": "Reader", "account_id": ACCOUNT}
    assert mine.headers["x-amz-sso_bearer_token"] == theirs.headers["x-amz-sso_bearer_token"]
    assert "authorization" not in mine.headers


def test_the_order_of_a_profiles_sources_is_boto3s(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    sso_cache.write()
    settings.set_shared()
    assert settings.our_credentials() == boto3_credentials() == CREDENTIALS
    settings.set_web_identity()
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "ASIASTSenv1"


EXPIRED = {"registrationExpiresAt": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("form", "token", "outcome"),
    [
        ("sso_session", {"minutes": 60}, "used"),
        ("sso_session", {"minutes": 15.5}, "used"),
        ("sso_session", {"minutes": 14.5}, "renewed"),
        ("sso_session", {"minutes": -60}, "renewed"),
        ("sso_session", {"minutes": 14.5, "refreshToken": None}, "used"),
        ("sso_session", {"minutes": 14.5, "clientId": None}, "used"),
        ("sso_session", {"minutes": 14.5, "clientSecret": None}, "used"),
        ("sso_session", {"minutes": 14.5, "registrationExpiresAt": None}, "used"),
        ("sso_session", {"minutes": 14.5, **EXPIRED}, "used"),
        ("sso_session", {"minutes": 14.5, "refreshToken": "old"}, "used"),
        ("sso_session", {"minutes": -1, "refreshToken": None}, "error"),
        ("sso_session", {"minutes": -1, **EXPIRED}, "error"),
        ("sso_session", {"minutes": -1, "refreshToken": "old"}, "error"),
        ("sso_start_url", {"minutes": 14.5}, "used"),
        ("sso_start_url", {"minutes": -1}, "error"),
        ("sso_start_url", {"expiresAt": "2099-01-01T00:00:00UTC"}, "used"),
    ],
)
def test_a_token_is_renewed_or_used_as_by_boto3(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    form: str,
    token: dict[str, Any],
    outcome: str,
) -> None:
    write_profile(settings, SSO_KEYS[form])
    results = []
    for find in (settings.our_credentials, boto3_credentials):
        sso_cache.portal.generation = 1
        sso_cache.portal.requests.clear()
        path = sso_cache.write(form, **token)
        try:
            found: Any = find()
        except (CredentialRetrievalError, botocore.exceptions.BotoCoreError):
            found = "error"
        stored = json.loads(path.read_text())
        expires = stored.pop("expiresAt")  # of the second in which each of the two has begun
        if sso_cache.portal.generation == 2:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expires)
            left = datetime.fromisoformat(expires) - datetime.now(UTC)
            assert timedelta(minutes=59) < left <= timedelta(hours=1)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(sso_cache.folder.iterdir()) == [path]
        sent = [
            (str(request.url), json.loads(request.content or b"{}"))
            for request in sso_cache.portal.requests
            if request.url.path == PORTAL or sso_cache.portal.generation == 2
        ]
        # The stored members have the same order, too.
        results.append((found, list(stored.items()), sent, sso_cache.portal.generation))
    assert results[0] == results[1]
    assert results[0][0] == ("error" if outcome == "error" else CREDENTIALS)
    assert results[0][3] == (2 if outcome == "renewed" else 1)


@pytest.mark.parametrize(
    ("seconds", "registration", "paths"),
    [
        (900, NOW + timedelta(seconds=1), [PORTAL]),
        (899, NOW + timedelta(seconds=1), [OIDC, PORTAL]),
        (899, NOW, [PORTAL]),
        (1, NOW, [PORTAL]),
        (0, NOW, []),
    ],
)
def test_the_times_are_to_the_second(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    seconds: int,
    registration: datetime,
    paths: list[str],
) -> None:
    settings.clock = FakeClock()
    expiration = NOW + timedelta(seconds=seconds)
    write_sso_token(sso_cache.folder, expiration, registrationExpiresAt=registration.isoformat())
    if paths:
        assert settings.our_credentials() == CREDENTIALS
    else:
        settings.error("cannot be renewed .its registration expired at 2026-03-01 12:00:00")
    assert sso_cache.portal.paths == paths


def test_a_wrong_clock_is_corrected_for_the_credentials_and_not_for_the_cached_token(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    """The clock is two hours fast, also for the AWS CLI, which has written the token by it."""
    machine = NoSleepClock()
    machine.ahead = timedelta(hours=2)
    settings.clock = ServiceClock(machine)
    for minutes, paths in ((121, [OIDC, PORTAL]), (121 + 60, [PORTAL]), (121, [OIDC, PORTAL])):
        sso_cache.portal.requests.clear()
        sso_cache.write(minutes=minutes)
        assert settings.our_credentials() == CREDENTIALS
        assert sso_cache.portal.paths == paths
        stored = datetime.fromisoformat(sso_cache.read()["expiresAt"]) - machine.now()
        assert timedelta(minutes=59) < stored < timedelta(minutes=62)
    assert abs(settings.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ((500, b"<html>"), "CreateToken was refused: 500: the response is not a JSON object"),
        (
            (400, b'{"error": "invalid_grant", "error_description": "No"}'),
            "CreateToken was refused: invalid_grant: No",
        ),
        ((200, b"<html>"), "CreateToken: the response is not a JSON object"),
        ((200, b"{}"), "CreateToken returned no usable accessToken"),
        ((200, b'{"accessToken": "a\\nb", "expiresIn": 9}'), "CreateToken returned no usable"),
        ((200, b'{"accessToken": "a", "expiresIn": "9"}'), "CreateToken returned no usable"),
        ((200, b'{"accessToken": "a", "expiresIn": 0}'), "CreateToken returned no usable"),
        ("refused", "could not connect to http://127.0.0.1:9"),
        ("read-only", "[Errno 30] Read-only file system"),
    ],
)
def test_a_valid_token_is_used_when_renewing_fails_and_the_reason_is_logged(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    caplog: pytest.LogCaptureFixture,
    response: Any,
    reason: str,
) -> None:
    """Also where boto3 raises: an endpoint out of reach, a cache that cannot be written."""
    sso_cache.portal.scripted[OIDC] = response
    sso_cache.write(minutes=14)
    before = sso_cache.read()
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        if response == "refused":
            patch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:9")
        elif response == "read-only":
            patch.setattr(tempfile, "mkstemp", fail_to_write)
        assert settings.our_credentials() == CREDENTIALS
        assert sso_cache.read() == before
        (record,) = caplog.records
        assert f"cannot be renewed ({reason}" in record.getMessage()
        # A token that cannot be stored is not asked for.
        calls = {"refused": 0, "read-only": 0}.get(str(response), 3 if response[0] == 500 else 1)
        assert sso_cache.portal.paths == [OIDC] * calls + [PORTAL]
        sso_cache.write(minutes=-1)
        assert reason in str(settings.error("aws sso login --profile default"))
    assert list(sso_cache.folder.iterdir()) == [sso_cache.path()]


def fail_to_write(*_: Any, **__: Any) -> None:
    raise OSError(30, "Read-only file system", "cache")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_renewed_token_is_used_whether_or_not_the_disk_takes_it(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    caplog: pytest.LogCaptureFixture,
    function: str,
) -> None:
    path = sso_cache.write(minutes=-1)
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, function, fail_to_write)
        assert settings.our_credentials() == CREDENTIALS
    is_stored = function == "fsync"  # which not all file systems have
    assert (sso_cache.read()["accessToken"] == sso_cache.portal.access_token) == is_stored
    assert ("cannot be stored in " in caplog.text) != is_stored
    assert list(sso_cache.folder.iterdir()) == [path]


def test_programs_that_renew_at_once_ask_for_one_token(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    """The second waits for the first one's token, though its refresh token is good no more."""
    sso_cache.write(minutes=-1)
    waiting = threading.Event()

    class SignallingClock(NoSleepClock):
        def sleep(self, seconds: float) -> None:
            waiting.set()

    settings.clock = SignallingClock()

    def slow(request: Any) -> Any:
        assert waiting.wait(20)
        return sso_cache.portal.renew(request)

    sso_cache.portal.create_token = slow
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(settings.our_credentials())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [CREDENTIALS] * 2
    assert sso_cache.portal.paths == [OIDC, PORTAL, PORTAL]


@pytest.mark.parametrize(("error", "seconds"), [(BlockingIOError, 30), (OSError, 0)])
def test_a_lock_that_is_kept_or_that_the_file_system_lacks_stops_no_renewal(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    monkeypatch: pytest.MonkeyPatch,
    error: type[OSError],
    seconds: float,
) -> None:
    def refuse(_descriptor: int, operation: int) -> None:
        if operation != fcntl.LOCK_UN:
            raise error

    monkeypatch.setattr(fcntl, "flock", refuse)
    clock = settings.clock = FakeClock()
    write_sso_token(sso_cache.folder, NOW)
    assert settings.our_credentials() == CREDENTIALS
    assert sso_cache.portal.paths == [OIDC, PORTAL]
    assert clock.elapsed == pytest.approx(seconds, abs=0.11)


def test_a_token_that_another_tool_has_renewed_meanwhile_is_used(
    settings: CredentialSettings, sso_cache: SsoCache, caplog: pytest.LogCaptureFixture
) -> None:
    sso_cache.write(minutes=-1)

    def beaten(request: Any) -> Any:
        sso_cache.portal.generation += 1
        sso_cache.write(minutes=60)
        return sso_cache.portal.renew(request)

    sso_cache.portal.create_token = beaten
    assert settings.our_credentials() == CREDENTIALS
    assert sso_cache.portal.paths == [OIDC, PORTAL]
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.mark.parametrize("ends", ["login", "logout"])
def test_a_login_or_logout_during_a_renewal_stays(
    settings: CredentialSettings, sso_cache: SsoCache, ends: str
) -> None:
    path = sso_cache.write(minutes=-1)

    def renew(request: Any) -> Any:
        path.unlink()
        if ends == "login":
            sso_cache.write(accessToken="AccessTokenOfLogin")
        return sso_cache.portal.renew(request)

    sso_cache.portal.create_token = renew
    assert settings.our_credentials() == CREDENTIALS
    if ends == "login":
        assert sso_cache.read()["accessToken"] == "AccessTokenOfLogin"
    assert list(sso_cache.folder.iterdir()) == ([path] if ends == "login" else [])


LOGIN = "to log in, run: aws sso login --profile 'my laptop'"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no file "),
        ("", "is not a JSON object|is empty"),
        ("[1]", "is not a JSON object"),
        (" " * 70_000, "is larger than 64 KiB"),
        ("[" * 60_000, "is not a JSON object"),
        ("{", "is not a JSON object"),
        ("\udce4", "is not (in )?UTF-8"),
        ('{"accessToken": "AccessTokenSecret"}', "has no date as expiresAt"),
        ('{"accessToken": "AccessTokenSecret", "expiresAt": "soon"}', "has no date as expiresAt"),
        ('{"accessToken": "a\\nb", "expiresAt": "2099-01-01T00:00:00Z"}', "no usable accessToken"),
        ('{"accessToken": 1, "expiresAt": "2099-01-01T00:00:00Z"}', "has no usable accessToken"),
    ],
)
def test_without_a_usable_token_the_error_says_how_to_log_in_with_the_profile_that_has_sso(
    settings: CredentialSettings, sso_cache: SsoCache, content: str | None, reason: str
) -> None:
    settings.file(
        ".aws/config",
        f"[default]\nrole_arn = {ROLE}/x\nsource_profile = my laptop\n"
        f"[profile 'my laptop']\n{SSO_KEYS['sso_session']}{SESSION}",
    )
    if content is not None:
        sso_cache.path().write_bytes(content.encode("utf-8", "surrogateescape"))
    error = settings.error(reason)
    assert str(error).endswith(LOGIN)
    assert "AccessTokenSecret" not in texts_of(error)
    with pytest.raises(BOTO3_ERRORS):
        boto3_credentials()


def test_a_cache_that_cannot_be_read_is_named(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    path = sso_cache.path()
    path.mkdir()
    assert str(path) in str(settings.error("cannot be read: Is a directory"))
    path.rmdir()
    path.symlink_to(path)
    assert str(path) in str(settings.error("cannot be read: Too many levels"))


@pytest.mark.parametrize(
    ("response", "reason", "is_login_needed"),
    [
        ((401, b'{"message": "Session token not found or invalid"}'), "not found or", True),
        ((403, b'{"message": "No access"}'), "403: No access", False),
        ((200, b"[]"), "GetRoleCredentials: the response is not a JSON object", False),
        ((404, b"<html>"), "404: the response is not a JSON object", False),
        ((200, b"{}"), "has no roleCredentials with accessKeyId", False),
        ((200, b'{"roleCredentials": []}'), "has no roleCredentials", False),
        ((200, b'{"roleCredentials": {"accessKeyId": 1}}'), "has no roleCredentials", False),
        ((302, b"{}"), "302", False),
    ],
)
def test_an_error_of_the_portal_says_why(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    response: Any,
    reason: str,
    is_login_needed: bool,
) -> None:
    sso_cache.write()
    sso_cache.portal.scripted[PORTAL] = response
    error = settings.error(reason)
    assert ("aws sso login" in str(error)) == is_login_needed
    assert "'Reader'" in str(error) or is_login_needed


@pytest.mark.parametrize("name", ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"])
@pytest.mark.parametrize("value", [None, "", [], 10**40])
def test_credentials_with_an_unusable_member_are_an_error(
    settings: CredentialSettings, sso_cache: SsoCache, name: str, value: Any
) -> None:
    sso_cache.write()
    sso_cache.portal.credentials = {name: value}
    assert "SecretOfSso" not in texts_of(settings.error("has no roleCredentials with"))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("sso_session = corp\nsso_account_id = 1", "'default' has no sso_role_name"),
        ("sso_session = corp\nsso_role_name = x", "'default' has no sso_account_id"),
        ("sso_account_id = 1\nsso_role_name = x", "no sso_start_url and no sso_region"),
        (f"{ROLE_KEYS}sso_start_url = https://x", "profile 'default' has no sso_region"),
        (f"{ROLE_KEYS}sso_session = other", r"names \[sso-session other\], which is not in "),
        (f"{ROLE_KEYS}sso_session = empty", r"\[sso-session empty\] has no sso_start_url"),
        (
            f"{ROLE_KEYS}sso_session = corp\nsso_region = us-east-1",
            r"sso_region is 'us-east-1' in the profile 'default' and 'eu-west-1' in its \[sso-",
        ),
        (
            f"{ROLE_KEYS}sso_start_url = https://x\nsso_region = x.test/#",
            "sso_region of profile 'default': 'x.test/#' given",
        ),
    ],
)
def test_incomplete_or_contradictory_settings_are_an_error_that_names_them(
    settings: CredentialSettings, sso_cache: SsoCache, keys: str, problem: str
) -> None:
    write_profile(settings, f"{keys}\n[sso-session empty]\nsso_registration_scopes = a\n")
    sso_cache.write("sso_start_url")
    settings.error(problem, InvalidConfigError)
    with pytest.raises(BOTO3_ERRORS):
        boto3_credentials()


def test_a_session_without_account_and_role_is_no_source_of_credentials(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    sso_cache.write()
    write_profile(settings, "sso_session = corp\n")
    settings.set_shared()
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "AKIDSHARED"


def test_the_endpoints_are_those_of_the_settings(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    services = "".join(
        f"{name} =\n  endpoint_url = {sso_cache.portal.url}\n" for name in ("sso", "sso_oidc")
    )
    write_profile(settings, f"{SSO_KEYS['sso_session']}services = s\n[services s]\n{services}")
    settings.environment(AWS_ENDPOINT_URL_SSO=None, AWS_ENDPOINT_URL_SSO_OIDC=None)
    sso_cache.write(minutes=1)
    assert settings.our_credentials() == CREDENTIALS
    sso_cache.write(minutes=1)
    assert boto3_credentials() == CREDENTIALS
    assert sso_cache.portal.paths == [OIDC, PORTAL] * 2
    settings.environment(AWS_ENDPOINT_URL_SSO="ftp://x")
    settings.error("AWS_ENDPOINT_URL_SSO: 'ftp://x' given", InvalidEndpointError)


def test_the_services_are_called_through_the_proxy_of_the_environment(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    with RunningProxy() as proxy:
        settings.environment(HTTP_PROXY=proxy.url)
        for find in (settings.our_credentials, boto3_credentials):
            sso_cache.write(minutes=-1)
            assert find() == CREDENTIALS
    lines = [head.partition(b"?")[0].decode().split()[:2] for head in proxy.requests]
    portal = sso_cache.portal.url
    assert lines == [["POST", portal + OIDC], ["GET", portal + PORTAL]] * 2


def test_credentials_have_the_expiration_of_the_portal_and_are_fetched_again(
    settings: CredentialSettings, sso_cache: SsoCache
) -> None:
    sso_cache.write()
    sso_cache.portal.credentials = {"expiration": 4_102_444_800_000}
    provider = settings.find_provider()
    expected = Credentials(*CREDENTIALS, datetime(2100, 1, 1, tzinfo=UTC))
    assert provider.get_frozen_credentials() == expected
    sso_cache.portal.credentials = {"accessKeyId": "ASIANEXT"}
    provider.invalidate(expected.access_key)
    assert access_key_of(provider) == "ASIANEXT"


SECRETS = ("TokenSecret", "ClientSecretOfSso", "SecretOfSso", "SessionTokenOfSso")
BEARER = "x-amz-sso_bearer_token"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
@pytest.mark.parametrize("path", [PORTAL, OIDC])
def test_no_secret_is_in_an_error_a_log_or_another_header(
    settings: CredentialSettings,
    sso_cache: SsoCache,
    caplog: pytest.LogCaptureFixture,
    path: str,
    status: int,
) -> None:
    """The services repeat all that they were sent."""
    sso_cache.write(minutes=-1 if path == OIDC else 60)
    sso_cache.portal.scripted[path] = (status, sso_cache.portal.REPEAT)
    with caplog.at_level(logging.DEBUG):
        provider = settings.find_provider()
        with pytest.raises(CredentialRetrievalError) as caught:
            provider.get_frozen_credentials()
    shown = texts_of(caught.value) + repr(provider)
    shown += "".join(caplog.handler.format(record) + str(record.args) for record in caplog.records)
    shown += "".join(
        f"{request.url} {request.headers}".replace(request.headers.get(BEARER, "-"), "")
        for request in sso_cache.portal.requests
    )
    for secret in SECRETS:
        assert secret not in shown


# Through each client, the command line and a fleet


@pytest.mark.anyio
@pytest.mark.parametrize("way", WAYS)
async def test_a_client_lists_with_an_sso_profile(
    laptop: SsoCache, local_server: LocalServer, way: str
) -> None:
    options = {**dict.fromkeys(LOCAL_CREDENTIALS), "profile_name": "laptop"}
    found: list[str] = []
    async with any_client(way, local_server.url, **options) as client:
        await collect_ids(client, found, {"PageSize": 10})
    assert len(found) > 10
    assert laptop.portal.paths == [OIDC, PORTAL]


def test_the_command_line_lists_with_an_sso_profile_or_says_how_to_log_in(
    settings: CredentialSettings,
    laptop: SsoCache,
    local_server: LocalServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments = (local_server.url, capfd, *EXAMPLE_ID, "--profile", "laptop")
    environment = {"AWS_CONFIG_FILE": str(settings.folder / ".aws" / "config")}
    result = run_command(*arguments, environment=environment)
    assert json.loads(result.out)["resources"], result.err
    laptop.path().unlink()
    result = run_command(*arguments, environment=environment)
    assert result.code == 253
    assert result.err.endswith("; to log in, run: aws sso login --profile laptop\n")


def test_a_fleet_assumes_its_roles_with_an_sso_profile(
    settings: CredentialSettings, laptop: SsoCache, serve: Serve, tmp_path: Path
) -> None:
    settings.environment(AWS_ENDPOINT_URL_STS=None)
    fleet = serve(make_fleet())
    accounts = [Account(role_arn=role_arn(one), profile="laptop") for one in fleet.account_ids]
    run(tmp_path / "fleet.db", make_targets(accounts, fleet.regions))
    assert stored_records(tmp_path / "fleet.db") == expected_records(fleet)
    assert fleet.sts.assume_role_count == len(accounts) == 2
    assert laptop.portal.paths == [OIDC, PORTAL], "the roles share the profile's credentials"
