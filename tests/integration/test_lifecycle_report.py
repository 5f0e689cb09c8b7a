"""The command lifecycle-report: its options and errors, one account and a fleet, each output."""

import datetime as dt
import io
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.cli.lifecycle_report.args import parse
from imagebuilder_pager.cli.lifecycle_report.command import show_progress
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.fleet import FleetDatabase, FleetProgress
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import (
    PAST,
    expected_records,
    make_fleet,
    query,
    report,
    report_offline,
    role_arn,
    serve_fleet,
)

DAY = dt.timedelta(days=1)
DENIED = "arn:aws:iam::999999999999:role/Reader"
COMMAND = f"{sys.executable} -m imagebuilder_pager lifecycle-report --output jsonl"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    fleet = make_fleet(("us-west-2", "eu-west-1"), resources=4, newest=PAST)
    with serve_fleet(fleet):
        yield fleet


@pytest.fixture(scope="module")
def database(fleet: LocalFleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "fleet.sqlite"
    command = ["lifecycle-report", "--targets", write_targets(folder), "--database", str(path)]
    assert main([*command, "--output", "csv"]) == 0
    return path


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def write_targets(folder: Path, *roles: str) -> str:
    file = folder / "targets.toml"
    tables = [
        f'[[accounts]]\nrole_arn = "{role}"\n'
        for role in (role_arn("123456789012"), role_arn("111122223333"), *roles)
    ]
    file.write_text('regions = ["us-west-2", "eu-west-1"]\n' + "".join(tables))
    return str(file)


# The records, and the choice of them.


def test_one_account_needs_no_file_and_no_database(fleet: LocalFleet, capfd: Capture) -> None:
    result = report(capfd, "--region", "us-west-2", "--no-children", "--output", "jsonl")
    account = fleet.account("123456789012", "us-west-2")
    images = [resource for execution in account.executions for resource in execution.resources]
    assert (result.code, result.out.count("\n")) == (0, len(images))


def test_since_and_policy_choose_executions(
    fleet: LocalFleet, database: Path, capfd: Capture
) -> None:
    account = fleet.account("123456789012", "us-west-2")
    since = (PAST - DAY / 2).isoformat()
    choice = ("--policy", account.policies[0]["arn"], "--since", since, "--output", "jsonl")
    for out in (
        report_offline(capfd, database, *choice),
        report(capfd, "--region", "us-west-2", *choice).out,
    ):
        (running,) = {json.loads(line)["execution_id"] for line in out.splitlines()}
        assert running == account.executions[0].lifecycle_execution_id


def test_an_execution_that_has_not_ended_is_left_out_by_an_earlier_until(
    fleet: LocalFleet, database: Path, capfd: Capture
) -> None:
    starts = [
        execution.start_time
        for region in fleet.regions
        for execution in fleet.account("123456789012", region).executions
        if execution.end_time is None and execution.start_time is not None
    ]
    until = dt.datetime.fromtimestamp(min(starts), dt.UTC).isoformat()
    out = report_offline(capfd, database, "--until", until, "--output", "jsonl")
    ends = [json.loads(line)["execution_end_time"] for line in out.splitlines()]
    assert ends
    assert None not in ends


def test_times_are_counted_back_from_now() -> None:
    ages = {"30d": 30 * DAY, "12h": DAY / 2, "4w": 28 * DAY}
    for text, age in ages.items():
        assert parse(["--since", text], PAST).since == PAST - age
    assert parse(["--until", "2026-02-01"], PAST).until == dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


# Errors, and ``--check``.


def test_a_failed_target_is_named_and_the_others_are_reported(
    fleet: LocalFleet, tmp_path: Path, capfd: Capture
) -> None:
    result = report(capfd, "--targets", write_targets(tmp_path, DENIED), "--no-children")
    assert result.code == 254
    assert result.out.startswith("4 of 6 targets complete up to ")
    assert "failed  999999999999/eu-west-1, us-west-2: STS returned no credentials" in result.out
    assert re.search("^999999999999/eu-west-1 has failed: .*AccessDenied", result.err, re.MULTILINE)


def test_check_calls_sts_for_each_account_and_lists_nothing(
    fleet: LocalFleet, tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = fleet.requests
    result = report(capfd, "--check", "--targets", write_targets(tmp_path))
    arn = "arn:aws:sts::{0}:assumed-role/Reader/imagebuilder-pager"
    lines = [f"{{0}}  {{0}}  {arn}\n".format(one) for one in ("123456789012", "111122223333")]
    assert result == (0, "".join(lines), "")
    result = report(capfd, "--check", "--targets", write_targets(tmp_path, DENIED))
    *known, denied = result.out.splitlines(keepends=True)
    assert (result.code, known) == (254, lines)
    assert denied.startswith("999999999999  999999999999  STS returned no credentials for ")
    assert "AccessDenied" in denied
    result = report(capfd, "--check", "--region", "us-west-2")
    assert result.out == "default  123456789012  arn:aws:iam::123456789012:user/local\n"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-one")
    result = report(capfd, "--check", "--region", "us-west-2")
    assert result.code == 254
    assert result.out.startswith("default  -             STS returned no identity: ")
    assert "another-one" not in result.out
    assert fleet.requests == requests


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--targets x --profile build", "--profile is given beside --targets"),
        ("--prune 400d", "--prune needs --database"),
        ("--fail-on failed,late", "'failed,late' given; allowed: failed, incomplete, stale"),
        ("--stale-after soon", "'soon' given; allowed: 30d, 12h, 4w"),
        ("--offline", "--offline needs --database"),
        ("--check --offline", "--check is given beside --offline"),
        ("--offline --database /nowhere/fleet.sqlite", "there is no file /nowhere"),
        ("--targets /nowhere/t.toml", "--targets: there is no file /nowhere/t.toml"),
        ("--database /nowhere/x", "--database: there is no folder /nowhere"),
        (
            "--offline --targets x --database y",
            "--targets is given beside --offline, which has the database's names",
        ),
        ("--executor cluster", "--executor: 'cluster' given; allowed: threads, processes"),
        ("--since yesterday", "'yesterday' given; allowed: 30d, 12h, 4w, or a time"),
        ("--since 999999w", "'999999w' given; allowed"),
        ("--since 0001-01-01T00:00:00+14:00", "'0001-01-01T00:00:00+14:00' given; allowed"),
        ("--since 2026-11-24 --until 2026-11-24", "--until: not after --since"),
        ("--max-concurrency 0", "'0' given; allowed: a whole number, 1 or more"),
        ("--output yaml", "'yaml' given; allowed: json, html"),
        # Options of the other commands.
        *(
            (option, f"Unknown options: {option}")
            for option in (
                *("--endpoint-url", "--ca-bundle", "--no-verify-ssl", "--query"),
                *("--cli-connect-timeout", "--cli-read-timeout", "--cli-timestamp-format"),
            )
        ),
    ],
)
def test_an_invalid_option_is_an_error_before_anything_is_sent(
    fleet: LocalFleet, capfd: Capture, arguments: str, problem: str
) -> None:
    requests = fleet.requests
    result = report(capfd, *arguments.split())
    assert (result.code, result.out) == (252, "")
    assert problem in result.err
    assert fleet.requests == requests


