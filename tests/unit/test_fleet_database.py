"""The database of a fleet: what a run saves, and where the next one goes on."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagebuilder_pager.exceptions import CheckpointError, CheckpointLockedError
from imagebuilder_pager.fleet import Account, FleetDatabase, Target
from imagebuilder_pager.fleet.database import Scope
from imagebuilder_pager.fleet.records import Rows

TARGET = Target(Account(name="build"), "us-west-2")
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTHING = Rows([], [], [], [], 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def rows(*numbers: int, status: str = "SUCCESS") -> Rows:
    key = "lce-1", "", "123456789012", "us-west-2"
    return Rows(
        [("policy", "123456789012", "us-west-2", "policy", "ENABLED", "AMI_IMAGE")],
        [("lce-1", "123456789012", "us-west-2", "policy", status, None, 1, None, None)],
        [
            (*key[:2], f"ami-{number}", *key[2:], status, None, "DELETE", None, None, None, None)
            for number in numbers
        ],
        [(*key[:2], f"ami-{number}", *key[2:], "snap-1", status, None) for number in numbers],
        len(numbers),
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
            database.begin(TARGET, Scope(), MONDAY)
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
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, rows(1), "token", MONDAY)
        with FleetDatabase(path, read_only=True) as reader:
            assert len(list(reader.query("SELECT * FROM resources"))) == 1
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.begin(TARGET, Scope(), MONDAY)
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
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, rows(1, status="\ud800half \u00e9"), "token", MONDAY)
        database.fail(progress, "ClientError", "\udfff", MONDAY)
        (row,) = database.query("SELECT status FROM resources")
        (target,) = database.query("SELECT error FROM targets")
    assert (row["status"], target["error"]) == ("?half \u00e9", "?")


def test_a_slice_that_is_stored_twice_is_there_once(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, rows(1, 2), "token", MONDAY)
        database.save(progress, rows(2, 3, status="FAILED"), "token", MONDAY)
    assert count(path) == count(path, "snapshots") == 3
    with FleetDatabase(path) as database:
        statuses = [tuple(row) for row in database.query("SELECT status FROM resources")]
        assert statuses == [("SUCCESS",), ("FAILED",), ("FAILED",)]


def test_a_snapshot_that_its_ami_no_longer_has_is_gone(path: Path) -> None:
    first = rows(1, 2)
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, first, "token", MONDAY)
        database.save(progress, rows(1)._replace(snapshots=[]), "token", MONDAY)
    assert (count(path), count(path, "snapshots")) == (2, 1)


def test_an_unfinished_walk_goes_on_at_its_token_with_its_own_bounds(path: Path) -> None:
    since = MONDAY - 30 * DAY
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(since=since), MONDAY)
        assert (progress.token, progress.since) == (None, since)
        database.save(progress, rows(1), "token", MONDAY)
        assert progress.token == "token"
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(since=since + DAY), MONDAY + DAY)
        assert (progress.token, progress.since) == ("token", since)


def test_an_unfinished_walk_that_reaches_back_less_far_begins_anew(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(since=MONDAY), MONDAY)
        database.save(progress, rows(1), "token", MONDAY)
        for since in (MONDAY - DAY, None):
            progress = database.begin(TARGET, Scope(since=since), MONDAY)
            assert (progress.token, progress.since) == (None, since)


def test_a_later_run_looks_at_what_ended_since_the_walk_before_had_begun(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, rows(1), "token", MONDAY + HOUR)
        # Another run goes on with the walk; what counts is when the walk began.
        progress = database.begin(TARGET, Scope(), MONDAY + 5 * HOUR)
        database.complete(progress, rows(2), MONDAY + 6 * HOUR)
        progress = database.begin(TARGET, Scope(), MONDAY + DAY)
        assert (progress.token, progress.since) == (None, MONDAY - HOUR)
        database.complete(progress, NOTHING, MONDAY + DAY)
        assert database.begin(TARGET, Scope(), MONDAY + DAY).since == MONDAY + DAY - HOUR


def test_a_later_run_that_is_to_reach_back_farther_does(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(since=MONDAY), MONDAY + DAY)
        database.complete(progress, NOTHING, MONDAY + DAY)
        inside = database.begin(TARGET, Scope(since=MONDAY + HOUR), MONDAY + 2 * DAY)
        assert inside.since == MONDAY + DAY - HOUR
        database.complete(inside, NOTHING, MONDAY + 2 * DAY)
        farther = database.begin(TARGET, Scope(since=MONDAY - DAY), MONDAY + 2 * DAY)
        assert farther.since == MONDAY - DAY
        database.complete(farther, NOTHING, MONDAY + 2 * DAY)
        assert database.begin(TARGET, Scope(since=None), MONDAY + 2 * DAY).since is None


def test_a_gap_between_two_runs_is_not_taken_for_covered(path: Path) -> None:
    with FleetDatabase(path) as database:
        database.complete(database.begin(TARGET, Scope(), MONDAY), NOTHING, MONDAY)
        later = MONDAY + 10 * DAY
        database.complete(database.begin(TARGET, Scope(since=later), later), NOTHING, later)
        progress = database.begin(TARGET, Scope(since=MONDAY + DAY), later + DAY)
        assert progress.since == MONDAY + DAY


def test_other_policies_and_another_end_are_walks_of_their_own(path: Path) -> None:
    with FleetDatabase(path) as database:
        database.complete(database.begin(TARGET, Scope(), MONDAY), NOTHING, MONDAY)
        others = (Scope(policies=("policy",)), Scope(until=MONDAY), Scope(children=False))
        for scope in others:
            assert database.begin(TARGET, scope, MONDAY + DAY).since is None


def test_a_target_that_has_failed_keeps_its_token_and_its_error(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        database.save(progress, rows(1), "token", MONDAY)
        database.fail(progress, "ForbiddenException", "no access", MONDAY)
        (row,) = database.query("SELECT state, token, error_type, error FROM targets")
        assert tuple(row) == ("failed", "token", "ForbiddenException", "no access")
        assert database.begin(TARGET, Scope(), MONDAY).token == "token"
        (row,) = database.query("SELECT state, error FROM targets")
        assert tuple(row) == ("running", None)


def test_a_transaction_that_fails_leaves_neither_records_nor_token(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        wrong = rows(1)._replace(snapshots=[("too", "few")])
        with pytest.raises(sqlite3.Error):
            database.save(progress, wrong, "token", MONDAY)
        assert progress.token is None
        database.save(progress, rows(2), "next", MONDAY)
    assert count(path) == 1


def test_others_read_while_a_run_writes(path: Path) -> None:
    with FleetDatabase(path) as database:
        progress = database.begin(TARGET, Scope(), MONDAY)
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for number in range(3):
            database.save(progress, rows(number), "token", MONDAY)
            assert reader.execute("SELECT count(*) FROM resources").fetchone() == (number + 1,)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM resources").fetchone()
        database.save(progress, rows(3), "token", MONDAY)
        assert reader.execute("SELECT count(*) FROM resources").fetchone() == (3,)
        reader.close()


_KILLED_IN_A_TRANSACTION = """
import os, signal, sys
from datetime import datetime, UTC
from imagebuilder_pager.fleet import Account, FleetDatabase, Target
from imagebuilder_pager.fleet.database import Scope
from imagebuilder_pager.fleet.records import Rows
now = datetime.now(UTC)
database = FleetDatabase(sys.argv[1])
progress = database.begin(Target(Account(name="build"), "us-west-2"), Scope(), now)
def resources():
    for n in range(5000):
        yield ("lce", "", f"ami-{n}", "1", "r", *[None] * 7)
    os.kill(os.getpid(), signal.SIGKILL)
database.save(progress, Rows([], [], resources(), [], 0), "token", now)
"""


def test_a_program_that_is_killed_within_a_transaction_has_written_nothing(path: Path) -> None:
    command = [sys.executable, "-c", _KILLED_IN_A_TRANSACTION, str(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    with FleetDatabase(path) as database:
        assert database.begin(TARGET, Scope(), MONDAY).token is None
    assert count(path) == 0


def test_the_queries_of_the_report_use_an_index(path: Path) -> None:
    with FleetDatabase(path) as database:
        for query in (
            "SELECT * FROM executions WHERE end_time >= '2026-01-01'",
            "SELECT * FROM executions WHERE policy_arn = 'a' ORDER BY start_time",
            "SELECT * FROM resources WHERE resource_id = 'ami-1'",
            "SELECT * FROM resources WHERE status = 'FAILED' AND execution_id = 'lce'",
            "SELECT * FROM snapshots WHERE snapshot_id = 'snap-1'",
        ):
            (plan,) = database.query(f"EXPLAIN QUERY PLAN {query}")
            assert plan["detail"].startswith("SEARCH"), query
