"""The schema of a fleet's database; docs/fleet.md describes it for queries.

Times are text in UTC, such as ``2026-11-24T18:00:00.000Z``: they compare as they sort, and SQLite's
date functions read them.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from ..exceptions import CheckpointError, MissingDependencyException

SCHEMA_VERSION = 3
_MIN_SQLITE = (3, 35)  # the first with RETURNING
#: The bytes "IBPF" in the header of the file, which identify this kind of database.
_APPLICATION_ID = 0x49425046

_TABLES = """
CREATE TABLE runs (
    run_id        INTEGER PRIMARY KEY,
    started       TEXT NOT NULL,
    ended         TEXT,           -- NULL while it is under way, or if it was killed
    policies      TEXT,           -- the given ones: a JSON array, NULL for all
    since         TEXT,
    until         TEXT,
    children      INTEGER NOT NULL
);
CREATE TABLE targets (
    target_id     INTEGER PRIMARY KEY,
    account       TEXT NOT NULL,  -- the account's label, as the targets have it
    account_id    TEXT,           -- that of its role; NULL without one
    region        TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('running', 'complete', 'incomplete', 'failed')),
    last_run      INTEGER NOT NULL,
    error_type    TEXT,
    error         TEXT,
    updated       TEXT NOT NULL,
    complete_since TEXT,          -- it has all executions that ended since then; NULL: no bound
    complete_until TEXT,          -- and before then; NULL: it never was complete
    UNIQUE (account, region)
);
CREATE TABLE policies (
    policy_arn    TEXT PRIMARY KEY,
    target_id     INTEGER NOT NULL,
    account       TEXT NOT NULL,  -- the account's id, from the ARN
    region        TEXT NOT NULL,
    name          TEXT,
    status        TEXT,
    resource_type TEXT,
    last_run      INTEGER NOT NULL,  -- the last run that has seen it
    error_type    TEXT,           -- why its executions could not be listed
    error         TEXT
) WITHOUT ROWID;
CREATE TABLE executions (
    execution_id  TEXT PRIMARY KEY,
    target_id     INTEGER NOT NULL,
    account       TEXT NOT NULL,  -- the account and region of the policy
    region        TEXT NOT NULL,
    policy_arn    TEXT NOT NULL,
    status        TEXT,           -- 'UNKNOWN': not ended, and gone from the service
    reason        TEXT,
    has_impacted_resources INTEGER,
    start_time    TEXT,
    end_time      TEXT,
    first_run     INTEGER NOT NULL,
    status_run    INTEGER NOT NULL,  -- the first run that has seen it with this status
    last_run      INTEGER NOT NULL  -- the last run that has seen it
) WITHOUT ROWID;
CREATE TABLE listings (
    listing_id    INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: a run lists in this order
    target_id     INTEGER NOT NULL,
    execution_id  TEXT NOT NULL,
    parent_id     TEXT NOT NULL,  -- the image of the children; '' for the resources
    complete      INTEGER NOT NULL DEFAULT 0,  -- 1: it is never made again
    error_type    TEXT,           -- why it could not be made
    error         TEXT,
    UNIQUE (execution_id, parent_id)
);
CREATE TABLE resources (
    execution_id  TEXT NOT NULL,
    parent_id     TEXT NOT NULL,  -- the image that it was made from; '' for an image
    resource_id   TEXT NOT NULL,
    account       TEXT NOT NULL,  -- the account and region of the resource itself
    region        TEXT NOT NULL,
    status        TEXT,
    reason        TEXT,
    action        TEXT,
    action_reason TEXT,
    image_uris    TEXT,           -- a JSON array; NULL for none
    start_time    TEXT,
    end_time      TEXT,
    PRIMARY KEY (execution_id, parent_id, resource_id, account, region)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    execution_id  TEXT NOT NULL,
    parent_id     TEXT NOT NULL,
    resource_id   TEXT NOT NULL,  -- the AMI
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    snapshot_id   TEXT NOT NULL,
    status        TEXT,
    reason        TEXT,
    PRIMARY KEY (execution_id, parent_id, resource_id, account, region, snapshot_id)
) WITHOUT ROWID;
CREATE INDEX executions_by_end ON executions (end_time);
CREATE INDEX executions_by_policy ON executions (policy_arn, start_time);
CREATE INDEX executions_not_ended ON executions (start_time) WHERE end_time IS NULL;
CREATE INDEX listings_to_make ON listings (target_id, listing_id) WHERE NOT complete;
CREATE INDEX resources_by_id ON resources (resource_id);
CREATE INDEX resources_failed ON resources (execution_id) WHERE status = 'FAILED';
CREATE INDEX snapshots_failed ON snapshots (execution_id) WHERE status = 'FAILED';
CREATE INDEX snapshots_by_id ON snapshots (snapshot_id);
"""


def prepare_schema(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables in an empty database; check any other as :func:`check_schema` does."""
    (used,) = connection.execute(
        "SELECT EXISTS (SELECT * FROM sqlite_schema) OR (SELECT * FROM pragma_application_id)"
        " OR (SELECT * FROM pragma_user_version)"
    ).fetchone()
    if not used:
        connection.executescript(
            f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    check_schema(connection, path)


def check_schema(connection: sqlite3.Connection, path: str) -> None:
    """Check that it is a fleet's database of this version.

    Raises :class:`CheckpointError` for a database of another program or another version, and
    :class:`MissingDependencyException` for an SQLite that is too old.
    """
    if sqlite3.sqlite_version_info < _MIN_SQLITE:
        raise MissingDependencyException(
            f"a fleet's database needs SQLite 3.35; this Python has {sqlite3.sqlite_version}"
        )
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise CheckpointError(f"{path} is the database of another program; give another file")
    if version != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has version {version} of the schema; this program has {SCHEMA_VERSION}: give "
            "another file, or use the version of imagebuilder-pager that made it"
        )


def format_time(time: datetime | None) -> str | None:
    """Return a time as the database has it: UTC, to the millisecond."""
    if not isinstance(time, datetime):
        return None
    # The service's times are in UTC; strftime would take ten times as long.
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"
