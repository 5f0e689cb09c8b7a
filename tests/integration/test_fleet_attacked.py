"""A fleet under attack: tokens without end, poisoned listings and workers, forks and Ctrl-C."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from imagebuilder_pager._aws.clock import SYSTEM_CLOCK
from imagebuilder_pager.exceptions import ParamValidationError
from imagebuilder_pager.fleet import (
    Account,
    FleetDatabase,
    FleetProgress,
    FleetResult,
    Target,
    batch,
    make_targets,
    run_fleet,
)
from imagebuilder_pager.fleet.executors import LoopExecutor
from imagebuilder_pager.local.faults.connection_faults import FAULT_EXTENSION
from imagebuilder_pager.local.faults.fault import Fault
from tests.fakes.accounts import LOCAL_CREDENTIALS as KEYS
from tests.fakes.clocks import FakeClock
from tests.fakes.fleets import (
    PAST,
    REGION,
    TARGET,
    InlineExecutor,
    Serve,
    SilentExecutor,
    expected_records,
    make_fleet,
    query,
    role_arn,
    serve_fleet,
    stored_records,
    targets_of,
)
from tests.fakes.fleets import run as run_with_defaults
from tests.fakes.lifecycle_account import policy_arn
from tests.fakes.moving_fleets import (
    ACCOUNT_ID,
    answered_records,
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

POLICIES = "ListLifecyclePolicies"
EXECUTIONS = "ListLifecycleExecutions"
RESOURCES = "ListLifecycleExecutionResources"
TOKEN_ERROR = "InvalidPaginationTokenException"
EXTERNAL_ID = "7f3c-audit-9b1e"
RESET = httpx.Response(200, json={}, extensions={FAULT_EXTENSION: Fault("reset-before")})
ONE_ATTEMPT = {"max_attempts": 1}
ONE_AT_A_TIME = {"max_concurrency_per_target": 1}
MAX_BATCHES = 200  # more than a run of these tests has
INCOMPLETE = "SELECT execution_id FROM listings WHERE NOT complete"

#: A listing by its request, and the member of its pages.
Listing = tuple[str, dict[str, Any], str]
of_each_listing = pytest.mark.parametrize(
    "listing",
    [
        (POLICIES, {}, "lifecyclePolicySummaryList"),
        (EXECUTIONS, {"resourceArn": policy_arn(1)}, "lifecycleExecutions"),
        (RESOURCES, {"lifecycleExecutionId": execution_id(1)}, "resources"),
    ],
    ids=["policies", "executions", "resources"],
)


def run(path: Path, targets: tuple[Target, ...] = (TARGET,), **arguments: Any) -> FleetResult:
    """Run by a clock that does not wait, with a maximum number of batches."""
    left = iter(range(MAX_BATCHES))

    def report(progress: FleetProgress) -> None:
        assert next(left, None) is not None, "the run has no end"

    defaults = {"clock": FakeClock(PAST), "on_progress": report}
    return run_with_defaults(path, targets, **(defaults | arguments))


def configure(
    patch: pytest.MonkeyPatch, path: Path, profiles: Mapping[str, Mapping[str, str]]
) -> None:
    """Write a configuration beside the database, and use it."""
    lines = [
        line
        for profile, settings in profiles.items()
        for line in (f"[profile {profile}]", *(" = ".join(item) for item in settings.items()))
    ]
    config = path.with_name("config")
    config.write_text("\n".join(lines))
    patch.setenv("AWS_CONFIG_FILE", str(config))


# Tokens.


@of_each_listing
@pytest.mark.parametrize("page", [1, 2])
def test_a_token_that_is_always_refused_ends_its_listing_alone(
    listing: Listing, page: int, serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, parameters, member = listing
    monkeypatch.setattr(batch, "MAX_PAGES", 1)  # so that a token is that of another batch
    fleet = serve(make_many(3))
    token: dict[str, Any] = {"nextToken": "refused"} if page == 2 else {}
    first_page = {member: [], "nextToken": "refused"}
    fleet.before(error_response(TOKEN_ERROR, 400), operation, **parameters, **token)
    fleet.before(httpx.Response(200, json=first_page), operation, **parameters)
    (failure,) = run(path, max_target_attempts=3).failures
    assert failure.error_type == TOKEN_ERROR
    if operation == POLICIES:
        assert query(path, "SELECT state FROM targets") == [("failed",)]
    else:
        assert failure.failed_listings == 1
        assert_all_stored(path, fleet, without=[execution_id(1)])
    requests = [one for one in fleet.take_answers() if one.operation == operation]
    sent = [one for one in requests if parameters.items() <= one.parameters.items()]
    assert len([one for one in sent if one.status == 400]) <= 3 + 1
    assert len(sent) <= 2 * (3 + 1)


def test_a_listing_whose_token_is_refused_once_begins_anew(
    serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PAGES", 1)
    fleet = serve(fleet_of(make_execution(0, images=30)))
    refusal = error_response(TOKEN_ERROR, 400)
    fleet.before(refusal, RESOURCES, number=2, lifecycleExecutionId=execution_id(0))
    assert_completes(path, fleet)


@of_each_listing
def test_tokens_that_come_round_after_a_batch_end_their_listing_alone(
    listing: Listing, serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, parameters, member = listing
    monkeypatch.setattr(batch, "MAX_PAGES", 2)
    fleet = serve(make_many(3))
    for token, following in (("a", "b"), ("b", "c"), ("c", "a")):
        page = {member: [], "nextToken": following}
        fleet.before(httpx.Response(200, json=page), operation, **parameters, nextToken=token)
    first_page = {member: [], "nextToken": "a"}
    fleet.before(httpx.Response(200, json=first_page), operation, **parameters, number=1)
    (failure,) = run(path).failures
    assert failure.error_type == "PaginationError"
    if operation != POLICIES:
        assert failure.failed_listings == 1
        assert_all_stored(path, fleet, without=[execution_id(1)])
    assert fleet.count_requests()[operation] < 20


# Listings and targets that fail.


class Level(NamedTuple):
    """A kind of listings: their requests, and the query of those with an error."""

    operation: str
    parameter: str
    id_of: Callable[[int], str]
    sql: str


class Failing(NamedTuple):
    """Listings of which the first ones fail, their answer, and the arguments of the run."""

    failing: int
    in_all: int
    answer: httpx.Response
    error_type: str
    arguments: dict[str, Any]


@pytest.mark.parametrize(
    "listings",
    [
        Failing(1, 5, error_response("AccessDeniedException", 403), "AccessDeniedException", {}),
        Failing(8, 18, error_response("ServiceException", 500), "ServiceException", ONE_ATTEMPT),
        Failing(2, 12, RESET, "ConnectionClosedError", {**ONE_ATTEMPT, **ONE_AT_A_TIME}),
    ],
    ids=["1 of 5, access denied", "8 of 18, status 500", "2 of 12, a reset, one at a time"],
)
@pytest.mark.parametrize(
    "level",
    [
        Level(
            *(RESOURCES, "lifecycleExecutionId", execution_id),
            "SELECT execution_id FROM listings WHERE error IS NOT NULL",
        ),
        Level(
            *(EXECUTIONS, "resourceArn", policy_arn),
            "SELECT policy_arn FROM policies WHERE error IS NOT NULL",
        ),
    ],
    ids=["resources", "executions"],
)
def test_listings_that_fail_for_good_leave_the_others_complete(
    level: Level, listings: Failing, serve: Serve, path: Path
) -> None:
    """In each run, and also if they are the first ones."""
    fleet = serve(make_many(listings.in_all))
    ids = {level.id_of(number) for number in range(listings.failing)}
    for one in ids:
        parameters: dict[str, Any] = {level.parameter: one}
        fleet.before(listings.answer, level.operation, **parameters)
    lost = {execution_id(number) for number in range(listings.failing)}
    seen: list[FleetProgress] = []
    for _ in range(3):
        (failure,) = run(path, on_progress=seen.append, **listings.arguments).failures
        assert_all_stored(path, fleet, without=lost)
        assert failure.failed_listings == listings.failing
        assert failure.error_type == listings.error_type
        assert f"{listings.failing} of its listings failed" in str(failure.error)
        assert any(one in str(failure.error) for one in ids)
        assert query(path, "SELECT state FROM targets") == [("incomplete",)]
        assert {one for (one,) in query(path, level.sql)} == ids
        assert seen[-1].executions == seen[-1].executions_done
    fleet.calm()
    assert_completes(path, fleet)
    assert query(path, "SELECT state, error FROM targets") == [("complete", None)]
    assert query(path, level.sql) == []


class BreakingPool(ThreadPoolExecutor):
    """A pool of threads that breaks, with its other batches, at a batch of one target."""

    def __init__(self, poisonous: Target) -> None:
        super().__init__(8)
        self._poisonous = poisonous
        self._has_broken = threading.Event()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._has_broken.is_set():
            raise BrokenExecutor("the pool has broken")
        return super().submit(self._run, fn, *args)

    def _run(self, fn: Any, task: Any) -> Any:
        if task.target == self._poisonous:
            time.sleep(0.01)  # in which others are handed out
            self._has_broken.set()
        if self._has_broken.wait(0.03):
            raise BrokenExecutor("a worker has died")
        return fn(task)


@pytest.mark.parametrize("place", [0, 5])
def test_a_target_that_kills_its_workers_fails_alone(place: int, serve: Serve, path: Path) -> None:
    local = serve(make_fleet(accounts=6, policies=1, executions=1, resources=1, is_running=False))
    targets = targets_of(local)
    poisonous = targets[place]
    result = run(path, targets, executor=lambda: BreakingPool(poisonous), max_target_attempts=3)
    assert [one.target for one in result.failures] == [poisonous]
    assert result.failures[0].error_type == "BrokenExecutor"
    account = local.account(str(poisonous.account.account_id), poisonous.region)
    poisoned = {execution.lifecycle_execution_id for execution in account.executions}
    others = {key for key in expected_records(local) if key[0] not in poisoned}
    assert stored_records(path) == others


@pytest.mark.parametrize("setting", ["endpoint_url = nowhere", "max_attempts = many"])
def test_a_setting_that_is_not_valid_fails_its_target_at_once(
    setting: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, clock = make_many(1), FakeClock(PAST)
    targets = make_targets([Account(profile="wrong"), Account(profile="right")], [REGION])
    with serve_fleet(fleet) as url, pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL")  # which goes before those of profiles
        right = {**KEYS, "endpoint_url": url}
        name, _, value = setting.partition(" = ")
        configure(monkeypatch, path, {"wrong": {**right, name: value}, "right": right})
        result = run(path, targets, clock=clock)
    assert [one.target for one in result.failures] == [targets[0]]
    assert value in str(result.failures[0].error)
    assert clock.slept == []
    assert_all_stored(path, fleet)


def test_an_external_id_that_sts_repeats_is_shown_nowhere(
    serve: Serve, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = sts_error_response("AccessDenied", 403, f"{EXTERNAL_ID} is not it.")
    serve(make_many(1)).before(refusal, "AssumeRole", ExternalId=EXTERNAL_ID)
    account = Account(role_arn=role_arn("111122223333"), external_id=EXTERNAL_ID)
    result = run(path, (Target(account, REGION),))
    assert "AccessDenied" in str(result.failures[0].error)
    assert "is not it" in caplog.text
    for text in (caplog.text, repr(result), repr(query(path, "SELECT * FROM targets"))):
        assert EXTERNAL_ID not in text
    for file in path.parent.iterdir():
        assert EXTERNAL_ID.encode() not in file.read_bytes()


# Pages that do not match.


@pytest.mark.parametrize(
    "page",
    [{}, {"resources": [None]}, {"resources": "none"}, {"resources": [{"resourceId": 5}]}],
    ids=["nothing", "null", "another type", "another type within"],
)
def test_a_listing_of_a_page_that_does_not_match_is_made_again(
    page: dict[str, Any], serve: Serve, path: Path
) -> None:
    fleet, answer = serve(make_many(2)), httpx.Response(200, json=page)
    fleet.before(answer, RESOURCES, lifecycleExecutionId=execution_id(0))
    run(path, on_invalid_response="warn")
    others = {key for key in expected_records(fleet.fleet) if key[0] == execution_id(1)}
    assert others <= stored_records(path)
    assert query(path, INCOMPLETE) == [(execution_id(0),)]
    fleet.calm()
    assert not run(path, on_invalid_response="warn").failures
    assert query(path, INCOMPLETE) == []
    assert_all_stored(path, fleet)


@pytest.mark.parametrize("pages", [1, 100])
def test_the_values_that_match_are_stored_and_their_listing_is_made_again(
    pages: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the pages after it match, in the same batch or in others."""
    monkeypatch.setattr(batch, "MAX_PAGES", pages)
    fleet = fleet_of(make_execution(0, images=60))

    def spoiled(request: httpx.Request) -> httpx.Response:
        response = fleet(request)
        body = response.json()
        if len(body.get("resources", ())) < 25 or "nextToken" in json.loads(request.content):
            return response
        return httpx.Response(200, json={**body, "resources": [None, *body["resources"][1:]]})

    with serve_fleet(spoiled):
        assert not run(path, children=False, on_invalid_response="warn").failures
        assert len(stored_records(path)) == 60 - 1
        assert query(path, f"{INCOMPLETE} AND parent_id = ''") == [(execution_id(0),)]
    with serve_fleet(fleet):
        assert_completes(path, fleet)


