"""EC2 Image Builder as one function from a request to a response."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any, NoReturn

import httpx

from .errors import ServiceError
from .faults.injector import FaultInjector
from .sigv4_verifier import verify_signature
from .tokens import InvalidTokenError, issue_token, verify_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account, Execution
    from .faults import FaultPlan

__all__ = ["ACCESS_KEY_ID", "MAX_RESULTS", "SECRET_ACCESS_KEY", "LocalImageBuilder"]

ACCESS_KEY_ID = "local"
"""The access key id of the local account."""

SECRET_ACCESS_KEY = ACCESS_KEY_ID
"""The secret access key of the local account, the same word. It opens nothing else."""

MAX_RESULTS = 25
"""The most resources on a page, and how many there are when `maxResults` is absent."""

_SHOWN = 80  # characters of a wrong value in a message
_SIGNING_NAME = "imagebuilder"
_PATH = "/ListLifecycleExecutionResources"
_EXECUTION_ID = "lce-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_FOREIGN = "You have provided an invalid pagination token in your request."


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class LocalImageBuilder:
    """Answers signed requests as EC2 Image Builder does, from an account's data.

    The one operation is `ListLifecycleExecutionResources` of API version 2019-12-02. An instance
    is a plain callable, so it is a handler for `httpx.MockTransport` (sync and async), a side
    effect for respx, and what `LocalServer` puts on a socket. Calls may come from many threads.

    `account` is what there is to list. `clock` gives the service's time as an aware datetime.
    `token_lifetime` is how long a `nextToken` can be used. With `region`, a request signed for
    another region is refused; without it, any region will do. `faults` says which requests meet
    which fault; see `imagebuilder_pager.local.faults`.

    Requests are signed with `ACCESS_KEY_ID` and `SECRET_ACCESS_KEY`. A session token is allowed,
    and not looked at, if it is among the signed headers.
    """

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], dt.datetime] = _utc_now,
        token_lifetime: dt.timedelta = dt.timedelta(hours=24),
        region: str | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        self._executions = {e.lifecycle_execution_id: e for e in account.executions}
        self._clock = clock
        self._token_lifetime = token_lifetime.total_seconds()
        self._region = region
        self._injector = None if faults is None else FaultInjector(faults)
        self._lock = threading.Lock()
        self._requests = 0
        self._token_stamp: int | None = None

    @property
    def requests(self) -> int:
        """How many requests were answered, refused ones included."""
        return self._requests

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request. Whatever is wrong with it becomes an error answer.

        Only a fault of the connection is raised, as the exception of httpx that it would cause.
        """
        with self._lock:
            self._requests += 1
        if self._injector is None:
            return self._respond(request)
        return self._injector.respond(request, self._respond)

    def _respond(
        self, request: httpx.Request, skew: dt.timedelta = dt.timedelta()
    ) -> httpx.Response:
        """The answer without a fault, by a clock that is off by `skew`."""
        now = self._clock().astimezone(dt.UTC)
        shown = now + skew
        headers = {
            "Date": email.utils.format_datetime(shown, usegmt=True),
            "Content-Type": "application/json",
            "x-amzn-RequestId": str(uuid.uuid4()),
        }
        status = 200
        try:
            self._authenticate(request, shown)
            answer = self._answer(request, int(now.timestamp()))
        except ServiceError as refusal:
            status = refusal.status
            answer = {"message": refusal.message}
            headers["x-amzn-ErrorType"] = refusal.code
        body = json.dumps(answer, separators=(",", ":")).encode()
        return httpx.Response(status, headers=headers, content=body)

    def _authenticate(self, request: httpx.Request, now: dt.datetime) -> None:
        """Raise `ServiceError` unless the operation is known and the signature good."""
        if request.method != "POST" or request.url.raw_path != _PATH.encode():
            raise ServiceError(
                "UnknownOperationException", "The operation requested does not exist."
            )
        verify_signature(
            request,
            secrets={ACCESS_KEY_ID: SECRET_ACCESS_KEY},
            service=_SIGNING_NAME,
            now=now,
            region=self._region,
        )

    def _answer(self, request: httpx.Request, now: int) -> dict[str, Any]:
        """The members of the answer. The order of the checks is the service's."""
        parameters = _read_members(request.read())
        _check_parameters(parameters)
        return self._list_lifecycle_execution_resources(parameters, now)

    def _list_lifecycle_execution_resources(
        self, parameters: Mapping[str, Any], now: int
    ) -> dict[str, Any]:
        execution_id: str = parameters["lifecycleExecutionId"]
        parent: str | None = parameters.get("parentResourceId")
        execution = self._executions.get(execution_id)
        if execution is None:
            raise ServiceError(
                "InvalidRequestException",
                f"The lifecycle execution '{execution_id}' does not exist.",
            )
        # The page size is not part of it: it may change from one page to the next.
        listing = (execution_id,) if parent is None else (execution_id, parent)
        resources = _resources(execution, parent)
        start = self._decode_position(parameters.get("nextToken"), listing, len(resources), now)
        end = start + (parameters.get("maxResults") or MAX_RESULTS)
        answer: dict[str, Any] = {
            "lifecycleExecutionId": execution_id,
            "lifecycleExecutionState": execution.lifecycle_execution_state,
            "resources": resources[start:end],
        }
        if end < len(resources):
            answer["nextToken"] = issue_token(
                listing=listing, position=end, issued=self._token_issue_time(now)
            )
        return answer

    def _decode_position(
        self, token: str | None, listing: tuple[str, ...], length: int, now: int
    ) -> int:
        if token is None:
            return 0
        try:
            position, issued = verify_token(token, listing=listing)
        except InvalidTokenError:
            raise ServiceError("InvalidPaginationTokenException", _FOREIGN) from None
        if now - issued > self._token_lifetime:
            raise ServiceError("InvalidPaginationTokenException", f"{_FOREIGN} It has expired.")
        # A token can outlive the data that it points into, when the account is another one now.
        if position >= length:
            raise ServiceError("InvalidPaginationTokenException", _FOREIGN)
        return position

    def _token_issue_time(self, now: int) -> int:
        """The issue time for a token, renewed after a tenth of its lifetime.

        Between renewals the same place has the same token, so that two clients that list the same
        can be compared to the byte.
        """
        with self._lock:
            stamp = self._token_stamp
            if stamp is None or not 0 <= now - stamp <= self._token_lifetime / 10:
                self._token_stamp = stamp = now
            return stamp


