"""The reads and writes of a run: its listings, and whether each is complete.

Rules:

- The outcome of a batch is written in one transaction. The first part of a listing replaces its old
  rows, and the last part sets its flag ``complete``. So a run that is killed at any moment leaves
  listings that are complete, and others that the next run makes anew.
- A listing is complete if its execution had ended before it began, none of its resources is in
  progress, nor the image of its children, and each page matched. It is never made again. Nothing
  depends on the clock of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from ..lifecycle_walk.records import ENDED, is_image, is_in_period
from .database import FleetDatabase
from .listings import RESOURCES, Failure, Listing, ListingResult, Scope
from .records import ExecutionRow, Row
from .schema import format_time
from .targets import Target


class RunStore:
    """A run in the database, and its targets, with their ids in the order that was given."""

    def __init__(
        self, database: FleetDatabase, scope: Scope, targets: Iterable[Target], now: datetime
    ) -> None:
        self.path: str = database.path
        self._connection = database._connection
        self._execute = database._connection.execute
        self._transaction = database._transaction
        self._scope = scope
        time = format_time(now)
        policies = None if scope.policies is None else json.dumps(scope.policies)
        chosen = policies, format_time(scope.since), format_time(scope.until), scope.children
        with self._transaction():
            (self._number,) = self._execute(
                "INSERT INTO runs (started, policies, since, until, children)"
                " VALUES (?, ?, ?, ?, ?) RETURNING run_id",
                (time, *chosen),
            ).fetchone()
            self.target_ids: list[int] = [
                self._execute(
                    "INSERT INTO targets (account, account_id, region, state, last_run, updated)"
                    " VALUES (?, ?, ?, 'running', ?, ?) ON CONFLICT DO UPDATE SET"
                    " state = 'running', account_id = excluded.account_id,"
                    " last_run = excluded.last_run, updated = excluded.updated,"
                    " error_type = NULL, error = NULL RETURNING target_id",
                    (
                        *(target.account.label, target.account.account_id, target.region),
                        *(self._number, time),
                    ),
                ).fetchone()[0]
                for target in targets
            ]

    def transaction(self) -> AbstractContextManager[None]:
        """Return a block whose writes are made as a whole, such as the outcome of a batch."""
        return self._transaction()

    def end(self, now: datetime) -> None:
        """Save that the run has ended."""
        with self._transaction():
            self._execute(
                "UPDATE runs SET ended = ? WHERE run_id = ?", (format_time(now), self._number)
            )

    def end_target(
        self, target_id: int, state: str, failure: Failure | None, now: datetime
    ) -> None:
        """Save how a target has ended: ``complete``, ``incomplete`` or ``failed``, and why."""
        error = (None, None) if failure is None else (failure.error_type, failure.error)
        with self._transaction():
            self._execute(
                "UPDATE targets SET state = ?, error_type = ?, error = ?, updated = ?"
                " WHERE target_id = ?",
                _storable((state, *error, format_time(now), target_id)),
            )
            # A run over some of the policies does not make the target complete.
            if state == "complete" and self._scope.policies is None:
                self._extend_period(target_id)

    def _extend_period(self, target_id: int) -> None:
        """Add the period of this run to that for which a target is complete."""
        since, until, *run = self._execute(
            "SELECT complete_since, complete_until, since, min(started, coalesce(until, started))"
            " FROM targets, runs WHERE target_id = ? AND run_id = ?",
            (target_id, self._number),
        ).fetchone()
        period = (run[0] or "", run[1])
        if until is not None:
            earlier, later = sorted(((since or "", until), period), key=lambda one: one[1])
            # Of two periods with a gap between them, the later one is kept.
            period = (min(earlier[0], later[0]), later[1]) if later[0] <= earlier[1] else later
        self._execute(
            "UPDATE targets SET complete_since = nullif(?, ''), complete_until = ?"
            " WHERE target_id = ?",
            (*period, target_id),
        )

    def policies(self, target_id: int) -> list[str]:
        """Return the ARNs of the target's policies that this run has seen and has to list."""
        rows = self._execute(
            "SELECT policy_arn FROM policies WHERE target_id = ? AND last_run = ? ORDER BY 1",
            (target_id, self._number),
        )
        return [arn for (arn,) in rows if self._scope.includes(arn)]

    def missing_policies(self) -> tuple[str, ...]:
        """Return the given policies that this run has not seen."""
        rows = self._execute("SELECT policy_arn FROM policies WHERE last_run = ?", (self._number,))
        seen = {arn for (arn,) in rows}
        return tuple(arn for arn in self._scope.policies or () if arn not in seen)

    def unseen(self, target_id: int) -> Iterator[Listing]:
        """Return a listing for each incomplete execution that no listing of this run has named.

        Those of a policy whose executions could not be listed are left out.
        """
        rows = self._execute(
            "SELECT e.execution_id, e.policy_arn, min(l.listing_id)"
            " FROM listings AS l JOIN executions AS e USING (execution_id)"
            " LEFT JOIN policies AS p USING (policy_arn)"
            " WHERE l.target_id = ? AND NOT l.complete AND e.last_run <> ?"
            " AND e.status IS NOT 'UNKNOWN' AND NOT (p.error IS NOT NULL AND p.last_run = ?)"
            " GROUP BY e.execution_id",
            (target_id, self._number, self._number),
        ).fetchall()
        for execution_id, arn, listing_id in rows:
            if self._scope.includes(arn):
                params = {"lifecycleExecutionId": execution_id}
                yield Listing("get_lifecycle_execution", params, arn, listing_id=listing_id)

    def forget_children(self, target_id: int) -> None:
        """Delete children's listings that a new listing of the resources will create again."""
        with self._transaction():
            self._execute(
                "DELETE FROM listings WHERE target_id = ? AND NOT complete AND parent_id <> ''"
                " AND execution_id IN (SELECT execution_id FROM listings WHERE target_id = ?"
                "  AND NOT complete AND parent_id = '')",
                (target_id, target_id),
            )

    def open_executions(self, target_id: int) -> dict[str, int]:
        """Return the number of listings to make of each execution that this run has seen."""
        rows = self._execute(
            "SELECT l.execution_id, count(*) FROM listings AS l JOIN executions AS e"
            " USING (execution_id) WHERE l.target_id = ? AND NOT l.complete AND e.last_run = ?"
            " AND (? OR l.parent_id = '') GROUP BY 1",
            (target_id, self._number, self._scope.children),
        )
        return dict(rows.fetchall())

    def to_make(self, target_id: int, after: int) -> list[Listing]:
        """Return the next incomplete listings of the target, after a listing's id.

        The executions are those that this run has seen. The children of an image that is still in
        progress count as those of an execution that has not ended.
        """
        rows = self._execute(
            "SELECT l.listing_id, l.execution_id, l.parent_id, e.policy_arn,"
            " CASE r.status WHEN 'IN_PROGRESS' THEN r.status ELSE e.status END"
            " FROM listings AS l JOIN executions AS e USING (execution_id)"
            " LEFT JOIN resources AS r ON r.execution_id = l.execution_id AND r.parent_id = ''"
            " AND r.resource_id = l.parent_id"
            " WHERE l.target_id = ? AND NOT l.complete AND l.listing_id > ? AND e.last_run = ?"
            " AND (? OR l.parent_id = '') ORDER BY l.listing_id LIMIT 100",
            (target_id, after, self._number, self._scope.children),
        )
        listings: list[Listing] = []
        for listing_id, execution_id, parent_id, arn, status in rows:
            params = {"lifecycleExecutionId": execution_id}
            if parent_id:
                params["parentResourceId"] = parent_id
            has_ended = status in ENDED
            listings.append(Listing(RESOURCES, params, arn, has_ended, listing_id))
        return listings

    def save_policies(self, target_id: int, rows: Iterable[Row]) -> None:
        """Save listed policies, without the error of an earlier run."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO policies (policy_arn, account, region, name, status,"
            " resource_type, target_id, last_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_storable((*row, target_id, self._number)) for row in rows),
        )

    def save_executions(self, target_id: int, rows: Iterable[ExecutionRow]) -> int:
        """Save the executions that are in the database, or in the period of the run.

        The listing of one that has acted on nothing is complete. Returns the number of new ones.
        """
        execute, number_of_new = self._execute, 0
        since, until = format_time(self._scope.since), format_time(self._scope.until)
        for row in rows:
            execution_id, *values = _storable((row.execution_id, *row.values))
            status = values[3]
            known = execute(
                "SELECT target_id, status, first_run, status_run FROM executions"
                " WHERE execution_id = ?",
                (execution_id,),
            ).fetchone()
            if known is None:
                start, end = values[-2:]
                if not is_in_period(start, end if row.has_ended else None, since, until):
                    continue
                number_of_new += 1
                known = target_id, status, self._number, self._number
            old_target_id, old_status, first_run, status_run = known
            if status != old_status:
                status_run = self._number
            if old_target_id != target_id:  # the account has another name now
                execute(
                    "UPDATE listings SET target_id = ? WHERE execution_id = ?",
                    (target_id, execution_id),
                )
            execute(
                "INSERT OR REPLACE INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (execution_id, target_id, *values, first_run, status_run, self._number),
            )
            execute(
                "INSERT INTO listings (target_id, execution_id, parent_id, complete)"
                " VALUES (?, ?, '', ?)"
                " ON CONFLICT DO UPDATE SET complete = max(complete, excluded.complete)",
                (target_id, execution_id, row.has_ended and row.has_no_resources),
            )
        return number_of_new

    def save_resources(self, target_id: int, listing: Listing, part: ListingResult) -> int:
        """Save a part of a listing of resources; the first part replaces the old rows.

        Returns the number of new listings, of the children of its images.
        """
        execute, execute_many = self._execute, self._connection.executemany
        execution_id = listing.params["lifecycleExecutionId"]
        parent_id = listing.params.get("parentResourceId", "")
        if listing.token is None:
            for table in ("resources", "snapshots"):
                execute(
                    f"DELETE FROM {table} WHERE execution_id = ? AND parent_id = ?",  # noqa: S608 - names of this file
                    (execution_id, parent_id),
                )
        # A resource that comes again, since the pages have moved, replaces the earlier one.
        execute_many(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(_storable, part.rows.resources),
        )
        execute_many(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            map(_storable, part.rows.snapshots),
        )
        new_listings = 0
        if not parent_id:
            images = {image for row in part.rows.resources if is_image(image := str(row[2]))}
            new_listings = execute_many(
                "INSERT OR IGNORE INTO listings (target_id, execution_id, parent_id)"
                " VALUES (?, ?, ?)",
                (_storable((target_id, execution_id, image)) for image in sorted(images)),
            ).rowcount
        if part.is_finished and not parent_id:
            # The children of an image that is no longer among the resources.
            for table in ("resources", "snapshots", "listings"):
                execute(
                    f"DELETE FROM {table} WHERE execution_id = ? AND parent_id <> '' AND parent_id"  # noqa: S608 - names of this file
                    " NOT IN (SELECT resource_id FROM resources WHERE execution_id = ?"
                    "  AND parent_id = '')",
                    (execution_id, execution_id),
                )
        if part.is_finished:
            execute(
                "UPDATE listings SET complete = ?, error_type = NULL, error = NULL"
                " WHERE listing_id = ?",
                (listing.has_ended and not part.is_open, listing.listing_id),
            )
        return max(0, new_listings) if self._scope.children else 0

    def save_failure(self, listing: Listing, failure: Failure) -> None:
        """Save why a listing could not be made: with it, or with the policy of its executions."""
        is_of_policy = listing.operation == "list_lifecycle_executions"
        key = listing.policy_arn if is_of_policy else listing.listing_id
        self._execute(
            "UPDATE policies SET error_type = ?, error = ? WHERE policy_arn = ?"
            if is_of_policy
            else "UPDATE listings SET error_type = ?, error = ? WHERE listing_id = ?",
            _storable((failure.error_type, failure.error, key)),
        )

    def save_unknown(self, listing: Listing, failure: Failure) -> None:
        """Save that the service no longer has an execution, unless it had ended."""
        reason = f"the service does not have it any more ({failure.error_type})"
        self._execute(
            "UPDATE executions SET status = 'UNKNOWN', reason = ?, status_run = ?"
            " WHERE execution_id = ? AND status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')",
            (reason, self._number, listing.params["lifecycleExecutionId"]),
        )


def _storable(row: Row) -> Row:
    """Return a row as SQLite takes it: half a surrogate pair, which JSON may have, as ``?``."""
    return tuple(
        value.encode("utf-8", "replace").decode()
        if isinstance(value, str) and not value.isascii()
        else value
        for value in row
    )
