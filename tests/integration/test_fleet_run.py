"""Runs over a local fleet: the rows, the arguments, the progress, and targets that fail."""

import functools
import logging
import pickle
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager.exceptions import ParamValidationError
from imagebuilder_pager.fleet import Account, FleetProgress, batch, make_targets
from tests.fakes.clocks import FakeClock
from tests.fakes.fleets import (
    PAST,
    TARGET,
    InlineExecutor,
    Serve,
    expected_records,
    make_fleet,
    query,
    role_arn,
    run,
    serve_fleet,
    stored_records,
    targets_of,
)
from tests.fakes.moving_fleets import make_many

make_small_fleet = functools.partial(make_fleet, resources=3, newest=PAST)


def test_a_run_stores_everything_of_all_accounts_and_regions(serve: Serve, path: Path) -> None:
    fleet = serve(make_small_fleet(("us-west-2", "eu-west-1")))
    result = run(path, targets_of(fleet))
    assert stored_records(path) == expected_records(fleet)
    executions = 2 * 2 * 2 * 3
    assert result.records == len(expected_records(fleet)) + executions
    assert not result.failures
    assert query(path, "SELECT count(*) FROM executions") == [(executions,)]
    assert query(path, "SELECT DISTINCT state FROM targets") == [("complete",)]
    assert fleet.sts.assume_role_count == 2
    assert not [one for one in threading.enumerate() if one.name.startswith("fleet-")]


