"""The schema of a fleet's database; docs/fleet.md describes it for those who query it.

Times are text in UTC, such as ``2026-11-24T18:00:00.000Z``: they compare as they sort, and SQLite's
date functions read them.
"""

from __future__ import annotations

import sqlite3

from ..exceptions import CheckpointError, MissingDependencyException

SCHEMA_VERSION = 1
_MIN_SQLITE = (3, 35)  # the first with RETURNING
#: The bytes "IBPF" in the file's header: so is this database told from any other.
_APPLICATION_ID = 0x49425046

_TABLES = """
CREATE TABLE targets (
    target_id     INTEGER PRIMARY KEY,
    account       TEXT NOT NULL,  -- the account's label, as the targets have it
    region        TEXT NOT NULL,
    scope         TEXT NOT NULL,  -- what is listed of the target, as JSON
    state         TEXT NOT NULL CHECK (state IN ('running', 'complete', 'failed')),
    token         TEXT,           -- where the walk goes on; NULL at its beginning
    walk_since    TEXT,           -- the lower bound of the walk that the token belongs to
    walk_started  TEXT,           -- NULL where no walk is under way
    covered_since TEXT,           -- all that ended between these two has been stored;
    covered_until TEXT,           -- without covered_since, all that ended before covered_until
    error_type    TEXT,
    error         TEXT,
    updated       TEXT NOT NULL,
    UNIQUE (account, region, scope)
);
CREATE TABLE policies (
    policy_arn    TEXT PRIMARY KEY,
    account       TEXT NOT NULL,  -- the account's id, from the ARN
    region        TEXT NOT NULL,
    name          TEXT,
    status        TEXT,
    resource_type TEXT
) WITHOUT ROWID;
CREATE TABLE executions (
    execution_id  TEXT PRIMARY KEY,
    account       TEXT NOT NULL,  -- the account and region of the policy
    region        TEXT NOT NULL,
    policy_arn    TEXT NOT NULL,
    status        TEXT,
    reason        TEXT,
    has_impacted_resources INTEGER,
    start_time    TEXT,
    end_time      TEXT
) WITHOUT ROWID;
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
CREATE INDEX resources_by_id ON resources (resource_id);
CREATE INDEX resources_failed ON resources (execution_id) WHERE status = 'FAILED';
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
