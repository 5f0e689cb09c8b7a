"""What a run reads from the database and writes into it: listings, and which are complete.

Rules:

- The outcome of a batch is written in one transaction. A listing's old rows go with the first part
  of the new ones, and its flag ``complete`` comes with the last. So a run that is killed at any
  moment leaves listings that are complete, and others that the next run makes anew.
- A listing is complete if its execution had ended before it began, and none of its resources is in
  progress. It is never made again. Nothing depends on the clock of this machine.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime

from ..lifecycle_walk.records import ENDED, is_image
from .database import FleetDatabase
from .listings import Failure, Listing, Scope
from .records import ExecutionRow, Row, Rows
from .targets import Target
from .times import format_time


class RunStore:
    """A run in the database, and its targets, with their ids in the order that was given."""

    def __init__(
        self, database: FleetDatabase, scope: Scope, targets: Iterable[Target], now: datetime
    ) -> None:
        self._connection = database._connection
        self._transaction = database._transaction
        self._scope = scope
        policies = None if scope.policies is None else json.dumps(scope.policies)
        arguments = policies, format_time(scope.since), format_time(scope.until), scope.children
        with self._transaction():
            (self._number,) = self._connection.execute(
                "INSERT INTO runs (started, policies, since, until, children) "
                "VALUES (?, ?, ?, ?, ?) RETURNING run_id",
                (format_time(now), *arguments),
            ).fetchone()
            self.target_ids: list[int] = [
                self._connection.execute(
                    "INSERT INTO targets (account, account_id, region, state, last_run, updated) "
                    "VALUES (?, ?, ?, 'running', ?, ?) ON CONFLICT DO UPDATE SET state = 'running',"
                    " account_id = excluded.account_id,"
                    " last_run = excluded.last_run, updated = excluded.updated,"
                    " error_type = NULL, error = NULL RETURNING target_id",
                    (
                        *(target.account.label, target.account.account_id, target.region),
                        *(self._number, format_time(now)),
                    ),
                ).fetchone()[0]
                for target in targets
            ]

    def end(self, now: datetime) -> None:
        """Save that the run has ended."""
        with self._transaction():
            self._connection.execute(
                "UPDATE runs SET ended = ? WHERE run_id = ?", (format_time(now), self._number)
            )

    def end_target(
        self, target_id: int, state: str, failure: Failure | None, now: datetime
    ) -> None:
        """Save how a target has ended: ``complete``, ``incomplete`` or ``failed``, and why."""
        error = (None, None) if failure is None else (failure.error_type, failure.error)
        with self._transaction():
            self._connection.execute(
                "UPDATE targets SET state = ?, error_type = ?, error = ?, updated = ? "
                "WHERE target_id = ?",
                _storable((state, *error, format_time(now), target_id)),
            )
            # Of some policies alone, it says nothing about the target.
            if state == "complete" and self._scope.policies is None:
                self._extend_period(target_id)

    def _extend_period(self, target_id: int) -> None:
        """Save for which period a target is complete, now that it is for that of the run."""
        since, until, *run = self._connection.execute(
            "SELECT complete_since, complete_until, since, min(started, coalesce(until, started)) "
            "FROM targets, runs WHERE target_id = ? AND run_id = ?",
            (target_id, self._number),
        ).fetchone()
        period = (run[0] or "", run[1])
        if until is not None:
            earlier, later = sorted(((since or "", until), period), key=lambda one: one[1])
            # Of two with a gap between them, the later one is told.
            period = (min(earlier[0], later[0]), later[1]) if later[0] <= earlier[1] else later
        self._connection.execute(
            "UPDATE targets SET complete_since = nullif(?, ''), complete_until = ? "
            "WHERE target_id = ?",
            (*period, target_id),
        )

    @contextlib.contextmanager
    def batch(self, target_id: int) -> Iterator[TargetWriter]:
        """Give what writes the outcome of a batch, in one transaction."""
        with self._transaction():
            yield TargetWriter(self._connection, self._scope, self._number, target_id)

    def policies(self, target_id: int) -> list[str]:
        """Return the ARNs of the target's policies that this run has seen."""
        rows = self._connection.execute(
            "SELECT policy_arn FROM policies WHERE target_id = ? AND last_run = ? ORDER BY 1",
            (target_id, self._number),
        )
        given = self._scope.policies
        return [arn for (arn,) in rows if given is None or arn in given]

    def missing_policies(self) -> tuple[str, ...]:
        """Return the policies that were asked for, and that this run has not seen."""
        rows = self._connection.execute(
            "SELECT policy_arn FROM policies WHERE last_run = ?", (self._number,)
        )
        seen = {arn for (arn,) in rows}
        return tuple(arn for arn in self._scope.policies or () if arn not in seen)

    def unseen(self, target_id: int) -> Iterator[Listing]:
        """Return a listing for each incomplete execution that no listing of this run has named.

        Where the executions of its policy could not be listed, that is no wonder.
        """
        rows = self._connection.execute(
            "SELECT e.execution_id, e.policy_arn, min(l.listing_id) "
            "FROM listings AS l JOIN executions AS e USING (execution_id) "
            "LEFT JOIN policies AS p USING (policy_arn) "
            "WHERE l.target_id = ? AND NOT l.complete AND e.last_run <> ?"
            " AND e.status IS NOT 'UNKNOWN' AND NOT (p.error IS NOT NULL AND p.last_run = ?) "
            "GROUP BY e.execution_id",
            (target_id, self._number, self._number),
        ).fetchall()
        for execution_id, arn, listing_id in rows:
            if self._scope.policies is None or arn in self._scope.policies:
                params = {"lifecycleExecutionId": execution_id}
                yield Listing("get_lifecycle_execution", params, arn, listing_id=listing_id)

    def forget_children(self, target_id: int) -> None:
        """Forget the children's listings that wait for a listing of resources to be made anew."""
        with self._transaction():
            self._connection.execute(
                "DELETE FROM listings WHERE target_id = ?1 AND NOT complete AND parent_id <> ''"
                " AND execution_id IN (SELECT execution_id FROM listings WHERE target_id = ?1"
                "  AND NOT complete AND parent_id = '')",
                (target_id,),
            )

    def open_executions(self, target_id: int) -> dict[str, int]:
        """Return the number of listings to make of each execution that this run has seen."""
        rows = self._connection.execute(
            "SELECT l.execution_id, count(*) FROM listings AS l JOIN executions AS e"
            " USING (execution_id) WHERE l.target_id = ? AND NOT l.complete AND e.last_run = ?"
            " AND (? OR l.parent_id = '') GROUP BY 1",
            (target_id, self._number, self._scope.children),
        )
        return dict(rows.fetchall())

    def to_make(self, target_id: int, after: int) -> list[Listing]:
        """Return the next listings of the target that are not complete, behind an id.

        The executions are those that this run has seen.
        """
        rows = self._connection.execute(
            _TO_MAKE, (target_id, after, self._number, self._scope.children)
        )
        listings: list[Listing] = []
        for listing_id, execution_id, parent_id, arn, status in rows:
            params = {"lifecycleExecutionId": execution_id}
            if parent_id:
                params["parentResourceId"] = parent_id
            listings.append(
                Listing(
                    "list_lifecycle_execution_resources", params, arn, status in ENDED, listing_id
                )
            )
        return listings


