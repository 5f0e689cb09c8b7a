"""The database of a fleet: what has been listed, and where each target goes on.

Rules:

- The records of a slice and the token after them are written in one transaction. So a run that is
  killed at any moment has both or neither, and goes on without a record lost or stored twice.
- A record is stored under its key: one that is looked at again replaces the earlier one.
- A target that is complete is looked at again from the time on at which its walk had begun, less
  an hour for clocks that differ. An execution that had not ended by then is listed again.
- One run writes, and is told apart from a second one by a lock beside the file. Any number of
  programs may read meanwhile (SQLite's write-ahead log).
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from ..exceptions import CheckpointError
from ..pagination.checkpoint_file import CheckpointFile
from .records import Row, Rows, format_time, location_of, parse_time
from .schema import check_schema, prepare_schema
from .targets import Target

#: How far the service's clock may be behind ours.
_MAX_CLOCK_DIFFERENCE = timedelta(hours=1)
_BUSY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Scope:
    """What is listed of each target.

    ``policies``: policy ARNs in their order as text, None for all. ``since`` and ``until``: the
    bounds of the times at which executions ended. ``children``: whether the AMIs and container
    images of images are listed, too.
    """

    policies: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    children: bool = True

    @property
    def key(self) -> str:
        """The scope without ``since``, as JSON: the walks of one key add to each other."""
        until = format_time(self.until)
        return json.dumps({"policies": self.policies, "until": until, "children": self.children})

    def of_target(self, target: Target) -> Scope:
        """Return the scope with the policies alone that can be in the target."""
        if self.policies is None:
            return self
        account_id = target.account.account_id
        locations = ((arn, location_of(arn)) for arn in self.policies)
        own = (
            arn
            for arn, (account, region) in locations
            if region == target.region and account_id in {None, account}
        )
        return replace(self, policies=tuple(own))


@dataclass(slots=True)
class TargetProgress:
    """A target and where its walk is: at ``token``, of a walk with the lower bound ``since``."""

    target: Target
    scope: Scope
    target_id: int
    since: datetime | None
    token: str | None


class FleetDatabase:
    """The database of a fleet, in a file.

    - ``path``: the file, which is made if there is none. A new one is readable by its owner alone.
    - ``read_only``: whether it is only read. Then there has to be a file, and another run may have
      it. Default: False.

    Raises :class:`CheckpointLockedError` if another run has the database,
    :class:`CheckpointError` for a file that is not one, and ``OSError`` and ``sqlite3.Error`` as
    they come.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.path: str = os.path.abspath(os.fspath(path))  # noqa: PTH100 - pathlib resolves links
        self._lock = None if read_only else CheckpointFile(self.path)
        try:
            _check_file(self.path)
            self._connection = _open_read_only(self.path) if read_only else _connect(self.path)
        except BaseException:
            if self._lock is not None:
                self._lock.close()
            raise

    def begin(self, target: Target, scope: Scope, now: datetime) -> TargetProgress:
        """Return where the target's walk goes on, or begins, and save that it is under way.

        An unfinished walk goes on if it reaches back to ``scope.since``; otherwise a new one
        begins.
        """
        (progress,) = self.begin_all(((target, scope),), now)
        return progress

    def begin_all(
        self, targets: Iterable[tuple[Target, Scope]], now: datetime
    ) -> list[TargetProgress]:
        """Begin the walks of many targets as :meth:`begin` does, in one transaction."""
        with self._transaction():
            return [self._begin(target, scope, now) for target, scope in targets]

    def _begin(self, target: Target, scope: Scope, now: datetime) -> TargetProgress:
        key = (target.account.label, target.region, scope.key)
        row = self._connection.execute(
            "SELECT token, walk_since, walk_started, covered_since, covered_until "
            "FROM targets WHERE account = ? AND region = ? AND scope = ?",
            key,
        ).fetchone()
        since, token, started = scope.since, None, now
        if row is not None:
            saved_token, *times = row
            walk_since, walk_started, covered_since, covered_until = map(parse_time, times)
            if walk_started is not None and _reaches(walk_since, scope.since):
                since, token, started = walk_since, saved_token, walk_started
            elif covered_until is not None and _reaches(covered_since, scope.since):
                again = covered_until - _MAX_CLOCK_DIFFERENCE
                since = again if scope.since is None else max(again, scope.since)
        walk_since_text = format_time(since)
        walk = (token, walk_since_text, format_time(started), format_time(now))
        (target_id,) = self._connection.execute(
            "INSERT INTO targets (account, region, scope, state, token, walk_since, walk_started,"
            " updated) VALUES (?, ?, ?, 'running', ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET state = 'running', token = excluded.token,"
            " walk_since = excluded.walk_since, walk_started = excluded.walk_started,"
            " updated = excluded.updated, error_type = NULL, error = NULL "
            "RETURNING target_id",
            (*key, *walk),
        ).fetchone()
        return TargetProgress(target, scope, target_id, parse_time(walk_since_text), token)

    def save(self, progress: TargetProgress, rows: Rows, token: str | None, now: datetime) -> None:
        """Save the records of a slice and the token after them, in one transaction."""
        with self._transaction():
            self._write(rows)
            self._connection.execute(
                "UPDATE targets SET token = ?, updated = ? WHERE target_id = ?",
                (token, format_time(now), progress.target_id),
            )
        progress.token = token

    def complete(self, progress: TargetProgress, rows: Rows, now: datetime) -> None:
        """Save the last records of a walk, and the period that has been listed by it."""
        with self._transaction():
            self._write(rows)
            # Where the walk reaches back to what was there, the one period goes on in the other.
            self._connection.execute(
                "UPDATE targets SET state = 'complete', token = NULL, updated = ?,"
                " covered_since = CASE WHEN covered_until >= walk_since THEN covered_since"
                " ELSE walk_since END,"
                " covered_until = walk_started, walk_since = NULL, walk_started = NULL "
                "WHERE target_id = ?",
                (format_time(now), progress.target_id),
            )
        progress.token = None

    def fail(self, progress: TargetProgress, error_type: str, error: str, now: datetime) -> None:
        """Save why a target has failed; its token is kept, for the next run."""
        with self._transaction():
            self._connection.execute(
                "UPDATE targets SET state = 'failed', error_type = ?, error = ?, updated = ? "
                "WHERE target_id = ?",
                (error_type, _storable(error), format_time(now), progress.target_id),
            )

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[sqlite3.Row]:
        """Return an iterator over the rows of a query; see the schema in docs/fleet.md."""
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(sql, parameters)

    def close(self) -> None:
        """Close the database and release the lock; the second time, do nothing."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _write(self, rows: Rows) -> None:
        # A snapshot that its AMI no longer has would stay beside those that it has.
        keys = (row[: len(_RESOURCE_KEY)] for row in rows.resources)
        self._connection.executemany(_DELETE_SNAPSHOTS, map(_storable_row, keys))
        for statement, values in zip(_UPSERTS, rows[:4], strict=True):
            self._connection.executemany(statement, map(_storable_row, values))


def _storable_row(row: Row) -> Row:
    return tuple(_storable(value) if isinstance(value, str) else value for value in row)


def _storable(text: str) -> str:
    """Return the text as SQLite takes it: half a surrogate pair, which JSON may have, as ``?``."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _reaches(since: datetime | None, wanted: datetime | None) -> bool:
    """Tell whether a period that begins at ``since`` has all from ``wanted`` on."""
    return since is None or (wanted is not None and since <= wanted)


