"""The file of a fleet's database: its mode, its lock, its readers, and files that are refused."""

import os
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagebuilder_pager.exceptions import CheckpointError, CheckpointLockedError
from imagebuilder_pager.fleet import FleetDatabase
from imagebuilder_pager.fleet.listings import Scope
from imagebuilder_pager.fleet.store import RunStore
from tests.fakes.fleets import TARGET, query

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def begin(database: FleetDatabase) -> None:
    RunStore(database, Scope(), [TARGET], MONDAY)


def test_a_new_file_is_readable_by_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with FleetDatabase(path) as database:
            begin(database)
            modes = {file.name: file.stat().st_mode for file in path.parent.glob("fleet.sqlite*")}
    finally:
        os.umask(before)
    assert modes.keys() == {"fleet.sqlite", "fleet.sqlite-wal", "fleet.sqlite-shm"}
    assert set(map(stat.S_IMODE, modes.values())) == {0o600}


def link_to_another(path: Path) -> None:
    path.with_name("other").touch()
    path.symlink_to(path.with_name("other"))


def give_second_name(path: Path) -> None:
    FleetDatabase(path).close()
    os.link(path, path.with_name("second"))


def create_other_table(path: Path) -> None:
    query(path, "CREATE TABLE mine (x)")


def set_other_version(path: Path) -> None:
    FleetDatabase(path).close()
    query(path, "PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (link_to_another, "not a regular file"),
        (give_second_name, "has another name, a hard link"),
        (lambda path: path.write_text("not a database, " * 100), "is not a database; give another"),
        (lambda path: path.write_text("x"), "is not a database; give another file"),
        (create_other_table, "of another program"),
        (set_other_version, "has version 99 of the schema"),
    ],
)
def test_any_other_file_is_refused_and_stays_as_it_is(
    make: Callable[[Path], object], problem: str, path: Path
) -> None:
    make(path)
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=problem):
        FleetDatabase(path)
    assert path.read_bytes() == content


def test_a_database_is_read_while_a_run_has_it_and_nothing_is_written(path: Path) -> None:
    with FleetDatabase(path) as database:
        begin(database)
        with FleetDatabase(path, read_only=True) as reader:
            assert len(list(reader.query("SELECT * FROM runs"))) == 1
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                begin(reader)
        other = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        count = "SELECT count(*) FROM runs"
        begin(database)
        assert other.execute(count).fetchone() == (2,)
        other.execute("BEGIN")
        other.execute(count).fetchone()
        begin(database)
        assert other.execute(count).fetchone() == (2,)
        other.close()
        with pytest.raises(CheckpointLockedError, match="in use by another run"):
            FleetDatabase(path)
    FleetDatabase(path).close()
    with pytest.raises(sqlite3.OperationalError):
        FleetDatabase(path.with_name("nothing"), read_only=True)


def test_each_error_of_sqlite_names_the_path(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    with pytest.raises(sqlite3.DatabaseError, match=f"^{path}: file is not a database$"):
        FleetDatabase(path)
    path.unlink()
    with FleetDatabase(path) as database:
        with pytest.raises(sqlite3.OperationalError, match=f"^{path}: no such table: x$"):
            database.query("SELECT * FROM x")
        database.query("PRAGMA busy_timeout = 0")
        with sqlite3.connect(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match=f"^{path}: database is locked$"):
                database.prune(MONDAY)
        other.execute("DROP TABLE listings")
        other.close()
        with pytest.raises(sqlite3.OperationalError, match=f"^{path}: no such table: .*listings$"):
            database.prune(MONDAY)


def test_a_forked_process_does_not_write_into_the_database_of_its_parent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FleetDatabase(path) as database:
        monkeypatch.setattr(os, "getpid", lambda: 0)
        with pytest.raises(CheckpointLockedError, match="was opened by another process"):
            begin(database)
    assert query(path, "SELECT * FROM runs") == query(path, "SELECT * FROM targets") == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM executions WHERE end_time >= '2026-01-01'",
        "SELECT * FROM executions WHERE policy_arn = 'a' ORDER BY start_time",
        "SELECT * FROM resources WHERE resource_id = 'ami-1'",
        "SELECT * FROM resources WHERE status = 'FAILED' AND execution_id = 'lce'",
        "SELECT * FROM snapshots WHERE snapshot_id = 'snap-1'",
        "SELECT * FROM listings WHERE target_id = 1 AND NOT complete AND listing_id > 5",
    ],
)
def test_the_queries_of_the_report_use_an_index(sql: str, path: Path) -> None:
    FleetDatabase(path).close()
    ((*_, plan),) = query(path, f"EXPLAIN QUERY PLAN {sql}")
    assert plan.startswith("SEARCH")
