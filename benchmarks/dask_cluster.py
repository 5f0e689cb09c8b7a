"""A Dask cluster on this machine: a scheduler over TCP, and worker processes without nannies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["dask_cluster"]

_TIMEOUT = 30.0  # seconds until the scheduler has started


@contextmanager
def dask_cluster(
    folder: Path, workers: int, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Yield the address of a scheduler and its worker processes, of one thread each.

    Their logs are in the folder. ``environment`` replaces this process's environment for them.
    """
    scheduler_file = folder / "scheduler.json"
    with ExitStack() as stack:

        def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
            command += ["--host", "127.0.0.1", "--no-dashboard"]
            with (folder / f"{module}.log").open("ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start("dask_scheduler", "--port", "0", "--scheduler-file", str(scheduler_file))
        end = time.monotonic() + _TIMEOUT
        while not scheduler_file.exists() or not scheduler_file.read_bytes().endswith(b"}"):
            if time.monotonic() > end:
                raise TimeoutError(f"the scheduler has not started; see {folder}")
            time.sleep(0.02)
        address: str = json.loads(scheduler_file.read_bytes())["address"]
        options = ["--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        yield address, [start("dask_worker", address, *options) for _ in range(workers)]