# Chosen policies.


@pytest.mark.parametrize(
    ("account", "arn"),
    [
        (Account(role_arn=role_arn("111122223333")), policy_arn(0)),
        (Account(), policy_arn(0).replace(REGION, "eu-west-1")),
    ],
    ids=["another account", "another region"],
)
def test_a_policy_that_can_be_in_no_target_is_an_error_before_anything_is_sent(
    account: Account, arn: str, serve: Serve, path: Path
) -> None:
    fleet = serve(make_many(1))
    possible = arn.replace(ACCOUNT_ID, "111122223333").replace("eu-west-1", REGION)
    with pytest.raises(ParamValidationError, match=r"policies\[1\]: .*lifecycle-policy"):
        run(path, (Target(account, REGION),), policies=[possible, arn])
    assert fleet.take_answers() == []


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_a_policy_stays_with_the_profile_of_its_account(
    names: tuple[str, str], serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = serve(make_fleet(policies=1, resources=1, newest=PAST))
    account_id = local.account_ids[1]
    role = {"role_arn": role_arn(account_id), "source_profile": "one"}
    configure(monkeypatch, path, {"one": KEYS, "two": role})
    targets = make_targets([Account(profile=name) for name in names], [REGION])
    account = local.account(account_id, REGION)
    policy = account.policies[0]["arn"]
    result = run(path, targets, policies=[policy])
    assert [one.error for one in result.targets] == [None, None]
    assert result.missing_policies == ()
    for table in ("policies", "executions", "listings"):
        sql = f"SELECT DISTINCT t.account FROM {table} JOIN targets AS t USING (target_id)"
        condition = f" WHERE policy_arn = '{policy}'" if table == "policies" else ""
        assert query(path, sql + condition) == [("two",)]
    listed = {execution.lifecycle_execution_id for execution in account.executions}
    assert {key[0] for key in stored_records(path)} == listed


# Ctrl-C.


def test_a_call_that_waits_to_be_sent_again_is_not_sent_after_ctrl_c(
    serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, has_stopped = serve(make_many(1)), threading.Event()
    stop = LoopExecutor.stop

    def stop_and_tell(executor: LoopExecutor) -> None:
        stop(executor)
        has_stopped.set()

    def fail_after_ctrl_c() -> httpx.Response:
        interrupt()
        assert has_stopped.wait(60)
        return error_response("ServiceException", 500)

    monkeypatch.setattr(LoopExecutor, "stop", stop_and_tell)
    fleet.before(fail_after_ctrl_c, RESOURCES, number=1)
    with pytest.raises(KeyboardInterrupt):
        run(path, max_attempts=3)
    assert fleet.count_requests()[RESOURCES] == 1
    assert_completes(path, fleet)


class Interrupted:
    """A connection to SQLite, with Ctrl-C after a statement."""

    def __init__(self, connection: Any, statement: str, number: int) -> None:
        self._connection = connection
        self._statement = statement
        self._left = number

    def execute(self, sql: str, *arguments: Any) -> Any:
        cursor = self._connection.execute(sql, *arguments)
        self._left -= sql.startswith(self._statement)
        if self._left == 0:
            self._left -= 1
            raise KeyboardInterrupt
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        pytest.param("BEGIN", 1, id="the first BEGIN"),
        pytest.param("BEGIN", 3, id="a BEGIN"),
        pytest.param("INSERT OR REPLACE INTO executions", 2, id="a write"),
        pytest.param("UPDATE targets", 1, id="the end of a target"),
    ],
)
def test_ctrl_c_in_a_transaction_leaves_none_open(statement: str, number: int, path: Path) -> None:
    fleet = make_many(3)
    with serve_fleet(fleet), FleetDatabase(path) as database:
        connection: Any = database._connection
        interrupted: Any = Interrupted(connection, statement, number)
        database._connection = interrupted
        with pytest.raises(KeyboardInterrupt):
            run_fleet((TARGET,), database)
        assert not connection.in_transaction
        if statement.startswith("INSERT"):
            assert query(path, "SELECT * FROM executions") == []
        database._connection = connection
        assert not run_fleet((TARGET,), database).failures
    assert_all_stored(path, fleet)


