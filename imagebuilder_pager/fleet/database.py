"""The database of a fleet as a file; :mod:`.store` is what a run writes into it.

Rules:

- One run writes, and is told apart from a second one by a lock beside the file. Any number of
  programs may read meanwhile (SQLite's write-ahead log).
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from ..exceptions import CheckpointError
from ..pagination.checkpoint_file import CheckpointFile, is_locked
from .records import format_time
from .schema import check_schema, prepare_schema

_BUSY_SECONDS = 10.0


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

    def query(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[sqlite3.Row]:
        """Return an iterator over the rows of a query; see the schema in docs/fleet.md."""
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(sql, parameters)

    def prune(self, before: datetime) -> int:
        """Delete the executions that ended before a time, with all of theirs; return how many.

        - ``before``: the time, aware of its zone.

        One that is gone without an end goes by its start. The file does not shrink: what is listed
        later takes the space.
        """
        time = format_time(before)
        with self._transaction():
            number = self._connection.execute(
                "DELETE FROM executions WHERE coalesce(end_time, start_time) < ?"
                " AND status IN ('SUCCESS', 'FAILED', 'CANCELLED', 'UNKNOWN')",
                (time,),
            ).rowcount
            for table in ("listings", "resources", "snapshots"):
                self._connection.execute(
                    f"DELETE FROM {table}"  # noqa: S608 - names of this file
                    " WHERE execution_id NOT IN (SELECT execution_id FROM executions)"
                )
            self._connection.execute(
                "UPDATE targets SET complete_since = ? WHERE complete_since < ?1"
                " OR complete_since IS NULL AND complete_until IS NOT NULL",
                (time,),
            )
        return number

    @property
    def is_in_use(self) -> bool:
        """Whether a run of another program has it; False on a system without locks."""
        return self._lock is None and is_locked(self.path)

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
