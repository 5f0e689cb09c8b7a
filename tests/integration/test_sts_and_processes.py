"""Credentials of STS and of a process, and how each can fail."""

import logging
import socket
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from imagebuilder_pager._aws.identity import Credentials
from tests.fakes.credential_endpoints import (
    PROCESS_OUTPUT,
    ROLE,
    CredentialSettings,
    Response,
    boto3_credentials,
    process_command,
    sts_error,
    texts_of,
)


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


def test_the_expiration_is_that_of_the_output(settings: CredentialSettings) -> None:
    output = {**PROCESS_OUTPUT, "Expiration": "2100-01-01T02:00:00+02:00"}
    settings.file(".aws/config", f"[default]\ncredential_process = {process_command(output)}\n")
    expected = Credentials("AKIDPROCESS", "SecretOfProcess", None, datetime(2100, 1, 1, tzinfo=UTC))
    assert settings.find_provider().get_frozen_credentials() == expected


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
        "a b",
        "'a b' c",
        '"a \'b" c',
        r"a\ b",
        r'"a\"b"',
        "a # b",
        "$HOME ~ * %",
        "''",
        "a;b",
        "a'b'c",
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
