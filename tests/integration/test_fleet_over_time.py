"""Runs over time: executions end, move and disappear, and the service refuses and throttles."""

import datetime as dt
import json
import multiprocessing
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.fleet import FleetDatabase, FleetResult, Target, run_fleet
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.fleet_service import RateLimits
from tests.fakes.clocks import FakeClock, NoSleepClock
from tests.fakes.fleets import (
    PAST,
    InlineExecutor,
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
from tests.fakes.moving_fleets import (
    TARGET,
    MovingFleet,
    answered_records,
    error_response,
    execution_id,
    fleet_of,
    interrupt,
    make_execution,
    policy_arn,
    sts_error_response,
)

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
RESOURCES = "ListLifecycleExecutionResources"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def run(path: Path, targets: tuple[Target, ...] = (TARGET,), **arguments: Any) -> FleetResult:
    with FleetDatabase(path) as database:
        return run_fleet(targets, database, **arguments)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with FleetDatabase(path, read_only=True) as database:
        return [tuple(row) for row in database.query(sql)]


def status_of(path: Path, number: int) -> str:
    sql = f"SELECT status FROM executions WHERE execution_id = '{execution_id(number)}'"
    ((status,),) = query(path, sql)
    return str(status)


def stop_at(fleet: MovingFleet, path: Path, call: int, **arguments: Any) -> None:
    """Run until Ctrl-C at so many calls for resources."""
    fleet.before(interrupt, RESOURCES, number=call)
    with pytest.raises(KeyboardInterrupt):
        run(path, **arguments)
    fleet.calm()


def assert_all_stored(path: Path, fleet: MovingFleet) -> None:
    stored = stored_records(path)
    assert len(stored) == len(set(stored))
    assert set(stored) == expected_records(fleet.fleet)


# What moves between two runs.


def test_what_ended_while_no_run_was_there_is_listed_by_the_next_one(path: Path) -> None:
    running = make_execution(0, "IN_PROGRESS", images=2, unfinished=1)
    fleet = fleet_of(running, *(make_execution(number) for number in range(1, 40)))
    with serve_fleet(fleet):
        stop_at(fleet, path, 60)
        fleet.put(make_execution(0, images=3))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


def test_what_ended_while_our_clock_was_ahead_is_listed(path: Path) -> None:
    fleet, clock = fleet_of(make_execution(0)), NoSleepClock()
    clock.ahead = 2 * HOUR
    with serve_fleet(fleet):
        assert not run(path, clock=clock).failures
        fleet.put(make_execution(1, end=dt.datetime.now(dt.UTC) + HOUR / 2))
        clock.ahead = HOUR
        assert not run(path, clock=clock).failures
    assert_all_stored(path, fleet)


def test_executions_that_are_removed_between_two_runs_hide_no_others(path: Path) -> None:
    fleet = fleet_of(*(make_execution(number) for number in range(80)))
    with serve_fleet(fleet):
        stop_at(fleet, path, 70, max_concurrency=1)
        fleet.remove(*range(0, 24, 3))
        result = run(path)
    assert not result.failures
    assert expected_records(fleet.fleet) <= set(stored_records(path))


def test_an_execution_of_friday_is_listed_on_monday_whatever_since_says(path: Path) -> None:
    friday, monday = PAST - 2 * DAY, PAST + DAY
    fleet = fleet_of(make_execution(0, "IN_PROGRESS", images=2, unfinished=1, end=friday))
    with serve_fleet(fleet):
        assert not run(path, since=friday - DAY).failures
        fleet.put(make_execution(0, images=3, end=friday + HOUR))
        assert not run(path, since=monday - DAY).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


def test_an_execution_whose_policy_is_gone_is_asked_for_by_itself(path: Path) -> None:
    running = make_execution(0, "IN_PROGRESS", images=2, unfinished=1)
    fleet = fleet_of(running, make_execution(1, policy=1))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.remove_policy(0)
        fleet.put(make_execution(0, images=3))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


def test_an_execution_that_the_service_does_not_have_any_more_is_told_as_unknown(
    path: Path,
) -> None:
    fleet = fleet_of(make_execution(0, "IN_PROGRESS"), make_execution(1, policy=1))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.remove_policy(0)
        fleet.remove(0)
        run(path)
        fleet.take_answers()
        assert not run(path).failures
    sql = f"SELECT status, reason FROM executions WHERE execution_id = '{execution_id(0)}'"
    ((status, reason),) = query(path, sql)
    assert status == "UNKNOWN"
    assert reason
    # It is not asked for again.
    requests = fleet.count_requests()
    assert requests == {"ListLifecyclePolicies": 1, "ListLifecycleExecutions": 1}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(make_execution(0, "PAUSING"), id="a status that nobody knows"),
        pytest.param(make_execution(0, images=2, unfinished=1), id="a resource in progress"),
    ],
)
def test_what_may_still_change_is_listed_again(before: Any, path: Path) -> None:
    fleet = fleet_of(before)
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.put(make_execution(0, images=4))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


