"""The outputs of the report have the same counts, and these are boto3's."""

import csv
import datetime as dt
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagebuilder_pager.cli.main import main
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import PAST, make_fleet, report_offline, role_arn, serve_fleet

Capture = pytest.CaptureFixture[str]
STATUSES = ("SUCCESS", "FAILED", "SKIPPED", "IN_PROGRESS")
STATES = {"FAILED": "failed", "SUCCESS": "successful", "CANCELLED": "other"}


class Counted:
    """The number of a fleet's executions and resources by state, from boto3."""

    def __init__(self, fleet: LocalFleet) -> None:
        self.executions = Counter[str]()
        self.images = Counter[str]()
        self.children = Counter[str]()
        self.snapshots = Counter[str]()
        self.bare = self.policies = 0
        for account in fleet.account_ids:
            sts = boto3.client("sts", fleet.regions[0])
            role = sts.assume_role(RoleArn=role_arn(account), RoleSessionName="count")
            keys = role["Credentials"]
            session = boto3.Session(
                keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
            )
            for region in fleet.regions:
                self._count(session.client("imagebuilder", region))

    def _count(self, client: Any) -> None:
        policies = client.get_paginator("list_lifecycle_policies").paginate()
        for policy in policies.search("lifecyclePolicySummaryList[]"):
            self.policies += 1
            executions = client.get_paginator("list_lifecycle_executions")
            pages = executions.paginate(resourceArn=policy["arn"])
            for execution in pages.search("lifecycleExecutions[]"):
                status = execution["state"]["status"]
                self.executions[STATES.get(status, "unfinished")] += 1
                self._count_resources(client, execution["lifecycleExecutionId"])

    def _count_resources(self, client: Any, execution_id: str) -> None:
        listing = client.get_paginator("list_lifecycle_execution_resources")
        images = list(listing.paginate(lifecycleExecutionId=execution_id).search("resources[]"))
        self.bare += not images
        for image in images:
            self.images[image["state"]["status"]] += 1
            children = listing.paginate(
                lifecycleExecutionId=execution_id, parentResourceId=image["resourceId"]
            )
            for child in children.search("resources[]"):
                self.children[child["state"]["status"]] += 1
                for snapshot in child.get("snapshots", ()):
                    self.snapshots[snapshot["state"]["status"]] += 1


@pytest.fixture(
    scope="module",
    params=[
        {"accounts": 3, "policies": 4, "executions": 8, "resources": 3},
        {"accounts": 2, "policies": 3, "executions": 3, "resources": 0},
        {"accounts": 1, "policies": 5, "executions": 30, "resources": 2},
    ],
    ids=["accounts", "bare", "executions"],
)
def counted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Counted, Path]:
    fleet = make_fleet(("us-west-2", "eu-west-1"), newest=PAST, **request.param)
    folder = tmp_path_factory.mktemp("counts")
    tables = "".join(
        f'[[accounts]]\nname = "team-{number}"\nrole_arn = "{role_arn(account)}"\n'
        for number, account in enumerate(fleet.account_ids)
    )
    targets = folder / "targets.toml"
    targets.write_text('regions = ["us-west-2", "eu-west-1"]\n' + tables)
    path = folder / "fleet.sqlite"
    with serve_fleet(fleet):
        command = ["lifecycle-report", "--targets", str(targets), "--database", str(path)]
        assert main([*command, "--output", "csv"]) == 0
        return Counted(fleet), path


def test_json_has_the_counts_in_all_and_in_each_grouping(
    counted: tuple[Counted, Path], capfd: Capture
) -> None:
    expected, path = counted
    summary = json.loads(report_offline(capfd, path, "--output", "json"))
    for kind in ("executions", "images", "children", "snapshots"):
        assert +Counter(summary["counts"][kind]) == getattr(expected, kind), kind
    for grouping, groups in summary["groups"].items():
        for kind in ("executions", "images", "children"):
            total = sum((Counter(group[kind]) for group in groups), Counter[str]())
            assert total == getattr(expected, kind), (grouping, kind)
    failures = summary["failures"]
    assert summary["hidden_reasons"] == 0
    for kind, status in (("executions", "failed"), ("images", "FAILED"), ("children", "FAILED")):
        number = getattr(expected, kind)[status]
        assert sum(failure[kind] for failure in failures) == number
        places = (place for failure in failures for place in failure["places"])
        assert sum(place[kind] for place in places) == number
    assert len(summary["unfinished"]) == expected.executions["unfinished"]


