"""Runs over a local fleet: all records, what is new in a later run, and targets that fail."""

import datetime as dt
import functools
import logging
import pickle
import threading
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager.exceptions import ExecutorLostError, ParamValidationError
from imagebuilder_pager.fleet import (
    Account,
    FleetDatabase,
    FleetProgress,
    Target,
    batch,
    make_targets,
    process_executor,
    run_fleet,
)
from tests.fakes.clocks import FakeClock, NoSleepClock
from tests.fakes.fleets import (
    PAST,
    InlineExecutor,
    expected_records,
    make_fleet,
    role_arn,
    serve_fleet,
    stored_records,
    targets_of,
)

DAY = dt.timedelta(days=1)
make_small_fleet = functools.partial(make_fleet, resources=3, newest=PAST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def run(path: Path, targets: tuple[Target, ...], **arguments: Any) -> Any:
    with FleetDatabase(path) as database:
        return run_fleet(targets, database, **arguments)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with FleetDatabase(path) as database:
        return [tuple(row) for row in database.query(sql)]


def test_a_run_stores_what_all_accounts_and_regions_have(path: Path) -> None:
    fleet = make_small_fleet(("us-west-2", "eu-west-1"))
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet))
    stored = stored_records(path)
    assert set(stored) == expected_records(fleet)
    assert len(stored) == len(set(stored))
    executions = 2 * 2 * 2 * 3
    assert result.records == len(stored) + executions
    assert not result.failures
    assert query(path, "SELECT count(*) FROM executions") == [(executions,)]
    assert query(path, "SELECT DISTINCT state FROM targets") == [("complete",)]
    assert fleet.sts.assume_role_count == 2


def test_the_rows_say_what_the_service_said(path: Path) -> None:
    fleet = make_small_fleet(accounts=1)
    with serve_fleet(fleet):
        run(path, targets_of(fleet))
    account = fleet.account("123456789012", "us-west-2")
    for execution in account.executions:
        ((arn, status, has_ended, name, resource_type),) = query(
            path,
            "SELECT policy_arn, e.status, end_time IS NOT NULL, p.name, resource_type "
            "FROM executions AS e JOIN policies AS p USING (policy_arn) "
            f"WHERE execution_id = '{execution.lifecycle_execution_id}'",
        )
        (policy,) = (policy for policy in account.policies if policy["arn"] == arn)
        assert arn == execution.lifecycle_policy_arn
        assert status == execution.lifecycle_execution_state["status"]
        assert has_ended == (execution.end_time is not None)
        assert (name, resource_type) == (policy["name"], policy["resourceType"])
        for parent, resources in execution.children_by_parent.items():
            for resource in resources:
                rows = query(
                    path,
                    "SELECT status, reason, action FROM resources WHERE "
                    f"execution_id = '{execution.lifecycle_execution_id}' "
                    f"AND parent_id = '{parent}' AND resource_id = '{resource['resourceId']}'",
                )
                state = resource["state"]
                action = resource["action"]["name"]
                assert rows == [(state["status"], state.get("reason"), action)]


def test_a_later_run_brings_in_what_is_new_and_what_had_not_ended(path: Path) -> None:
    before = make_small_fleet(executions=10)
    after = make_small_fleet(executions=11, newest=PAST + DAY, is_running=False)
    (running,) = (
        execution
        for execution in before.account("123456789012", "us-west-2").executions
        if execution.end_time is None
    )
    targets = targets_of(before)
    with serve_fleet(before):
        first = run(path, targets)
    with serve_fleet(after):
        second = run(path, targets)
    assert not first.failures
    assert not second.failures
    assert expected_records(after) <= set(stored_records(path))
    # In each policy one is new, and in one the last one had not ended.
    assert 0 < second.records < first.records / 3
    assert query(
        path,
        "SELECT status IN ('SUCCESS', 'FAILED', 'CANCELLED'), end_time IS NOT NULL FROM executions "
        f"WHERE execution_id = '{running.lifecycle_execution_id}'",
    ) == [(1, 1)]


def test_a_target_that_fails_is_told_at_the_end_and_holds_up_no_other(path: Path) -> None:
    fleet = make_small_fleet()
    accounts = [
        Account(role_arn=role_arn("999999999999")),
        Account(role_arn=role_arn("123456789012"), regions=("us-west-2", "eu-west-1")),
        Account(role_arn=role_arn("111122223333")),
    ]
    with serve_fleet(fleet):
        result = run(path, make_targets(accounts, ["us-west-2"]))
    assert [one.target.name for one in result.targets] == [
        "999999999999/us-west-2",
        "123456789012/us-west-2",
        "123456789012/eu-west-1",
        "111122223333/us-west-2",
    ]
    assert [one.error_type for one in result.targets] == [
        "CredentialRetrievalError",
        None,
        "UnrecognizedClientException",
        None,
    ]
    assert "AccessDenied" in str(result.failures[0].error)
    assert "UnrecognizedClientException" in str(result.failures[1].error)
    assert set(stored_records(path)) == expected_records(fleet)
    assert query(path, "SELECT state, error_type FROM targets WHERE error IS NOT NULL") == [
        ("failed", "CredentialRetrievalError"),
        ("failed", "UnrecognizedClientException"),
    ]


