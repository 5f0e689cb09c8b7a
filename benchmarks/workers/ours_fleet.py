"""The worker for ``imagebuilder_pager.fleet``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from imagebuilder_pager.fleet import Account, FleetDatabase, FleetResult, make_targets, run_fleet

from .common import FLEET_REGIONS, REGION, Stopwatch, fleet_url, role_arns

_RECORDS_ON_A_PAGE = 25


def fleet(  # noqa: PLR0917 - the harness passes numbers
    url: str, accounts: int, executions: int, pages: int, latency_ms: int, at_a_time: int
) -> None:
    """List all executions of all accounts and regions into a database."""
    _set_environment(fleet_url(url, 1, 1))
    _run(_targets(1))  # imports and compiles
    _set_environment(fleet_url(url, executions, pages, latency_ms=latency_ms))
    targets = _targets(accounts)
    stopwatch = Stopwatch()
    result = _run(targets, max_concurrency=at_a_time, max_concurrency_per_target=4)
    _check(result, len(targets) * executions, len(targets) * executions * pages)
    stopwatch.report(len(targets) * executions * pages)


def store(  # noqa: PLR0917 - the harness passes numbers
    url: str, targets: int, executions: int, pages: int, largest: int = 0, database: str = ""
) -> None:
    """List this number of targets into a database, by default into a temporary one.

    In each, one execution has ``largest`` pages, unless that is 0.
    """
    _set_environment(fleet_url(url, executions, pages, largest=largest))
    all_pages = targets * (executions * pages + (largest - pages if largest else 0))
    stopwatch = Stopwatch()
    result = _run(_targets(-(-targets // len(FLEET_REGIONS)))[:targets], database)
    _check(result, targets * executions, all_pages)
    stopwatch.report(all_pages)


def again(url: str, database: str) -> None:
    """List one account and region, with the outputs of images, into a database that is kept."""
    _set_environment(url)
    stopwatch = Stopwatch()
    with FleetDatabase(database) as opened:
        result = run_fleet(make_targets([Account()], [REGION]), opened)
    assert not result.failures, result.failures[0].error
    stopwatch.report(result.targets[0].pages)


def on_dask(url: str, address: str, workers: int) -> None:
    """List a fleet of 4,800 pages without latency on a Dask cluster."""
    from distributed import Client

    accounts, executions, pages = 4, 40, 10
    connect: Any = Client
    with connect(address, timeout=30) as client:
        client.wait_for_workers(workers, timeout=30)
        client.run(_set_environment, fleet_url(url, executions, pages))
        executor = client.get_executor()
        targets = _targets(accounts)
        _run(targets[:1], executor=executor)  # the workers import and compile
        stopwatch = Stopwatch()
        result = _run(targets, executor=executor)
        _check(result, len(targets) * executions, len(targets) * executions * pages)
        stopwatch.report(len(targets) * executions * pages)


def _targets(accounts: int) -> Any:
    roles = [Account(role_arn=arn) for arn in role_arns(accounts)]
    return make_targets(roles, FLEET_REGIONS)


def _set_environment(url: str) -> None:
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


def _run(targets: Any, database: str = "", **arguments: Any) -> FleetResult:
    with (
        tempfile.TemporaryDirectory() as folder,
        FleetDatabase(database or Path(folder, "fleet.sqlite")) as opened,
    ):
        return run_fleet(targets, opened, children=False, **arguments)


def _check(result: FleetResult, executions: int, pages: int) -> None:
    assert not result.failures, result.failures[0].error
    assert result.records == executions + pages * _RECORDS_ON_A_PAGE, result.records