def test_jsonl_and_csv_have_the_same(counted: tuple[Counted, Path], capfd: Capture) -> None:
    expected, path = counted
    lines = report_offline(capfd, path, "--output", "jsonl").splitlines()
    records = [json.loads(line) for line in lines]
    rows = list(csv.DictReader(io.StringIO(report_offline(capfd, path, "--output", "csv"))))
    for found in (records, rows):
        resources = [one for one in found if one.get("resource_id")]
        images = [one for one in resources if not one.get("parent_id")]
        children = [one for one in resources if one.get("parent_id")]
        assert Counter(one["status"] for one in images) == expected.images
        assert Counter(one["status"] for one in children) == expected.children
        assert len(found) - len(resources) == expected.bare
        executions = {one["execution_id"]: one["execution_status"] for one in found}
        states = Counter(STATES.get(one, "unfinished") for one in executions.values())
        assert states == expected.executions
    snapshots = [one["status"] for record in records for one in record.get("snapshots", ())]
    assert Counter(snapshots) == expected.snapshots
    cells = [cell for row in rows for cell in row["snapshots"].split()]
    assert Counter(cell.partition(":")[2] for cell in cells) == expected.snapshots


@pytest.mark.parametrize("width", [80, 140])
def test_table_and_tree_have_the_same(
    counted: tuple[Counted, Path],
    capfd: Capture,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    expected, path = counted
    monkeypatch.setenv("COLUMNS", str(width))
    table = report_offline(capfd, path, "--output", "table")
    statuses = "|".join(STATUSES)
    for indent, statuses_of in (("", expected.images), ("  ", expected.children)):
        row = rf"^{indent}[^\s─]\S* {{2,}}({statuses}) +[A-Z]+\b"
        assert Counter(re.findall(row, table, re.MULTILINE)) == statuses_of
    assert len(re.findall(r"^  no resources$", table, re.MULTILINE)) == expected.bare
    tree = report_offline(capfd, path, "--output", "tree")
    policies = re.findall(r"^[\w-]+, team-\d/\S+$", tree, re.MULTILINE)
    assert len(policies) == len(set(policies)) == expected.policies
    for start, statuses_of in (
        (r"    [a-z]\S*", expected.images),
        (r"    [├└]── (?!snap)\S+", expected.children),
        (r"    [│ ]   [├└]── snap-\w+", expected.snapshots),
    ):
        found = re.findall(rf"^{start}  ({statuses})\b", tree, re.MULTILINE)
        assert Counter(found) == statuses_of, start
    for shown in (table, tree):
        found = re.findall(r"^(?:  )?lce-\S+  (\w+)", shown, re.MULTILINE)
        assert Counter(STATES.get(one, "unfinished") for one in found) == expected.executions
        assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 140])
def test_the_summary_has_the_same(
    counted: tuple[Counted, Path],
    capfd: Capture,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    expected, path = counted
    monkeypatch.setenv("COLUMNS", str(width))
    out = report_offline(capfd, path)
    assert max(map(len, out.splitlines())) <= width
    for title, counts in (
        ("executions", expected.executions),
        ("images", expected.images),
        ("from them", expected.children),
        ("snapshots", expected.snapshots),
    ):
        line = re.search(rf"^{title} +(\d+)  (.*)$", out, re.MULTILINE)
        assert line is not None
        assert int(line[1]) == counts.total()
        parts = (part.split(" ") for part in line[2].split(", ") if part != "-")
        assert {name: int(number) for number, name in parts} == counts
    for title in ("WEEK", "POLICY", "REGION", "ACCOUNT"):
        match = re.search(rf"^{title} +failed .*\n─+\n((?:\S.*\n)+)", out, re.MULTILINE)
        assert match is not None
        rows = [re.split(r" {2,}", row)[1:] for row in match[1].splitlines()]
        columns = list(zip(*rows, strict=True))
        states = ["failed", "unfinished", "successful", "other"][: len(columns) - 2]
        for state, column in zip(states, columns, strict=False):
            assert sum(int(cell) for cell in column if cell != "·") == expected.executions[state]
        for counts, column in zip((expected.images, expected.children), columns[-2:], strict=True):
            numbers = [tuple(map(int, cell.split("/"))) for cell in column]
            assert sum(failed for failed, _ in numbers) == counts["FAILED"]
            assert sum(number for _, number in numbers) == counts.total()


def test_a_chosen_part_has_its_counts(counted: tuple[Counted, Path], capfd: Capture) -> None:
    expected, path = counted
    failed = json.loads(report_offline(capfd, path, "--status", "failed", "--output", "json"))[
        "counts"
    ]
    assert failed["images"].get("FAILED", 0) == expected.images["FAILED"]
    assert set(failed["images"]) <= {"FAILED"}
    assert set(failed["children"]) <= {"FAILED"}
    assert failed["executions"]["failed"] == expected.executions["failed"]
    parts = [
        json.loads(report_offline(capfd, path, "--region", region, "--output", "json"))["counts"]
        for region in ("us-west-2", "eu-west-1")
    ]
    for kind in ("executions", "images", "children", "snapshots"):
        total = sum((Counter(part[kind]) for part in parts), Counter[str]())
        assert total == getattr(expected, kind)
    since = (PAST - dt.timedelta(days=1)).isoformat()
    recent = json.loads(report_offline(capfd, path, "--since", since, "--output", "json"))["counts"]
    lines = report_offline(capfd, path, "--since", since, "--output", "jsonl").splitlines()
    ids = {json.loads(line)["execution_id"] for line in lines}
    assert sum(recent["executions"].values()) == len(ids)
