"""The worker for ``imagebuilder_pager.fleet``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from imagebuilder_pager.fleet import Account, FleetDatabase, FleetResult, make_targets, run_fleet

from .common import FLEET_REGIONS, Stopwatch, fleet_url, role_arns

_RECORDS_ON_A_PAGE = 25


def fleet(  # noqa: PLR0917 - the harness passes numbers
    url: str, accounts: int, executions: int, pages: int, latency_ms: int, at_a_time: int
) -> None:
    """List all executions of all accounts and regions into a database."""
    _set_environment(fleet_url(url, latency_ms, pages, executions))
    targets = make_targets([Account(role_arn=arn) for arn in role_arns(accounts)], FLEET_REGIONS)
    stopwatch = Stopwatch()
    result = _run(targets, max_concurrency=at_a_time, max_concurrency_per_target=4)
    _check(result, len(targets) * executions, pages)
    stopwatch.report(len(targets) * executions * pages)


def store(url: str, executions: int, pages: int) -> None:
    """List one account and region into a database."""
    _set_environment(fleet_url(url, 0, pages, executions))
    stopwatch = Stopwatch()
    result = _run(make_targets([Account(role_arn=role_arns(1)[0])], FLEET_REGIONS[:1]))
    _check(result, executions, pages)
    stopwatch.report(executions * pages)


def on_dask(url: str, address: str, workers: int) -> None:
    """List a fleet of 4,800 pages without latency on a Dask cluster."""
    from distributed import Client

    accounts, executions, pages = 4, 40, 10
    connect: Any = Client
    with connect(address, timeout=30) as client:
        client.wait_for_workers(workers, timeout=30)
        client.run(_set_environment, fleet_url(url, 0, pages, executions))
        executor = client.get_executor()
        roles = [Account(role_arn=arn) for arn in role_arns(accounts)]
        targets = make_targets(roles, FLEET_REGIONS)
        _run(targets[:1], executor=executor)  # what is imported by the workers, and compiled
        stopwatch = Stopwatch()
        result = _run(targets, executor=executor)
        _check(result, len(targets) * executions, pages)
        stopwatch.report(len(targets) * executions * pages)


def _set_environment(url: str) -> None:
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


def _run(targets: Any, **arguments: Any) -> FleetResult:
    with (
        tempfile.TemporaryDirectory() as folder,
        FleetDatabase(Path(folder, "fleet.sqlite")) as database,
    ):
        return run_fleet(targets, database, children=False, **arguments)


def _check(result: FleetResult, executions: int, pages: int) -> None:
    assert not result.failures, result.failures[0].error
    assert result.records == executions * (1 + pages * _RECORDS_ON_A_PAGE), result.records