class TargetWriter:
    """What writes to the tables of a target, within a transaction.

    It counts new executions, and the new listings of each execution's images.
    """

    def __init__(
        self, connection: sqlite3.Connection, scope: Scope, number: int, target_id: int
    ) -> None:
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._scope = scope
        self._number = number
        self._target_id = target_id
        self.new_executions: int = 0

    def save_policies(self, rows: Iterable[Row]) -> None:
        """Save policies that are there; what is not known of one, such as its status, stays."""
        self._execute_many(
            "INSERT INTO policies (policy_arn, account, region, name, status, resource_type,"
            " target_id, last_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " name = excluded.name, status = coalesce(excluded.status, status),"
            " resource_type = coalesce(excluded.resource_type, resource_type),"
            " target_id = excluded.target_id, last_run = excluded.last_run,"
            " error_type = NULL, error = NULL",
            (_storable((*row, self._target_id, self._number)) for row in rows),
        )

    def save_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """Save the executions that are in the database, or in the period of the run.

        One that has acted on nothing has no resources, and its listing is complete.
        """
        for row in rows:
            (execution_id,) = _storable((row.execution_id,))
            known = self._execute(
                "SELECT target_id FROM executions WHERE execution_id = ?", (execution_id,)
            ).fetchone()
            if known is None and not _is_in_period(row, self._scope):
                continue
            if known is None:
                self.new_executions += 1
            elif known[0] != self._target_id:  # the account has another name now
                self._execute(
                    "UPDATE listings SET target_id = ? WHERE execution_id = ?",
                    (self._target_id, execution_id),
                )
            self._execute(
                _UPSERT_EXECUTION,
                _storable((execution_id, *row.values, self._target_id, *[self._number] * 3)),
            )
            is_complete = row.has_ended and row.has_no_resources
            self._execute(
                "INSERT INTO listings (target_id, execution_id, parent_id, complete) "
                "VALUES (?, ?, '', ?) ON CONFLICT DO UPDATE SET target_id = excluded.target_id,"
                " complete = max(complete, excluded.complete)",
                (self._target_id, execution_id, is_complete),
            )

    def save_resources(
        self, listing: Listing, rows: Rows, *, is_first: bool, is_finished: bool, is_complete: bool
    ) -> int:
        """Save a part of a listing of resources, the old ones of which go before the first.

        Returns the number of listings that are to be made of the children of its images.
        """
        execution_id = listing.params["lifecycleExecutionId"]
        parent_id = listing.params.get("parentResourceId", "")
        if is_first:
            for table in ("resources", "snapshots"):
                self._execute(
                    f"DELETE FROM {table} WHERE execution_id = ? AND parent_id = ?",  # noqa: S608 - names of this file
                    (execution_id, parent_id),
                )
        self._execute_many(_INSERT_RESOURCE, map(_storable, rows.resources))
        self._execute_many(_INSERT_SNAPSHOT, map(_storable, rows.snapshots))
        new_listings = 0
        if not parent_id:
            images = {image for row in rows.resources if is_image(image := str(row[2]))}
            added = self._execute_many(
                "INSERT OR IGNORE INTO listings (target_id, execution_id, parent_id) "
                "VALUES (?, ?, ?)",
                (_storable((self._target_id, execution_id, image)) for image in sorted(images)),
            )
            if self._scope.children:
                new_listings = max(0, added.rowcount)
        if is_finished and not parent_id:
            # The children of an image that is not among the resources any more.
            for table in ("resources", "snapshots", "listings"):
                self._execute(
                    f"DELETE FROM {table} WHERE execution_id = ?1 AND parent_id <> '' AND parent_id"  # noqa: S608 - names of this file
                    " NOT IN (SELECT resource_id FROM resources WHERE execution_id = ?1"
                    "  AND parent_id = '')",
                    (execution_id,),
                )
        if is_finished:
            self._execute(
                "UPDATE listings SET complete = ?, error_type = NULL, error = NULL "
                "WHERE listing_id = ?",
                (is_complete, listing.listing_id),
            )
        return new_listings

    def save_failure(self, listing: Listing, failure: Failure) -> None:
        """Save why a listing could not be made: with it, or with the policy whose it is."""
        error = failure.error_type, failure.error
        if listing.operation == "list_lifecycle_executions":
            self._execute(_POLICY_ERROR, _storable((*error, listing.policy_arn)))
        else:
            self._execute(_LISTING_ERROR, _storable((*error, listing.listing_id)))

    def save_unknown(self, listing: Listing, failure: Failure) -> None:
        """Save that the service does not have an execution any more, unless it had ended."""
        reason = f"the service does not have it any more ({failure.error_type})"
        self._execute(
            "UPDATE executions SET status = 'UNKNOWN', reason = ?, status_run = ? "
            "WHERE execution_id = ? AND status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')",
            (reason, self._number, listing.params["lifecycleExecutionId"]),
        )