def test_an_image_in_progress_that_has_no_ami_yet_has_it_in_the_next_run(path: Path) -> None:
    running = make_execution(0, images=2, unfinished=1)
    first = running.resources[0]["resourceId"]
    fleet = fleet_of(replace(running, children_by_parent={**running.children_by_parent, first: ()}))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.put(make_execution(0, images=2))
        assert not run(path).failures
    assert_all_stored(path, fleet)


def test_a_policy_that_was_refused_before_it_was_gone_leaves_nothing_behind(path: Path) -> None:
    running = make_execution(0, "IN_PROGRESS", images=2, unfinished=1)
    fleet = fleet_of(running, make_execution(1, policy=1))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.before(
            lambda: error_response("ResourceNotFoundException", 404),
            "ListLifecycleExecutions",
            resourceArn=policy_arn(0),
        )
        assert run(path).failures
        fleet.remove_policy(0)
        fleet.put(make_execution(0, images=3))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


# What is not listed again.


def test_a_second_run_lists_policies_and_executions_and_nothing_below(path: Path) -> None:
    fleet = fleet_of(
        *(make_execution(number, policy=0) for number in range(30)),
        *(make_execution(number, "FAILED", policy=1) for number in range(30, 35)),
        *(make_execution(number, "CANCELLED", policy=1) for number in range(35, 40)),
    )
    with serve_fleet(fleet):
        assert not run(path).failures
        assert_all_stored(path, fleet)
        fleet.take_answers()
        result = run(path)
    assert not result.failures
    requests = fleet.count_requests()
    assert requests == {"ListLifecyclePolicies": 1, "ListLifecycleExecutions": 3}


def test_an_execution_without_resources_is_not_listed_below(path: Path) -> None:
    fleet = fleet_of(make_execution(0, images=0), make_execution(1))
    with serve_fleet(fleet):
        assert not run(path).failures
    listed = {
        answer.parameters["lifecycleExecutionId"]
        for answer in fleet.take_answers()
        if answer.operation == RESOURCES
    }
    assert listed == {execution_id(1)}
    assert status_of(path, 0) == "SUCCESS"


def test_a_period_that_grows_is_listed_where_it_was_not(path: Path) -> None:
    executions = [make_execution(number, end=PAST - number * DAY) for number in range(20)]
    fleet = fleet_of(*executions)
    listed = []
    with serve_fleet(fleet):
        for days in (1.5, 30, 30):
            assert not run(path, since=PAST - days * DAY).failures
            listed.append(fleet.count_requests()[RESOURCES])
    # A call for an execution, and one for its image.
    assert listed == [2 * 2, 18 * 2, 0]
    assert_all_stored(path, fleet)


def test_an_end_of_the_period_that_moves_begins_nothing_anew(path: Path) -> None:
    fleet = fleet_of(make_execution(0), make_execution(1, end=PAST + DAY))
    listed = []
    with serve_fleet(fleet):
        for hours in (1, 2, 30):
            assert not run(path, until=PAST + hours * HOUR).failures
            listed.append(fleet.count_requests()[RESOURCES])
    assert listed == [2, 0, 2]
    assert query(path, "SELECT count(*) FROM targets") == [(1,)]


