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
from .httpx2_adapter import find_package, serve_request
from .sigv4_verifier import verify_signature
from .tokens import InvalidTokenError, issue_token, verify_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account, Execution
    from .faults import FaultPlan

__all__ = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "LocalImageBuilder"]

ACCESS_KEY_ID = "local"
"""The access key id of the local account."""

SECRET_ACCESS_KEY = ACCESS_KEY_ID
"""The secret access key of the local account. It is valid nowhere else."""

_MAX_RESULTS = 25
"""The maximum and the default of ``maxResults``, the number of resources on a page."""

_MAX_SHOWN_VALUE = 80  # characters of an invalid value in a message
_SIGNING_NAME = "imagebuilder"
_PATH = "/ListLifecycleExecutionResources"
_EXECUTION_ID = "lce-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_INVALID_TOKEN = "You have provided an invalid pagination token in your request."


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class LocalImageBuilder:
    """A function from a signed request to the response that EC2 Image Builder would send.

    The one operation is ``ListLifecycleExecutionResources`` of API version 2019-12-02. An instance
    can be the handler of a ``httpx.MockTransport`` or ``httpx2.MockTransport`` (sync and async), a
    side effect for respx, and the service of a ``LocalServer``. It may be called from many threads.

    ``account`` has the data. ``clock`` returns the service's time as an aware datetime. A
    ``nextToken`` is valid for ``token_lifetime``. With ``region``, a signature for another region
    is an error; without it, any region is valid. ``faults`` decides which requests meet which
    fault; see ``imagebuilder_pager.local.faults``.

    Requests are signed with ``ACCESS_KEY_ID`` and ``SECRET_ACCESS_KEY``. A session token is not
    verified, but has to be among the signed headers.
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
        self._last_issue_time: int | None = None

    @property
    def requests(self) -> int:
        """The number of requests so far, those with an error included."""
        return self._requests

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request; for an invalid request, an error response.

        A fault of the connection raises the exception of httpx that it would cause. A request of
        httpx2 gets a response, or an exception, of httpx2.
        """
        package = find_package(request)
        if package is None:
            return self._respond_or_fail(request)
        response: httpx.Response = serve_request(self._respond_or_fail, request, package)
        return response

    def _respond_or_fail(self, request: httpx.Request) -> httpx.Response:
        """Return the response, with a fault if the plan has one for it."""
        with self._lock:
            self._requests += 1
        if self._injector is None:
            return self._respond(request)
        return self._injector.respond(request, self._respond)

    def _respond(
        self, request: httpx.Request, skew: dt.timedelta = dt.timedelta()
    ) -> httpx.Response:
        """Return the response without a fault, by a clock that is wrong by ``skew``."""
        now = self._clock().astimezone(dt.UTC)
        skewed_now = now + skew
        headers = {
            "Date": email.utils.format_datetime(skewed_now, usegmt=True),
            "Content-Type": "application/json",
            "x-amzn-RequestId": str(uuid.uuid4()),
        }
        status = 200
        try:
            self._authenticate(request, skewed_now)
            output = self._call_operation(request, int(now.timestamp()))
        except ServiceError as error:
            status = error.status
            output = {"message": error.message}
            headers["x-amzn-ErrorType"] = error.code
        body = json.dumps(output, separators=(",", ":")).encode()
        return httpx.Response(status, headers=headers, content=body)

    def _authenticate(self, request: httpx.Request, now: dt.datetime) -> None:
        """Raise ``ServiceError`` unless the operation is known and the signature valid."""
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

    def _call_operation(self, request: httpx.Request, now: int) -> dict[str, Any]:
        """Return the members of the output. The order of the checks is the service's."""
        parameters = _read_members(request.read())
        _validate_parameters(parameters)
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
        # Without the page size, which may change from page to page.
        listing = (execution_id,) if parent is None else (execution_id, parent)
        resources = _resources_of(execution, parent)
        start = self._decode_position(parameters.get("nextToken"), listing, len(resources), now)
        end = start + (parameters.get("maxResults") or _MAX_RESULTS)
        output: dict[str, Any] = {
            "lifecycleExecutionId": execution_id,
            "lifecycleExecutionState": execution.lifecycle_execution_state,
            "resources": resources[start:end],
        }
        if end < len(resources):
            output["nextToken"] = issue_token(
                listing=listing, position=end, issued=self._token_issue_time(now)
            )
        return output

    def _decode_position(
        self, token: str | None, listing: tuple[str, ...], length: int, now: int
    ) -> int:
        if token is None:
            return 0
        try:
            position, issued = verify_token(token, listing=listing)
        except InvalidTokenError:
            raise ServiceError("InvalidPaginationTokenException", _INVALID_TOKEN) from None
        if now - issued > self._token_lifetime:
            raise ServiceError(
                "InvalidPaginationTokenException", f"{_INVALID_TOKEN} It has expired."
            )
        # A token may be of a service with another account.
        if position >= length:
            raise ServiceError("InvalidPaginationTokenException", _INVALID_TOKEN)
        return position

    def _token_issue_time(self, now: int) -> int:
        """Return the issue time for a token, which changes after a tenth of the lifetime.

        Until then the same position has the same token, so that the bytes of two listings can be
        compared.
        """
        with self._lock:
            issued = self._last_issue_time
            if issued is None or not 0 <= now - issued <= self._token_lifetime / 10:
                self._last_issue_time = issued = now
            return issued


