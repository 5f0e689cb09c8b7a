"""A local fleet, reached by the environment of this process; its records, and those stored."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
import pytest

from imagebuilder_pager._aws.clock import SYSTEM_CLOCK, Clock
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.fleet import (
    Account,
    FleetDatabase,
    FleetResult,
    Target,
    batch,
    make_targets,
    run_fleet,
)
from imagebuilder_pager.local import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalServer
from imagebuilder_pager.local.account_generator import FleetSize
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.command_line import CommandResult

#: A day long after the end of all executions.
PAST = datetime(2026, 3, 1, tzinfo=UTC)
REGION = "us-west-2"
#: One account and region, with the credentials of the environment.
TARGET = Target(Account(), REGION)

#: The key of a record: execution, parent, resource, account and region.
Key = tuple[str, str, str, str, str]
Fleet = TypeVar("Fleet", bound=Callable[[httpx.Request], httpx.Response])


class Serve(Protocol):
    """Serve the fleet until the test is over, and return it."""

    def __call__(self, fleet: Fleet, *, latency: float = 0.0) -> Fleet: ...


def fleet_environment(url: str) -> dict[str, str]:
    """Return the variables by which AWS's settings lead to the fleet."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    }


@contextmanager
def serve_fleet(
    fleet: Callable[[httpx.Request], httpx.Response], *, latency: float = 0.0
) -> Iterator[str]:
    """Serve the fleet, with the environment set for it; give its URL."""
    with LocalServer(fleet, latency=latency) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in fleet_environment(server.url).items():
            patch.setenv(name, value)
        yield server.url


def make_fleet(regions: tuple[str, ...] = ("us-west-2",), **arguments: Any) -> LocalFleet:
    """Return a small fleet; arguments are those of a ``FleetSize`` and of a ``LocalFleet``."""
    sizes = {"accounts": 2, "policies": 2, "executions": 3, "resources": 26}
    size = FleetSize(**{name: arguments.pop(name, number) for name, number in sizes.items()})
    return LocalFleet(size, regions=regions, **arguments)


def role_arn(account_id: str) -> str:
    """Return the ARN of a role that can be assumed."""
    return f"arn:aws:iam::{account_id}:role/Reader"


def targets_of(fleet: LocalFleet) -> tuple[Target, ...]:
    """Return the targets of all accounts and regions of the fleet."""
    accounts = [Account(role_arn=role_arn(account)) for account in fleet.account_ids]
    return make_targets(accounts, fleet.regions)


def expected_records(fleet: LocalFleet) -> set[Key]:
    """Return the keys of all resources of the fleet."""
    return {
        (
            execution.lifecycle_execution_id,
            parent,
            resource["resourceId"],
            resource["accountId"],
            resource["region"],
        )
        for account in fleet.account_ids
        for region in fleet.regions
        for execution in fleet.account(account, region).executions
        for parent, resources in [("", execution.resources), *execution.children_by_parent.items()]
        for resource in resources
    }


def run(path: Path, targets: tuple[Target, ...] = (TARGET,), **arguments: Any) -> FleetResult:
    """Run the fleet with its database."""
    with FleetDatabase(path) as database:
        return run_fleet(targets, database, **arguments)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query; commit it if it is a change."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


def stored_records(path: Path) -> set[Key]:
    """Return the keys of all resources in the database, which has each once."""
    sql = "SELECT execution_id, parent_id, resource_id, account, region FROM resources"
    stored = query(path, sql)
    keys: set[Any] = set(stored)
    assert len(keys) == len(stored)
    return keys


def report(capfd: pytest.CaptureFixture[str], *arguments: str) -> CommandResult:
    """Run the command ``lifecycle-report``."""
    capfd.readouterr()
    code = main(["lifecycle-report", *arguments])
    return CommandResult(code, *capfd.readouterr())


def report_offline(capfd: pytest.CaptureFixture[str], path: Path, *arguments: str) -> str:
    """Return the report of a database, which is complete."""
    result = report(capfd, "--database", str(path), "--offline", *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out


def run_in_process(
    environment: dict[str, str], path: Path, targets: tuple[Target, ...], arguments: dict[str, Any]
) -> None:
    """Run the fleet with its environment, in small batches: for a process that is killed."""
    os.environ.update(environment)
    batch.MAX_PAGES = 4
    run(path, targets, **arguments)


class InlineExecutor(Executor):
    """An executor that runs a batch at once, by a clock that does not wait."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.arguments: list[tuple[Any, ...]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.arguments.append(args)
        future = Future[Any]()
        try:
            future.set_result(fn(*args, **kwargs, clock=self.clock))
        except BaseException as error:  # noqa: BLE001 - it is that of the future
            future.set_exception(error)
        return future


class SilentExecutor(InlineExecutor):
    """An executor that runs some batches, and has no result of the others until its end."""

    def __init__(self, runs: int = 0) -> None:
        super().__init__(SYSTEM_CLOCK)
        self._runs = runs
        self._waiting: list[Future[Any]] = []
        self._error: BaseException | None = None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(self.arguments) < self._runs:
            return super().submit(fn, *args, **kwargs)
        if self._error is not None:
            raise self._error
        self._waiting.append(Future())
        return self._waiting[-1]

    def end(self, error: BaseException) -> None:
        """Fail with the error, as do the batches without a result and all further ones."""
        self._error = error
        for future in self._waiting:
            if not future.done():
                future.set_exception(error)