def _resources(execution: Execution, parent: str | None) -> tuple[Mapping[str, Any], ...]:
    return execution.resources if parent is None else execution.children_by_parent.get(parent, ())


def _read_members(body: bytes) -> dict[str, Any]:
    """The request's members, without those that are null, as AWS's parsers leave them out."""
    try:
        # An empty body is how rest-json writes an input without members.
        members = json.loads(body.decode(), parse_constant=_no_constant) if body else {}
    except (ValueError, RecursionError):
        raise ServiceError(
            "SerializationException", "The request body is not valid JSON."
        ) from None
    if not isinstance(members, dict):
        raise ServiceError("SerializationException", "The request body has to be a JSON object.")
    return {name: value for name, value in members.items() if value is not None}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    """Hold the parameters against the model's types, pattern and limits; others are ignored."""
    problems = []
    execution_id = parameters.get("lifecycleExecutionId")
    if execution_id is None:
        problems.append(_problem("lifecycleExecutionId", None, "not be null"))
    elif not isinstance(execution_id, str):
        problems.append(_problem("lifecycleExecutionId", execution_id, "be a string"))
    elif not re.fullmatch(_EXECUTION_ID, execution_id):
        rule = f"satisfy regular expression pattern: ^{_EXECUTION_ID}$"
        problems.append(_problem("lifecycleExecutionId", execution_id, rule))

    for name, longest in (("parentResourceId", 1024), ("nextToken", 65535)):
        text = parameters.get(name, "absent")
        if not isinstance(text, str):
            problems.append(_problem(name, text, "be a string"))
        elif len(text) < 1:
            problems.append(_problem(name, text, "have length greater than or equal to 1"))
        elif len(text) > longest:
            rule = f"have length less than or equal to {longest}"
            problems.append(_problem(name, text, rule))

    count = parameters.get("maxResults", MAX_RESULTS)
    if not isinstance(count, int) or isinstance(count, bool):
        problems.append(_problem("maxResults", count, "be an integer"))
    elif count < 1:
        problems.append(_problem("maxResults", count, "have value greater than or equal to 1"))
    elif count > MAX_RESULTS:
        rule = f"have value less than or equal to {MAX_RESULTS}"
        problems.append(_problem("maxResults", count, rule))

    if problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise ServiceError(
            "InvalidRequestException",
            f"{len(problems)} validation {noun} detected: {'; '.join(problems)}",
        )


def _problem(name: str, value: object, rule: str) -> str:
    shown = (
        "null" if value is None else f"'{value if isinstance(value, str) else json.dumps(value)}'"
    )
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}...'"
    return f"Value {shown} at '{name}' failed to satisfy constraint: Member must {rule}"
