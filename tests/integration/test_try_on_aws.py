"""The program to try this library on AWS, here on the local service: its checks and its report."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import try_on_aws

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.command_line import local_environment
from tests.fakes.credential_endpoints import CredentialSettings
from tests.fakes.logins import SsoCache

ACCOUNT = generate_account(resources=60, history=True)
KEY_ID, SECRET = "AKIAOFTHISTEST", "SecretOfThisTest"
ARN = f"arn:aws:iam::{ACCOUNT.account_id}:role/Reader"


class Run(NamedTuple):
    """The exit code, the output and the report of a run; the report is empty if there is none."""

    code: int
    out: str
    text: str

    @property
    def checks(self) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = json.loads(self.text)["checks"]
        return checks


Program = Callable[..., Run]


def serve(monkeypatch: pytest.MonkeyPatch, service: Any) -> LocalServer:
    """Serve it in the environment of the program."""
    server = LocalServer(service)
    settings = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in {**local_environment(server.url), **settings}.items():
        monkeypatch.setenv(name, value)
    return server


def local_service(faults: FaultPlan | None = None) -> LocalImageBuilder:
    return LocalImageBuilder(ACCOUNT, faults=faults, secrets={KEY_ID: SECRET})


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    def run(*options: str, reply: str = "y\n") -> Run:
        report = tmp_path / "report.json"
        monkeypatch.setattr(sys, "stdin", io.StringIO(reply))
        code = try_on_aws.main([EXAMPLE_EXECUTION_ID, "--report", str(report), *options])
        text = report.read_text() if report.exists() else ""
        return Run(code, capsys.readouterr().out, text)

    return run


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalImageBuilder]:
    service = local_service()
    with serve(monkeypatch, service):
        yield service


def texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value, and every key of its tags."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value.get("tags", ())
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


PRIVATE = {*texts(ACCOUNT.to_dict()), KEY_ID, SECRET, "127.0.0.1", "us-west-2", "SecretProject"}


def assert_nothing_private(report: str) -> None:
    assert report
    assert [text for text in PRIVATE if text in report] == []
    assert re.findall("arn:|[0-9]{12}|[0-9a-f]{8}-[0-9a-f]{4}", report) == []


@pytest.mark.parametrize("reply", ["", "\n", "no\n"])
def test_nothing_is_sent_without_a_yes(
    service: LocalImageBuilder, program: Program, reply: str
) -> None:
    ran = program(reply=reply)
    assert (ran.code, ran.text, service.requests) == (1, "", 0)
    assert ran.out.endswith("Nothing was sent.\n")


def test_every_check_passes(service: LocalImageBuilder, program: Program) -> None:
    ran = program()
    assert ran.code == 0
    *listings, fleet = ran.checks
    assert [(each["here"]["pages"], each["here"]["items"]) for each in listings] == [
        (6, 60),
        (1, 60),
        (1, 0),  # the local service knows no wildcard
    ]
    assert all(each["agree"] and each["passed"] for each in listings)
    assert (fleet["passed"], fleet["missing"]) == (True, 0)
    assert fleet["records"] >= 60
    assert_nothing_private(ran.text)
    called = {call.operation for call in service.calls}
    assert called == set(re.findall(r"\b(?:List|Get)\w+", ran.out.partition("[y/N]")[0]))
    assert service.requests <= sum(map(int, re.findall(r"(?:at most|Execution:) (\d+)", ran.out)))


def test_without_boto3_nothing_is_compared(
    service: LocalImageBuilder, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    ran = program("--yes")
    assert ran.code == 0
    assert "boto3 is not installed" in ran.out
    assert not any("agree" in each for each in ran.checks)


def test_an_sso_profile(laptop: SsoCache, settings: CredentialSettings, program: Program) -> None:
    with LocalServer(LocalImageBuilder(ACCOUNT)) as server:
        settings.environment(AWS_ENDPOINT_URL_IMAGEBUILDER=server.url)
        ran = program("--profile", "laptop")
    assert ran.code == 0
    assert json.loads(ran.text)["credentials"] == "sso"
    assert_nothing_private(ran.text)
    assert not re.findall("laptop|corp|Reader|Secret|SessionToken|ASIA", ran.text)


def test_a_difference_is_reported_without_its_value(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service changes its response with each request; boto3's is the later."""
    numbers = count(1)

    def respond(_: httpx.Request) -> httpx.Response:
        number = next(numbers)
        item = {"resourceId": f"{ARN}/{number}", ARN: number}
        return httpx.Response(200, json={"resources": [item], "imageVersionList": []})

    with serve(monkeypatch, respond):
        ran = program()
    assert ran.code == 1
    assert ran.checks[0]["differing_members"] == ["resourceId"]
    assert [each["passed"] for each in ran.checks] == [False, False, True, False]
    assert_nothing_private(ran.text)