class PressesCtrlC(InlineExecutor):
    """An executor in whose third batch Ctrl-C is pressed, before the batch is returned."""

    def __init__(self, times: int) -> None:
        super().__init__(SYSTEM_CLOCK)
        self._times = times

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        if len(self.arguments) == 3:
            for _ in range(self._times):
                interrupt()
        return future


@pytest.mark.parametrize(("times", "is_stored"), [(1, True), (2, False)])
def test_ctrl_c_while_a_batch_is_handed_out_loses_no_result_but_for_a_second_one(
    times: int, is_stored: bool, serve: Serve, path: Path
) -> None:
    fleet = serve(make_many(3, images=2))
    with pytest.raises(KeyboardInterrupt):
        run(path, executor=PressesCtrlC(times))
    answered = answered_records(fleet.take_answers())
    assert answered
    assert stored_records(path) == (answered if is_stored else set())
    assert_completes(path, fleet)


def test_an_executor_that_is_lost_after_ctrl_c_does_not_hide_it(serve: Serve, path: Path) -> None:
    local, executor = serve(make_fleet(resources=1, newest=PAST)), SilentExecutor(runs=1)

    def press_ctrl_c(progress: FleetProgress) -> None:
        executor.end(CancelledError())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(path, targets_of(local), executor=executor, on_progress=press_ctrl_c)
    assert not run(path, targets_of(local)).failures
    assert stored_records(path) == expected_records(local)
