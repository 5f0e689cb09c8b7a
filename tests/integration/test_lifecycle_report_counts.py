"""The outputs of the report have the same counts, and these are the service's."""

import csv
import datetime as dt
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imagebuilder_pager.fleet import Account, make_targets
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import (
    PAST,
    Key,
    expected_records,
    make_fleet,
    report_offline,
    role_arn,
    run,
    serve_fleet,
)

REGIONS = ("us-west-2", "eu-west-1")
STATUSES = "SUCCESS|FAILED|SKIPPED|IN_PROGRESS"
STATES = {"FAILED": "failed", "SUCCESS": "successful", "CANCELLED": "other"}

#: The numbers of executions, images, children and snapshots by state.
Counts = dict[str, Counter[str]]
Report = Callable[..., str]


def count_fleet(fleet: LocalFleet) -> Counts:
    """Return the counts, with the policies and the executions without resources."""
    kinds = ("executions", "images", "children", "snapshots", "policies", "bare")
    counts = {kind: Counter[str]() for kind in kinds}
    for account in itertools.starmap(
        fleet.account, itertools.product(fleet.account_ids, fleet.regions)
    ):
        counts["policies"]["in all"] += len(account.policies)
        counts["executions"] += states_of(
            execution.lifecycle_execution_state["status"] for execution in account.executions
        )
        for execution in account.executions:
            counts["bare"]["in all"] += not execution.resources
            children = [*itertools.chain(*execution.children_by_parent.values())]
            snapshots = itertools.chain(*(child.get("snapshots", ()) for child in children))
            for kind, resources in (
                ("images", execution.resources),
                ("children", children),
                ("snapshots", snapshots),
            ):
                counts[kind].update(resource["state"]["status"] for resource in resources)
    return counts


class Counted(NamedTuple):
    """A listed fleet, its records and counts, and the width of the terminal to show it in."""

    records: set[Key]
    expected: Counts
    path: Path
    width: int


@pytest.fixture(
    scope="module",
    params=[
        ({"accounts": 3, "policies": 2, "executions": 7, "resources": 3}, 80),
        ({"accounts": 2, "policies": 3, "executions": 3, "resources": 0}, 140),
        ({"accounts": 1, "policies": 3, "executions": 14, "resources": 2}, 140),
    ],
    ids=["accounts", "bare", "executions"],
)
def counted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Counted:
    size, width = request.param
    fleet = make_fleet(REGIONS, newest=PAST, **size)
    path = tmp_path_factory.mktemp("counts") / "fleet.sqlite"
    accounts = [
        Account(role_arn(account), name=f"team-{number}")
        for number, account in enumerate(fleet.account_ids)
    ]
    with serve_fleet(fleet):
        assert not run(path, make_targets(accounts, REGIONS)).failures
    return Counted(expected_records(fleet), count_fleet(fleet), path, width)


@pytest.fixture
def expected(counted: Counted) -> Counts:
    return counted.expected