def test_the_rows_have_the_values_of_the_service(serve: Serve, path: Path) -> None:
    fleet = serve(make_small_fleet(accounts=1))
    run(path, targets_of(fleet))
    account = fleet.account("123456789012", "us-west-2")
    policies = {str(policy["arn"]): policy for policy in account.policies}
    executions = query(
        path,
        "SELECT execution_id, policy_arn, e.status, end_time IS NOT NULL, p.name, resource_type "
        "FROM executions AS e JOIN policies AS p USING (policy_arn) ORDER BY 1",
    )
    assert executions == sorted(
        (
            *(one.lifecycle_execution_id, arn := str(one.lifecycle_policy_arn)),
            *(one.lifecycle_execution_state["status"], one.end_time is not None),
            *(policies[arn]["name"], policies[arn]["resourceType"]),
        )
        for one in account.executions
    )
    sql = "SELECT execution_id, parent_id, resource_id, status, reason, action FROM resources"
    assert set(query(path, f"{sql} WHERE parent_id <> ''")) == {
        (
            *(one.lifecycle_execution_id, parent, resource["resourceId"]),
            *(resource["state"]["status"], resource["state"].get("reason")),
            resource["action"]["name"],
        )
        for one in account.executions
        for parent, resources in one.children_by_parent.items()
        for resource in resources
    }


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(
    serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # pytest-xdist cannot send a captured log with half a pair to its controller.
    caplog.set_level(logging.CRITICAL, "imagebuilder_pager")

    def fail(*_: object, **__: object) -> None:
        raise OSError("\udfff")

    page = rb'{"resources": [{"state": {"status": "SUCCESS", "reason": "\ud800half \u00e9"}}]}'
    response = httpx.Response(200, content=page, headers={"content-type": "application/json"})
    serve(make_many(1)).before(response, "ListLifecycleExecutionResources")
    run(path)
    monkeypatch.setattr("imagebuilder_pager.fleet.executors.run_batch", fail)
    run(path, executor=InlineExecutor(FakeClock(PAST)), max_target_attempts=1)
    assert query(path, "SELECT reason FROM resources") == [("?half \u00e9",)]
    assert query(path, "SELECT error FROM targets") == [("?",)]


def test_a_failed_target_is_in_the_result_and_delays_no_other(serve: Serve, path: Path) -> None:
    fleet = serve(make_small_fleet())
    accounts = [
        Account(role_arn=role_arn("999999999999")),
        Account(role_arn=role_arn("123456789012"), regions=("us-west-2", "eu-west-1")),
        Account(role_arn=role_arn("111122223333")),
    ]
    result = run(path, make_targets(accounts, ["us-west-2"]))
    assert [(one.target.name, one.error_type) for one in result.targets] == [
        ("999999999999/us-west-2", "CredentialRetrievalError"),
        ("123456789012/us-west-2", None),
        ("123456789012/eu-west-1", "UnrecognizedClientException"),
        ("111122223333/us-west-2", None),
    ]
    assert "AccessDenied" in str(result.failures[0].error)
    assert "UnrecognizedClientException" in str(result.failures[1].error)
    assert stored_records(path) == expected_records(fleet)
    assert query(path, "SELECT state, error_type FROM targets ORDER BY target_id") == [
        ("complete" if one.error_type is None else "failed", one.error_type)
        for one in result.targets
    ]


def test_a_target_throttled_for_long_fails_and_the_next_run_completes_it(path: Path) -> None:
    clock = FakeClock(PAST)
    executor = InlineExecutor(clock)
    throttling = make_small_fleet(accounts=1, rate_limit=0.0001, clock=clock.now)
    targets = targets_of(throttling)
    arguments: dict[str, Any] = {"max_attempts": 1, "max_target_attempts": 3, "clock": clock}
    with serve_fleet(throttling):
        (failure,) = run(path, targets, executor=executor, **arguments).failures
    assert failure.error_type == "CallRateLimitExceededException"
    # The run pauses before the next batch; batches wait by the adaptive rate.
    assert {2.0, 4.0} <= {round(seconds, 6) for seconds in clock.slept}
    assert len(clock.slept) > 2
    # Dask takes batches with equal arguments for one.
    assert len(executor.arguments) == len(set(map(pickle.dumps, executor.arguments))) >= 3
    fleet = make_small_fleet(accounts=1)
    with serve_fleet(fleet):
        assert not run(path, targets).failures
    assert stored_records(path) == expected_records(fleet)


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
def test_a_run_stays_near_the_allowed_rate_in_every_retry_mode(
    mode: str, serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client has the rate of its target alone."""
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    fleet = serve(make_small_fleet(accounts=1, executions=2, rate_limit=30))
    assert not run(path, targets_of(fleet)).failures
    assert stored_records(path) == expected_records(fleet)


def test_policies_are_listed_in_their_account_and_region(serve: Serve, path: Path) -> None:
    fleet = serve(make_small_fleet(("us-west-2", "eu-west-1"), is_running=False))
    places = [("123456789012", "us-west-2"), ("111122223333", "eu-west-1")]
    policies = [fleet.account(*place).policies[0]["arn"] for place in places]
    missing = f"{policies[0]}-of-another"
    result = run(path, targets_of(fleet), policies=[*policies, missing])
    requests = fleet.requests
    again = run(path, targets_of(fleet), policies=reversed(policies))
    assert not result.failures
    assert result.missing_policies == (missing,)
    # No period of a target is complete, since other policies have not been listed.
    assert query(path, "SELECT DISTINCT state, complete_until FROM targets") == [("complete", None)]
    assert [one.records > 0 for one in result.targets] == [True, False, False, True]
    executions = query(path, "SELECT DISTINCT policy_arn FROM executions ORDER BY 1")
    assert executions == sorted((arn,) for arn in policies)
    assert again.records == 0
    assert fleet.requests == requests + 4 + 2  # the listings of policies and of executions


@pytest.mark.parametrize(("in_all", "per_target"), [(3, 2), (1, 4), (5, 1)])
def test_concurrent_calls_are_bounded_in_all_and_for_each_target(
    in_all: int, per_target: int, serve: Serve, path: Path
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

    serve(counted)
    limits = {"max_concurrency": in_all, "max_concurrency_per_target": per_target}
    assert not run(path, targets_of(fleet), **limits).failures
    assert most.pop("all") == min(in_all, 4 * per_target)
    assert len(most) == 4
    assert max(most.values()) <= min(per_target, in_all)


# The client waits for real where a service has a limit of calls a second, so for few calls alone.
@pytest.mark.parametrize(
    ("pages", "resources", "rate_limit"), [(1, 30, None), (4, 3, 60), (7, 30, None)]
)
def test_the_progress_counts_targets_records_executions_and_calls(  # noqa: PLR0917
    pages: int,
    resources: int,
    rate_limit: int | None,
    serve: Serve,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With batches of any number of pages, which store the same."""
    monkeypatch.setattr(batch, "MAX_PAGES", pages)
    fleet = serve(
        make_small_fleet(accounts=1, executions=4, resources=resources, rate_limit=rate_limit)
    )
    seen: list[FleetProgress] = []
    result = run(path, targets_of(fleet), on_progress=seen.append)
    assert stored_records(path) == expected_records(fleet)
    # The listings under way end with their page.
    assert len(seen) >= result.targets[0].pages / (pages + 3)
    last = seen[-1]
    assert (last.targets, last.complete, last.failed, last.running) == (1, 1, 0, 0)
    assert [one.records for one in seen] == sorted(one.records for one in seen)
    assert (last.records, last.rate > 0) == (result.records, True)
    assert last.executions == last.executions_done == 2 * 4
    assert any(0 < one.executions_done < one.executions for one in seen)
    assert last.throttled == fleet.throttled
    assert last.calls == fleet.requests + fleet.throttled
    assert last.call_rate > 0
    run(path, targets_of(fleet), on_progress=seen.append)
    assert seen[-1].executions == seen[-1].executions_done == 1  # the one in progress


def test_without_a_callback_the_progress_is_logged(
    serve: Serve, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "imagebuilder_pager.fleet")
    fleet = serve(make_small_fleet(accounts=1))
    run(path, targets_of(fleet), clock=FakeClock(tick=6))
    assert "0 of 1 targets complete, 0 failed;" in caplog.text


def test_no_secret_is_in_a_batch_in_its_result_or_in_the_database(serve: Serve, path: Path) -> None:
    fleet = serve(make_small_fleet(accounts=1))
    sent: list[bytes] = []

    class Recorder(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            sent.append(pickle.dumps((fn, args)))
            future = super().submit(fn, *args, **kwargs)
            sent.append(pickle.dumps(future.result()))
            return future

    with Recorder(1) as executor:
        run(path, targets_of(fleet), executor=executor)
        assert executor.submit(int, "3").result() == 3  # the caller shuts it down
    assert fleet.sts.assume_role_count == 1
    assert sent
    sent += [file.read_bytes() for file in path.parent.iterdir()]
    for key, secret in fleet.sts.secrets.items():
        if key != "local":
            assert not any(value.encode() in data for data in sent for value in (key, secret))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"targets": ()}, "targets: none given"),
        ({"targets": ("us-west-2",)}, "targets\\[0\\]: 'us-west-2' given; allowed: a Target"),
        ({"targets": (TARGET,) * 2}, "default/us-west-2 is there twice"),
        ({"max_concurrency": 0}, "max_concurrency: 0"),
        ({"max_concurrency_per_target": 0}, "max_concurrency_per_target: 0"),
        ({"max_target_attempts": True}, "max_target_attempts: True"),
        ({"max_attempts": 0}, "max_attempts: 0"),
        ({"policies": "arn:aws:imagebuilder:us-west-2:1:x"}, "policies: 'arn:aws"),
        ({"since": PAST, "until": PAST}, "until: not after since"),
        ({"executor": "threads"}, "'threads' given; allowed: a concurrent.futures.Executor"),
        ({"executor": lambda: None}, "executor: None given"),
    ],
)
def test_an_invalid_argument_is_an_error_before_anything_is_sent(
    path: Path, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ParamValidationError, match=problem):
        run(path, **arguments)
