"""The rows of a fleet: accounts and regions, into a database. They are measured where named."""

from __future__ import annotations

from functools import partial

from .fleet_measures import (
    AT_A_TIME,
    FLEET,
    measure_again,
    measure_dask,
    measure_fleet,
    measure_growth,
    measure_report,
)
from .harness import Measured
from .results import Row

__all__ = ["FLEET_ROWS"]


def _wall(measured: Measured) -> float | None:
    return measured.wall


def _cpu(measured: Measured) -> float | None:
    return measured.cpu


_accounts, _executions, _pages, _latency_ms = FLEET
_what = (
    f"{_accounts} accounts x 3 regions, {_executions} executions of {_pages} pages in each, "
    f"at {_latency_ms} ms, {AT_A_TIME} at a time, warm"
)
_row = partial(Row, unit="s", is_long=True)

FLEET_ROWS = (
    _row(
        name="fleet",
        what=f"{_what}, into a database",
        peer="a boto3 loop",
        measure=measure_fleet(0, _wall),
        rounds=2,
        must=1 / 16,
        aim=1 / 20,
    ),
    _row(
        name="fleet-threads",
        what="the same",
        peer=f"boto3 in {AT_A_TIME} threads",
        measure=measure_fleet(AT_A_TIME, _wall),
        rounds=7,
        must=0.8,
        aim=0.6,
    ),
    _row(
        name="fleet-threads-cpu",
        what="the same, CPU",
        peer=f"boto3 in {AT_A_TIME} threads",
        measure=measure_fleet(AT_A_TIME, _cpu),
        rounds=7,
        must=0.6,
        aim=0.35,
    ),
    _row(
        name="fleet-growth",
        what="200,000 records into SQLite, 50,000 of them of one execution, memory",
        peer="10,000 records",
        unit="MiB",
        measure=measure_growth,
        rounds=2,
        must=10,
        aim=3,
        difference=True,
    ),
    _row(
        name="fleet-again",
        what="a second run, 40 policies of 1,000 executions that have all ended",
        peer="the pages of policies and executions",
        unit="requests",
        measure=measure_again,
        rounds=1,
        must=1,
        aim=1,
    ),
    *(
        _row(
            name=f"fleet-report-{output}",
            what=f"a report of 200,000 records as {output}, memory",
            peer="nothing",
            unit="MiB",
            measure=measure_report(output),
            rounds=1,
            must=40,
            aim=30,
            difference=True,
        )
        for output in ("summary", "table", "tree", "json", "jsonl", "csv", "html")
    ),
    _row(
        name="fleet-dask",
        what="a fleet without latency on 2 Dask workers",
        peer="itself with 1",
        measure=measure_dask,
        rounds=3,
    ),
)
