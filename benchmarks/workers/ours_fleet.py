"""The worker for ``imagebuilder_pager.fleet``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from imagebuilder_pager.fleet import Account, FleetDatabase, make_targets, run_fleet

from .common import FLEET_REGIONS, Stopwatch, fleet_url, role_arns


def fleet(  # noqa: PLR0917 - the harness passes numbers
    url: str, accounts: int, executions: int, pages: int, latency_ms: int, at_a_time: int
) -> None:
    """List all executions of all accounts and regions into a database."""
    os.environ |= {
        "AWS_ENDPOINT_URL": fleet_url(url, latency_ms, pages, executions),
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }
    targets = make_targets([Account(role_arn=arn) for arn in role_arns(accounts)], FLEET_REGIONS)
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        with FleetDatabase(Path(folder, "fleet.sqlite")) as database:
            result = run_fleet(
                targets,
                database,
                children=False,
                max_concurrency=at_a_time,
                max_concurrency_per_target=max(1, at_a_time // len(targets)),
            )
        assert not result.failures, result.failures[0].error
        assert result.records == len(targets) * executions * (1 + pages * 25), result.records
    stopwatch.report(len(targets) * executions * pages)
