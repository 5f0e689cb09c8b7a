"""The examples of docs/fleet.md, run against a local fleet."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagebuilder_pager.fleet import FleetDatabase, load_targets, run_fleet
from imagebuilder_pager.fleet.schema import SCHEMA_VERSION
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import expected_records, make_fleet, serve_fleet, stored_records

DOCUMENT = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
TARGETS = next(text for language, text in BLOCKS if language == "toml")
PYTHON = [text for language, text in BLOCKS if language == "python"]
QUERIES = [text for language, text in BLOCKS if language == "sql"]
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


@pytest.mark.parametrize("source", [one for one in PYTHON if "distributed" not in one])
def test_an_example_lists_the_fleet(
    fleet: LocalFleet, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(source, "docs/fleet.md", "exec"), {"__name__": "__main__"})
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
    compile(source, "docs/fleet.md", "exec")


def test_the_queries_return_rows(fleet: LocalFleet) -> None:
    assert len(QUERIES) == 2
    with FleetDatabase("fleet.sqlite") as database:
        run_fleet(load_targets("targets.toml"), database)
        ((ami,),) = database.query("SELECT min(resource_id) FROM resources WHERE parent_id <> ''")
        for query in QUERIES:
            text = query.replace("ami-0123456789abcdef0", ami).replace("-7 days", "-900 days")
            assert list(database.query(text)), query


def test_the_schema_has_the_tables_and_columns_that_the_document_names(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", DOCUMENT, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", f"{text} {key}")) for name, text, key in rows}
    with FleetDatabase(tmp_path / "fleet.sqlite") as database:
        assert [row[0] for row in database.query("PRAGMA user_version")] == [SCHEMA_VERSION]
        for (table,) in database.query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ):
            columns = {row["name"] for row in database.query(f"PRAGMA table_info({table})")}
            assert documented[table] <= columns
            if table in {"policies", "executions", "resources"}:
                assert documented[table] == columns
