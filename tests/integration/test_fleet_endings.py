"""How a run ends: by Ctrl-C once and twice, complete or not, killed, and without its executor."""

import itertools
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from benchmarks.dask_cluster import dask_cluster
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.exceptions import ExecutorLostError
from imagebuilder_pager.fleet import FleetDatabase, FleetProgress, process_executor
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.clocks import FakeClock
from tests.fakes.fleets import (
    PAST,
    REGION,
    TARGET,
    Serve,
    SilentExecutor,
    expected_records,
    fleet_environment,
    make_fleet,
    query,
    run,
    run_in_process,
    serve_fleet,
    stored_records,
    targets_of,
)
from tests.fakes.moving_fleets import (
    MovingFleet,
    answered_records,
    assert_all_stored,
    assert_completes,
    error_response,
    execution_id,
    make_many,
)
from tests.fakes.servers import wait_until

RESOURCES = "ListLifecycleExecutionResources"
TIMEOUT = 15.0  # seconds, more than is needed
KILLS = 20
connect: Callable[..., Any] = Client  # which has no types


class Terminal:
    """The command in another session, where Ctrl-C reaches all of its processes."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out, self.err = folder / "stdout", folder / "stderr"
        self.folder = folder / "temporary"
        self.folder.mkdir()
        command = [sys.executable, "-m", "imagebuilder_pager", "lifecycle-report"]
        command += ["--output", "jsonl", "--region", REGION, *arguments]
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, env=environment, start_new_session=True
            )

    def press_ctrl_c(self, *, is_for_all: bool = True) -> None:
        (os.killpg if is_for_all else os.kill)(self.process.pid, signal.SIGINT)

    def has_processes(self) -> bool:
        """Return whether the command or a worker is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def interrupted(fleet: MovingFleet, folder: Path, *arguments: str) -> Iterator[Terminal]:
    """Start the command, which waits at its eleventh request for resources until the block ends."""
    gate, reached, numbers = threading.Event(), threading.Event(), itertools.count(1)

    def wait_at_gate() -> None:
        if next(numbers) > 10:
            reached.set()
            gate.wait(2 * TIMEOUT)

    fleet.before(wait_at_gate, RESOURCES)
    terminal = Terminal(folder, *arguments)
    try:
        assert reached.wait(TIMEOUT)
        yield terminal
    finally:
        gate.set()
        fleet.calm()
        with suppress(subprocess.TimeoutExpired):
            terminal.process.wait(TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait()


@pytest.fixture
def path(path: Path) -> Path:
    """The path of a database that notes each write of a resource, also to a complete listing."""
    FleetDatabase(path).close()
    query(path, "CREATE TABLE writes (execution_id, parent_id, resource_id, is_complete)")
    for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
        listing = f"execution_id = {row}.execution_id AND parent_id = {row}.parent_id"
        query(
            path,
            f"CREATE TRIGGER log_{event} AFTER {event} ON resources BEGIN INSERT INTO writes "
            f"SELECT execution_id, parent_id, {row}.resource_id, complete "
            f"FROM listings WHERE {listing}; END",
        )
    return path


# Ctrl-C.


@pytest.mark.parametrize(
    ("executor", "calls", "is_temporary"),
    [
        pytest.param("threads", 10 + 4, True, id="threads, which end with the calls under way"),
        pytest.param("processes", 30, False, id="processes, which end with their batches"),
    ],
)
def test_ctrl_c_waits_for_the_calls_under_way_and_says_so(
    executor: str, calls: int, is_temporary: bool, path: Path, tmp_path: Path
) -> None:
    fleet = make_many(30, images=2)
    arguments = () if is_temporary else ("--database", str(path))
    with serve_fleet(fleet):
        with interrupted(fleet, tmp_path, "--executor", executor, *arguments) as terminal:
            terminal.press_ctrl_c()
            wait_until(lambda: terminal.err.stat().st_size > 0)
            assert terminal.process.poll() is None
        assert terminal.process.returncode == 130
        wait_until(lambda: not terminal.has_processes())
        answers = fleet.take_answers()
        listings = [answer for answer in answers if answer.operation == RESOURCES]
        assert len(listings) <= calls
        if is_temporary:
            (path,) = terminal.folder.rglob("*.sqlite")
        said = terminal.err.read_text().splitlines()
        assert said[0].startswith("waiting for the calls under way; Ctrl-C once more ends at once")
        assert said[1:] == [f"Run the command again with --database {path} to go on."]
        assert terminal.out.read_text() == ""
        assert stored_records(path) == answered_records(answers)
        assert_completes(path, fleet)
    assert fleet.count_requests()[RESOURCES] == 30 * 3 - len(listings)


@pytest.mark.parametrize(("executor", "is_for_all"), [("threads", True), ("processes", False)])
def test_a_second_ctrl_c_ends_at_once(
    executor: str, is_for_all: bool, path: Path, tmp_path: Path
) -> None:
    """Also if the signal reaches the command alone, as that of ``kill -INT`` does."""
    fleet = make_many(30, images=2)
    arguments = ("--database", str(path), "--executor", executor)
    with serve_fleet(fleet):
        with interrupted(fleet, tmp_path, *arguments) as terminal:
            terminal.press_ctrl_c(is_for_all=is_for_all)
            wait_until(lambda: terminal.err.stat().st_size > 0)
            terminal.press_ctrl_c(is_for_all=is_for_all)
            assert terminal.process.wait(5) == 130
            wait_until(lambda: not terminal.has_processes())
            assert "Traceback" not in terminal.err.read_text()
        assert_completes(path, fleet)


@pytest.mark.parametrize("failing", ["nothing", "a target", "a listing"])
def test_a_temporary_database_is_removed_after_a_complete_run_alone(
    failing: str,
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fleet, lost = serve(make_many(3, images=2)), []
    regions = [REGION]
    if failing == "a target":
        regions.append("eu-west-1")  # which the fleet does not have
    elif failing == "a listing":
        lost = [execution_id(1)]
        refusal = error_response("AccessDeniedException", 403)
        fleet.before(refusal, RESOURCES, lifecycleExecutionId=lost[0])
    command = ["lifecycle-report", "--output", "jsonl"]
    options = [text for region in regions for text in ("--region", region)]
    code = main([*command, *options])
    out, err = capfd.readouterr()
    if failing == "nothing":
        assert (code, err, len(out.splitlines())) == (0, "", 3 * 2 * 2)
        assert list(tmp_path.iterdir()) == []
        return
    (path,) = tmp_path.rglob("*.sqlite")
    assert code == 254
    assert err.endswith(f"Run the command again with --database {path} to go on.\n")
    assert_all_stored(path, fleet, without=lost)
    assert main([*command, "--offline", "--database", str(path)]) == 254
    assert capfd.readouterr() == (out, "")


# Killed runs, workers and schedulers.


def assert_each_once(path: Path, fleet: LocalFleet) -> None:
    """Assert that each record is stored once, and no complete listing is written again."""
    stored = stored_records(path)
    assert stored == expected_records(fleet)
    written = query(path, "SELECT execution_id, parent_id, resource_id FROM writes")
    assert set(written) == {key[:3] for key in stored}
    assert query(path, "SELECT * FROM writes WHERE is_complete") == []


def has_answered(fleet: LocalFleet, requests: int, process: BaseProcess) -> bool:
    """Return whether the fleet has answered as many requests, or the process has ended."""
    return fleet.requests >= requests or not process.is_alive()


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
            wait_until(partial(has_answered, fleet, requests, process))
            process.kill()
            process.join()
            progress.append(len(stored_records(path)))
        killed = sum(1 for count in progress if count < len(expected_records(fleet)))
        assert not run(path, targets).failures
    assert killed >= KILLS / 2, f"most runs were over before they were killed: {progress}"
    assert progress == sorted(progress)
    assert len(set(progress)) > 3, f"the runs did not continue where they were: {progress}"
    assert_each_once(path, fleet)


def test_a_worker_process_that_is_killed_loses_nothing(serve: Serve, path: Path) -> None:
    fleet = serve(make_many(20, images=5), latency=0.002)
    pools: list[Executor] = []

    def make() -> Executor:
        pools.append(process_executor(2))
        return pools[-1]

    def kill_a_worker() -> None:
        pool: Any = pools[0]
        os.kill(next(iter(pool._processes)), signal.SIGKILL)

    fleet.before(kill_a_worker, RESOURCES, number=10)
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
        connect(address, timeout=2 * TIMEOUT) as client,
    ):
        assert address.startswith("tcp://127.0.0.1:")
        client.wait_for_workers(2, timeout=2 * TIMEOUT)
        pids = set(client.run(os.getpid).values())
        assert pids == {worker.pid for worker in workers}
        fleet.before(workers[0].kill, RESOURCES, number=10)
        assert not run(path, targets, executor=client.get_executor()).failures
        assert workers[0].wait(2 * TIMEOUT) == -9
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


# An executor that is lost.


class Broken(Executor):
    """An executor that has broken, or that breaks later, with each of its batches."""

    def __init__(self, *, is_later: bool = False) -> None:
        self._is_later = is_later

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        error = BrokenExecutor("a worker has died")
        if not self._is_later:
            raise error
        future = Future[Any]()
        future.set_exception(error)
        return future


@pytest.mark.parametrize(
    "executor",
    [
        pytest.param(Broken(), id="the caller's"),
        pytest.param(Broken(is_later=True), id="the caller's, later"),
        pytest.param(Broken, id="a new one each time"),
        pytest.param(partial(Broken, is_later=True), id="a new one each time, later"),
    ],
)
def test_an_executor_that_stays_broken_ends_the_run(
    executor: Any, serve: Serve, path: Path
) -> None:
    fleet = serve(make_many(3))
    with pytest.raises(ExecutorLostError, match="a worker has died"):
        run(path, executor=executor, clock=FakeClock())
    assert_completes(path, fleet)


def test_a_run_without_results_logs_the_targets_that_it_waits_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("imagebuilder_pager.fleet.run.LOG_INTERVAL", 0.2)
    executor, left = SilentExecutor(), iter(range(2))
    gone = BrokenExecutor("the scheduler is gone")

    def break_down_later(progress: FleetProgress) -> None:
        if next(left, None) is None:
            executor.end(gone)

    too_long = threading.Timer(TIMEOUT, executor.end, [gone])
    too_long.start()
    with (
        caplog.at_level(logging.INFO, "imagebuilder_pager.fleet"),
        pytest.raises(ExecutorLostError, match="the scheduler is gone"),
    ):
        run(path, executor=executor, on_progress=break_down_later)
    too_long.cancel()
    assert f"no result for 0 s; waiting for 1 batches, of {TARGET.name}" in caplog.messages
