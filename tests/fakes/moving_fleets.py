"""A local fleet, with executions and answers that change while it serves."""

import datetime as dt
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx

from imagebuilder_pager.local import Account, Execution
from imagebuilder_pager.local.account_generator import example_policy
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.fleets import (
    PAST,
    REGION,
    Key,
    expected_records,
    make_fleet,
    run,
    stored_records,
)
from tests.fakes.lifecycle_account import policy_arn

ACCOUNT_ID = "123456789012"
_ENDED = ("SUCCESS", "FAILED", "CANCELLED")

#: The action at a request, which may return a response, or the response.
Action = Callable[[], httpx.Response | None] | httpx.Response


class Answer(NamedTuple):
    """A request, and the response to it."""

    operation: str
    parameters: dict[str, Any]
    status: int
    body: dict[str, Any]


@dataclass
class _Rule:
    """An action at the requests of an operation with certain parameters."""

    action: Action
    operation: str
    number: int | None
    parameters: dict[str, Any]
    requests: int = 0

    def is_due(self, operation: str, parameters: dict[str, Any]) -> bool:
        if operation != self.operation or not self.parameters.items() <= parameters.items():
            return False
        self.requests += 1
        return self.number in {None, self.requests}


class MovingFleet:
    """A fleet, with data and answers that change while it serves; thread-safe.

    The data that changes is that of its first account and region.
    """

    def __init__(self, fleet: LocalFleet) -> None:
        self.fleet = fleet
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._answers: list[Answer] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        operation, parameters = _read(request)
        with self._lock:
            due = [rule for rule in self._rules if rule.is_due(operation, parameters)]
        given = [rule.action() if callable(rule.action) else rule.action for rule in due]
        response = next((one for one in given if one is not None), None) or self.fleet(request)
        is_json = response.headers["content-type"] == "application/json"
        answer = Answer(
            operation, parameters, response.status_code, response.json() if is_json else {}
        )
        with self._lock:
            self._answers.append(answer)
        return response

    def before(
        self, action: Action, operation: str, *, number: int | None = None, **parameters: Any
    ) -> None:
        """Do the action before each request is answered, or only before the one of that number.

        If it is or returns a response, that is sent in place of the fleet's. ``AssumeRole`` is an
        operation, too. The requests have the parameters, and are counted from 1.
        """
        with self._lock:
            self._rules.append(_Rule(action, operation, number, parameters))

    def calm(self) -> None:
        """Do nothing any more before requests."""
        with self._lock:
            self._rules.clear()

    def take_answers(self) -> list[Answer]:
        """Return the answers since the last time."""
        with self._lock:
            answers, self._answers = self._answers, []
        return answers

    def count_requests(self) -> Counter[str]:
        """Return the number of requests by operation since answers were last taken."""
        return Counter(answer.operation for answer in self.take_answers())

    def put(self, *executions: Execution) -> None:
        """Put executions in the place of those with their ids, and new ones before all others."""
        given = {one.lifecycle_execution_id: one for one in executions}
        kept = tuple(given.pop(one.lifecycle_execution_id, one) for one in self._account.executions)
        self._replace(executions=(*given.values(), *kept))

    def remove(self, *numbers: int) -> None:
        """Remove executions."""
        removed = {execution_id(number) for number in numbers}
        kept = (
            one for one in self._account.executions if one.lifecycle_execution_id not in removed
        )
        self._replace(executions=tuple(kept))

    def remove_policy(self, number: int) -> None:
        """Remove a policy; its executions are there as before."""
        kept = (one for one in self._account.policies if one["arn"] != policy_arn(number))
        self._replace(policies=tuple(kept))

    @property
    def _account(self) -> Account:
        return self.fleet.account(self.fleet.account_ids[0], self.fleet.regions[0])

    def _replace(self, **members: Any) -> None:
        self.fleet.replace_account(self.fleet.regions[0], replace(self._account, **members))


