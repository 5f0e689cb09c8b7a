"""Runs over time: executions end, move and disappear, and the service refuses and throttles."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.fleet import Account, FleetProgress, Target, batch
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.fleet_service import RateLimits
from tests.fakes.clocks import FakeClock, NoSleepClock
from tests.fakes.fleets import (
    PAST,
    REGION,
    InlineExecutor,
    expected_records,
    log_writes,
    logged_writes,
    make_fleet,
    query,
    run,
    serve_fleet,
    stored_records,
    targets_of,
)
from tests.fakes.moving_fleets import (
    MovingFleet,
    answered_records,
    assert_all_stored,
    error_response,
    execution_id,
    fleet_of,
    interrupt,
    make_execution,
    make_many,
    policy_arn,
    sts_error_response,
)

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
RESOURCES = "ListLifecycleExecutionResources"
RUNNING = make_execution(0, "IN_PROGRESS", images=2, unfinished=1)


def status_of(path: Path, number: int) -> str:
    sql = f"SELECT status FROM executions WHERE execution_id = '{execution_id(number)}'"
    ((status,),) = query(path, sql)
    return str(status)


def stop_at(fleet: MovingFleet, path: Path, call: int, **arguments: Any) -> None:
    """Run until Ctrl-C at one of the calls for resources."""
    fleet.before(interrupt, RESOURCES, number=call)
    with pytest.raises(KeyboardInterrupt):
        run(path, **arguments)
    fleet.calm()


# Changes between two runs.


@pytest.mark.parametrize("images", [1, 4])
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(make_execution(0, "PAUSING", images=2), id="an unknown status"),
        pytest.param(RUNNING, id="an execution in progress"),
        pytest.param(make_execution(0, images=2, unfinished=1), id="a resource in progress"),
    ],
)
def test_a_listing_that_may_still_change_is_made_again(
    before: Any, images: int, path: Path
) -> None:
    fleet = fleet_of(before)
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.put(make_execution(0, images=images))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert query(path, "SELECT * FROM listings WHERE NOT complete") == []
    assert_all_stored(path, fleet)


def test_an_image_in_progress_without_an_ami_has_it_in_the_next_run(path: Path) -> None:
    running = make_execution(0, images=2, unfinished=1)
    first = running.resources[0]["resourceId"]
    fleet = fleet_of(replace(running, children_by_parent={**running.children_by_parent, first: ()}))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.put(make_execution(0, images=2))
        assert not run(path).failures
    assert_all_stored(path, fleet)


def test_an_execution_that_ended_while_our_clock_was_ahead_is_listed(path: Path) -> None:
    fleet, clock = fleet_of(make_execution(0)), NoSleepClock()
    clock.ahead = 2 * HOUR
    with serve_fleet(fleet):
        assert not run(path, clock=clock).failures
        fleet.put(make_execution(1, end=dt.datetime.now(dt.UTC) + HOUR / 2))
        clock.ahead = HOUR
        assert not run(path, clock=clock).failures
    assert_all_stored(path, fleet)


def test_an_execution_of_friday_is_listed_on_monday_whatever_since_is(path: Path) -> None:
    friday, monday = PAST - 2 * DAY, PAST + DAY
    fleet = fleet_of(make_execution(0, "IN_PROGRESS", images=2, unfinished=1, end=friday))
    with serve_fleet(fleet):
        assert not run(path, since=friday - DAY).failures
        fleet.put(make_execution(0, images=3, end=friday + HOUR))
        assert not run(path, since=monday - DAY).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_execution_is_requested_by_its_id_once_its_policy_is_gone(
    is_refused: bool, path: Path
) -> None:
    """Also if the policy was refused before."""
    fleet = fleet_of(RUNNING, make_execution(1, policy=1))
    refusal = error_response("ResourceNotFoundException", 404)
    with serve_fleet(fleet):
        assert not run(path).failures
        if is_refused:
            fleet.before(refusal, "ListLifecycleExecutions", resourceArn=policy_arn(0))
            assert run(path).failures
        fleet.remove_policy(0)
        fleet.put(make_execution(0, images=3))
        assert not run(path).failures
    assert status_of(path, 0) == "SUCCESS"
    assert_all_stored(path, fleet)


def stop_among_children(fleet: MovingFleet, path: Path) -> None:
    stop_at(fleet, path, 5, clock=FakeClock(PAST))  # the images are two pages


def leave_out_children(fleet: MovingFleet, path: Path) -> None:
    assert not run(path, children=False).failures


@pytest.mark.parametrize("begin", [stop_among_children, leave_out_children])
def test_children_that_are_not_listed_are_requested_once_their_policy_is_gone(
    begin: Callable[[MovingFleet, Path], None], path: Path
) -> None:
    fleet = fleet_of(make_execution(0, images=30))
    with serve_fleet(fleet):
        begin(fleet, path)
        assert len(stored_records(path)) < len(expected_records(fleet.fleet))
        fleet.remove_policy(0)
        fleet.take_answers()
        assert not run(path).failures
    assert fleet.count_requests()["GetLifecycleExecution"] == 1
    assert_all_stored(path, fleet)


def test_children_that_are_not_listed_follow_an_account_to_its_new_name(path: Path) -> None:
    fleet = make_many(3, images=2)
    with serve_fleet(fleet):
        for name, children in (("before", False), ("after", True)):
            target = Target(Account(name=name), REGION)
            assert not run(path, (target,), children=children).failures
    assert_all_stored(path, fleet)


def test_an_execution_that_is_gone_from_the_service_is_unknown(path: Path) -> None:
    fleet = fleet_of(make_execution(0, "IN_PROGRESS"), make_execution(1, policy=1))
    with serve_fleet(fleet):
        assert not run(path).failures
        fleet.remove_policy(0)
        fleet.remove(0)
        run(path)
        fleet.take_answers()
        assert not run(path).failures
    assert status_of(path, 0) == "UNKNOWN"
    ((reason,),) = query(path, "SELECT reason FROM executions WHERE status = 'UNKNOWN'")
    assert "InvalidRequestException" in reason
    # It is not requested again.
    requests = fleet.count_requests()
    assert requests == {"ListLifecyclePolicies": 1, "ListLifecycleExecutions": 1}


# Listings that are complete.


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
        assert not run(path).failures
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


def test_only_the_new_part_of_a_longer_period_is_listed(path: Path) -> None:
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


def test_a_later_end_of_the_period_begins_nothing_anew(path: Path) -> None:
    fleet = fleet_of(make_execution(0), make_execution(1, end=PAST + DAY))
    listed = []
    with serve_fleet(fleet):
        for hours in (1, 2, 30):
            assert not run(path, until=PAST + hours * HOUR).failures
            listed.append(fleet.count_requests()[RESOURCES])
    assert listed == [2, 0, 2]
    assert query(path, "SELECT count(*) FROM targets") == [(1,)]


def test_a_run_with_children_after_one_without_lists_these_alone(path: Path) -> None:
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


def test_complete_listings_are_kept_however_often_a_run_stops(path: Path) -> None:
    log_writes(path)
    fleet = fleet_of(*(make_execution(number, images=3) for number in range(6)))
    with serve_fleet(fleet):
        before = 0
        for _ in range(2):
            stop_at(fleet, path, 8)
            stored = stored_records(path)
            assert len(stored) > before
            assert answered_records(fleet.take_answers()) <= stored
            before = len(stored)
        assert not run(path).failures
    assert_all_stored(path, fleet)
    assert set(Counter(logged_writes(path)).values()) == {1}


@pytest.mark.parametrize("call", [30, 70])
def test_a_large_listing_that_stops_within_has_each_record_once(
    path: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PAGES", 4)
    fleet = fleet_of(make_execution(0, images=2000), make_execution(1))
    with serve_fleet(fleet):
        for _ in range(2):
            stop_at(fleet, path, call, children=False)
            assert 0 < len(stored_records(path)) < 2000
        assert not run(path, children=False).failures
    assert len(stored_records(path)) == 2000 + 1


# Refusals of the service.


def test_an_execution_that_is_deleted_within_its_listing_fails_alone(path: Path) -> None:
    fleet = fleet_of(*(make_execution(number, images=30) for number in range(4)))
    deleted = execution_id(1)
    # Before its second page.
    fleet.before(lambda: fleet.remove(1), RESOURCES, number=2, lifecycleExecutionId=deleted)
    with serve_fleet(fleet):
        (failure,) = run(path, max_concurrency=1).failures
        assert expected_records(fleet.fleet) <= stored_records(path)
        run(path)  # which finds out that it is gone
        assert not run(path).failures
    assert deleted in str(failure.error)
    assert failure.failed_listings >= 1


@pytest.mark.parametrize(
    ("operation", "parameters", "sql"),
    [
        pytest.param(
            RESOURCES,
            {"lifecycleExecutionId": execution_id(2)},
            "SELECT execution_id FROM listings WHERE error IS NOT NULL",
            id="resources",
        ),
        pytest.param(
            "ListLifecycleExecutions",
            {"resourceArn": policy_arn(2)},
            "SELECT policy_arn FROM policies WHERE error IS NOT NULL",
            id="executions",
        ),
    ],
)
def test_a_listing_that_is_refused_fails_in_each_run_and_leaves_the_others_complete(
    operation: str, parameters: dict[str, Any], sql: str, path: Path
) -> None:
    fleet, refusal = make_many(5), error_response("AccessDeniedException", 403)
    fleet.before(refusal, operation, **parameters)
    (refused,) = parameters.values()
    seen: list[FleetProgress] = []
    with serve_fleet(fleet):
        for _ in range(3):
            (failure,) = run(path, on_progress=seen.append).failures
            assert_all_stored(path, fleet, without=[execution_id(2)])
            assert (failure.failed_listings, failure.error_type) == (1, "AccessDeniedException")
            assert "1 of its listings failed" in str(failure.error)
            assert refused in str(failure.error)
            assert query(path, "SELECT state FROM targets") == [("incomplete",)]
            assert query(path, sql) == [(refused,)]
            assert seen[-1].executions == seen[-1].executions_done
        fleet.calm()
        assert not run(path).failures
    assert query(path, "SELECT state, error FROM targets") == [("complete", None)]
    assert query(path, sql) == []
    assert_all_stored(path, fleet)


def test_at_two_calls_a_second_hardly_a_listing_is_made_twice(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The throttling is a line in the log once a minute, and at the end."""
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
        assert not run(path, executor=InlineExecutor(clock), clock=clock).failures
    answers = fleet.take_answers()
    served = [
        (answer.operation, json.dumps(answer.parameters, sort_keys=True))
        for answer in answers
        if answer.status == 200
    ]
    lines = [record for record in caplog.records if record.levelname == "WARNING"]
    assert {record.name for record in lines} == {"imagebuilder_pager.fleet"}
    numbers = [re.findall(r"\d+", record.getMessage())[:2] for record in lines]
    throttled = len(answers) - len(served)
    assert sum(int(recent) for recent, _ in numbers) == int(numbers[-1][1]) == throttled > 5
    assert len(lines) <= 1 + clock.elapsed / 60
    assert len(set(served)) == 2 + 12 * 6
    assert len(served) - len(set(served)) < 0.05 * len(served)
    assert_all_stored(path, fleet)


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("ServiceUnavailable", 503)])
def test_sts_that_is_busy_for_five_seconds_is_tried_again(
    path: Path, code: str, status: int
) -> None:
    clock = FakeClock(PAST)
    local = make_fleet(accounts=2, resources=1, newest=PAST, clock=clock.now)
    fleet, busy = MovingFleet(local), sts_error_response(code, status)
    fleet.before(lambda: busy if clock.elapsed < 5 else None, "AssumeRole")
    with serve_fleet(fleet):
        result = run(path, targets_of(local), executor=InlineExecutor(clock), clock=clock)
    assert [one.error for one in result.targets] == [None, None]
    assert_all_stored(path, fleet)


def test_sts_that_is_busy_for_long_fails_its_target_after_the_attempts(path: Path) -> None:
    clock = FakeClock(PAST)
    local = make_fleet(accounts=1, clock=clock.now)
    fleet, executor = MovingFleet(local), InlineExecutor(clock)
    fleet.before(sts_error_response("Throttling", 400), "AssumeRole")
    arguments: dict[str, Any] = {"executor": executor, "clock": clock, "max_target_attempts": 3}
    with serve_fleet(fleet):
        (failure,) = run(path, targets_of(local), **arguments).failures
    assert failure.error_type == "CredentialRetrievalError"
    pauses = [round(seconds, 6) for seconds in clock.slept]
    assert [pause for pause in pauses if pause in {2.0, 4.0, 8.0}] == [2.0, 4.0]
