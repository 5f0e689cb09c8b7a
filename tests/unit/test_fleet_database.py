"""The database of a fleet: what a run saves, and where the next one goes on."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagebuilder_pager.exceptions import CheckpointError, CheckpointLockedError
from imagebuilder_pager.fleet import Account, FleetDatabase, Target
from imagebuilder_pager.fleet.listings import Failure, Listing, Scope
from imagebuilder_pager.fleet.records import ExecutionRow, Row, Rows
from imagebuilder_pager.fleet.store import RunStore

TARGET = Target(Account(name="build"), "us-west-2")
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
EXECUTION = {"lifecycleExecutionId": "lce-1"}
IMAGE = "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0/1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def begin(database: FleetDatabase) -> RunStore:
    return RunStore(database, Scope(), [TARGET], MONDAY)


def rows(*names: str, status: str = "SUCCESS") -> Rows:
    keys = [("lce-1", "", name, "123456789012", "us-west-2") for name in names]
    resources: list[Row] = [(*key, status, *[None] * 6) for key in keys]
    return Rows([], [], resources, [(*key, "snap-1", status, None) for key in keys])


def save_execution(store: RunStore, *, has_ended: bool = True) -> None:
    status = "SUCCESS" if has_ended else "IN_PROGRESS"
    values = ("123456789012", "us-west-2", "policy", status, None, 1, None, None)
    with store.batch(1) as writer:
        writer.save_policies([("policy", "123456789012", "us-west-2", "policy", None, None)])
        writer.save_executions(
            [ExecutionRow("lce-1", values, has_ended=has_ended, has_no_resources=False)]
        )


def save(
    store: RunStore,
    content: Rows,
    *,
    is_first: bool = True,
    is_finished: bool = True,
    is_complete: bool = True,
) -> None:
    listing = Listing("list_lifecycle_execution_resources", EXECUTION, "policy", listing_id=1)
    with store.batch(1) as writer:
        writer.save_resources(
            listing,
            content,
            is_first=is_first,
            is_finished=is_finished,
            is_complete=is_complete,
        )


def count(path: Path, table: str = "resources") -> int:
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    assert isinstance(number, int)
    return number


def test_a_new_file_is_readable_by_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with FleetDatabase(path) as database:
            begin(database)
            modes = {
                file.name: stat.S_IMODE(file.stat().st_mode)
                for file in path.parent.iterdir()
                if file.name.startswith("fleet.sqlite")
            }
    finally:
        os.umask(before)
    assert modes.keys() == {"fleet.sqlite", "fleet.sqlite-wal", "fleet.sqlite-shm"}
    assert set(modes.values()) == {0o600}


def test_no_link_is_followed(path: Path) -> None:
    (path.parent / "other").touch()
    path.symlink_to(path.parent / "other")
    with pytest.raises(CheckpointError, match="not a regular file"):
        FleetDatabase(path)
    assert not (path.parent / "other").read_bytes()


def test_a_file_with_a_second_name_is_not_taken(path: Path) -> None:
    FleetDatabase(path).close()
    os.link(path, path.with_name("second"))
    with pytest.raises(CheckpointError, match="has another name, a hard link"):
        FleetDatabase(path)


def test_a_database_is_read_while_a_run_has_it_and_nothing_is_written(path: Path) -> None:
    with FleetDatabase(path) as database:
        save(begin(database), rows("ami-1"))
        with FleetDatabase(path, read_only=True) as reader:
            assert len(list(reader.query("SELECT * FROM resources"))) == 1
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                begin(reader)
    with pytest.raises(sqlite3.OperationalError):
        FleetDatabase(path.with_name("nothing"), read_only=True)


def test_a_second_run_on_the_same_database_is_told_so(path: Path) -> None:
    with FleetDatabase(path), pytest.raises(CheckpointLockedError, match="in use by another run"):
        FleetDatabase(path)
    FleetDatabase(path).close()


@pytest.mark.parametrize("content", [b"not a database, " * 100, b"x"])
def test_another_file_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a database; give another file"):
        FleetDatabase(path)
    assert path.read_bytes() == content


def test_each_error_of_sqlite_names_the_path(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    with pytest.raises(sqlite3.DatabaseError, match=f"^{path}: file is not a database$"):
        FleetDatabase(path)
    path.unlink()
    with FleetDatabase(path) as database:
        with pytest.raises(sqlite3.OperationalError, match=f"^{path}: no such table: x$"):
            database.query("SELECT * FROM x")
        with (
            pytest.raises(sqlite3.OperationalError, match=f"^{path}: no such table: x$"),
            database._transaction(),
        ):
            database._connection.execute("DELETE FROM x")
        with sqlite3.connect(path) as other:
            other.execute("BEGIN IMMEDIATE")
            database._connection.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(sqlite3.OperationalError, match=f"^{path}: database is locked$"):
                database.prune(MONDAY)
        other.close()


def test_the_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match="of another program"):
        FleetDatabase(path)
    assert path.read_bytes() == content


def test_another_version_of_the_schema_is_an_error(path: Path) -> None:
    FleetDatabase(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CheckpointError, match="has version 99 of the schema"):
        FleetDatabase(path)


def test_half_a_surrogate_pair_of_the_service_is_stored_as_a_question_mark(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save(store, rows("ami-1", status="\ud800half \u00e9"))
        store.end_target(1, "failed", Failure("ClientError", "\udfff"), MONDAY)
        (row,) = database.query("SELECT status FROM resources")
        (target,) = database.query("SELECT error FROM targets")
    assert (row["status"], target["error"]) == ("?half \u00e9", "?")


def test_a_listing_that_is_made_again_replaces_what_there_was(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save_execution(store)
        save(store, rows("ami-1", "ami-2"), is_complete=False)
        save(store, rows("ami-2", "ami-3", status="FAILED"))
        statuses = [
            tuple(row) for row in database.query("SELECT resource_id, status FROM resources")
        ]
    assert statuses == [("ami-2", "FAILED"), ("ami-3", "FAILED")]
    assert count(path, "snapshots") == 2


def test_a_listing_in_parts_is_complete_with_the_last(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save_execution(store)
        save(store, rows("ami-1"), is_finished=False)
        assert len(store.to_make(1, 0)) == 1
        save(store, rows("ami-2"), is_first=False)
        assert store.to_make(1, 0) == []
    assert count(path) == 2


def test_the_children_of_an_image_are_listed_once_and_go_with_it(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save_execution(store, has_ended=False)
        save(store, rows(IMAGE, "ami-1"), is_complete=False)
        children = [one for one in store.to_make(1, 0) if "parentResourceId" in one.params]
        assert [one.params["parentResourceId"] for one in children] == [IMAGE]
        save(store, rows(IMAGE), is_complete=False)
        assert len(store.to_make(1, 0)) == 2
        save(store, rows("ami-1"), is_complete=False)
        assert len(store.to_make(1, 0)) == 1


def test_children_wait_for_resources_that_are_listed_anew(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save_execution(store, has_ended=False)
        save(store, rows(IMAGE), is_complete=False)
        last = store.to_make(1, 0)[-1].listing_id or 0
        store.forget_children(1)
        assert [one.params for one in store.to_make(1, 0)] == [EXECUTION]
        save(store, rows(IMAGE), is_complete=False)
        (child,) = store.to_make(1, last)  # with an id that there has not been before
        assert child.params == {**EXECUTION, "parentResourceId": IMAGE}


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        save_execution(store)
        with pytest.raises(sqlite3.Error):
            save(store, rows("ami-1")._replace(snapshots=[("too", "few")]))
        assert count(path) == 0
        assert len(store.to_make(1, 0)) == 1
        save(store, rows("ami-2"))
    assert count(path) == 1


def test_others_read_while_a_run_writes(path: Path) -> None:
    with FleetDatabase(path) as database:
        store = begin(database)
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for number in range(3):
            save(store, rows(f"ami-{number}"), is_first=False)
            assert reader.execute("SELECT count(*) FROM resources").fetchone() == (number + 1,)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM resources").fetchone()
        save(store, rows("ami-3"), is_first=False)
        assert reader.execute("SELECT count(*) FROM resources").fetchone() == (3,)
        reader.close()


_KILLED_IN_A_TRANSACTION = """
import os, signal, sys
from datetime import datetime, UTC
from imagebuilder_pager.fleet import Account, FleetDatabase, Target
from imagebuilder_pager.fleet.listings import Listing, Scope
from imagebuilder_pager.fleet.records import Rows
from imagebuilder_pager.fleet.store import RunStore
target = Target(Account(name="build"), "us-west-2")
store = RunStore(FleetDatabase(sys.argv[1]), Scope(), [target], datetime.now(UTC))
listing = Listing("list_lifecycle_execution_resources", {"lifecycleExecutionId": "lce"})
resources = [("lce", "", f"ami-{n}", "1", "r", *[None] * 7) for n in range(5000)]
with store.batch(1) as writer:
    writer.save_resources(
        listing, Rows([], [], resources, []), is_first=True, is_finished=True, is_complete=True
    )
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_program_that_is_killed_within_a_transaction_has_written_nothing(path: Path) -> None:
    command = [sys.executable, "-c", _KILLED_IN_A_TRANSACTION, str(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    with FleetDatabase(path) as database:
        (run,) = database.query("SELECT ended FROM runs")
        assert run["ended"] is None
    assert count(path) == 0


def test_the_queries_of_the_report_use_an_index(path: Path) -> None:
    with FleetDatabase(path) as database:
        for query in (
            "SELECT * FROM executions WHERE end_time >= '2026-01-01'",
            "SELECT * FROM executions WHERE policy_arn = 'a' ORDER BY start_time",
            "SELECT * FROM resources WHERE resource_id = 'ami-1'",
            "SELECT * FROM resources WHERE status = 'FAILED' AND execution_id = 'lce'",
            "SELECT * FROM snapshots WHERE snapshot_id = 'snap-1'",
            "SELECT * FROM listings WHERE target_id = 1 AND NOT complete AND listing_id > 5",
        ):
            (plan,) = database.query(f"EXPLAIN QUERY PLAN {query}")
            assert plan["detail"].startswith("SEARCH"), query
