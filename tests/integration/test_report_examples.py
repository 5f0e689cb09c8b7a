"""The example for boto3, and its port: both pass their tests, and their output is the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer
from tests.fakes.command_line import local_environment

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = ("report_boto3.py", "report.py")
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "AWS_"))
}


def run(
    *command: str, url: str = "http://127.0.0.1:9", cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**ENVIRONMENT, **local_environment(url), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_tests_of_both_programs_pass() -> None:
    """In this checkout, with its settings of pytest."""
    options = ("-q", "-p", "no:cacheprovider", "-p", "imagebuilder_pager.pytest_plugin")
    ran = run("-m", "pytest", *options, "examples")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("4 passed in ")


@pytest.mark.parametrize("test", ["test_report_boto3.py", "test_report.py"])
def test_a_program_with_a_mistake_fails_its_test(tmp_path: Path, test: str) -> None:
    """In a folder of a user's: the tests find the program beside them."""
    (tmp_path / test).write_text((EXAMPLES / test).read_text())
    program = (EXAMPLES / test.removeprefix("test_")).read_text()
    damaged = program.replace('== "FAILED"', '!= "FAILED"')
    assert damaged != program
    (tmp_path / test.removeprefix("test_")).write_text(damaged)
    options = ("-q", "-p", "no:cacheprovider", "-p", "imagebuilder_pager.pytest_plugin")
    ran = run("-m", "pytest", *options, "--strict-markers", test, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1].startswith("1 failed, 1 passed in ")


@pytest.fixture
def policies(account: Account) -> list[str]:
    return [policy["arn"] for policy in account.policies]


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with LocalServer(LocalImageBuilder(account)) as server:
        yield server.url


def test_both_programs_say_the_same(url: str, policies: list[str]) -> None:
    rows = 0
    for policy in policies:
        boto3_run, own_run = (run(str(EXAMPLES / name), policy, url=url) for name in PROGRAMS)
        assert (own_run.returncode, own_run.stderr) == (0, "")
        assert own_run.stdout == boto3_run.stdout
        rows += len(own_run.stdout.splitlines()) - 1
    assert rows >= 10


def test_both_programs_say_that_a_policy_does_not_exist(url: str, policies: list[str]) -> None:
    for name in PROGRAMS:
        ran = run(str(EXAMPLES / name), f"{policies[0]}-of-another", url=url)
        assert ran.returncode == 1
        assert ran.stdout == "execution,started,resource,action,reason\n"
        assert ran.stderr.startswith("error: ")
        assert "does not exist" in ran.stderr