def fleet_of(*executions: Execution, **arguments: Any) -> MovingFleet:
    """Return a fleet of one account and region with these executions and their policies."""
    arns = dict.fromkeys(one.lifecycle_policy_arn for one in executions)
    policies = [
        example_policy("AMI_IMAGE") | {"arn": arn, "name": str(arn).rpartition("/")[2]}
        for arn in arns
    ]
    fleet = make_fleet((REGION,), accounts=1, policies=0, **arguments)
    account = Account(tuple(executions), tuple(policies), account_id=ACCOUNT_ID)
    fleet.replace_account(REGION, account)
    return MovingFleet(fleet)


def execution_id(number: int) -> str:
    """Return the id of an execution."""
    return f"lce-{number:08d}-0000-4000-8000-000000000000"


def make_execution(
    number: int,
    status: str = "SUCCESS",
    *,
    reason: str | None = None,
    policy: int = 0,
    images: int = 1,
    unfinished: int = 0,
    end: dt.datetime = PAST,
    **members: Any,
) -> Execution:
    """Return an execution of images with an AMI each, of which some are IN_PROGRESS.

    ``members`` are those of the images and AMIs.
    """
    time = end.timestamp()
    resources, children = [], {}
    for index in range(images):
        state = {"status": "IN_PROGRESS" if index < unfinished else "SUCCESS"}
        common = {
            "accountId": ACCOUNT_ID,
            "region": REGION,
            "state": state,
            "action": {"name": "DELETE", "reason": "Image is older than 90 days."},
            "startTime": time - 60,
            **members,
        }
        arn = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT_ID}:image/web/{number}.0.{index}/1"
        resources.append({"resourceId": arn, **common})
        children[arn] = ({"resourceId": f"ami-{number:08x}{index:09x}", **common},)
    return Execution(
        execution_id(number),
        {"status": status} if reason is None else {"status": status, "reason": reason},
        tuple(resources),
        children,
        policy_arn(policy),
        start_time=time - 300,
        end_time=time if status in _ENDED else None,
    )


def make_many(count: int, **members: Any) -> MovingFleet:
    """Return a fleet of policies with an execution each; ``members`` are the executions'."""
    return fleet_of(*(make_execution(number, policy=number, **members) for number in range(count)))


def assert_all_stored(path: Path, fleet: MovingFleet, *, without: Collection[str] = ()) -> None:
    """Assert that the database has each resource once, but for those of some executions."""
    expected = expected_records(fleet.fleet)
    assert stored_records(path) == {key for key in expected if key[0] not in without}


def assert_completes(path: Path, fleet: MovingFleet, **arguments: Any) -> None:
    """Assert that a run has no failures, and that the database then has each resource once."""
    assert not run(path, **arguments).failures
    assert_all_stored(path, fleet)


def answered_records(answers: list[Answer]) -> set[Key]:
    """Return the keys of all resources in the answers."""
    return {
        (
            answer.parameters["lifecycleExecutionId"],
            answer.parameters.get("parentResourceId", ""),
            resource["resourceId"],
            resource["accountId"],
            resource["region"],
        )
        for answer in answers
        if answer.operation == "ListLifecycleExecutionResources"
        for resource in answer.body.get("resources", ())
    }


def error_response(code: str, status: int) -> httpx.Response:
    """Return an error response of Image Builder."""
    return httpx.Response(status, headers={"x-amzn-ErrorType": code}, json={"message": "No."})


def sts_error_response(code: str, status: int, message: str = "No.") -> httpx.Response:
    """Return an error response of STS."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<ErrorResponse>{error}</ErrorResponse>"
    return httpx.Response(status, headers={"Content-Type": "text/xml"}, content=body.encode())


def interrupt() -> None:
    """Press Ctrl-C, for this process alone; its main thread is woken by it."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _read(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    """Return the operation and the parameters of a request."""
    if request.url.path == "/":
        form = dict(parse_qsl(request.content.decode()))
        return form.pop("Action", ""), dict(form)
    body = json.loads(request.content or b"{}")
    parameters = {name: value for name, value in body.items() if value is not None}
    return request.url.path.removeprefix("/"), {**request.url.params, **parameters}