def test_children_that_are_asked_for_later_are_all_that_is_listed(path: Path) -> None:
    fleet = fleet_of(*(make_execution(number, images=2) for number in range(3)))
    with serve_fleet(fleet):
        assert not run(path, children=False).failures
        assert len(stored_records(path)) == 3 * 2
        fleet.take_answers()
        assert not run(path).failures
    below = [answer for answer in fleet.take_answers() if answer.operation == RESOURCES]
    assert len(below) == 3 * 2
    assert all(answer.is_of_children for answer in below)
    assert_all_stored(path, fleet)


def test_what_was_listed_before_a_stop_is_kept_however_often_it_stops(path: Path) -> None:
    log_writes(path)
    fleet = fleet_of(*(make_execution(number, images=3) for number in range(6)))
    with serve_fleet(fleet):
        before = 0
        for _ in range(2):
            stop_at(fleet, path, 8)
            stored = set(stored_records(path))
            assert len(stored) > before
            assert answered_records(fleet.take_answers()) <= stored
            before = len(stored)
        assert not run(path).failures
    assert_all_stored(path, fleet)
    assert set(Counter(logged_writes(path)).values()) == {1}


@pytest.mark.parametrize("call", [30, 70])
def test_a_large_listing_that_is_killed_has_each_record_once(path: Path, call: int) -> None:
    fleet = fleet_of(make_execution(0, images=2000), make_execution(1))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fakes.fleets", "imagebuilder_pager.fleet.run"])
    with serve_fleet(fleet) as url:
        arguments: dict[str, Any] = {"children": False}
        for _ in range(2):
            process = context.Process(
                target=run_in_process, args=(fleet_environment(url), path, (TARGET,), arguments)
            )
            fleet.before(process.kill, RESOURCES, number=call)  # by the time of it, it has a pid
            process.start()
            process.join()
            fleet.calm()
        assert not run(path, **arguments).failures
    stored = stored_records(path)
    assert len(stored) == len(set(stored)) == 2000 + 1


# What the service refuses.


def test_an_execution_that_is_deleted_while_it_is_listed_is_told_and_the_rest_listed(
    path: Path,
) -> None:
    fleet = fleet_of(*(make_execution(number, images=30) for number in range(4)))
    deleted = execution_id(1)
    # Before its second page.
    fleet.before(lambda: fleet.remove(1), RESOURCES, number=2, lifecycleExecutionId=deleted)
    with serve_fleet(fleet):
        result = run(path, max_concurrency=1)
        assert expected_records(fleet.fleet) <= set(stored_records(path))
        run(path)  # which finds out that it is gone
        again = run(path)
    (failure,) = result.failures
    assert deleted in str(failure.error)
    assert failure.failed_listings >= 1
    assert not again.failures


def test_an_execution_that_is_refused_for_good_is_told_each_time_and_the_others_listed(
    path: Path,
) -> None:
    fleet = fleet_of(*(make_execution(number) for number in range(5)))
    refused = execution_id(2)
    fleet.before(
        lambda: error_response("AccessDeniedException", 403),
        RESOURCES,
        lifecycleExecutionId=refused,
    )
    with serve_fleet(fleet):
        for _ in range(3):
            (failure,) = run(path).failures
            stored = {key for key in expected_records(fleet.fleet) if key[0] != refused}
            assert set(stored_records(path)) == stored
            assert (failure.failed_listings, failure.error_type) == (1, "AccessDeniedException")
            assert "1 of its listings failed" in str(failure.error)
            assert refused in str(failure.error)
            assert query(path, "SELECT state FROM targets") == [("incomplete",)]
        fleet.calm()
        assert not run(path).failures
    assert query(path, "SELECT state, error FROM targets") == [("complete", None)]
    assert_all_stored(path, fleet)