def forbid(_: httpx.Request) -> httpx.Response:
    error = {"__type": "ForbiddenException", "message": f"{ARN} \x1b[2J"}
    return httpx.Response(403, json=error)


def always(name: str, **options: Any) -> LocalImageBuilder:
    return local_service(FaultPlan.every(1, Fault(name, **options)))


@pytest.mark.parametrize(
    ("service", "facts", "agree"),
    [
        (forbid, ("ForbiddenException", "ForbiddenException", 403), True),
        (
            always("error", code="AccessDenied", message=ARN),
            ("ClientError", "AccessDenied", 400),
            True,
        ),
        (always("error", code="SecretProjectName"), ("ClientError", "another code", 400), True),
        (always("reset-before"), ("ConnectionClosedError", "", None), True),
        # boto3 takes any page.
        (always("wrong-type", value=False), ("ResponseValidationError", "", None), False),
        (always("html"), ("ResponseParserError", "", None), False),
    ],
)
def test_a_failure_is_reported_without_its_text(
    program: Program, monkeypatch: pytest.MonkeyPatch, service: Any, facts: object, agree: bool
) -> None:
    with serve(monkeypatch, service):
        ran = program()
    assert ran.code == 1
    own = ran.checks[0]["here"]
    assert (own["error"], own["code"], own["http_status"]) == facts
    assert ran.checks[0]["agree"] is agree
    assert not any(check["passed"] for check in ran.checks)
    assert_nothing_private(ran.text)
    assert "\x1b" not in ran.out


def test_a_failure_of_the_fleet_is_reported_without_its_text(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = Fault("error", code="SecretProjectName", message=ARN)
    with serve(monkeypatch, local_service(FaultPlan.on_operation("ListLifecyclePolicies", denied))):
        ran = program()
    assert ran.code == 1
    assert [check["passed"] for check in ran.checks] == [True, True, True, False]
    assert ran.checks[-1]["error"] == "another code"
    assert ARN in ran.out
    assert_nothing_private(ran.text)


def test_a_fleet_of_more_calls_than_announced_is_stopped(
    service: LocalImageBuilder, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(try_on_aws, "FLEET_CALLS", 1)
    ran = program()
    assert ran.code == 1
    assert ran.checks[-1]["error"] == "TooManyCallsError"
    assert service.calls[-1].operation == "ListLifecyclePolicies"


def test_a_report_that_cannot_be_written_is_on_the_terminal(
    service: LocalImageBuilder, program: Program, tmp_path: Path
) -> None:
    ran = program("--report", str(tmp_path / "missing" / "report.json"))
    assert ran.code == 1
    assert '"checks": [' in ran.out
    assert "cannot be written" in ran.out.splitlines()[-1]


def test_a_terminal_of_ascii_shows_any_text(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with serve(monkeypatch, always("error", code="Denied", message="refus\xe9")):
        ran = program()
    terminal.seek(0)
    assert "refus\\xe9" in terminal.read()
    assert_nothing_private(ran.text)


def test_an_unknown_profile_is_an_error(service: LocalImageBuilder, program: Program) -> None:
    ran = program("--profile", "of-nobody")
    assert (ran.code, ran.text, service.requests) == (1, "", 0)
    assert "of-nobody" in ran.out


def test_only_a_public_endpoint_is_called_one() -> None:
    public = [
        "https://imagebuilder.us-west-2.amazonaws.com",
        "https://imagebuilder-fips.us-gov-west-1.amazonaws.com",
        "https://imagebuilder.cn-north-1.amazonaws.com.cn",
        "https://imagebuilder.eu-west-1.api.aws",
    ]
    others = [
        "https://imagebuilder.us-west-2.amazonaws.com.example.com",
        "https://vpce-1.imagebuilder.us-west-2.vpce.amazonaws.com",
    ]
    called = [url for url in public + others if re.fullmatch(try_on_aws.PUBLIC_URL, url)]
    assert called == public


def test_the_file_is_a_program_and_says_first_where_it_sends(service: LocalImageBuilder) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", try_on_aws.__file__, EXAMPLE_EXECUTION_ID],
        input="no\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr, service.requests) == (1, "", 0)
    assert ran.stdout.startswith(f"Calls of {os.environ['AWS_ENDPOINT_URL']}, which only read:")
