"""A fleet on a Dask cluster: a scheduler over TCP, and worker processes, of which one is killed."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

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


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler, and the processes of its workers."""
    scheduler_file = folder / "scheduler.json"
    with ExitStack() as stack:

        def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
            command += ["--host", "127.0.0.1", "--no-dashboard"]
            with (folder / f"{module}.log").open("ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start("dask_scheduler", "--port", "0", "--scheduler-file", str(scheduler_file))
        wait_for_content(scheduler_file)
        address = json.loads(scheduler_file.read_bytes())["address"]
        folders = ["--local-directory", str(folder)]
        options = ["--no-nanny", "--nthreads", "1", *folders]
        yield address, [start("dask_worker", address, *options) for _ in range(workers)]


def wait_for_content(file: Path) -> None:
    end = time.monotonic() + TIMEOUT
    while not file.exists() or not file.read_bytes().endswith(b"}"):
        assert time.monotonic() < end, "the scheduler has not started"
        time.sleep(0.02)


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
        result = run_fleet(
            targets_of(fleet), database, executor=client.get_executor(), slice_pages=20
        )
        killer.join()
        assert workers[0].wait(TIMEOUT) == -9
        assert workers[1].poll() is None
    assert pids == {worker.pid for worker in workers}
    assert not result.failures
    stored = stored_records(path)
    assert len(stored) == len(set(stored))
    assert set(stored) == expected_records(fleet)
    assert set(Counter(logged_writes(path)).values()) == {1}
