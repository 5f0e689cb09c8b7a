"""The command lifecycle-report: one account, a fleet, a database, and each output."""

import csv
import datetime as dt
import io
import json
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.cli.exit_codes import UsageError
from imagebuilder_pager.cli.lifecycle_report.args import parse
from imagebuilder_pager.cli.lifecycle_report.command import show_progress
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.fleet import FleetDatabase, FleetProgress
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.command_line import CommandResult
from tests.fakes.fleets import (
    PAST,
    expected_records,
    make_fleet,
    role_arn,
    serve_fleet,
    stored_records,
)

DAY = dt.timedelta(days=1)
DENIED = "arn:aws:iam::999999999999:role/Reader"


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


def report(capfd: pytest.CaptureFixture[str], *arguments: str) -> CommandResult:
    capfd.readouterr()
    code = main(["lifecycle-report", *arguments])
    return CommandResult(code, *capfd.readouterr())


def offline(capfd: pytest.CaptureFixture[str], database: Path, *arguments: str) -> str:
    result = report(capfd, "--database", str(database), "--offline", *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out


def test_a_fleet_is_listed_into_the_database(fleet: LocalFleet, database: Path) -> None:
    assert set(stored_records(database)) == expected_records(fleet)


def test_jsonl_has_a_line_for_each_resource(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    records = [
        json.loads(line)
        for line in offline(capfd, database, "--output", "jsonl").split("\n")
        if line
    ]
    keys = {
        (
            *(record["execution_id"], record.get("parent_id", ""), record["resource_id"]),
            *(record["resource_account"], record["resource_region"]),
        )
        for record in records
    }
    assert len(records) == len(keys)
    assert keys == expected_records(fleet)
    assert any(record.get("snapshots") for record in records)


def test_csv_has_the_same_records(database: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = offline(capfd, database, "--output", "jsonl").splitlines()
    rows = list(csv.DictReader(io.StringIO(offline(capfd, database, "--output", "csv"))))
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        record = json.loads(line)
        assert row["resource_id"] == record["resource_id"]
        assert row["status"] == record["status"]
        snapshots = [f"{s['snapshot_id']}:{s['status']}" for s in record.get("snapshots", [])]
        assert row["snapshots"].split() == snapshots


def test_the_summary_counts_by_week_policy_region_and_account(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = offline(capfd, database, "--output", "summary")
    tables = re.findall(r"^([A-Z]+) +failed .*\n─+\n((?:\S.*\n)+)", out, re.MULTILINE)
    assert [title for title, _ in tables] == ["WEEK", "POLICY", "REGION", "ACCOUNT"]
    for _, rows in tables:
        cells = [re.split(r" {2,}", row.strip()) for row in rows.splitlines()]
        states = [number for row in cells for number in row[1:-2] if number != "·"]
        assert sum(map(int, states)) == 2 * 2 * 2 * 3
        resources = [cell.partition("/")[2] for row in cells for cell in row[-2:]]
        assert sum(map(int, resources)) == len(expected_records(fleet))
    weeks = [row.split()[0] for row in tables[0][1].splitlines()]
    # Sunday, 2026-03-01, and the two days before it.
    assert weeks == ["2026-02-23"]
    assert "What failed, and why" in out
    assert "Executions that have not ended, 4 of them for long" in out
    assert len(re.findall(r"IN_PROGRESS  lce-.*, since 2026-03-01 00:00\n", out)) == 4


def test_what_failed_is_told_with_its_reason_and_its_number(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = offline(capfd, database, "--output", "summary")
    failed = [
        resource
        for account in fleet.account_ids
        for region in fleet.regions
        for execution in fleet.account(account, region).executions
        for group in (execution.resources, *execution.children_by_parent.values())
        for resource in group
        if resource["state"]["status"] == "FAILED"
    ]
    section = out.partition("What failed, and why")[2].partition("Executions that")[0]
    numbers = [
        int(number)
        for number in re.findall(r"^ +(\d+) (?:images?|from them) ", section, re.MULTILINE)
    ]
    assert failed
    assert sum(numbers) == len(failed)


def test_the_tree_goes_from_policies_to_snapshots(
    database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = offline(capfd, database, "--output", "tree").splitlines()
    kinds = {
        "policy": r"[\w-]+, \d{12}/\S+$",
        "execution": r"  lce-",
        "image": r"    [\w-]+/\d+\.\d+\.\d+/\d+  [A-Z]",
        "ami": r"    [├└]── ami-",
        "snapshot": r"    [│ ]   [├└]── snap-",
    }
    for kind, pattern in kinds.items():
        assert any(re.match(pattern, line) for line in lines), kind


def test_the_table_has_a_row_for_each_resource(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = offline(capfd, database, "--output", "table")
    assert out.count("RESOURCE  ") == 2 * 2 * 2 * 3
    row = r"^(?:  )?\S+ {2,}(?:SUCCESS|FAILED|SKIPPED|IN_PROGRESS) +[A-Z]+\b"
    shown = len(re.findall(row, out, re.MULTILINE))
    assert shown == len(expected_records(fleet))


def test_one_account_needs_no_file_and_no_database(
    fleet: LocalFleet, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--region", "us-west-2", "--no-children", "--output", "jsonl")
    result = report(capfd, *arguments)
    account = fleet.account("123456789012", "us-west-2")
    images = [resource for execution in account.executions for resource in execution.resources]
    assert (result.code, result.out.count("\n")) == (0, len(images))


def test_since_and_policy_choose_executions(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    account = fleet.account("123456789012", "us-west-2")
    policy = account.policies[0]["arn"]
    since = (PAST - DAY / 2).isoformat()
    choice = ("--policy", policy, "--since", since, "--output", "jsonl")
    for lines in (
        offline(capfd, database, *choice).splitlines(),
        report(capfd, "--region", "us-west-2", *choice).out.splitlines(),
    ):
        (running,) = {json.loads(line)["execution_id"] for line in lines}
        assert running == account.executions[0].lifecycle_execution_id


def test_an_execution_that_has_not_ended_is_left_out_by_an_earlier_until(
    fleet: LocalFleet, database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    starts = [
        execution.start_time
        for region in fleet.regions
        for execution in fleet.account("123456789012", region).executions
        if execution.end_time is None and execution.start_time is not None
    ]
    assert starts
    until = dt.datetime.fromtimestamp(min(starts), dt.UTC).isoformat()
    out = offline(capfd, database, "--until", until, "--output", "jsonl")
    ends = [json.loads(line)["execution_end_time"] for line in out.splitlines()]
    assert ends
    assert None not in ends


def test_a_target_that_fails_is_told_and_the_others_are_reported(
    fleet: LocalFleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--targets", write_targets(tmp_path, DENIED), "--no-children")
    result = report(capfd, *arguments, "--database", str(tmp_path / "fleet.sqlite"))
    assert result.code == 254
    assert result.out.startswith("4 of 6 targets complete up to ")
    assert "failed  999999999999/eu-west-1, us-west-2: STS returned no credentials" in result.out
    assert re.search(
        r"^999999999999/eu-west-1 has failed: .*AccessDenied", result.err, re.MULTILINE
    )
    path = tmp_path / "fleet.sqlite"
    assert result.err.endswith(f"Run the command again with --database {path} to go on.\n")


def test_check_asks_sts_for_each_account_and_lists_nothing(
    fleet: LocalFleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    requests = fleet.requests
    result = report(capfd, "--check", "--targets", write_targets(tmp_path))
    arn = "arn:aws:sts::{0}:assumed-role/Reader/imagebuilder-pager"
    lines = [f"{{0}}  {{0}}  {arn}\n".format(one) for one in ("123456789012", "111122223333")]
    assert (result.code, result.out, result.err) == (0, "".join(lines), "")
    result = report(capfd, "--check", "--targets", write_targets(tmp_path, DENIED))
    *known, denied = result.out.splitlines(keepends=True)
    assert (result.code, known) == (254, lines)
    assert denied.startswith("999999999999  999999999999  STS returned no credentials for ")
    assert "AccessDenied" in denied
    result = report(capfd, "--check", "--region", "us-west-2")
    assert result.out == "default  123456789012  arn:aws:iam::123456789012:user/local\n"
    assert fleet.requests == requests


def test_check_tells_an_account_whose_credentials_are_wrong(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-one")
    result = report(capfd, "--check", "--region", "us-west-2")
    assert result.code == 254
    assert result.out.startswith("default  -             STS returned no identity: ")
    assert "another-one" not in result.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--targets", "x", "--profile", "build"), "--profile is given beside --targets"),
        (("--prune", "400d"), "--prune needs --database"),
        (("--fail-on", "failed,late"), "'failed,late' given; allowed: failed, incomplete, stale"),
        (("--stale-after", "soon"), "'soon' given; allowed: 30d, 12h, 4w"),
        (("--offline",), "--offline needs --database"),
        (("--check", "--offline"), "--check is given beside --offline"),
        (("--offline", "--database", "/nowhere/fleet.sqlite"), "there is no file /nowhere"),
        (("--targets", "/nowhere/t.toml"), "--targets: there is no file /nowhere/t.toml"),
        (("--database", "/nowhere/x"), "--database: there is no folder /nowhere"),
        (
            ("--offline", "--targets", "x", "--database", "y"),
            "--targets is given beside --offline, which has the database's names",
        ),
        (("--executor", "cluster"), "--executor: 'cluster' given; allowed: threads, processes"),
        (("--since", "yesterday"), "'yesterday' given; allowed: 30d, 12h, 4w, or a time"),
        (("--since", "999999w"), "'999999w' given; allowed"),
        (("--since", "0001-01-01T00:00:00+14:00"), "'0001-01-01T00:00:00+14:00' given; allowed"),
        (("--since", "2026-11-24", "--until", "2026-11-24"), "--until: not after --since"),
        (("--max-concurrency", "0"), "'0' given; allowed: a whole number, 1 or more"),
        (("--output", "yaml"), "invalid choice: 'yaml'"),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_is_sent(
    fleet: LocalFleet, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    requests = fleet.requests
    result = report(capfd, *arguments)
    assert (result.code, result.out) == (252, "")
    assert problem in result.err
    assert fleet.requests == requests


def test_a_database_that_cannot_be_used_is_named_by_its_option(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleet.sqlite"
    path.write_text("not a database")
    result = report(capfd, "--database", str(path), "--offline")
    assert (result.code, result.out) == (252, "")
    assert f"--database: {path} is not a database" in result.err
    path.unlink()
    with FleetDatabase(path):
        result = report(capfd, "--database", str(path), "--offline")
        assert (result.code, result.err) == (254, "")
        result = report(capfd, "--database", str(path), "--region", "us-west-2")
    assert result.code == 255
    assert f"--database: {path} is in use by another run" in result.err


def test_ctrl_c_ends_the_command_and_keeps_what_was_listed(tmp_path: Path) -> None:
    fleet = make_fleet(resources=26, newest=PAST)
    path = tmp_path / "fleet.sqlite"
    command = [sys.executable, "-m", "imagebuilder_pager", "lifecycle-report", "--output", "jsonl"]
    command += ["--region", "us-west-2", "--database", str(path)]
    with serve_fleet(fleet, latency=0.01):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while fleet.requests < 150 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, b"")
        waiting, how = err.decode().splitlines()
        assert waiting.startswith("waiting for the calls under way; Ctrl-C once more ends at once")
        assert how == f"Run the command again with --database {path} to go on."
        stored = len(stored_records(path))
        assert main(["lifecycle-report", "--region", "us-west-2", "--database", str(path)]) == 0
    assert 0 < stored < len(stored_records(path))


def test_a_terminal_shows_a_bar(fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with show_progress(4) as show:
        assert show is not None
        show(
            FleetProgress(
                *(4, 2, 1, 1, 1234, 50, 17.0),
                executions=5000,
                executions_done=1200,
                call_rate=21.4,
                throttled=7,
            )
        )
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue())
    expected = "3/4 targets, 1 failed; 1,200/5,000 executions; 21 calls/s, 7 throttled"
    assert expected in " ".join(shown.split())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with show_progress(4) as show:
        assert show is None


def test_a_file_of_targets_that_is_wrong_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "targets.toml"
    file.write_text("[[accounts]]\nrole = 'x'")
    result = report(capfd, "--targets", str(file))
    assert result.code == 253
    assert f"{file}: not valid\n  - accounts[0].role: not a key" in result.err


@pytest.mark.parametrize(
    "option",
    [
        *("--endpoint-url", "--ca-bundle", "--no-verify-ssl", "--query", "--cli-connect-timeout"),
        *("--cli-read-timeout", "--cli-timestamp-format"),
    ],
)
def test_options_of_other_commands_are_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"unrecognized arguments: {option}"):
        parse([option])


def test_times_are_counted_back_from_now() -> None:
    ages = {"30d": 30 * DAY, "12h": DAY / 2, "4w": 28 * DAY}
    for text, age in ages.items():
        assert parse(["--since", text], PAST).since == PAST - age
    assert parse(["--until", "2026-02-01"], PAST).until == dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


def test_control_characters_and_formulas_of_the_service_are_made_harmless(
    database: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "fleet.sqlite"
    shutil.copy(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE resources SET reason = '=cmd()' || char(27) || '[2J'")
        connection.execute(
            "UPDATE targets SET error = char(27) || '[2J', account = account || char(27) || '[2J'"
        )
        connection.commit()
    assert "\"'=cmd()" in offline(capfd, copy, "--output", "csv")
    for output in ("json", "jsonl", "summary", "table", "tree"):
        assert "\x1b[2J" not in offline(capfd, copy, "--output", output), output


def test_processes_list_as_threads_do(fleet: LocalFleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    command = [sys.executable, "-m", "imagebuilder_pager", "lifecycle-report", "--output", "jsonl"]
    command += ["--targets", write_targets(tmp_path), "--database", str(path)]
    command += ["--executor", "processes"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) == len(expected_records(fleet))


def test_the_reader_of_the_output_may_leave(database: Path) -> None:
    command = f"{sys.executable} -m imagebuilder_pager lifecycle-report --offline --output jsonl"
    ran = subprocess.run(
        f"{command} --database {database} | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ),
    )
    assert (ran.stdout.count("\n"), ran.stderr) == (1, "")


def test_the_loggers_are_left_as_they_were(
    fleet: LocalFleet, capfd: pytest.CaptureFixture[str]
) -> None:
    def handlers() -> list[Any]:
        return [
            logging.getLogger(f"imagebuilder_pager{name}").handlers for name in ("", ".fleet.run")
        ]

    before = [list(found) for found in handlers()]
    report(capfd, "--region", "us-west-2", "--no-children", "--debug")
    assert [list(found) for found in handlers()] == before


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"])
def test_a_setting_that_is_not_valid_ends_the_command_and_is_of_no_target(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "0")
    result = report(capfd, "--region", "us-west-2")
    assert result.code == 253
    assert f"{name}: '0' given; allowed: " in result.err
