"""Profiles: of STS, of a process, of ``aws login``, and generated ones, compared with boto3's."""

import json
import logging
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.credentials
import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager.exceptions import CredentialRetrievalError
from tests.fakes.credential_endpoints import (
    PROCESS_OUTPUT,
    ROLE,
    SECRETS,
    CredentialSettings,
    Response,
    boto3_credentials,
    process_command,
    sts_error,
    texts_of,
)
from tests.fakes.logins import LOGIN_FILE, LOGIN_SESSION, write_login

# STS


def test_sts_is_tried_three_times_after_transient_errors(settings: CredentialSettings) -> None:
    settings.set_web_identity()
    settings.endpoints.scripted = [(500, b"oops"), (400, sts_error("Throttling", "slow down"))]
    assert settings.our_credentials()[0] == "ASIASTSenv1"
    headers = [request.headers for request in settings.endpoints.requests]
    sent = [header["amz-sdk-request"] for header in headers]
    assert sent == ["attempt=1; max=3", "attempt=2; max=3", "attempt=3; max=3"]
    assert len({header["amz-sdk-invocation-id"] for header in headers}) == 1
    assert len(settings.clock.slept) == 2
    settings.endpoints.scripted = [(503, b"oops")] * 4
    settings.error("503")
    assert len(settings.endpoints.requests) == 6


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((403, sts_error("AccessDenied", "not yours")), "AccessDenied: not yours .*the-request-id"),
        ((200, b"<AssumeRoleResponse/>"), "the response has no AccessKeyId"),
        ((400, b"<html>"), "400: the response is not an error of STS"),
        ((302, b"http://127.0.0.1:1/"), "302"),
        ((200, b"x" * 300_000), "too long, with more"),
        ((500, b"x" * 300_000), "too long, with more"),
    ],
)
def test_an_error_of_sts_is_raised_with_its_code_and_message(
    settings: CredentialSettings, answer: Response, problem: str
) -> None:
    settings.set_web_identity()
    settings.endpoints.scripted = [answer]
    error = settings.error(problem)
    assert f"STS returned no credentials for {ROLE}/env: " in str(error)
    assert len(settings.endpoints.requests) == 1


def test_sts_that_cannot_be_reached_is_an_error(settings: CredentialSettings) -> None:
    settings.set_web_identity()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    settings.environment(AWS_ENDPOINT_URL_STS=url)
    settings.error(f"could not connect to {url}")
    assert len(settings.clock.slept) == 2


# A process


def test_credentials_have_the_expiration_of_the_output_and_are_fetched_again(
    settings: CredentialSettings,
) -> None:
    output = {**PROCESS_OUTPUT, "Expiration": "2100-01-01T02:00:00+02:00"}
    path = settings.file("output", json.dumps(output))
    settings.file(".aws/config", f"[default]\ncredential_process = cat '{path}'\n")
    provider = settings.find_provider()
    expected = Credentials("AKIDPROCESS", "SecretOfProcess", None, datetime(2100, 1, 1, tzinfo=UTC))
    assert provider.get_frozen_credentials() == expected
    settings.file("output", json.dumps({**output, "AccessKeyId": "AKIDNEXT"}))
    assert provider.get_frozen_credentials() == expected
    provider.invalidate("AKIDPROCESS")
    assert provider.get_frozen_credentials().access_key == "AKIDNEXT"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({**PROCESS_OUTPUT, "Version": 2}, "its output has another Version than 1, or none$"),
        ({"AccessKeyId": "AKID"}, "its output has another Version than 1, or none$"),
        ({"Version": 1, "SecretAccessKey": "SecretOfProcess"}, "its output has no AccessKeyId$"),
        ({**PROCESS_OUTPUT, "SecretAccessKey": None}, "its output has no SecretAccessKey$"),
        ("SecretOfProcess", "it did not print a JSON object$"),
        ({**PROCESS_OUTPUT, "Expiration": "SecretOfProcess"}, "its Expiration is not a date in"),
        ({**PROCESS_OUTPUT, "Expiration": "2020-01-01T00:00:00Z"}, "expired at 2020-01-01 00:00"),
        ({**PROCESS_OUTPUT, "AccessKeyId": "A\nB"}, "aws_access_key_id: other characters in it"),
    ],
)
def test_an_output_that_is_not_credentials_is_an_error_that_does_not_show_it(
    settings: CredentialSettings, caplog: pytest.LogCaptureFixture, output: Any, problem: str
) -> None:
    command = process_command(output)
    settings.file(".aws/config", f"[default]\ncredential_process = {command}\n")
    with caplog.at_level(logging.DEBUG):
        error = settings.error(problem)
    assert "SecretOfProcess" not in texts_of(error) + caplog.text