def test_a_target_that_is_throttled_for_long_fails_and_the_next_run_goes_on(path: Path) -> None:
    clock = FakeClock(PAST)
    throttling = make_small_fleet(accounts=1, rate_limit=0.0001, clock=clock.now)
    (target,) = targets_of(throttling)
    arguments: dict[str, Any] = {"max_attempts": 1, "max_target_attempts": 3, "clock": clock}
    executor = InlineExecutor(clock)
    with serve_fleet(throttling):
        result = run(path, (target,), executor=executor, **arguments)
    (failure,) = result.failures
    assert failure.error_type == "CallRateLimitExceededException"
    # The run pauses before the next batch; batches wait by the adaptive rate.
    assert {2.0, 4.0} <= {round(seconds, 6) for seconds in clock.slept}
    assert len(clock.slept) > 2
    # Dask takes batches with equal arguments for one.
    assert len(executor.arguments) == len(set(map(pickle.dumps, executor.arguments))) >= 3
    fleet = make_small_fleet(accounts=1)
    with serve_fleet(fleet):
        assert not run(path, (target,)).failures
    assert set(stored_records(path)) == expected_records(fleet)


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
def test_a_fleet_run_stays_near_the_rate_that_the_service_allows(
    mode: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment's mode is: each client has the rate of its target alone."""
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    fleet = make_small_fleet(accounts=1, executions=2, rate_limit=30)
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet))
    assert not result.failures
    assert set(stored_records(path)) == expected_records(fleet)


def test_a_run_lists_what_its_arguments_say(path: Path) -> None:
    fleet = make_small_fleet(accounts=1, is_running=False)
    account = fleet.account("123456789012", "us-west-2")
    policy = account.policies[1]["arn"]
    since = PAST - DAY / 2
    with serve_fleet(fleet):
        run(path, targets_of(fleet), policies=[policy], since=since, children=False)
    (execution,) = (
        execution
        for execution in account.executions
        if execution.lifecycle_policy_arn == policy
        and execution.end_time is not None
        and execution.end_time >= since.timestamp()
    )
    assert {key[:2] for key in stored_records(path)} == {(execution.lifecycle_execution_id, "")}


def test_policies_are_looked_for_in_their_own_account_and_region(path: Path) -> None:
    fleet = make_small_fleet(("us-west-2", "eu-west-1"), is_running=False)
    places = [("123456789012", "us-west-2"), ("111122223333", "eu-west-1")]
    policies = [fleet.account(*place).policies[0]["arn"] for place in places]
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet), policies=policies)
        requests = fleet.requests
        again = run(path, targets_of(fleet), policies=reversed(policies))
    assert not result.failures
    assert [one.records > 0 for one in result.targets] == [True, False, False, True]
    executions = query(path, "SELECT DISTINCT policy_arn FROM executions")
    assert sorted(executions) == sorted((arn,) for arn in policies)
    assert again.records == 0
    assert fleet.requests == requests + 4 + 2  # the listings of policies and of executions


@pytest.mark.parametrize(("in_all", "per_target"), [(3, 2), (1, 4), (5, 1)])
def test_calls_at_a_time_are_bounded_in_all_and_for_each_target(
    path: Path, in_all: int, per_target: int
) -> None:
    fleet = make_small_fleet(("us-west-2", "eu-west-1"))
    lock, current, most = threading.Lock(), Counter[str](), Counter[str]()

    def counted(request: httpx.Request) -> httpx.Response:
        credential = request.headers["authorization"].partition("Credential=")[2]
        key, _, region, service = credential.split("/")[:4]
        names = ("all", f"{key}/{region}") if service == "imagebuilder" else ()
        with lock:
            current.update(names)
            most.update({name: 1 for name in names if current[name] > most[name]})
        response = fleet(request)
        time.sleep(0.005)  # a service's time, in which others may call
        with lock:
            current.subtract(names)
        return response

    with serve_fleet(counted):
        result = run(
            path,
            targets_of(fleet),
            max_concurrency=in_all,
            max_concurrency_per_target=per_target,
        )
    assert not result.failures
    assert most.pop("all") == min(in_all, 4 * per_target)
    assert len(most) == 4
    assert max(most.values()) <= min(per_target, in_all)


def test_progress_is_told_after_each_batch(path: Path) -> None:
    fleet = make_small_fleet()
    told: list[FleetProgress] = []
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet), on_progress=told.append)
    assert len(told) > 2
    assert [progress.records for progress in told] == sorted(p.records for p in told)
    last = told[-1]
    assert (last.targets, last.complete, last.failed, last.running) == (2, 2, 0, 0)
    assert (last.records, last.rate > 0) == (result.records, True)


