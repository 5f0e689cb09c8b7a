"""The database of a fleet as a file; :mod:`.store` writes the rows of a run.

One run at a time writes, by a lock beside the file. Any number of programs may read meanwhile, by
SQLite's write-ahead log.
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

from ..exceptions import CheckpointError, CheckpointLockedError
from ..pagination.checkpoint_file import CheckpointFile, is_locked, naming
from .schema import check_schema, format_time, prepare_schema

_BUSY_SECONDS = 10.0


class FleetDatabase:
    """The database of a fleet, in a file.

    - ``path``: the file. A new one is readable by its owner alone.
    - ``read_only``: whether it is only read. The file has to exist then, and another run may have
      it. Default: False.

    Raises :class:`CheckpointLockedError` if another run has the database,
    :class:`CheckpointError` for a file that is not one, ``OSError`` and ``sqlite3.Error``.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.path: str = os.path.abspath(os.fspath(path))  # noqa: PTH100 - pathlib resolves links
        self._process_id = os.getpid()
        self._is_read_only = read_only
        with _naming(self.path), contextlib.ExitStack() as stack:
            if not read_only:
                stack.callback(CheckpointFile(self.path).close)
            _check_file(self.path)
            self._connection = _connect(self.path, read_only=read_only)
            stack.callback(self._connection.close)
            if read_only:
                check_schema(self._connection, self.path)
            else:
                prepare_schema(self._connection, self.path)
                self._connection.execute("PRAGMA journal_mode = WAL")
                # A power failure may lose the last transactions as a whole, and no part of one.
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self._open = stack.pop_all()

    def query(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[sqlite3.Row]:
        """Return an iterator over the rows of a query; see the schema in docs/fleet.md."""
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        with _naming(self.path):
            return cursor.execute(sql, parameters)

    def prune(self, before: datetime) -> int:
        """Delete the executions that ended before a time, with their rows; return their number.

        - ``before``: the time, aware of its zone.

        An execution that is gone from the service counts by its start if it has no end. The file
        does not shrink; new rows take the space.
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
                "UPDATE targets SET complete_since = :time WHERE complete_since < :time"
                " OR complete_since IS NULL AND complete_until IS NOT NULL",
                {"time": time},
            )
        return number

    @property
    def is_in_use(self) -> bool:
        """Whether a run of another program has it; False on a system without locks."""
        return self._is_read_only and is_locked(self.path)

    def close(self) -> None:
        """Close the database and release the lock; the second time, do nothing."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._process_id != os.getpid():
            raise CheckpointLockedError(f"{self.path} was opened by another process")
        with _naming(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.commit()
            finally:
                if self._connection.in_transaction:  # an error, or Ctrl-C at any moment
                    self._connection.rollback()


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Have each error of the system or of SQLite name the path."""
    try:
        with naming(path):
            yield
    except sqlite3.Error as error:
        error.args = (f"{path}: {error}",)
        raise


def _check_file(path: str) -> None:
    """Raise :class:`CheckpointError` for an existing file that is not a database.

    A file with a second name is refused: SQLite finds its write-ahead log by the name alone.
    """
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{path} is not a regular file; allowed: a database, or a new path")
    if status.st_nlink > 1:
        raise CheckpointError(f"{path} has another name, a hard link; allowed: a file with one")
    with open(path, "rb", opener=lambda name, _: os.open(name, os.O_RDONLY | safe)) as file:
        head = file.read(len(_SQLITE_HEAD))
    # SQLite would take a file of a few bytes for an empty database, and write over it.
    if head and head != _SQLITE_HEAD:
        raise CheckpointError(f"{path} is not a database; give another file")


_SQLITE_HEAD = b"SQLite format 3\0"


def _connect(path: str, *, read_only: bool) -> sqlite3.Connection:
    uri = pathlib.Path(path).as_uri() + ("?mode=ro" if read_only else "?mode=rw")
    if not read_only:
        with contextlib.suppress(FileExistsError):
            # SQLite gives the files beside it, of the write-ahead log, the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    elif not (os.path.exists(f"{path}-wal") or os.access(os.path.dirname(path), os.W_OK)):  # noqa: PTH110, PTH120 - strings
        uri += "&immutable=1"  # nobody has it, and SQLite cannot create its files beside it
    return sqlite3.connect(uri, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