def test_a_process_that_fails_writes_to_the_programs_standard_error(
    settings: CredentialSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    command = process_command(PROCESS_OUTPUT, 3, stderr="please log in")
    settings.file(".aws/config", f"[default]\ncredential_process = {command}\n")
    error = settings.error()
    assert str(error) == "credential_process of profile 'default' failed: exit status 3"
    assert capfd.readouterr() == ("", "please log in")


@pytest.mark.parametrize(
    "arguments",
    [
        *("a b", "'a b' c", '"a \'b" c', r"a\ b", r'"a\"b"'),
        *("a # b", "$HOME ~ * %", "''", "a;b", "a'b'c"),
    ],
)
def test_the_arguments_of_a_process_are_split_as_boto3_splits_them(
    settings: CredentialSettings, arguments: str
) -> None:
    program = settings.file(
        "program.py",
        "import json, sys\n"
        f"output = {PROCESS_OUTPUT!r}\n"
        "print(json.dumps({**output, 'AccessKeyId': '|'.join(sys.argv[1:]) or 'x'}))\n",
    )
    settings.file(
        ".aws/config", f"[default]\ncredential_process = {sys.executable} {program} {arguments}\n"
    )
    assert settings.our_credentials() == boto3_credentials()


def test_a_process_is_killed_after_its_timeout(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagebuilder_pager._aws.credentials.process.TIMEOUT", 0.2)
    settings.file(
        ".aws/config",
        f"[default]\ncredential_process = {sys.executable} -c 'import time; time.sleep(60)'\n",
    )
    settings.error("did not end within 0 s")


# ``aws login``: its cached credentials are used, and none renewed

LOGIN_CREDENTIALS = ("ASIALOGIN", "SecretOfLogin", "TokenOfLogin")


@pytest.fixture
def cache(settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the cached credentials; the default profile has a session."""
    settings.file(".aws/config", f"[default]\nlogin_session = {LOGIN_SESSION}\n")
    settings.endpoints.secrets["ASIALOGIN"] = "SecretOfLogin"
    # botocore needs awscrt for a renewal only, and asks for it at once.
    monkeypatch.setattr(botocore.credentials, "EC", object())
    return settings.folder / ".aws" / "login" / "cache"


def test_the_cached_credentials_are_boto3s(settings: CredentialSettings, cache: Path) -> None:
    content = write_login(cache).read_bytes()
    assert settings.our_credentials() == boto3_credentials() == LOGIN_CREDENTIALS
    assert (cache / LOGIN_FILE).read_bytes() == content
    settings.set_shared()  # which comes first
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "AKIDSHARED"


@pytest.mark.usefixtures("cache")
def test_the_directory_of_the_variable_is_boto3s(settings: CredentialSettings) -> None:
    write_login(settings.folder / "logins")
    settings.environment(AWS_LOGIN_CACHE_DIRECTORY="~/$WHICH", WHICH="logins")
    assert settings.our_credentials() == boto3_credentials() == LOGIN_CREDENTIALS


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


# Generated profiles, which have boto3's credentials, or are an error where they are one there

NAMES = ["default", "a", "b", "c"]
SETTINGS = {
    "role_arn": [f"{ROLE}/one", f"{ROLE}/two"],
    "source_profile": [*NAMES, "nobody"],
    "credential_source": ["Environment", "EcsContainer", "environment"],
    "external_id": ["an id"],
    "role_session_name": ["me", ""],
    "duration_seconds": ["900", "soon"],
    "web_identity_token_file": ["{token}", ""],
    "credential_process": [f"/bin/echo '{json.dumps(PROCESS_OUTPUT)}'"],
}
KEYS = st.sampled_from(
    [
        "",
        f"aws_access_key_id = AKIDCONFIG\naws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
        f"aws_access_key_id = AKIDSHARED\naws_secret_access_key = {SECRETS['AKIDSHARED']}\n"
        "aws_session_token = one\naws_security_token = two\n",
        "aws_access_key_id = AKIDCONFIG\n",
        f"aws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
    ]
)


@st.composite
def profiles(draw: st.DrawFn) -> str:
    """Return a profile: usually a role with a source, else any of its settings."""
    chosen = {"role_arn", draw(st.sampled_from(["source_profile", "credential_source"]))}
    if draw(st.booleans()):
        chosen = draw(st.sets(st.sampled_from(list(SETTINGS)), max_size=4))
    lines = [f"{key} = {draw(st.sampled_from(SETTINGS[key]))}\n" for key in sorted(chosen)]
    return "".join(lines) + draw(KEYS)


FILES = st.dictionaries(st.sampled_from(NAMES), profiles(), min_size=1)


def outcome(find: Any, settings: CredentialSettings) -> Any:
    """Return the credentials, and the calls of STS; None for an error."""
    del settings.endpoints.requests[:]
    try:
        found = find("default")
    except Exception:  # noqa: BLE001 - boto3's is of various types
        return None
    forms = settings.endpoints.sts_forms
    for form in forms:
        if form["RoleSessionName"].startswith("botocore-session-"):
            form["RoleSessionName"] = "botocore-session"
    return found, forms


@given(config=FILES, credentials=FILES)
@hypothesis.settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_generated_profiles_have_boto3s_credentials(
    settings: CredentialSettings, config: dict[str, str], credentials: dict[str, str]
) -> None:
    token = settings.file("web-token", "web.identity.token")
    settings.file(
        ".aws/config",
        "".join(f"[profile {name}]\n{text}" for name, text in config.items()).replace(
            "{token}", token
        ),
    )
    settings.file(
        ".aws/credentials",
        "".join(f"[{name}]\n{text}" for name, text in credentials.items()).replace(
            "{token}", token
        ),
    )
    settings.set_ecs()
    settings.set_environment()
    assert outcome(settings.our_credentials, settings) == outcome(boto3_credentials, settings)
