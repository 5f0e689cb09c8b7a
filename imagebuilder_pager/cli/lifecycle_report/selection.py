"""The choice of a report's records, and these records one by one."""

# ruff: noqa: S608 - the SQL is put together of parts of this package
from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ...fleet import FleetDatabase
from ...fleet.schema import format_time

#: Executions, with the target and the policy that they are of.
EXECUTIONS = (
    "executions AS e LEFT JOIN targets AS t ON t.target_id = e.target_id"
    " LEFT JOIN policies AS p ON p.policy_arn = e.policy_arn"
)
#: The condition in SQL for a snapshot to be of a resource.
OF_RESOURCE = (
    "s.execution_id = r.execution_id AND s.parent_id = r.parent_id"
    " AND s.resource_id = r.resource_id AND s.account = r.account AND s.region = r.region"
)
#: The account as the targets name it, and the policy's name.
ACCOUNT = "coalesce(t.account, e.account)"
POLICY = "coalesce(p.name, e.policy_arn)"


_MAX_NAMES = 10  # of accounts or regions, in an error
#: The names of a target's account, and its region.
Place = tuple[Collection[str], str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of a report. Each attribute leaves out others; () and None leave out none.

    - ``policies``: ARNs or names of policies.
    - ``since`` and ``until``: bounds of the times at which executions ended, as those of a run. One
      that has not ended is left out only if it started at ``until`` or later.
    - ``accounts``: names of the targets' accounts, or account ids, of executions.
    - ``regions``: the regions of executions.
    - ``statuses``, ``actions``: those of resources; a status may be that of one of its snapshots.
    - ``reasons``: parts of resources' reasons, or of those of their snapshots, in any case.

    By the last three, an execution is reported with the resources that they leave, or without any
    if its own status and reason are such.
    """

    policies: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, times as text."""
        names = ("policies", "accounts", "regions", "statuses", "actions", "reasons")
        times = {"since": format_time(self.since), "until": format_time(self.until)}
        return {name: getattr(self, name) for name in names} | times

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the conditions in SQL."""
        return {
            name: json.dumps(value) if isinstance(value, tuple) else value
            for name, value in self.to_dict().items()
        }

    @property
    def of_executions(self) -> str:
        """The condition in SQL for an execution, whatever its resources are."""
        conditions = ["1"]
        if self.policies:
            conditions.append(
                f"({_among('e.policy_arn', 'policies')} OR {_among('p.name', 'policies')})"
            )
        if self.accounts:
            conditions.append(
                f"({_among('t.account', 'accounts')} OR {_among('e.account', 'accounts')})"
            )
        if self.regions:
            conditions.append(_among("e.region", "regions"))
        if self.since is not None:
            conditions.append("(e.end_time IS NULL OR e.end_time >= :since)")
        if self.until is not None:
            conditions.append("coalesce(e.end_time, e.start_time, '') < :until")
        return " AND ".join(conditions)

    @property
    def of_targets(self) -> str:
        """The condition in SQL for a target."""
        conditions = ["1"]
        if self.accounts:
            policies = f"policies AS p WHERE {_among('p.account', 'accounts')}"
            own = f"EXISTS (SELECT * FROM {policies} AND p.target_id = t.target_id)"
            by_role = f"coalesce({_among('t.account_id', 'accounts')}, 0)"
            conditions.append(f"({_among('t.account', 'accounts')} OR {by_role} OR {own})")
        if self.regions:
            conditions.append(_among("t.region", "regions"))
        return " AND ".join(conditions)

    @property
    def of_resources(self) -> str:
        """The condition in SQL for a resource of such an execution."""
        own = self._of_states("r")
        if self.statuses or self.reasons:
            snapshots = f"snapshots AS s WHERE {OF_RESOURCE} AND {self._of_states('s')}"
            own = f"({own} OR EXISTS (SELECT * FROM {snapshots}))"
        if self.actions:
            own += f" AND coalesce({_among('r.action', 'actions')}, 0)"
        return own

    @property
    def of_bare_executions(self) -> str:
        """The condition in SQL for such an execution to be reported without a resource."""
        return "0" if self.actions else self._of_states("e")

    @property
    def where(self) -> str:
        """The condition in SQL for an execution that is reported."""
        if not (self.statuses or self.actions or self.reasons):
            return self.of_executions
        return (
            f"{self.of_executions} AND ({self.of_bare_executions} OR EXISTS (SELECT * FROM"
            f" resources AS r WHERE r.execution_id = e.execution_id AND {self.of_resources}))"
        )

    def places_problem(self, places: Iterable[Place]) -> str | None:
        """Return the problem if an account or a region is none of the places."""
        known = list(places)
        accounts = {name for names, _ in known for name in names}
        regions = {region for _, region in known}
        for option, chosen, names in (
            ("--account", self.accounts, accounts),
            ("--region", self.regions, regions),
        ):
            for name in chosen:
                if name not in names:
                    some = sorted(names)[:_MAX_NAMES]
                    more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
                    return f"{option}: {name[:80]!r} given; allowed: {', '.join(some)}{more}"
        if not any(
            (not self.accounts or set(self.accounts) & set(names))
            and (not self.regions or region in self.regions)
            for names, region in known
        ):
            return "--account and --region: no target has both; allowed: those of one target"
        return None

    def of_all_times(self) -> Selection:
        """Return the selection of the same policies' executions, whenever they ended and how."""
        return replace(self, since=None, until=None, statuses=(), actions=(), reasons=())

    def _of_states(self, table: str) -> str:
        conditions = ["1"]
        if self.statuses:
            conditions.append(f"coalesce({_among(f'{table}.status', 'statuses')}, 0)")
        if self.reasons:
            conditions.append(
                "EXISTS (SELECT * FROM json_each(:reasons)"
                f" WHERE instr(lower({table}.reason), lower(value)))"
            )
        return " AND ".join(conditions)


def _among(expression: str, name: str) -> str:
    return f"{expression} IN (SELECT value FROM json_each(:{name}))"


#: The members of a record, in the order of the columns of CSV.
MEMBERS = (
    *("account", "account_id", "region", "policy_arn", "policy", "execution_id"),
    *("execution_status", "execution_reason", "execution_start_time", "execution_end_time"),
    *("parent_id", "resource_id", "resource_account", "resource_region", "status", "reason"),
    *("action", "action_reason", "image_uris", "start_time", "end_time", "snapshots"),
)


def newest_places(database: FleetDatabase) -> list[Place]:
    """Return the places of the targets of the newest run; none if there was no run."""
    rows = database.query(
        "SELECT t.account, t.account_id, t.region, (SELECT json_group_array(DISTINCT p.account)"
        "  FROM policies AS p WHERE p.target_id = t.target_id) AS listed "
        "FROM targets AS t WHERE t.last_run = (SELECT max(run_id) FROM runs)"
    )
    return [
        ({*filter(None, (label, account_id)), *json.loads(listed)}, region)
        for label, account_id, region, listed in rows
    ]


def iter_records(database: FleetDatabase, selection: Selection) -> Iterator[dict[str, Any]]:
    """Yield a dictionary for each resource, and for each execution without any.

    Its keys are :data:`MEMBERS`. The order is that of accounts, regions and policies, of executions
    from the newest on, and of images, each followed by its children.
    """
    rows = database.query(
        f"SELECT {ACCOUNT} AS account, e.account AS account_id, e.region, e.policy_arn,"
        f" {POLICY} AS policy, e.execution_id,"
        " e.status AS execution_status, e.reason AS execution_reason,"
        " e.start_time AS execution_start_time, e.end_time AS execution_end_time,"
        " r.parent_id, r.resource_id, r.account AS resource_account,"
        " r.region AS resource_region, r.status, r.reason, r.action, r.action_reason,"
        " r.image_uris, r.start_time, r.end_time, ("
        "  SELECT json_group_array(json_object('snapshot_id', s.snapshot_id, 'status', s.status,"
        f"   'reason', s.reason)) FROM snapshots AS s WHERE {OF_RESOURCE}) AS snapshots "
        f"FROM {EXECUTIONS} LEFT JOIN resources AS r"
        f" ON r.execution_id = e.execution_id AND {selection.of_resources} "
        f"WHERE {selection.of_executions}"
        f" AND (r.resource_id IS NOT NULL OR {selection.of_bare_executions}) "
        "ORDER BY 1, 3, policy, e.start_time DESC, e.execution_id,"
        " CASE r.parent_id WHEN '' THEN r.resource_id ELSE r.parent_id END,"
        " r.parent_id <> '', r.resource_id",
        selection.parameters,
    )
    for row in rows:
        record = dict(row)
        for name in ("image_uris", "snapshots"):
            record[name] = json.loads(record[name] or "[]")
        record["parent_id"] = record["parent_id"] or None
        yield record