@pytest.fixture
def report(
    counted: Counted, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Report:
    monkeypatch.setenv("COLUMNS", str(counted.width))
    return partial(report_offline, capfd, counted.path)


def states_of(statuses: Any) -> Counter[str]:
    return Counter(STATES.get(status, "unfinished") for status in statuses)


def test_json_has_the_counts_in_all_and_in_each_grouping(expected: Counts, report: Report) -> None:
    summary = json.loads(report("--output", "json"))
    for kind in ("executions", "images", "children", "snapshots"):
        assert +Counter(summary["counts"][kind]) == expected[kind], kind
    for grouping, groups in summary["groups"].items():
        for kind in ("executions", "images", "children"):
            total = sum((Counter(group[kind]) for group in groups), Counter[str]())
            assert total == expected[kind], (grouping, kind)
    failures = summary["failures"]
    assert summary["hidden_reasons"] == 0
    for kind, status in (("executions", "failed"), ("images", "FAILED"), ("children", "FAILED")):
        number = expected[kind][status]
        assert sum(failure[kind] for failure in failures) == number
        places = (place for failure in failures for place in failure["places"])
        assert sum(place[kind] for place in places) == number
    assert len(summary["unfinished"]) == expected["executions"]["unfinished"]


def test_jsonl_and_csv_have_each_resource_once(
    expected: Counts, report: Report, counted: Counted
) -> None:
    records = list(map(json.loads, report("--output", "jsonl").splitlines()))
    resources = [record for record in records if "resource_id" in record]
    place = ("execution_id", "parent_id", "resource_id", "resource_account", "resource_region")
    keys = [tuple(record.get(name, "") for name in place) for record in resources]
    assert sorted(keys) == sorted(counted.records)
    for kind, is_child in (("images", False), ("children", True)):
        statuses = (one["status"] for one in resources if ("parent_id" in one) == is_child)
        assert Counter(statuses) == expected[kind]
    assert len(records) - len(resources) == expected["bare"].total()
    executions = {record["execution_id"]: record["execution_status"] for record in records}
    assert states_of(executions.values()) == expected["executions"]
    snapshots = [one["status"] for record in records for one in record.get("snapshots", ())]
    assert Counter(snapshots) == expected["snapshots"]
    rows = csv.DictReader(io.StringIO(report("--output", "csv")))
    for row, record in zip(rows, records, strict=True):
        names = (*place, "execution_status", "status")
        assert [row[name] for name in names] == [record.get(name, "") for name in names]
        cells = [f"{one['snapshot_id']}:{one['status']}" for one in record.get("snapshots", ())]
        assert row["snapshots"].split() == cells


def test_table_and_tree_have_the_same(expected: Counts, report: Report, counted: Counted) -> None:
    table, tree = report("--output", "table"), report("--output", "tree")
    for output, pattern, kind in (
        (table, rf"^[^\s─]\S* {{2,}}({STATUSES}) +[A-Z]+\b", "images"),
        (table, rf"^  [^\s─]\S* {{2,}}({STATUSES}) +[A-Z]+\b", "children"),
        (tree, rf"^    [a-z]\S*  ({STATUSES})\b", "images"),
        (tree, rf"^    [├└]── (?!snap)\S+  ({STATUSES})\b", "children"),
        (tree, rf"^    [│ ]   [├└]── snap-\w+  ({STATUSES})\b", "snapshots"),
    ):
        assert Counter(re.findall(pattern, output, re.MULTILINE)) == expected[kind], pattern
    assert len(re.findall(r"^  no resources$", table, re.MULTILINE)) == expected["bare"].total()
    policies = re.findall(r"^[\w-]+, team-\d/\S+$", tree, re.MULTILINE)
    assert len(policies) == len(set(policies)) == expected["policies"].total()
    for output in (table, tree):
        executions = re.findall(r"^(?:  )?lce-\S+  (\w+)", output, re.MULTILINE)
        assert states_of(executions) == expected["executions"]
        assert max(map(len, output.splitlines())) <= counted.width


def test_the_summary_has_the_same(expected: Counts, report: Report, counted: Counted) -> None:
    out = report()
    assert max(map(len, out.splitlines())) <= counted.width
    for kind in ("executions", "images", "children", "snapshots"):
        title = "from them" if kind == "children" else kind
        line = re.search(rf"^{title} +(\d+)  (.*)$", out, re.MULTILINE)
        assert line is not None
        assert int(line[1]) == expected[kind].total()
        parts = (part.split(" ") for part in line[2].split(", ") if part != "-")
        assert {name: int(number) for number, name in parts} == expected[kind]
    for title in ("WEEK", "POLICY", "REGION", "ACCOUNT"):
        match = re.search(rf"^{title} +failed .*\n─+\n((?:\S.*\n)+)", out, re.MULTILINE)
        assert match is not None
        rows = [re.split(r" {2,}", row)[1:] for row in match[1].splitlines()]
        *columns, images, children = zip(*rows, strict=True)
        for state, column in zip(
            ("failed", "unfinished", "successful", "other"), columns, strict=False
        ):
            numbers = (int(cell) for cell in column if cell != "·")
            assert sum(numbers) == expected["executions"][state]
        for kind, column in (("images", images), ("children", children)):
            failed, total = zip(*(map(int, cell.split("/")) for cell in column), strict=True)
            assert (sum(failed), sum(total)) == (expected[kind]["FAILED"], expected[kind].total())


def test_a_chosen_part_has_its_counts(expected: Counts, report: Report) -> None:
    def counts_of(*choice: str) -> Any:
        return json.loads(report("--output", "json", *choice))["counts"]

    failed = counts_of("--status", "failed")
    assert failed["images"].get("FAILED", 0) == expected["images"]["FAILED"]
    assert {*failed["images"], *failed["children"]} <= {"FAILED"}
    assert failed["executions"]["failed"] == expected["executions"]["failed"]
    parts = [counts_of("--region", region) for region in REGIONS]
    for kind in ("executions", "images", "children", "snapshots"):
        assert sum((Counter(part[kind]) for part in parts), Counter[str]()) == expected[kind]
    since = (PAST - dt.timedelta(days=1)).isoformat()
    lines = report("--since", since, "--output", "jsonl").splitlines()
    ids = {json.loads(line)["execution_id"] for line in lines}
    assert sum(counts_of("--since", since)["executions"].values()) == len(ids)