def test_a_database_that_cannot_be_used_is_named_by_its_option(path: Path, capfd: Capture) -> None:
    offline = ("--database", str(path), "--offline")
    path.write_text("not a database")
    result = report(capfd, *offline)
    assert (result.code, result.out) == (252, "")
    assert f"--database: {path} is not a database" in result.err
    path.unlink()
    with FleetDatabase(path):
        result = report(capfd, *offline)
        assert (result.code, result.err) == (254, "")
        result = report(capfd, "--database", str(path), "--region", "us-west-2")
    assert result.code == 255
    assert f"--database: {path} is in use by another run" in result.err
    query(path, "DROP TABLE snapshots")
    result = report(capfd, *offline)
    assert result.code == 255
    assert f"--database: {path}: no such table: " in result.err
    query(path, "PRAGMA user_version = 1")
    result = report(capfd, *offline)
    assert result.code == 252
    assert f"--database: {path} has version 1 of the schema; this program has " in result.err


def test_an_invalid_file_of_targets_is_named(tmp_path: Path, capfd: Capture) -> None:
    file = tmp_path / "targets.toml"
    file.write_text("[[accounts]]\nrole = 'x'")
    result = report(capfd, "--targets", str(file))
    assert result.code == 253
    assert f"{file}: not valid\n  - accounts[0].role: not a key" in result.err


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"])
def test_an_invalid_setting_ends_the_command_and_fails_no_target(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "0")
    result = report(capfd, "--region", "us-west-2")
    assert result.code == 253
    assert f"{name}: '0' given; allowed: " in result.err


# The terminal, other processes, and the log.


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    numbers: dict[str, Any] = {
        "executions": 5000,
        "executions_done": 1200,
        "call_rate": 21.4,
        "throttled": 7,
    }
    with show_progress(4) as show:
        assert show is not None
        show(FleetProgress(4, 2, 1, 1, 1234, 50, 17.0, **numbers))
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue())
    expected = "3/4 targets, 1 failed; 1,200/5,000 executions; 21 calls/s, 7 throttled"
    assert expected in " ".join(shown.split())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with show_progress(4) as show:
        assert show is None


@pytest.mark.parametrize("output", ["json", "jsonl", "summary", "table", "tree"])
def test_control_characters_of_the_service_are_made_harmless(
    output: str, database: Path, path: Path, capfd: Capture
) -> None:
    shutil.copy(database, path)
    attack = "char(27) || '[2J'"
    query(path, f"UPDATE resources SET reason = {attack}")
    query(path, f"UPDATE targets SET error = {attack}, account = account || {attack}")
    assert "\x1b[2J" not in report_offline(capfd, path, "--output", output)


def test_processes_list_as_threads_do(fleet: LocalFleet, tmp_path: Path) -> None:
    command = [*COMMAND.split(), "--executor", "processes", "--targets", write_targets(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    # On a busy machine it takes so long that the progress is logged.
    said = [line for line in ran.stderr.splitlines() if " targets complete, " not in line]
    assert (ran.returncode, said) == (0, [])
    assert len(ran.stdout.splitlines()) == len(expected_records(fleet))


def test_the_reader_of_the_output_may_leave(database: Path) -> None:
    command = f"{COMMAND} --offline --database {database} | head -1"
    ran = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stdout.count("\n"), ran.stderr) == (1, "")


def test_the_loggers_are_left_as_they_were(fleet: LocalFleet, capfd: Capture) -> None:
    loggers = [logging.getLogger(f"imagebuilder_pager{name}") for name in ("", ".fleet")]
    before = [list(logger.handlers) for logger in loggers]
    report(capfd, "--region", "us-west-2", "--no-children", "--debug")
    assert [list(logger.handlers) for logger in loggers] == before