def _is_in_period(row: ExecutionRow, scope: Scope) -> bool:
    """Return whether a run begins an execution: by its end, or by its start if it has not ended."""
    *_, start, end = row.values
    since, until = format_time(scope.since), format_time(scope.until)
    if row.has_ended and end is not None:
        return (since is None or since <= str(end)) and (until is None or str(end) < until)
    return until is None or start is None or str(start) < until


def _storable(row: Row) -> Row:
    """Return a row as SQLite takes it: half a surrogate pair, which JSON may have, as ``?``."""
    return tuple(
        value.encode("utf-8", "replace").decode()
        if isinstance(value, str) and not value.isascii()
        else value
        for value in row
    )


# What came from an image is not whole while the service is at work on it.
_TO_MAKE = (
    "SELECT l.listing_id, l.execution_id, l.parent_id, e.policy_arn,"
    " CASE r.status WHEN 'IN_PROGRESS' THEN r.status ELSE e.status END "
    "FROM listings AS l JOIN executions AS e USING (execution_id) "
    "LEFT JOIN resources AS r ON r.execution_id = l.execution_id AND r.parent_id = ''"
    " AND r.resource_id = l.parent_id "
    "WHERE l.target_id = ? AND NOT l.complete AND l.listing_id > ? AND e.last_run = ?"
    " AND (? OR l.parent_id = '') ORDER BY l.listing_id LIMIT 100"
)
_UPSERT_EXECUTION = (
    "INSERT INTO executions (execution_id, account, region, policy_arn, status, reason,"
    " has_impacted_resources, start_time, end_time, target_id, first_run, status_run, last_run) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET status_run ="
    " CASE WHEN status IS excluded.status THEN status_run ELSE excluded.last_run END,"
    " account = excluded.account, region = excluded.region, policy_arn = excluded.policy_arn,"
    " status = excluded.status, reason = excluded.reason,"
    " has_impacted_resources = excluded.has_impacted_resources,"
    " start_time = excluded.start_time, end_time = excluded.end_time,"
    " target_id = excluded.target_id, last_run = excluded.last_run"
)
# A resource that comes again, since the pages have moved, replaces the earlier one.
_INSERT_RESOURCE = "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_SNAPSHOT = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_POLICY_ERROR = "UPDATE policies SET error_type = ?, error = ? WHERE policy_arn = ?"
_LISTING_ERROR = "UPDATE listings SET error_type = ?, error = ? WHERE listing_id = ?"
