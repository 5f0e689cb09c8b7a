"""Profiles of ``aws login`` use its cached credentials as boto3 does, and renew none."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.credentials
import pytest

from imagebuilder_pager.exceptions import CredentialRetrievalError
from tests.fakes.credential_endpoints import ROLE, CredentialSettings, boto3_credentials, texts_of
from tests.fakes.logins import LOGIN_FILE, LOGIN_SESSION, write_login

CREDENTIALS = ("ASIALOGIN", "SecretOfLogin", "TokenOfLogin")


@pytest.fixture(autouse=True)
def _profile(settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.file(".aws/config", f"[default]\nlogin_session = {LOGIN_SESSION}\n")
    settings.endpoints.secrets["ASIALOGIN"] = "SecretOfLogin"
    # botocore needs awscrt for a renewal only, and asks for it at once.
    monkeypatch.setattr(botocore.credentials, "EC", object())


@pytest.fixture
def cache(settings: CredentialSettings) -> Path:
    return settings.folder / ".aws" / "login" / "cache"


def test_the_cached_credentials_are_boto3s(settings: CredentialSettings, cache: Path) -> None:
    content = write_login(cache).read_bytes()
    assert settings.our_credentials() == boto3_credentials() == CREDENTIALS
    assert (cache / LOGIN_FILE).read_bytes() == content
    settings.set_shared()  # which comes first
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "AKIDSHARED"


def test_the_directory_of_the_variable_is_boto3s(settings: CredentialSettings) -> None:
    write_login(settings.folder / "logins")
    settings.environment(AWS_LOGIN_CACHE_DIRECTORY="~/$WHICH", WHICH="logins")
    assert settings.our_credentials() == boto3_credentials() == CREDENTIALS


def test_a_role_over_the_session_is_boto3s(settings: CredentialSettings, cache: Path) -> None:
    write_login(cache)
    settings.file(
        ".aws/config",
        f"[profile me]\nlogin_session = {LOGIN_SESSION}\n"
        f"[default]\nrole_arn = {ROLE}/x\nsource_profile = me\n",
    )
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "ASIASTSx1"


def test_the_file_is_read_again_before_its_credentials_expire(
    settings: CredentialSettings, cache: Path
) -> None:
    write_login(cache, minutes=14)
    credentials = settings.find_provider()
    assert credentials.get_frozen_credentials().access_key == "ASIALOGIN"
    write_login(cache, minutes=30, accessKeyId="ASIANEXT")
    settings.clock.ahead = timedelta(minutes=2)
    assert credentials.get_frozen_credentials().access_key == "ASIANEXT"
    settings.clock.ahead = timedelta(minutes=31)
    with pytest.raises(CredentialRetrievalError, match="expired at"):
        credentials.get_frozen_credentials()
    write_login(cache, minutes=45)
    assert credentials.get_frozen_credentials().access_key == "ASIALOGIN"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (None, "there is no file {path}"),
        ("[", "the file {path} is not a JSON object"),
        ('{"accessToken": []}', "has no accessToken with accessKeyId, secretAccessKey, "),
        ({"minutes": -1}, "the credentials in the file {path} expired at "),
        ({"secretAccessKey": None}, "has no accessToken with secretAccessKey"),
        ({"sessionToken": ""}, "has no accessToken with sessionToken"),
        ({"accessKeyId": 1}, "has no accessToken with accessKeyId"),
        ({"expiresAt": "soon"}, "expiresAt in the file {path} is not a date"),
    ],
)
def test_without_valid_credentials_the_error_says_what_to_do(
    settings: CredentialSettings, cache: Path, members: Any, reason: str
) -> None:
    settings.file(
        ".aws/config",
        f"[profile 'my laptop']\nlogin_session = {LOGIN_SESSION}\n"
        f"[default]\nrole_arn = {ROLE}/x\nsource_profile = my laptop\n",
    )
    if isinstance(members, dict):
        write_login(cache, **members)
    elif members is not None:
        write_login(cache).write_text(members)
    error = settings.error()
    assert reason.format(path=cache / LOGIN_FILE) in str(error)
    assert str(error).endswith(
        "; run any command of the AWS CLI with this profile, such as aws sts get-caller-identity "
        "--profile 'my laptop', or, if the session is over, aws login --profile 'my laptop'; or "
        "have in another profile: credential_process = aws configure export-credentials --profile "
        "'my laptop' --format process"
    )
    for secret in ("SecretOfLogin", "TokenOfLogin", "RefreshSecret", "KeySecret"):
        assert secret not in texts_of(error)
