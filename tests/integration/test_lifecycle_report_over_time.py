"""The report over several runs: its coverage, changes, failures and exit codes."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.cli.lifecycle_report.plain_formats import COLUMNS
from imagebuilder_pager.cli.lifecycle_report.report import summarize
from imagebuilder_pager.cli.lifecycle_report.selection import Selection
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.fleet import Account, FleetDatabase, Target
from tests.fakes.clocks import FakeClock
from tests.fakes.command_line import CommandResult
from tests.fakes.fleets import (
    PAST,
    REGION,
    TARGET,
    Serve,
    make_fleet,
    query,
    role_arn,
    run,
    serve_fleet,
)
from tests.fakes.fleets import report as run_report
from tests.fakes.moving_fleets import execution_id, fleet_of, make_execution

DAY = dt.timedelta(days=1)
DENIED = Target(Account("arn:aws:iam::999999999999:role/Reader", name="closed"), REGION)

Report = Callable[..., CommandResult]


@pytest.fixture
def report(
    path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Report:
    monkeypatch.setenv("COLUMNS", "1000")
    return partial(run_report, capfd, "--database", str(path), "--offline")


def list_fleet(path: Path, *targets: Target, now: dt.datetime = PAST, **arguments: Any) -> None:
    run(path, targets or (TARGET,), clock=FakeClock(now), **arguments)


def summary_of(path: Path, selection: Selection | None = None, **arguments: Any) -> dict[str, Any]:
    with FleetDatabase(path, read_only=True) as database:
        return summarize(database, selection or Selection(), **arguments)


def store(path: Path, *executions: Any, targets: tuple[Target, ...] = ()) -> None:
    """List the executions once."""
    with serve_fleet(fleet_of(*executions)):
        list_fleet(path, *targets)


def failed(number: int, reason: str, **arguments: Any) -> Any:
    return make_execution(number, "FAILED", reason=reason, **arguments)


def end_of(days: int) -> dt.datetime:
    return PAST - days * DAY


def test_it_begins_with_the_coverage(serve: Serve, path: Path, report: Report) -> None:
    fleet = serve(make_fleet(accounts=3, policies=1, executions=1, resources=1, newest=PAST))
    accounts = [
        Account(role_arn(account), name=f"team-{number}")
        for number, account in enumerate(fleet.account_ids)
    ]
    targets = [Target(account, REGION) for account in accounts]
    list_fleet(path, *targets)
    gone = replace(accounts[1], role_arn="arn:aws:iam::999999999999:role/Reader")
    list_fleet(path, targets[0], Target(gone, REGION), DENIED, now=PAST + DAY)
    result = report()
    assert result.code == 254
    head, failures = result.out.splitlines()[:6], result.out.splitlines()[6:8]
    assert head == [
        "1 of 3 targets complete up to 2026-03-02 00:00 UTC; 2 failed",
        "Oldest gap: team-1/us-west-2, complete up to 2026-03-01 00:00",
        "Never listed completely: closed/us-west-2",
        "Not in the newest run, but in the database: 1 target",
        "",
        "Failed and incomplete targets",
    ]
    places = [line.partition(":")[0] for line in failures]
    assert places == ["  failed  closed/us-west-2", "  failed  team-1/us-west-2"]
    assert "team-2/us-west-2:" not in result.out
    accounts_table = result.out.rpartition("ACCOUNT")[2]
    assert all(name in accounts_table for name in ("team-0", "team-1", "team-2"))
    assert "123456789012" not in accounts_table
    records = map(json.loads, report("--output", "jsonl").out.splitlines())
    assert ("team-2", fleet.account_ids[2]) in {
        (record["account"], record["account_id"]) for record in records
    }


def test_unfinished_executions_cut_off_no_targets_and_reasons(path: Path, report: Report) -> None:
    unfinished = [make_execution(number, "IN_PROGRESS") for number in range(30)]
    reasons = [failed(100 + n, f"the reason {'x' * n}.", images=0) for n in range(25)]
    store(path, *unfinished, *reasons, targets=(TARGET, DENIED))
    out = report().out
    assert "failed  closed/us-west-2: " in out
    assert "and 5 more reasons" in out
    assert "and 25 more\n" in out
    assert out.index("failed  closed/") < out.index("the reason") < out.index("IN_PROGRESS  lce")


def test_a_run_under_way_is_not_a_stopped_run(serve: Serve, path: Path, report: Report) -> None:
    fleet = serve(fleet_of(make_execution(1)))
    results: list[CommandResult] = []

    def look() -> None:
        results.append(report("--fail-on", "incomplete"))

    fleet.before(look, "ListLifecycleExecutionResources", number=1)
    list_fleet(path)
    (during,) = results
    assert during.code == 0
    assert during.out.startswith("A run is under way, since 2026-03-01 00:00.\n")
    assert "0 of 1 targets complete; 1 running" in during.out
    assert report().code == 0
    query(path, "UPDATE targets SET state = 'running'")  # as a run that is killed leaves it
    query(path, "UPDATE runs SET ended = NULL")
    (path.parent / f".{path.name}.lock").touch()
    stopped = report()
    assert stopped.code == 254
    assert "1 stopped" in stopped.out
    assert "the run was stopped before its end" in stopped.out


def test_failures_are_counted_by_reason_and_place(path: Path, report: Report) -> None:
    store(
        path,
        failed(1, "AMI ami-0123456789abcdef0 is in use.", end=end_of(9), images=0),
        failed(2, "AMI ami-00000000000000001 is in use.", end=end_of(2), images=0),
        failed(3, "AMI ami-00000000000000002 is in use.", end=end_of(5), images=0),
        failed(4, "AccessDenied", end=end_of(1), images=0),
        make_execution(5, images=2, state={"status": "FAILED", "reason": "AccessDenied"}),
    )
    summary = summary_of(path)
    denied, in_use = summary["failures"]
    numbers = [denied[kind] for kind in ("executions", "images", "children")]
    assert (denied["reason"], numbers) == ("AccessDenied", [1, 2, 2])
    assert (in_use["reason"], in_use["executions"]) == ("AMI ami-… is in use.", 3)
    (place,) = in_use["places"]
    assert (place["account"], place["region"]) == ("default", REGION)
    assert place["execution_id"] == execution_id(2)
    # One failed image with its AMI is one image, and one thing made from it.
    assert summary["counts"]["images"] == {"FAILED": 2}
    assert summary["counts"]["children"] == {"FAILED": 2}
    assert summary["groups"]["account"][0]["executions"]["failed"] == 4
    section = report().out.partition("What failed, and why")[2].partition("WEEK")[0]
    shown = re.findall(r"^ +(\d+ \w+)", section, re.MULTILINE)
    assert shown == ["1 execution", "2 images", "2 from", "3 executions"]


def test_changes_since_the_run_before(serve: Serve, path: Path, report: Report) -> None:
    before = [
        failed(1, "No.", policy=0, end=end_of(3)),
        make_execution(2, policy=1, end=end_of(3)),
        make_execution(3, "IN_PROGRESS", policy=2, end=end_of(3)),
        failed(4, "Still no.", policy=3, end=end_of(3)),
    ]
    fleet = serve(fleet_of(*before))
    list_fleet(path, now=end_of(2))
    assert summary_of(path)["changes"] is None
    fleet.put(
        make_execution(11, policy=0, end=end_of(1)),
        failed(12, "Not any more.", policy=1, end=end_of(1)),
        make_execution(3, policy=2, end=end_of(2)),
        failed(14, "Still no.", policy=3, end=end_of(1)),
    )
    list_fleet(path)
    changes = summary_of(path)["changes"]
    assert changes["since"] == "2026-02-27T00:00:00.000Z"
    assert changes["new"] == {"failed": 2, "unfinished": 0, "successful": 1, "other": 0}
    assert changes["ended"] == {"failed": 0, "unfinished": 0, "successful": 1, "other": 0}
    assert [row["execution_id"] for row in changes["failing"]] == [execution_id(12)]
    assert [row["execution_id"] for row in changes["recovered"]] == [execution_id(11)]
    out = report().out
    assert "Policies that fail since the run before" in out
    assert "policy-1, default/us-west-2: Not any more." in out
    assert "Policies that have recovered" in out


def test_only_a_newer_execution_changes_the_state_of_a_policy(serve: Serve, path: Path) -> None:
    newest = [make_execution(1, policy=0, end=end_of(3)), failed(2, "No.", policy=1, end=end_of(3))]
    late = make_execution(3, "IN_PROGRESS", policy=0, end=end_of(4))
    older = [failed(4, "No.", policy=0, end=end_of(9)), make_execution(5, policy=1, end=end_of(9))]
    fleet = serve(fleet_of(*newest, late, make_execution(7, "IN_PROGRESS", policy=2)))
    list_fleet(path, now=end_of(2))
    ended = failed(3, "Late.", policy=0, end=end_of(4))
    fleet.put(ended, *older, failed(6, "Never seen.", policy=2, end=end_of(8)))
    list_fleet(path, now=end_of(1))
    changes = summary_of(path)["changes"]
    assert (changes["new"]["failed"], changes["ended"]["failed"]) == (2, 1)
    assert (changes["failing"], changes["recovered"]) == ([], [])
    with FleetDatabase(path) as database:
        database.prune(end_of(2))
    list_fleet(path)  # without a bound, all come back
    changes = summary_of(path)["changes"]
    assert changes["new"]["failed"] == 4
    assert (changes["failing"], changes["recovered"]) == ([], [])


def test_stopped_policies_and_long_executions(serve: Serve, path: Path, report: Report) -> None:
    daily = [make_execution(n, policy=0, end=end_of(n)) for n in range(4)]
    stopped = [make_execution(10 + n, policy=1, end=end_of(5 + n)) for n in range(4)]
    deleted = [make_execution(20 + n, policy=2, end=end_of(5 + n)) for n in range(4)]
    long = make_execution(30, "IN_PROGRESS", policy=3, end=end_of(2))
    short = make_execution(31, "PENDING", policy=3, end=PAST)
    fleet = serve(fleet_of(*daily, *stopped, *deleted, long, short))
    list_fleet(path)
    fleet.remove_policy(2)
    list_fleet(path, now=PAST + DAY / 4)
    summary = summary_of(path, stale_after=DAY)
    found = {row["policy"]: row["cause"] for row in summary["stopped_policies"]}
    assert found == {"policy-1": None, "policy-2": "deleted"}
    assert {row["interval_days"] for row in summary["stopped_policies"]} == {1.0}
    rows = [(row["execution_id"], row["is_long"]) for row in summary["unfinished"]]
    assert rows == [(execution_id(30), True), (execution_id(31), False)]
    assert summary["long"] == 1
    out = report().out
    assert "policy-2, default/us-west-2: before, every 24 hours or more often; it is deleted" in out
    assert "Executions that have not ended, 1 of them for long" in out


def test_status_action_and_reason_choose_records(path: Path, report: Report) -> None:
    good = make_execution(1, images=2)
    mixed = make_execution(2, images=2)
    first, second = mixed.resources
    state = {"status": "FAILED", "reason": "AMI is in USE."}
    mixed = replace(
        mixed, resources=({**first, "state": state}, {**second, "action": {"name": "DISABLE"}})
    )
    store(path, good, mixed, failed(3, "Nobody may.", images=1))

    def chosen(*arguments: str) -> list[tuple[str, str | None]]:
        lines = map(json.loads, report("--output", "jsonl", *arguments).out.splitlines())
        return sorted(
            (line["execution_id"][4:12], line.get("resource_id", "-").rpartition("image/")[2])
            for line in lines
        )

    assert chosen("--status", "failed") == [("00000002", "web/2.0.0/1"), ("00000003", "-")]
    assert chosen("--status", "failed", "--reason", "in use") == [("00000002", "web/2.0.0/1")]
    assert chosen("--reason", "nobody") == [("00000003", "-")]
    assert chosen("--action", "disable") == [("00000002", "web/2.0.1/1")]
    assert len(chosen("--status", "FAILED", "--status", "SUCCESS")) == 5 * 2
    summary = summary_of(path, Selection(statuses=("FAILED",)))
    assert summary["counts"]["executions"] == {
        **dict.fromkeys(("unfinished", "other"), 0),
        **dict.fromkeys(("failed", "successful"), 1),
    }
    assert "No lifecycle execution is chosen." in report("--until", "2000-01-01").out


def test_the_summary_has_the_selection(path: Path, report: Report) -> None:
    store(path, failed(1, "No.", images=0))
    assert "Only" not in report().out
    chosen = report("--region", REGION, "--status", "failed", "--since", "2000-01-01").out
    assert "Only regions us-west-2; statuses FAILED; since 2000-01-01 00:00. Changes " in chosen
    assert "  1 execution  No." in chosen
    assert "all times" not in report("--region", REGION).out
    page = report("--output", "html", "--status", "failed").out
    assert "Changes and policies that have stopped are of all times" in page


def test_targets_that_were_stopped_are_on_one_line(path: Path, report: Report) -> None:
    store(path, make_execution(1), targets=(TARGET, DENIED))
    query(path, "UPDATE targets SET state = 'running', error = NULL, error_type = NULL")
    places = "closed/us-west-2, default/us-west-2"
    assert f"{places}: the run was stopped before its end" in report().out
    assert f"<td>{places}</td>" in report("--output", "html").out


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        (("--account", "nobody"), "--account: 'nobody' given; allowed: 123456789012, 9999"),
        (("--region", "eu-west-1"), "--region: 'eu-west-1' given; allowed: us-west-2"),
    ],
)
def test_an_account_or_region_of_no_target_is_an_error(
    choice: tuple[str, ...], problem: str, serve: Serve, path: Path, report: Report
) -> None:
    serve(fleet_of(make_execution(1)))
    list_fleet(path, TARGET, DENIED)
    for name in ("999999999999", "closed"):  # by its role's ARN, and its name
        assert report("--account", name, "--fail-on", "incomplete").code == 4
    result = report("--fail-on", "failed,incomplete,stale", *choice)
    assert (result.code, result.out) == (252, "")
    assert problem in result.err
    listing = ["lifecycle-report", "--database", str(path), "--region", REGION]
    runs = query(path, "SELECT run_id FROM runs")
    assert main([*listing, "--account", "nobody", "--prune", "0d"]) == 252
    assert query(path, "SELECT run_id FROM runs") == runs
    assert main([*listing, "--account", "123456789012"]) == 0  # known once it is listed
    assert main([*listing, "--account", "123456789013"]) == 252
    assert stored_ids(path) == {execution_id(1)}


def test_without_a_run_nothing_is_complete(path: Path, report: Report) -> None:
    FleetDatabase(path).close()
    codes = {"failed": 254, "incomplete": 4, "stale": 5}
    assert {one: report("--fail-on", one).code for one in codes} == codes
    # A run without targets.
    query(path, "INSERT INTO runs (started, children) VALUES ('2026-03-01', 1)")
    page = report("--output", "html")
    assert (page.code, page.out.count("</html>")) == (254, 1)


def test_every_output_has_the_reason_of_a_snapshot_alone(path: Path, report: Report) -> None:
    execution = make_execution(1, images=2)
    snapshot = {"snapshotId": "snap-01", "state": {"status": "FAILED", "reason": "It is in use."}}
    (arn, group), *_ = execution.children_by_parent.items()
    changed = tuple({**child, "snapshots": [snapshot]} for child in group[:1])
    children = {**execution.children_by_parent, arn: changed}
    store(path, replace(execution, children_by_parent=children))
    (failure,) = summary_of(path)["failures"]
    assert (failure["reason"], failure["snapshots"]) == ("It is in use.", 1)
    assert failure["places"][0]["resource_id"] == "snap-01"
    for output in ("summary", "html", "json", "jsonl", "csv", "tree", "table"):
        result = report("--output", output, "--fail-on", "failed")
        assert (result.code, result.out.count("It is in use.")) == (3, 1), output
    for choice in (("--status", "failed"), ("--reason", "In use")):
        (line,) = report("--output", "jsonl", *choice).out.splitlines()
        assert "snap-01" in line
    assert not report("--output", "jsonl", "--reason", "in use", "--status", "success").out


def test_the_first_condition_that_holds_sets_the_exit_code(path: Path, report: Report) -> None:
    store(path, failed(1, "No."), targets=(TARGET, DENIED))
    codes = {"failed": 3, "incomplete": 4, "stale": 5, "stale,failed": 5, "incomplete,failed": 4}
    assert {conditions: report("--fail-on", conditions).code for conditions in codes} == codes


def test_without_a_condition_that_holds_the_exit_code_is_that_without_any(
    serve: Serve, path: Path, report: Report
) -> None:
    serve(fleet_of(make_execution(1)))
    list_fleet(path, now=dt.datetime.now(dt.UTC))
    assert report("--fail-on", "failed,incomplete,stale").code == 0
    list_fleet(path, TARGET, DENIED)
    assert report("--fail-on", "failed").code == 254
    assert report("--fail-on", "failed", "--account", "default").code == 0
    assert report("--fail-on", "stale", "--stale-after", "9999w").code == 5  # never listed


def test_csv_has_a_row_for_each_record_and_no_formula(path: Path, report: Report) -> None:
    snapshot = {"snapshotId": "=snap", "state": {"status": "SUCCESS"}}
    execution = make_execution(1, images=5, snapshots=[snapshot])
    texts = ["=1+1", "\r=1", "a\r\nb\n=c", "  @x", '-"quoted",'] * 3
    resources = tuple(
        {**image, "state": {"status": "FAILED", "reason": text}, "snapshots": []}
        for image, text in zip(execution.resources, texts, strict=False)
    )
    store(path, replace(execution, resources=resources))
    out = report("--output", "csv").out
    assert len(out.splitlines()) == 1 + 10
    header, *rows = csv.reader(io.StringIO(out))
    assert tuple(header) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert all(line[0] == line[-1] == '"' for line in out.splitlines())
    assert not [cell for row in rows for cell in row if cell.lstrip()[:1] in {*"=+-@"}]
    reasons = [dict(zip(COLUMNS, row, strict=True))["reason"] for row in rows]
    assert {"'=1+1", "' =1", "a b =c", "'  @x", '\'-"quoted",'} < set(reasons)
    assert sum(row[-2] == "'=snap:SUCCESS" for row in rows) == 5
    assert report("--output", "csv", "--reason", "x!").out == f"{out.splitlines()[0]}\n"


def test_prune_deletes_executions_and_their_rows(serve: Serve, path: Path, report: Report) -> None:
    old, new = make_execution(1, end=end_of(400)), make_execution(2, end=end_of(10))
    serve(fleet_of(old, new, make_execution(3, "IN_PROGRESS", end=end_of(400))))
    list_fleet(path)
    bound = end_of(100).isoformat()
    result = report("--prune", bound)
    assert (result.code, result.err) == (0, "--prune: deleted 1 execution.\n")
    assert stored_ids(path) == {execution_id(2), execution_id(3)}
    assert summary_of(path)["coverage"]["complete_since"] == "2025-11-21T00:00:00.000Z"
    command = ["lifecycle-report", "--database", str(path), "--region", REGION]
    assert main([*command, "--prune", bound]) == 0  # and lists none of it
    assert stored_ids(path) == {execution_id(2), execution_id(3)}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--prune", "0d", "--policy", "web"), "--policy: 'web' given; allowed: "),
        (("--prune", "1d", "--until", "5d"), "--until: not after --prune; allowed: a later time"),
        (("--prune", "2999-01-01"), "--prune: a time in the future given; allowed: an earlier one"),
    ],
)
def test_nothing_is_deleted_if_an_option_is_invalid(
    path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    store(path, make_execution(1))
    result = run_report(capfd, "--database", str(path), "--region", REGION, *arguments)
    assert result.code == 252
    assert problem in result.err
    assert "Run the command again" not in result.err
    assert stored_ids(path) == {execution_id(1)}


def stored_ids(path: Path) -> set[str]:
    """Return the executions with rows in any table."""
    tables = ("executions", "listings", "resources", "snapshots")
    return {id_ for table in tables for (id_,) in query(path, f"SELECT execution_id FROM {table}")}


@pytest.mark.parametrize(
    ("runs", "since", "until"),
    [
        ([(20, 10)], "02-09", "02-19"),
        ([(20, 10), (10, 5)], "02-09", "02-24"),
        ([(10, 5), (20, 10)], "02-09", "02-24"),
        ([(20, 10), (5, 0)], "02-24", "03-01"),
        ([(5, 0), (20, 10)], "02-24", "03-01"),
        ([(20, 10), (None, 5)], "", "02-24"),
    ],
)
def test_the_period_of_a_target_grows_by_runs_without_a_gap(
    runs: list[tuple[int | None, int]], since: str, until: str, serve: Serve, path: Path
) -> None:
    serve(fleet_of(make_execution(1)))
    for first, last in runs:
        list_fleet(path, since=None if first is None else end_of(first), until=end_of(last))
    coverage = summary_of(path)["coverage"]
    assert (coverage["complete_since"] or "")[5:10] == since
    assert coverage["complete_until"][5:10] == until
