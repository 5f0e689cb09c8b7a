"""A fleet on a Dask cluster: a scheduler over TCP, and worker processes, of which one is killed."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client

from benchmarks.dask_cluster import dask_cluster
from imagebuilder_pager.fleet import FleetDatabase, run_fleet
from tests.fakes.fleets import (
    PAST,
    expected_records,
    log_writes,
    logged_writes,
    make_fleet,
    serve_fleet,
    stored_records,
    targets_of,
)

TIMEOUT = 30.0
connect: Callable[..., Any] = Client  # which has no types


def test_a_dask_worker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    log_writes(path)
    fleet = make_fleet(resources=12, newest=PAST, is_running=False)
    with (
        serve_fleet(fleet, latency=0.002),
        dask_cluster(tmp_path, workers=2) as (address, workers),
        connect(address, timeout=TIMEOUT) as client,
        FleetDatabase(path) as database,
    ):
        assert address.startswith("tcp://127.0.0.1:")
        client.wait_for_workers(2, timeout=TIMEOUT)

        def kill_a_worker() -> None:
            while fleet.requests < 20:
                time.sleep(0.002)
            workers[0].kill()

        killer = threading.Thread(target=kill_a_worker)
        killer.start()
        pids = set(client.run(os.getpid).values())
        result = run_fleet(targets_of(fleet), database, executor=client.get_executor())
        killer.join()
        assert workers[0].wait(TIMEOUT) == -9
        assert workers[1].poll() is None
    assert pids == {worker.pid for worker in workers}
    assert not result.failures
    stored = stored_records(path)
    assert len(stored) == len(set(stored))
    assert set(stored) == expected_records(fleet)
    assert set(logged_writes(path)) == {key[:3] for key in stored}
    assert not logged_writes(path, is_complete=True)
