"""Runs, workers and schedulers that are killed: each record is stored once, and none is lost.

A complete listing is not written again.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from benchmarks.dask_cluster import dask_cluster
from imagebuilder_pager.exceptions import ExecutorLostError
from imagebuilder_pager.fleet import process_executor
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import (
    PAST,
    expected_records,
    fleet_environment,
    log_writes,
    logged_writes,
    make_fleet,
    run,
    run_in_process,
    serve_fleet,
    stored_records,
    targets_of,
)
from tests.fakes.moving_fleets import MovingFleet, make_many

KILLS = 20
RESOURCES = "ListLifecycleExecutionResources"
TIMEOUT = 30.0
connect: Callable[..., Any] = Client  # which has no types


@pytest.fixture
def path(path: Path) -> Path:
    """The path of a database that logs its writes."""
    log_writes(path)
    return path


def assert_each_once(path: Path, fleet: LocalFleet) -> None:
    stored = stored_records(path)
    assert stored == expected_records(fleet)
    assert set(logged_writes(path)) == {key[:3] for key in stored}
    assert not logged_writes(path, is_complete=True)


def test_a_run_that_is_killed_twenty_times_has_every_record_once(path: Path) -> None:
    fleet = make_fleet(
        ("us-west-2", "eu-west-1"), resources=1, executions=4, newest=PAST, is_running=False
    )
    targets, moments = targets_of(fleet), random.Random(15)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fakes.fleets", "imagebuilder_pager.fleet.run"])
    arguments = {"max_concurrency": 1}
    progress = []
    with serve_fleet(fleet, latency=0.002) as url:
        for _ in range(KILLS):
            process = context.Process(
                target=run_in_process, args=(fleet_environment(url), path, targets, arguments)
            )
            requests = fleet.requests + moments.randint(1, 50)
            process.start()
            wait_for_requests(fleet, requests, process)
            process.kill()
            process.join()
            progress.append(len(stored_records(path)))
        killed = sum(1 for count in progress if count < len(expected_records(fleet)))
        assert not run(path, targets).failures
    assert killed >= KILLS / 2, f"most runs were over before they were killed: {progress}"
    assert progress == sorted(progress)
    assert len(set(progress)) > 3, f"the runs did not continue where they were: {progress}"
    assert_each_once(path, fleet)


def wait_for_requests(fleet: LocalFleet, count: int, process: BaseProcess) -> None:
    """Wait until the fleet has answered as many requests, or the process has ended."""
    end = time.monotonic() + TIMEOUT
    while fleet.requests < count and process.is_alive():
        assert time.monotonic() < end, "nothing is listed"
        time.sleep(0.002)


def test_a_worker_process_that_is_killed_loses_nothing(path: Path) -> None:
    fleet = make_many(20, images=5)
    pools: list[ProcessPoolExecutor] = []

    def make() -> Executor:
        pool = process_executor(2)
        assert isinstance(pool, ProcessPoolExecutor)
        pools.append(pool)
        return pool

    def kill_a_worker() -> None:
        os.kill(next(iter(pools[0]._processes)), signal.SIGKILL)

    fleet.before(kill_a_worker, RESOURCES, number=10)
    with serve_fleet(fleet, latency=0.002):
        assert not run(path, executor=make).failures
    assert len(pools) == 2
    assert_each_once(path, fleet.fleet)


def test_a_killed_dask_worker_loses_nothing_and_a_killed_scheduler_ends_the_run(
    path: Path, tmp_path: Path
) -> None:
    local = make_fleet(resources=12, newest=PAST, is_running=False)
    fleet, targets = MovingFleet(local), targets_of(local)
    later = tmp_path / "later.sqlite"
    with (
        serve_fleet(fleet, latency=0.002),
        dask_cluster(tmp_path, workers=2) as (address, workers),
        connect(address, timeout=TIMEOUT) as client,
    ):
        assert address.startswith("tcp://127.0.0.1:")
        client.wait_for_workers(2, timeout=TIMEOUT)
        pids = set(client.run(os.getpid).values())
        assert pids == {worker.pid for worker in workers}
        fleet.before(workers[0].kill, RESOURCES, number=10)
        assert not run(path, targets, executor=client.get_executor()).failures
        assert workers[0].wait(TIMEOUT) == -9
        assert workers[1].poll() is None
        assert_each_once(path, local)

        scheduler: int = client.run_on_scheduler(os.getpid)
        died: list[float] = []

        def kill_the_scheduler() -> None:
            os.kill(scheduler, signal.SIGKILL)
            died.append(time.monotonic())

        fleet.calm()
        fleet.before(kill_the_scheduler, RESOURCES, number=20)
        with pytest.raises(ExecutorLostError):
            run(later, targets, executor=client.get_executor())
        assert time.monotonic() - died[0] < 10
        assert not run(later, targets).failures
    assert stored_records(later) == expected_records(local)
