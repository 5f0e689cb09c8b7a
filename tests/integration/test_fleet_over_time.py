"""Runs over time: executions end, move and disappear, and the service refuses and throttles."""

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.fleet import Account, Target, batch
from imagebuilder_pager.local import Execution
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.fleet_service import RateLimits
from tests.fakes.clocks import FakeClock, NoSleepClock
from tests.fakes.fleets import (
    PAST,
    REGION,
    InlineExecutor,
    Serve,
    expected_records,
    make_fleet,
    query,
    run,
    stored_records,
    targets_of,
)
from tests.fakes.lifecycle_account import policy_arn
from tests.fakes.moving_fleets import (
    MovingFleet,
    assert_all_stored,
    assert_completes,
    error_response,
    execution_id,
    fleet_of,
    interrupt,
    make_execution,
    make_many,
    sts_error_response,
)

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
RESOURCES = "ListLifecycleExecutionResources"
RUNNING = make_execution(0, "IN_PROGRESS", images=2, unfinished=1)
IMAGE_RUNNING = make_execution(0, images=2, unfinished=1)
FIRST_IMAGE = IMAGE_RUNNING.resources[0]["resourceId"]
WITHOUT_AMI = replace(
    IMAGE_RUNNING, children_by_parent={**IMAGE_RUNNING.children_by_parent, FIRST_IMAGE: ()}
)


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
        pytest.param(IMAGE_RUNNING, id="an image in progress"),
        pytest.param(WITHOUT_AMI, id="an image in progress, without an AMI"),
    ],
)
def test_a_listing_that_may_still_change_is_made_again(
    before: Execution, images: int, serve: Serve, path: Path
) -> None:
    fleet = serve(fleet_of(before))
    assert not run(path).failures
    fleet.put(make_execution(0, images=images))
    assert_completes(path, fleet)
    assert status_of(path, 0) == "SUCCESS"
    assert query(path, "SELECT * FROM listings WHERE NOT complete") == []


def test_an_execution_that_ends_while_our_clock_is_fast_is_listed(serve: Serve, path: Path) -> None:
    fleet, clock = serve(fleet_of(make_execution(0))), NoSleepClock()
    clock.ahead = 2 * HOUR
    assert not run(path, clock=clock).failures
    fleet.put(make_execution(1, end=dt.datetime.now(dt.UTC) + HOUR / 2))
    clock.ahead = HOUR
    assert_completes(path, fleet, clock=clock)


def test_an_execution_of_friday_is_listed_on_monday(serve: Serve, path: Path) -> None:
    """Whatever ``since`` is."""
    friday, monday = PAST - 2 * DAY, PAST + DAY
    running = make_execution(0, "IN_PROGRESS", images=2, unfinished=1, end=friday)
    fleet = serve(fleet_of(running))
    assert not run(path, since=friday - DAY).failures
    fleet.put(make_execution(0, images=3, end=friday + HOUR))
    assert_completes(path, fleet, since=monday - DAY)
    assert status_of(path, 0) == "SUCCESS"


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_execution_is_requested_by_its_id_once_its_policy_is_gone(
    is_refused: bool, serve: Serve, path: Path
) -> None:
    """Not while its policy is there, and is refused."""
    fleet = serve(fleet_of(RUNNING, make_execution(1, policy=1)))
    assert not run(path).failures
    if is_refused:
        refusal = error_response("ResourceNotFoundException", 404)
        fleet.before(refusal, "ListLifecycleExecutions", resourceArn=policy_arn(0))
        assert run(path).failures
        assert "GetLifecycleExecution" not in fleet.count_requests()
    fleet.remove_policy(0)
    fleet.put(make_execution(0, images=3))
    assert_completes(path, fleet)
    assert status_of(path, 0) == "SUCCESS"


def stop_among_children(fleet: MovingFleet, path: Path) -> None:
    stop_at(fleet, path, 5, clock=FakeClock(PAST))  # the images are two pages


def leave_out_children(fleet: MovingFleet, path: Path) -> None:
    assert not run(path, children=False).failures


@pytest.mark.parametrize("begin", [stop_among_children, leave_out_children])
def test_children_that_are_not_listed_are_requested_once_their_policy_is_gone(
    begin: Callable[[MovingFleet, Path], None],
    serve: Serve,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "MAX_PAGES", 4)  # a batch may go on to its end after Ctrl-C
    fleet = serve(fleet_of(make_execution(0, images=30)))
    begin(fleet, path)
    assert len(stored_records(path)) < len(expected_records(fleet.fleet))
    fleet.remove_policy(0)
    fleet.take_answers()
    assert_completes(path, fleet)
    assert fleet.count_requests()["GetLifecycleExecution"] == 1


def test_an_execution_that_is_gone_from_the_service_is_unknown(serve: Serve, path: Path) -> None:
    fleet = serve(fleet_of(make_execution(0, "IN_PROGRESS"), make_execution(1, policy=1)))
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


def test_a_second_run_lists_nothing_below_executions(serve: Serve, path: Path) -> None:
    fleet = fleet_of(
        *(make_execution(number, policy=0) for number in range(30)),
        *(make_execution(number, "FAILED", policy=1) for number in range(30, 35)),
        *(make_execution(number, "CANCELLED", policy=1) for number in range(35, 40)),
    )
    assert_completes(path, serve(fleet))
    fleet.take_answers()
    assert not run(path).failures
    requests = fleet.count_requests()
    assert requests == {"ListLifecyclePolicies": 1, "ListLifecycleExecutions": 3}


