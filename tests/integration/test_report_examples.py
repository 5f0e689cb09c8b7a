"""The examples pass their tests; the one for boto3 and its port have the same output."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer
from tests.fakes.command_line import CommandResult, local_environment

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = ("report_boto3.py", "report.py")

Run = Callable[[str, str], CommandResult]


def run_tests(folder: Path, *arguments: str) -> list[str]:
    """Return the lines of pytest's output."""
    names = (name for name in os.environ if not name.startswith(("PYTEST", "AWS_")))
    environment = {name: os.environ[name] for name in names}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ("-q", "-p", "no:cacheprovider", "-p", "imagebuilder_pager.pytest_plugin")
    command = (sys.executable, "-m", "pytest", *options, *arguments)
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment | local_environment("http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return ran.stdout.splitlines()


def test_the_tests_of_all_examples_pass() -> None:
    """In this checkout, with its settings of pytest."""
    assert re.match(r"\d\d passed in ", run_tests(ROOT, "examples")[-1])


def test_a_program_with_a_mistake_fails_its_test(tmp_path: Path) -> None:
    """In a user's folder: the tests find the programs beside them."""
    for name in PROGRAMS:
        program = (EXAMPLES / name).read_text()
        damaged = program.replace('== "FAILED"', '!= "FAILED"')
        assert damaged != program
        (tmp_path / name).write_text(damaged)
        (tmp_path / f"test_{name}").write_text((EXAMPLES / f"test_{name}").read_text())
    lines = run_tests(tmp_path, "--strict-markers")
    first, second = (line for line in lines if line.startswith("FAILED "))
    assert first.startswith("FAILED test_report.py::test_failed_resources_of_all_pages")
    assert second.startswith("FAILED test_report_boto3.py::test_failed_resources_of_all_pages")
    assert lines[-1].startswith("2 failed, 2 passed in ")


@pytest.fixture
def run(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """A function that runs a program for a policy, at a local service."""

    def run_program(name: str, policy: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", [name, policy])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return CommandResult(int(ended.value.code or 0), *capsys.readouterr())

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with LocalServer(LocalImageBuilder(account)) as server:
        for name, value in local_environment(server.url).items():
            monkeypatch.setenv(name, value)
        yield run_program


def test_both_programs_say_the_same(run: Run, account: Account) -> None:
    rows = 0
    for policy in account.policies:
        reference, ported = (run(name, policy["arn"]) for name in PROGRAMS)
        assert ported == reference
        assert (ported.code, ported.err) == (0, "")
        rows += len(ported.out.splitlines()) - 1
    assert rows >= 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_that_a_policy_does_not_exist(name: str, run: Run, account: Account) -> None:
    result = run(name, f"{account.policies[0]['arn']}-of-another")
    assert (result.code, result.out) == (1, "execution,started,resource,action,reason\n")
    assert result.err.startswith("error: ")
    assert "does not exist" in result.err
