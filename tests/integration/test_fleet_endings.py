"""How a run ends: by Ctrl-C once and twice, and by an executor that is lost."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from distributed import Client

from benchmarks.dask_cluster import dask_cluster
from imagebuilder_pager.exceptions import ExecutorLostError
from imagebuilder_pager.fleet import FleetDatabase, FleetResult, run_fleet
from tests.fakes.clocks import FakeClock
from tests.fakes.fleets import expected_records, role_arn, serve_fleet, stored_records
from tests.fakes.moving_fleets import (
    ACCOUNT_ID,
    REGION,
    TARGET,
    MovingFleet,
    answered_records,
    error_response,
    execution_id,
    fleet_of,
    make_execution,
)

RESOURCES = "ListLifecycleExecutionResources"
COMMAND = (sys.executable, "-m", "imagebuilder_pager", "lifecycle-report", "--output", "jsonl")
TIMEOUT = 15.0  # seconds, for what should be a matter of moments
LOGGER = "imagebuilder_pager.fleet.run"
connect: Callable[..., Any] = Client  # which has no types


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def run(path: Path, **arguments: Any) -> FleetResult:
    with FleetDatabase(path) as database:
        return run_fleet((TARGET,), database, **arguments)


def make_many(count: int, images: int = 2) -> MovingFleet:
    return fleet_of(*(make_execution(number, images=images) for number in range(count)))


class Terminal:
    """The command in a terminal of its own, where Ctrl-C reaches all of its processes."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._files = [(folder / name).open("w+") for name in ("stdout", "stderr")]
        self.folder = folder / "temporary"
        self.folder.mkdir()
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        out, err = self._files
        self.process = subprocess.Popen(
            (*COMMAND, *arguments), stdout=out, stderr=err, env=environment, start_new_session=True
        )

    @property
    def out(self) -> str:
        return Path(self._files[0].name).read_text()

    @property
    def err(self) -> str:
        return Path(self._files[1].name).read_text()

    def press_ctrl_c(self, *, is_for_all: bool = True) -> None:
        (os.killpg if is_for_all else os.kill)(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float = TIMEOUT) -> int:
        return self.process.wait(seconds)

    def wait_until_nothing_is_left(self, seconds: float) -> None:
        """Wait for the end of the workers, too."""

        def is_over() -> bool:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            return False

        wait_until(is_over, "processes are left", seconds)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for file in self._files:
            file.close()


@contextmanager
def terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    """Start the command, for the account of :func:`fleet_of` if there are no targets."""
    target = () if "--targets" in arguments else ("--region", REGION)
    started = Terminal(folder, *target, *arguments)
    try:
        yield started
    finally:
        started.close()


def wait_until(is_so: Callable[[], object], otherwise: str, seconds: float = TIMEOUT) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, otherwise
        time.sleep(0.01)


class Gate:
    """What lets so many requests for resources pass, and no other one until it is opened."""

    def __init__(self, fleet: MovingFleet, requests: int) -> None:
        self._is_open = threading.Event()
        self._left = requests
        self._lock = threading.Lock()
        self.reached = threading.Event()
        fleet.before(self._pass, RESOURCES)

    def open(self) -> None:
        self._is_open.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.open()  # the server ends with its last answer

    def _pass(self) -> None:
        with self._lock:
            self._left -= 1
            has_to_wait = self._left < 0
        if has_to_wait:
            self.reached.set()
            self._is_open.wait(2 * TIMEOUT)


# Ctrl-C.


@pytest.mark.parametrize(
    ("executor", "calls"),
    [
        pytest.param("threads", 10 + 4, id="threads, which end with the calls under way"),
        pytest.param("processes", 30, id="processes, which end with their batches"),
    ],
)
def test_ctrl_c_waits_for_what_is_under_way_and_says_so(
    executor: str, calls: int, path: Path, tmp_path: Path
) -> None:
    fleet = make_many(30)
    arguments = ("--database", str(path), "--executor", executor)
    with serve_fleet(fleet), Gate(fleet, 10) as gate, terminal(tmp_path, *arguments) as command:
        assert gate.reached.wait(TIMEOUT)
        command.press_ctrl_c()
        wait_until(lambda: command.err, "nothing is said of Ctrl-C")
        assert command.process.poll() is None
        gate.open()
        assert command.wait() == 130
        said = command.err
        command.wait_until_nothing_is_left(5)
        answers = fleet.take_answers()
        listings = [answer for answer in answers if answer.operation == RESOURCES]
        assert len(listings) <= calls
        assert set(stored_records(path)) == answered_records(answers)
        assert not run(path).failures
    assert "Traceback" not in said
    for word in ("Ctrl-C", "again", "same database"):
        assert word in said, said
    assert set(stored_records(path)) == expected_records(fleet.fleet)
    again = fleet.count_requests()[RESOURCES]
    assert again == 30 * 3 - len(listings)


