"""The rows of a fleet: accounts and regions, into a database. They are measured where named."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .dask_cluster import dask_cluster
from .harness import ROOT, Harness, Measured
from .results import Row, Samples

__all__ = ["FLEET_ROWS"]

#: Accounts, executions in each account and region, pages in each, milliseconds of latency.
_FLEET = (4, 10, 4, 50)
_AT_A_TIME = 32


def _measure_fleet(
    threads: int, value: Callable[[Measured], float | None]
) -> Callable[..., Samples]:
    """Return the measure of a fleet by boto3, with so many threads or 0 for none, and by ours."""

    def measure(harness: Harness, rounds: int) -> Samples:
        samples = Samples()
        sides = (
            ("peer_boto3", threads, samples.peer),
            ("ours_fleet", _AT_A_TIME, samples.ours),
        )
        for _ in range(rounds):
            for worker, at_a_time, into in sides:
                measured = value(harness.work(worker, "fleet", *_FLEET, at_a_time))
                assert measured is not None
                into.append(measured)
        return samples

    return measure


def _measure_growth(harness: Harness, rounds: int) -> Samples:
    """Measure the peak memory of 10,000 records and of 200,000, in MiB."""

    def peak(pages: int) -> float:
        measured = harness.work("ours_fleet", "store", 20, pages)
        assert measured.peak_kib is not None
        return measured.peak_kib / 1024

    return Samples([peak(20) for _ in range(rounds)], [peak(400) for _ in range(rounds)])


def _measure_dask(harness: Harness, rounds: int) -> Samples:
    """Measure the seconds of a fleet with one Dask worker and with two, of one thread each."""

    def seconds(workers: int) -> float:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            environment = {
                **{name: value for name, value in os.environ.items() if name[:4] != "AWS_"},
                "PYTHONPATH": os.pathsep.join((str(harness.library), str(ROOT))),
            }
            with dask_cluster(Path(folder), workers, environment) as (address, _):
                code = (
                    "from benchmarks.workers.ours_fleet import on_dask; "
                    f"on_dask({harness.http!r}, {address!r}, {workers})"
                )
                ran = subprocess.run(
                    [sys.executable, "-c", code],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
        return float(ran.stdout.rpartition("wall=")[2].split()[0])

    return Samples([seconds(1) for _ in range(rounds)], [seconds(2) for _ in range(rounds)])


def _wall(measured: Measured) -> float | None:
    return measured.wall


def _cpu(measured: Measured) -> float | None:
    return measured.cpu


_what = "4 accounts x 3 regions, 10 listings of 4 pages in each, at 50 ms, 32 at a time"
_row = partial(Row, unit="s", is_long=True)

FLEET_ROWS = (
    _row(
        name="fleet",
        what=f"{_what}, into a database",
        peer="a boto3 loop",
        measure=_measure_fleet(0, _wall),
        rounds=2,
        must=1 / 18,
        aim=1 / 25,
    ),
    _row(
        name="fleet-threads",
        what="the same",
        peer="boto3 in 32 threads",
        measure=_measure_fleet(_AT_A_TIME, _wall),
        rounds=7,
        must=0.8,
        aim=0.6,
    ),
    _row(
        name="fleet-threads-cpu",
        what="the same, CPU",
        peer="boto3 in 32 threads",
        measure=_measure_fleet(_AT_A_TIME, _cpu),
        rounds=7,
        must=0.6,
        aim=0.35,
    ),
    _row(
        name="fleet-growth",
        what="200,000 records into SQLite, memory",
        peer="10,000 records",
        unit="MiB",
        measure=_measure_growth,
        rounds=2,
        must=10,
        aim=3,
        difference=True,
    ),
    _row(
        name="fleet-dask",
        what="a fleet without latency on 2 Dask workers",
        peer="itself with 1",
        measure=_measure_dask,
        rounds=3,
    ),
)