def test_a_policy_that_is_refused_is_told_and_the_others_listed(path: Path) -> None:
    fleet = fleet_of(*(make_execution(number, policy=number) for number in range(3)))
    fleet.before(
        lambda: error_response("AccessDeniedException", 403),
        "ListLifecycleExecutions",
        resourceArn=policy_arn(1),
    )
    with serve_fleet(fleet):
        (failure,) = run(path).failures
        stored = {key for key in expected_records(fleet.fleet) if key[0] != execution_id(1)}
        assert set(stored_records(path)) == stored
        assert failure.failed_listings == 1
        assert policy_arn(1) in str(failure.error)
        sql = "SELECT policy_arn FROM policies WHERE error IS NOT NULL"
        assert query(path, sql) == [(policy_arn(1),)]
        fleet.calm()
        assert not run(path).failures
        assert query(path, sql) == []
    assert_all_stored(path, fleet)


def test_where_two_calls_a_second_are_allowed_hardly_one_lists_again_what_was_listed(
    path: Path,
) -> None:
    clock = FakeClock(PAST)
    limits = RateLimits(2, clock.monotonic)
    fleet = fleet_of(*(make_execution(number, images=5) for number in range(12)), clock=clock.now)

    def throttle() -> Any:
        try:
            limits.take("the only account")
        except ServiceError as error:
            return error_response(error.code, error.status)

    for operation in ("ListLifecyclePolicies", "ListLifecycleExecutions", RESOURCES):
        fleet.before(throttle, operation)
    with serve_fleet(fleet):
        result = run(path, executor=InlineExecutor(clock), clock=clock)
    assert not result.failures
    served = [
        (answer.operation, json.dumps(answer.parameters, sort_keys=True))
        for answer in fleet.take_answers()
        if answer.status == 200
    ]
    assert len(set(served)) == 2 + 12 * 6
    assert len(served) - len(set(served)) < 0.05 * len(served)
    assert_all_stored(path, fleet)


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("ServiceUnavailable", 503)])
def test_sts_that_is_busy_for_five_seconds_is_tried_again(
    path: Path, code: str, status: int
) -> None:
    clock = FakeClock(PAST)
    local = make_fleet(accounts=2, resources=1, newest=PAST, clock=clock.now)
    fleet = MovingFleet(local)
    fleet.before(
        lambda: sts_error_response(code, status) if clock.elapsed < 5 else None, "AssumeRole"
    )
    with serve_fleet(fleet):
        result = run(path, targets_of(local), executor=InlineExecutor(clock), clock=clock)
    assert [one.error for one in result.targets] == [None, None]
    assert set(stored_records(path)) == expected_records(local)


def test_sts_that_is_busy_for_long_fails_after_the_attempts_that_are_allowed(path: Path) -> None:
    clock = FakeClock(PAST)
    local = make_fleet(accounts=1, clock=clock.now)
    fleet = MovingFleet(local)
    fleet.before(lambda: sts_error_response("Throttling", 400), "AssumeRole")
    with serve_fleet(fleet):
        result = run(
            path,
            targets_of(local),
            executor=InlineExecutor(clock),
            clock=clock,
            max_target_attempts=3,
        )
    (failure,) = result.failures
    assert failure.error_type == "CredentialRetrievalError"
    pauses = [round(seconds, 6) for seconds in clock.slept]
    assert [pause for pause in pauses if pause in {2.0, 4.0, 8.0}] == [2.0, 4.0]


def test_a_role_that_is_missing_is_the_failure_of_its_target_alone(path: Path) -> None:
    local = make_fleet(accounts=2, resources=1, newest=PAST)
    fleet = MovingFleet(local)
    (one, other) = targets_of(local)
    fleet.before(
        lambda: sts_error_response("AccessDenied", 403),
        "AssumeRole",
        RoleArn=str(one.account.role_arn),
    )
    with serve_fleet(fleet):
        result = run(path, (one, other))
    assert [r.error_type for r in result.targets] == ["CredentialRetrievalError", None]
    assert query(path, "SELECT state FROM targets ORDER BY target_id") == [
        ("failed",),
        ("complete",),
    ]
    account = local.account(str(other.account.account_id), other.region)
    listed = {execution.lifecycle_execution_id for execution in account.executions}
    assert {key[0] for key in stored_records(path)} == listed
