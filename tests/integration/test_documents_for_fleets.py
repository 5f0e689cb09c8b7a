"""The examples of the pages about a fleet, run against a local fleet."""

import json
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.fleet import FleetDatabase, load_targets, run_fleet
from imagebuilder_pager.fleet.schema import SCHEMA_VERSION
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.example_programs import ROOT, blocks_of, run
from tests.fakes.fleets import (
    expected_records,
    fleet_environment,
    make_fleet,
    serve_fleet,
    stored_records,
)
from tests.fakes.moto_server import moto_server
from tests.fakes.moto_services import SETTINGS

FLEET = ROOT / "imagebuilder_pager" / "fleet"
NAMES = ("fleet.md", "fleet-accounts.md", "fleet-report.md", "fleet-scale.md")
PAGES = [ROOT / "docs" / name for name in NAMES]
TARGETS = blocks_of(ROOT / "docs" / "fleet.md", "toml")[0]
PYTHON = [block for page in PAGES for block in blocks_of(page)]
QUERIES = [block for page in PAGES for block in blocks_of(page, "sql")]
POLICIES = [json.loads(block) for page in PAGES for block in blocks_of(page, "json")]
(FROM_ORGANIZATION,) = (source for source in PYTHON if "organizations" in source)
PROFILE = "aws_access_key_id = local\naws_secret_access_key = local\n"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalFleet]:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[ops]\n{PROFILE}[build]\n{PROFILE}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets.toml").write_text(TARGETS)
    fleet = make_fleet(("us-west-2", "eu-west-1", "us-east-1"), executions=7, resources=4)
    with serve_fleet(fleet):
        yield fleet


@pytest.mark.parametrize(
    "source", [one for one in PYTHON if "run_fleet" in one and "distributed" not in one]
)
def test_an_example_lists_the_fleet(
    fleet: LocalFleet, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(source)
    assert capsys.readouterr().out == ""
    with closing(sqlite3.connect("fleet.sqlite")) as connection:
        states = connection.execute("SELECT account, region, state FROM targets").fetchall()
    assert sorted(states) == [
        ("111122223333", "eu-west-1", "complete"),
        ("111122223333", "us-west-2", "complete"),
        ("build", "us-east-1", "complete"),
    ]
    assert set(stored_records(Path("fleet.sqlite"))) <= expected_records(fleet)


def test_the_example_for_dask_is_python() -> None:
    (source,) = (one for one in PYTHON if "distributed" in one)
    compile(source, "<example>", "exec")


def test_the_policy_allows_the_calls_of_the_code_and_no_more() -> None:
    code = "".join(path.read_text() for path in FLEET.glob("*.py"))
    called = {row.name for method, row in OPERATIONS.items() if f'"{method}"' in code}
    (statement,) = POLICIES[0]["Statement"]
    assert statement["Effect"] == "Allow"
    assert len(called) >= 4
    assert statement["Action"] == sorted(f"imagebuilder:{name}" for name in called)


def test_the_policies_for_assuming_name_the_role_and_the_external_id_of_the_example() -> None:
    account = tomllib.loads(TARGETS)["accounts"][0]
    (trust,), (assume,) = (policy["Statement"] for policy in POLICIES[1:])
    assert trust["Action"] == assume["Action"] == "sts:AssumeRole"
    assert trust["Condition"]["StringEquals"] == {"sts:ExternalId": account["external_id"]}
    assert account["role_arn"].endswith(assume["Resource"].removeprefix("arn:aws:iam::*"))


def test_the_accounts_of_an_organization_become_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with moto_server() as url:
        client = boto3.session.Session(**SETTINGS).client("organizations", endpoint_url=url)
        client.create_organization()
        created = [
            client.create_account(AccountName=name, Email=f"{number}@example.com")
            for number, name in enumerate(("build", 'a "name"', "closed"))
        ]
        *kept, closed = (one["CreateAccountStatus"]["AccountId"] for one in created)
        client.close_account(AccountId=closed)
        client.close()
        for name, value in fleet_environment(url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", SETTINGS["region_name"])
        run(FROM_ORGANIZATION)
    targets = load_targets("targets.toml")
    assert capsys.readouterr().out == f"{len(targets)} targets\n"
    accounts = {target.account.account_id for target in targets}
    assert accounts.issuperset(kept)
    assert len(accounts) == len(kept) + 1  # the management account
    assert {target.region for target in targets} == {"us-west-2", "eu-west-1"}


def test_the_queries_return_rows(fleet: LocalFleet) -> None:
    assert len(QUERIES) == 2
    with FleetDatabase("fleet.sqlite") as database:
        run_fleet(load_targets("targets.toml"), database)
        ((ami,),) = database.query("SELECT min(resource_id) FROM resources WHERE parent_id <> ''")
        for query in QUERIES:
            text = query.replace("ami-0123456789abcdef0", ami).replace("-7 days", "-900 days")
            assert list(database.query(text)), query


def test_the_schema_has_the_tables_and_columns_that_the_document_names(tmp_path: Path) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", text, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", f"{text} {key}")) for name, text, key in rows}
    with FleetDatabase(tmp_path / "fleet.sqlite") as database:
        assert [row[0] for row in database.query("PRAGMA user_version")] == [SCHEMA_VERSION]
        tables = database.query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        for (table,) in tables:
            columns = {row["name"] for row in database.query(f"PRAGMA table_info({table})")}
            assert documented[table] <= columns
            if table in {"policies", "executions", "resources"}:
                assert documented[table] == columns