def test_an_execution_without_resources_is_not_listed_below(serve: Serve, path: Path) -> None:
    fleet = serve(fleet_of(make_execution(0, images=0), make_execution(1)))
    assert not run(path).failures
    listed = {answer.parameters.get("lifecycleExecutionId") for answer in fleet.take_answers()}
    assert listed == {None, execution_id(1)}
    assert status_of(path, 0) == "SUCCESS"


@pytest.mark.parametrize(
    ("periods", "new"),
    [
        ([{"since": PAST - days * DAY} for days in (1.5, 30, 30)], [3, 17, 0]),
        ([{"until": PAST + hours * HOUR} for hours in (1, 2, 30)], [19, 0, 1]),
    ],
    ids=["an earlier begin", "a later end"],
)
def test_only_the_new_part_of_a_longer_period_is_listed(
    periods: list[dict[str, Any]], new: list[int], serve: Serve, path: Path
) -> None:
    executions = (make_execution(number, end=PAST + (1 - number) * DAY) for number in range(20))
    fleet = serve(fleet_of(*executions))
    listed = []
    for period in periods:
        assert not run(path, **period).failures
        listed.append(fleet.count_requests()[RESOURCES] / 2)  # for an execution, and its image
    assert listed == new
    assert query(path, "SELECT count(*) FROM targets") == [(1,)]
    assert_all_stored(path, fleet)


@pytest.mark.parametrize("name", ["before", "after"], ids=["one account", "with another name"])
def test_a_run_with_children_after_one_without_lists_these_alone(
    name: str, serve: Serve, path: Path
) -> None:
    fleet = serve(make_many(3, images=2))
    before, after = (Target(Account(name=one), REGION) for one in ("before", name))
    assert not run(path, (before,), children=False).failures
    assert len(stored_records(path)) == 3 * 2
    fleet.take_answers()
    assert_completes(path, fleet, targets=(after,))
    below = [answer for answer in fleet.take_answers() if answer.operation == RESOURCES]
    assert ["parentResourceId" in answer.parameters for answer in below] == [True] * 3 * 2


@pytest.mark.parametrize("call", [30, 70])
def test_a_large_listing_that_stops_within_has_each_record_once(
    call: int, serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PAGES", 4)
    fleet = serve(fleet_of(make_execution(0, images=2000), make_execution(1)))
    for _ in range(2):
        stop_at(fleet, path, call, children=False)
        assert 0 < len(stored_records(path)) < 2000
    assert not run(path, children=False).failures
    assert len(stored_records(path)) == 2000 + 1


# Refusals of the service.


def test_an_execution_deleted_within_its_listing_fails_alone(serve: Serve, path: Path) -> None:
    fleet = serve(fleet_of(*(make_execution(number, images=30) for number in range(4))))
    deleted = execution_id(1)
    # Before its second page.
    fleet.before(lambda: fleet.remove(1), RESOURCES, number=2, lifecycleExecutionId=deleted)
    (failure,) = run(path, max_concurrency=1).failures
    assert expected_records(fleet.fleet) <= stored_records(path)
    run(path)  # which finds out that it is gone
    assert not run(path).failures
    assert deleted in str(failure.error)
    assert failure.failed_listings >= 1


def test_at_two_calls_a_second_hardly_a_listing_is_made_twice(
    serve: Serve, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The throttling is a line in the log once a minute, and at the end."""
    clock = FakeClock(PAST)
    limits = RateLimits(2, clock.monotonic)
    executions = (make_execution(number, images=5) for number in range(12))
    fleet = serve(fleet_of(*executions, clock=clock.now))

    def throttle() -> Any:
        try:
            limits.take("the only account")
        except ServiceError as error:
            return error_response(error.code, error.status)

    for operation in ("ListLifecyclePolicies", "ListLifecycleExecutions", RESOURCES):
        fleet.before(throttle, operation)
    assert_completes(path, fleet, executor=InlineExecutor(clock), clock=clock)
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
    assert sum(int(recent) for recent, _ in numbers) == int(numbers[-1][1]) == throttled > 0
    assert len(lines) <= 1 + clock.elapsed / 60
    assert len(set(served)) == 2 + 12 * 6
    assert len(served) - len(set(served)) < 0.05 * len(served)


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("ServiceUnavailable", 503)])
def test_sts_that_is_busy_for_five_seconds_is_tried_again(
    code: str, status: int, serve: Serve, path: Path
) -> None:
    clock = FakeClock(PAST)
    local = make_fleet(accounts=2, resources=1, newest=PAST, clock=clock.now)
    fleet, busy = serve(MovingFleet(local)), sts_error_response(code, status)
    fleet.before(lambda: busy if clock.elapsed < 5 else None, "AssumeRole")
    executor = InlineExecutor(clock)
    assert_completes(path, fleet, targets=targets_of(local), executor=executor, clock=clock)


def test_sts_that_is_busy_for_long_fails_its_target(serve: Serve, path: Path) -> None:
    """After the attempts, with a pause before each further one."""
    clock = FakeClock(PAST)
    local = make_fleet(accounts=1, clock=clock.now)
    serve(MovingFleet(local)).before(sts_error_response("Throttling", 400), "AssumeRole")
    arguments: dict[str, Any] = {"executor": InlineExecutor(clock), "max_target_attempts": 3}
    (failure,) = run(path, targets_of(local), clock=clock, **arguments).failures
    assert failure.error_type == "CredentialRetrievalError"
    pauses = [round(seconds, 6) for seconds in clock.slept]
    assert [pause for pause in pauses if pause in {2.0, 4.0, 8.0}] == [2.0, 4.0]