@pytest.mark.parametrize(
    ("executor", "is_for_all"), [("threads", True), ("processes", True), ("processes", False)]
)
def test_a_second_ctrl_c_ends_at_once(
    executor: str, is_for_all: bool, path: Path, tmp_path: Path
) -> None:
    """Also where the signal reaches the command alone, as that of ``kill -INT`` does."""
    fleet = make_many(30)
    arguments = ("--database", str(path), "--executor", executor)
    with serve_fleet(fleet), Gate(fleet, 10) as gate, terminal(tmp_path, *arguments) as command:
        assert gate.reached.wait(TIMEOUT)
        command.press_ctrl_c(is_for_all=is_for_all)
        wait_until(lambda: command.err, "nothing is said of the first one")
        command.press_ctrl_c(is_for_all=is_for_all)
        assert command.wait(5) == 130
        command.wait_until_nothing_is_left(5)
        assert "Traceback" not in command.err
        gate.open()
        assert not run(path).failures
    stored = stored_records(path)
    assert len(stored) == len(set(stored))
    assert set(stored) == expected_records(fleet.fleet)


# The temporary database.


def databases_told(text: str, folder: Path) -> list[Path]:
    """Return the databases in the folder, of which the text has the paths."""
    found = list(folder.rglob("*.sqlite"))
    assert all(str(path) in text for path in found), text
    return found


def reported_executions(path: Path) -> set[str]:
    command = (*COMMAND, "--offline", "--database", str(path))
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert ran.returncode == 254, ran.stderr  # as the run was
    return {json.loads(line)["execution_id"] for line in ran.stdout.splitlines()}


def test_the_temporary_database_of_a_run_that_is_interrupted_is_kept(tmp_path: Path) -> None:
    fleet = make_many(30)
    with serve_fleet(fleet), Gate(fleet, 10) as gate, terminal(tmp_path) as command:
        assert gate.reached.wait(TIMEOUT)
        command.press_ctrl_c()
        gate.open()
        assert command.wait() == 130
        (path,) = databases_told(command.err, command.folder)
        assert stored_records(path)
        assert not run(path).failures
    assert set(stored_records(path)) == expected_records(fleet.fleet)


def test_the_temporary_database_of_a_run_that_fails_is_kept(tmp_path: Path) -> None:
    fleet = make_many(3)
    file = tmp_path / "targets.toml"
    tables = (f'[[accounts]]\nrole_arn = "{role_arn(one)}"' for one in (ACCOUNT_ID, "9" * 12))
    file.write_text("\n".join((f'regions = ["{REGION}"]', *tables)))
    with serve_fleet(fleet), terminal(tmp_path, "--targets", str(file)) as command:
        assert command.wait() == 254
        (path,) = databases_told(command.err, command.folder)
    assert reported_executions(path) == {execution_id(number) for number in range(3)}


def test_the_temporary_database_of_a_run_with_a_listing_that_fails_is_kept(
    tmp_path: Path,
) -> None:
    fleet = make_many(3)
    fleet.before(
        lambda: error_response("AccessDeniedException", 403),
        RESOURCES,
        lifecycleExecutionId=execution_id(1),
    )
    with serve_fleet(fleet), terminal(tmp_path) as command:
        assert command.wait() == 254
        (path,) = databases_told(command.err, command.folder)
    assert {key[0] for key in stored_records(path)} == {execution_id(0), execution_id(2)}


def test_the_temporary_database_of_a_complete_run_is_removed(tmp_path: Path) -> None:
    with serve_fleet(make_many(3)), terminal(tmp_path) as command:
        assert command.wait() == 0
        assert command.err == ""
        assert len(command.out.splitlines()) == 3 * 2 * 2
        assert list(command.folder.iterdir()) == []


