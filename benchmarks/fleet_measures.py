"""The measures of the rows of a fleet."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer
from imagebuilder_pager.local.account_generator import example_policy, generate_execution

from .dask_cluster import dask_cluster
from .distributions import LIBRARY
from .harness import ROOT, Harness
from .results import Measure, Samples

__all__ = ["AT_A_TIME", "FLEET", "measure_again", "measure_dask", "measure_report"]

#: Accounts, executions in each account and region, pages of each execution, latency in ms.
FLEET = (4, 10, 4, 50)
AT_A_TIME = 32
#: Accounts and regions, executions in each, pages in each: 200,000 images.
_REPORTED = (100, 10, 8)
_POLICIES, _EXECUTIONS, _PAGE_SIZE = 40, 1000, 25  # of the fleet that is run again
_IMPACTED_INTERVAL = 100  # one of this many executions has resources
_ENDED = ("SUCCESS", "FAILED", "CANCELLED")


def measure_again(harness: Harness, rounds: int) -> Samples:
    """Measure the requests of a second run, and the pages of policies and executions."""
    account = _account_of_many_executions()
    pages = {
        "ListLifecyclePolicies": -(-_POLICIES // _PAGE_SIZE),
        "ListLifecycleExecutions": _POLICIES * -(-_EXECUTIONS // _PAGE_SIZE),
    }

    def requests(database: Path) -> Counter[str | None]:
        service = LocalImageBuilder(account, secrets={"bench": "bench"})
        with LocalServer(service) as server:
            harness.work("ours_fleet", "again", str(database), url=server.url)
        assert service.requests == len(service.calls)  # no call was dropped
        return Counter(call.operation for call in service.calls)

    samples = Samples()
    for number in range(rounds):
        database = harness.folder / f"again-{number}.sqlite"
        first, second = requests(database), requests(database)
        below = _POLICIES * _EXECUTIONS // _IMPACTED_INTERVAL
        assert first["ListLifecycleExecutionResources"] >= 2 * below, first
        # With fewer requests, the run would have missed some.
        assert all(second[name] >= count for name, count in pages.items()), second
        samples.peer.append(sum(pages.values()))
        samples.ours.append(second.total())
    return samples


def _account_of_many_executions() -> Account:
    """Return an account with policies whose executions have ended, few of them with resources."""
    policies, executions = [], []
    for number in range(_POLICIES):
        example = example_policy("AMI_IMAGE")
        name = f"retire-{number:02d}"
        policy = example | {"name": name, "arn": f"{example['arn'].rpartition('/')[0]}/{name}"}
        policies.append(policy)
        for index in range(_EXECUTIONS):
            execution = generate_execution(
                f"lce-{number:08d}-0000-0000-0000-{index:012d}",
                policy,
                status=_ENDED[index % len(_ENDED)],
                resources=int(index % _IMPACTED_INTERVAL == 0),
                start_time=1740967200 - index * 3600,
            )
            executions.append(execution)
    return Account(tuple(executions), tuple(policies))


def measure_report(output: str) -> Measure:
    """Return the measure of the peak memory of a report of 200,000 images, in MiB."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def peak(database: Path) -> float:
            job = f"report({str(database)!r}, {output!r})"
            code = f"from benchmarks.workers.ours_report import report; {job}"
            return harness.python(code, LIBRARY, "rich").peak_mib

        peak(_database(harness, 1, 1, 1))  # compiling takes memory, too
        database = _database(harness, *_REPORTED)
        return Samples([0.0] * rounds, [peak(database) for _ in range(rounds)])

    return measure


def _database(harness: Harness, targets: int, executions: int, pages: int) -> Path:
    """Return a database of this number of images; the first call creates it for all reports."""
    path = harness.folder / f"reported-{targets}-{executions}-{pages}.sqlite"
    if not path.exists():
        harness.work("ours_fleet", "store", targets, executions, pages, 0, str(path))
        with closing(sqlite3.connect(path)) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM resources").fetchone()
        assert stored == targets * executions * pages * _PAGE_SIZE, stored
    return path


def measure_dask(harness: Harness, rounds: int) -> Samples:
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