def _resources_of(execution: Execution, parent: str | None) -> tuple[Mapping[str, Any], ...]:
    return execution.resources if parent is None else execution.children_by_parent.get(parent, ())


def _read_members(body: bytes) -> dict[str, Any]:
    """Return the request's members without those that are null, as AWS's parsers do."""
    try:
        # rest-json may send an input without members as an empty body.
        members = json.loads(body.decode(), parse_constant=_reject_constant) if body else {}
    except (ValueError, RecursionError):
        raise ServiceError(
            "SerializationException", "The request body is not valid JSON."
        ) from None
    if not isinstance(members, dict):
        raise ServiceError("SerializationException", "The request body has to be a JSON object.")
    return {name: value for name, value in members.items() if value is not None}


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _validate_parameters(parameters: Mapping[str, Any]) -> None:
    """Validate the parameters by the model's types, pattern and limits.

    Unknown parameters are ignored. Raises ``ServiceError`` with every violation.
    """
    violations = []
    execution_id = parameters.get("lifecycleExecutionId")
    if execution_id is None:
        violations.append(_violation("lifecycleExecutionId", None, "not be null"))
    elif not isinstance(execution_id, str):
        violations.append(_violation("lifecycleExecutionId", execution_id, "be a string"))
    elif not re.fullmatch(_EXECUTION_ID, execution_id):
        rule = f"satisfy regular expression pattern: ^{_EXECUTION_ID}$"
        violations.append(_violation("lifecycleExecutionId", execution_id, rule))

    for name, max_length in (("parentResourceId", 1024), ("nextToken", 65535)):
        text = parameters.get(name, "absent")
        if not isinstance(text, str):
            violations.append(_violation(name, text, "be a string"))
        elif len(text) < 1:
            violations.append(_violation(name, text, "have length greater than or equal to 1"))
        elif len(text) > max_length:
            rule = f"have length less than or equal to {max_length}"
            violations.append(_violation(name, text, rule))

    count = parameters.get("maxResults", _MAX_RESULTS)
    if not isinstance(count, int) or isinstance(count, bool):
        violations.append(_violation("maxResults", count, "be an integer"))
    elif count < 1:
        violations.append(_violation("maxResults", count, "have value greater than or equal to 1"))
    elif count > _MAX_RESULTS:
        rule = f"have value less than or equal to {_MAX_RESULTS}"
        violations.append(_violation("maxResults", count, rule))

    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise ServiceError(
            "InvalidRequestException",
            f"{len(violations)} validation {noun} detected: {'; '.join(violations)}",
        )


def _violation(name: str, value: object, rule: str) -> str:
    shown = (
        "null" if value is None else f"'{value if isinstance(value, str) else json.dumps(value)}'"
    )
    if len(shown) > _MAX_SHOWN_VALUE:
        shown = f"{shown[:_MAX_SHOWN_VALUE]}...'"
    return f"Value {shown} at '{name}' failed to satisfy constraint: Member must {rule}"