# An executor that is lost.


class Broken(Executor):
    """An executor that has broken, as a process pool does when one of its processes dies."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise BrokenExecutor("a worker has died")


class BreaksLater(Executor):
    """An executor that breaks with what it was given, each time anew."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Future[Any]()
        future.set_exception(BrokenExecutor("a worker has died"))
        return future


@pytest.mark.parametrize(
    "executor",
    [
        pytest.param(Broken(), id="the caller's"),
        pytest.param(BreaksLater(), id="the caller's, later"),
        pytest.param(Broken, id="a new one each time"),
        pytest.param(BreaksLater, id="a new one each time, later"),
    ],
)
def test_an_executor_that_stays_broken_ends_the_run(executor: Any, path: Path) -> None:
    fleet = make_many(3)
    with serve_fleet(fleet):
        with pytest.raises(ExecutorLostError, match="a worker has died"):
            run(path, executor=executor, clock=FakeClock())
        assert not run(path).failures
    assert set(stored_records(path)) == expected_records(fleet.fleet)


class Silent(Executor):
    """An executor that has nobody to do what it is given, until it breaks."""

    def __init__(self) -> None:
        self._futures: list[Future[Any]] = []
        self._is_broken = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._is_broken:
            raise BrokenExecutor("the scheduler is gone")
        self._futures.append(Future())
        return self._futures[-1]

    def break_down(self) -> None:
        self._is_broken = True
        for future in self._futures:
            if not future.done():
                future.set_exception(BrokenExecutor("the scheduler is gone"))


@contextmanager
def on_log(act: Callable[[str], None]) -> Iterator[None]:
    """Hand over what the run logs."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            act(record.getMessage())

    logger, handler = logging.getLogger(LOGGER), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a run say what it waits for after a moment, in place of ten seconds."""
    monkeypatch.setattr("imagebuilder_pager.fleet.run.LOG_INTERVAL", 0.2)


@pytest.mark.usefixtures("_impatient")
def test_a_run_that_waits_says_what_for(path: Path) -> None:
    executor, said = Silent(), list[str]()

    def listen(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            executor.break_down()

    too_long = threading.Timer(TIMEOUT, executor.break_down)
    too_long.start()
    with on_log(listen), pytest.raises(ExecutorLostError, match="the scheduler is gone"):
        run(path, executor=executor)
    too_long.cancel()
    assert said, "nothing is said"
    assert "wait" in said[0]
    assert TARGET.name in said[0] or "1 " in said[0]


@pytest.mark.usefixtures("_impatient")
def test_a_dask_scheduler_without_workers_is_told_and_a_dead_one_ends_the_run(
    path: Path, tmp_path: Path
) -> None:
    fleet = make_many(30)
    said: list[str] = []
    with (
        serve_fleet(fleet, latency=0.002),
        dask_cluster(tmp_path, workers=0) as (address, _),
        connect(address, timeout=TIMEOUT) as client,
    ):
        scheduler: int = client.run_on_scheduler(os.getpid)

        def listen(line: str) -> None:
            said.append(line)
            os.kill(scheduler, signal.SIGKILL)

        begun = time.monotonic()
        with on_log(listen), pytest.raises(ExecutorLostError):
            run(path, executor=client.get_executor())
        assert "wait" in said[0]
        assert time.monotonic() - begun < 10


def test_a_dask_scheduler_that_dies_ends_the_run_and_keeps_what_was_stored(
    path: Path, tmp_path: Path
) -> None:
    fleet = make_many(60)
    with (
        serve_fleet(fleet, latency=0.002),
        dask_cluster(tmp_path, workers=1) as (address, _),
        connect(address, timeout=TIMEOUT) as client,
    ):
        scheduler: int = client.run_on_scheduler(os.getpid)
        died: list[float] = []

        def kill() -> None:
            os.kill(scheduler, signal.SIGKILL)
            died.append(time.monotonic())

        fleet.before(kill, RESOURCES, number=60)
        with pytest.raises(ExecutorLostError):
            run(path, executor=client.get_executor())
        assert time.monotonic() - died[0] < 10
        assert not run(path).failures
    assert set(stored_records(path)) == expected_records(fleet.fleet)