def test_without_a_callback_a_line_is_logged_now_and_then(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = make_small_fleet(accounts=1)

    class HourlyClock(NoSleepClock):
        def monotonic(self) -> float:
            self.ahead += dt.timedelta(seconds=6)
            return self.ahead.total_seconds()

    with serve_fleet(fleet), caplog.at_level(logging.INFO, "imagebuilder_pager.fleet"):
        run(path, targets_of(fleet), clock=HourlyClock())
    assert "0 of 1 targets complete, 0 failed;" in caplog.text


def test_no_secret_is_in_what_is_sent_to_a_worker_or_comes_back(path: Path) -> None:
    fleet = make_small_fleet(accounts=1)
    sent: list[bytes] = []

    class Recorder(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            sent.append(pickle.dumps((fn, args)))
            future = super().submit(fn, *args, **kwargs)
            sent.append(pickle.dumps(future.result()))
            return future

    with serve_fleet(fleet), Recorder(1) as executor:
        run(path, targets_of(fleet), executor=executor)
    assert fleet.sts.assume_role_count == 1
    assert sent
    sent += [file.read_bytes() for file in path.parent.iterdir()]
    for key, secret in fleet.sts.secrets.items():
        if key != "local":
            assert not any(value.encode() in data for data in sent for value in (key, secret))


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ((), "targets: none given"),
        (("us-west-2",), "targets\\[0\\]: 'us-west-2' given; allowed: a Target"),
        ((Target(Account(), "us-west-2"),) * 2, "default/us-west-2 is there twice"),
    ],
)
def test_wrong_targets_are_an_error_before_anything_is_sent(
    path: Path, targets: Any, problem: str
) -> None:
    with pytest.raises(ParamValidationError, match=problem):
        run(path, targets)


def test_batches_run_in_processes(path: Path) -> None:
    fleet = make_small_fleet()
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet), executor=lambda: process_executor(2))
    assert not result.failures
    assert set(stored_records(path)) == expected_records(fleet)


def test_the_callers_executor_stays_the_callers(path: Path) -> None:
    fleet = make_small_fleet(accounts=1)
    with ThreadPoolExecutor(2) as executor:
        with serve_fleet(fleet):
            run(path, targets_of(fleet), executor=executor)
        assert executor.submit(int, "3").result() == 3


class Broken(Executor):
    """An executor that has broken, as a process pool does when one of its processes dies."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise BrokenExecutor("a worker has died")


def test_an_executor_of_the_caller_that_has_broken_ends_the_run(path: Path) -> None:
    fleet = make_small_fleet()
    with serve_fleet(fleet):
        with pytest.raises(ExecutorLostError, match="BrokenExecutor: a worker has died"):
            run(path, targets_of(fleet), executor=Broken())
        assert not run(path, targets_of(fleet)).failures
    assert set(stored_records(path)) == expected_records(fleet)


def test_an_error_of_the_program_ends_the_run_and_keeps_what_was_stored(path: Path) -> None:
    fleet = make_small_fleet()

    def interrupt(progress: FleetProgress) -> None:
        if progress.records > 2 * 2 * 3:  # of which the executions are those
            raise KeyboardInterrupt

    with serve_fleet(fleet):
        with pytest.raises(KeyboardInterrupt):
            run(path, targets_of(fleet), on_progress=interrupt)
        assert 0 < len(stored_records(path)) < len(expected_records(fleet))
        assert not run(path, targets_of(fleet)).failures
    assert set(stored_records(path)) == expected_records(fleet)


def test_no_thread_is_left(path: Path) -> None:
    fleet = make_small_fleet()
    with serve_fleet(fleet):
        run(path, targets_of(fleet))
    assert not [one for one in threading.enumerate() if one.name.startswith("fleet-")]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"max_concurrency": 0}, "max_concurrency: 0"),
        ({"max_concurrency_per_target": 0}, "max_concurrency_per_target: 0"),
        ({"max_target_attempts": True}, "max_target_attempts: True"),
        ({"max_attempts": 0}, "max_attempts: 0"),
        ({"policies": "arn:aws:imagebuilder:us-west-2:1:x"}, "policies: 'arn:aws"),
        ({"since": PAST, "until": PAST}, "until: not after since"),
        (
            {"executor": "threads"},
            "executor: 'threads' given; allowed: a concurrent.futures.Executor",
        ),
    ],
)
def test_a_wrong_argument_is_an_error_before_anything_is_sent(
    path: Path, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ParamValidationError, match=problem):
        run(path, (Target(Account(), "us-west-2"),), **arguments)


@pytest.mark.parametrize("pages", [1, 2, 7])
def test_batches_of_any_number_of_pages_store_the_same(
    path: Path, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PAGES", pages)
    fleet = make_small_fleet(accounts=1, executions=2, resources=60)
    told: list[FleetProgress] = []
    with serve_fleet(fleet):
        result = run(path, targets_of(fleet), on_progress=told.append)
    assert not result.failures
    assert len(told) >= result.targets[0].pages / (pages + 3)  # those under way end with their page
    stored = stored_records(path)
    assert set(stored) == expected_records(fleet)
    assert len(stored) == len(set(stored))