def _upsert(table: str, key: Sequence[str], columns: Sequence[str]) -> str:
    names = (*key, *columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608 - names of this file
        f"ON CONFLICT DO UPDATE SET {updates}"
    )


_RESOURCE_KEY = ("execution_id", "parent_id", "resource_id", "account", "region")
_TIMES = ("start_time", "end_time")
_DELETE_SNAPSHOTS = f"DELETE FROM snapshots WHERE {' AND '.join(f'{n} = ?' for n in _RESOURCE_KEY)}"  # noqa: S608 - names of this file
#: In the order of :class:`Rows`.
_UPSERTS = (
    # With policies= given, the walk has a policy's ARN alone.
    "INSERT INTO policies (policy_arn, account, region, name, status, resource_type) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, "
    "status = coalesce(excluded.status, status), "
    "resource_type = coalesce(excluded.resource_type, resource_type)",
    _upsert(
        "executions",
        ("execution_id",),
        (
            *("account", "region", "policy_arn", "status", "reason", "has_impacted_resources"),
            *_TIMES,
        ),
    ),
    _upsert(
        "resources",
        _RESOURCE_KEY,
        ("status", "reason", "action", "action_reason", "image_uris", *_TIMES),
    ),
    _upsert("snapshots", (*_RESOURCE_KEY, "snapshot_id"), ("status", "reason")),
)


def _check_file(path: str) -> None:
    """Raise :class:`CheckpointError` for anything but a database or nothing.

    A file with a second name is not taken: SQLite finds its write-ahead log by the name alone.
    """
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(
            f"{path} is not a regular file; allowed: a database, or a path where there is nothing"
        )
    if status.st_nlink > 1:
        raise CheckpointError(f"{path} has another name, a hard link; allowed: a file with one")
    with open(os.open(path, os.O_RDONLY | safe), "rb") as file:  # noqa: PTH123 - a descriptor
        head = file.read(len(_SQLITE_HEAD))
    # SQLite would take a file of a few bytes for an empty database, and write over it.
    if head and head != _SQLITE_HEAD:
        raise CheckpointError(f"{path} is not a database; give another file")


_SQLITE_HEAD = b"SQLite format 3\0"


def _open_read_only(path: str) -> sqlite3.Connection:
    uri = f"{pathlib.Path(path).as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
    try:
        check_schema(connection, path)
    except sqlite3.OperationalError:
        connection.close()
        if os.path.exists(f"{path}-wal"):  # noqa: PTH110 - a string
            raise
        # Nobody has it, and SQLite cannot make its files beside it: so there will be none.
        connection = sqlite3.connect(f"{uri}&immutable=1", isolation_level=None, uri=True)
        check_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    with contextlib.suppress(FileExistsError):
        # SQLite gives the files beside it, of the write-ahead log, the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        prepare_schema(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # A power failure may lose the last transactions, each whole: the run goes on before them.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
