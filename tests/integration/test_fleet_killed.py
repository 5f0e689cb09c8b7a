"""Runs and workers that are killed: each record is stored once, and none is lost.

What was stored complete is not written again.
"""

import multiprocessing
import os
import random
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from imagebuilder_pager.fleet import FleetDatabase, process_executor, run_fleet
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import (
    PAST,
    Key,
    expected_records,
    fleet_environment,
    log_writes,
    logged_writes,
    make_fleet,
    run_in_process,
    serve_fleet,
    stored_records,
    targets_of,
)

KILLS = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.sqlite"
    log_writes(path)
    return path


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
        with FleetDatabase(path) as database:
            assert not run_fleet(targets, database).failures
    assert killed >= KILLS / 2, f"most runs were over before they were killed: {progress}"
    assert progress == sorted(progress)
    assert len(set(progress)) > 3, f"the runs did not go on where they were: {progress}"
    assert_each_once(path, fleet_records=expected_records(fleet))


def test_a_worker_process_that_is_killed_loses_nothing(path: Path) -> None:
    fleet = make_fleet(resources=12, newest=PAST, is_running=False)
    pools: list[ProcessPoolExecutor] = []

    def make() -> Executor:
        pool = process_executor(2)
        assert isinstance(pool, ProcessPoolExecutor)
        pools.append(pool)
        return pool

    with serve_fleet(fleet, latency=0.002), FleetDatabase(path) as database:
        killer = threading.Thread(target=kill_a_worker, args=(pools, fleet))
        killer.start()
        result = run_fleet(targets_of(fleet), database, executor=make)
        killer.join()
    assert not result.failures
    assert len(pools) == 2
    assert_each_once(path, fleet_records=expected_records(fleet))


def kill_a_worker(pools: list[ProcessPoolExecutor], fleet: LocalFleet) -> None:
    wait_for_requests(fleet, 10)
    os.kill(next(iter(pools[0]._processes)), signal.SIGKILL)


def assert_each_once(path: Path, fleet_records: set[Key]) -> None:
    stored = stored_records(path)
    assert len(stored) == len(set(stored))
    assert set(stored) == fleet_records
    assert set(logged_writes(path)) == {key[:3] for key in stored}
    assert not logged_writes(path, is_complete=True)


def wait_for_requests(fleet: LocalFleet, count: int, process: BaseProcess | None = None) -> None:
    """Wait for so many requests, or for the end of the process that makes them."""
    end = time.monotonic() + 30
    while fleet.requests < count and (process is None or process.is_alive()):
        assert time.monotonic() < end, "nothing is listed"
        time.sleep(0.002)
