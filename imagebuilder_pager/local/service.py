"""EC2 Image Builder as one function from a request to a response.

The rule: the checks have the service's order: operation, signature, parameters, resources, token.
The first that fails is the response; then a fault of the plan may replace or damage it.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import httpx

from .account import Account
from .errors import ServiceError
from .faults import Fault, FaultPlan
from .faults.connection_faults import CONNECTION_FAULTS, FAULT_EXTENSION, plan_delivery, simulate
from .faults.response_faults import replace_response
from .httpx2_adapter import serve_request
from .parameters import find_members, read_parameters
from .routes import find_operation
from .sigv4_verifier import read_credential, verify_signature
from .sources import SOURCES, find_part, read_response
from .tokens import invalid_token, issue_token, read_token
from .wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._rows import Operation
    from .wire import WireDict

ACCESS_KEY_ID = "local"
"""The access key id of the local account."""

SECRET_ACCESS_KEY = ACCESS_KEY_ID
"""The secret access key of the local account. It is valid nowhere else."""

MAX_CALLS = 10_000
"""The maximum number of calls that are kept; older ones are dropped."""

_PAGE_SIZE = 25
"""The page size of an account's listing without ``maxResults``."""

_LOCAL_SECRETS: Mapping[str, str] = MappingProxyType({ACCESS_KEY_ID: SECRET_ACCESS_KEY})
_MAX_SHOWN_KEYS = 10  # access key ids in an error
_SIGNING_NAME = "imagebuilder"


class Call(NamedTuple):
    """One request to the service, and its outcome.

    - ``operation``: the API's name of the operation, as ListImages; None for an unknown path.
    - ``parameters``: its parameters as on the wire, valid or not, without nulls; empty if they
      cannot be parsed.
    - ``page``: the number of its page, as counted by a ``FaultPlan``.
    - ``attempt``: the number of the request among those for the same page.
    - ``outcome``: the status, with the code of an error: ``200``, ``403 AccessDeniedException``.
      For a fault of the connection or without an error code, the name of the fault: ``stall``.
    - ``fault``: the :class:`Fault` of the request, or None.
    """

    operation: str | None
    parameters: dict[str, Any]
    page: int
    attempt: int
    outcome: str
    fault: Fault | None


def utc_now() -> dt.datetime:
    """Return the system's time."""
    return dt.datetime.now(dt.UTC)


def make_response(
    output: WireDict | ServiceError, now: dt.datetime, request_id: str
) -> httpx.Response:
    """Return the response with the members of an output, or with an error."""
    headers = {
        "Date": email.utils.format_datetime(now, usegmt=True),
        "Content-Type": "application/json",
        "x-amzn-RequestId": request_id,
    }
    status = 200
    if isinstance(output, ServiceError):
        status, headers["x-amzn-ErrorType"] = output.status, output.code
        output = {"message": output.message}
    body = json.dumps(output, separators=(",", ":"), default=to_wire).encode()
    return httpx.Response(status, headers=headers, content=body)


class LocalImageBuilder:
    """A function from a signed request to the response that EC2 Image Builder would send.

    It serves the lifecycle family, images, their builds and pipelines from the account, and any
    other operation from the account's ``pages``. An instance can be the handler of an
    ``httpx.MockTransport`` or ``httpx2.MockTransport`` (sync and async), a side effect of respx, or
    the service of a ``LocalServer``. It may be called from many threads.

    - ``account``: the data, an :class:`Account`.
    - ``clock``: a function that returns the service's time as an aware datetime. Default: the
      system's.
    - ``token_lifetime``: how long a ``nextToken`` is valid, a timedelta. Default: 24 hours.
    - ``region``: the region; a signature for another one is an error. Default: None, any region.
    - ``faults``: the :class:`FaultPlan`, which chooses the fault of each request. Default: None, no
      faults.
    - ``secrets``: valid secret access keys by access key id; the mapping may change. Default: None,
      ``ACCESS_KEY_ID`` with ``SECRET_ACCESS_KEY``.

    A session token has to be signed, but its value is not verified. The error for an unknown access
    key id lists the valid ids.
    """

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], dt.datetime] = utc_now,
        token_lifetime: dt.timedelta = dt.timedelta(hours=24),
        region: str | None = None,
        faults: FaultPlan | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        plan = FaultPlan() if faults is None else faults  # without faults, it only counts
        for name, value, kind in (("account", account, Account), ("faults", plan, FaultPlan)):
            if not isinstance(value, kind):
                given, allowed = type(value).__name__, kind.__name__
                raise TypeError(f"{name}: a {given} given; allowed: a value of {allowed}")
        self._account = account
        self._clock = clock
        self._token_lifetime = token_lifetime.total_seconds()
        self._region = region
        self._secrets = _LOCAL_SECRETS if secrets is None else secrets
        self._plan = plan
        self._skew = dt.timedelta()  # of the clock, by a fault
        self._expired: set[tuple[str, str]] = set()  # credentials, by a fault
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self._lock = threading.RLock()  # a rule of the plan may send a request
        self._requests = 0
        self._last_issue_time: int | None = None

    @property
    def requests(self) -> int:
        """The number of requests so far, including those with an error response."""
        return self._requests

    @property
    def calls(self) -> tuple[Call, ...]:
        """The requests so far, in order, each a :class:`Call`; the newest 10,000."""
        return tuple(self._calls.copy())  # one step, while other threads append

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request; for an invalid request, an error response.

        A fault of the connection raises httpx's exception for it. For a request of httpx2, the
        response or exception is httpx2's.
        """
        response: httpx.Response = serve_request(self._respond_or_fail, request)
        return response

    def _respond_or_fail(self, request: httpx.Request) -> httpx.Response:
        """Record the request and return the response, with the fault that the plan has for it."""
        credentials = read_credential(request)[0], request.headers.get("x-amz-security-token", "")
        with self._lock:
            self._requests += 1
            skew, expired = self._skew, credentials in self._expired
        response, last = self._respond(request, skew)
        members = find_members(request)
        with self._lock:
            info, fault = self._plan.decide(request, members, last=last)
            if fault is None and expired:
                fault = Fault("expired-credentials", lasting=True)
            if fault is not None and fault.name == "clock-skew":
                # The skew lasts, so that a client can correct its clock by it.
                self._skew = dt.timedelta(minutes=cast("float", fault["minutes"]))
                response, _ = self._respond(request, self._skew)
            elif fault is not None and fault.name not in CONNECTION_FAULTS:
                if fault.name == "expired-credentials" and fault["lasting"]:
                    self._expired.add(credentials)
                response = replace_response(fault, request, response)
            outcome = _outcome_of(response, fault)
            self._calls.append(
                Call(info.operation, members or {}, info.page, info.attempt, outcome, fault)
            )
        if fault is None or fault.name not in CONNECTION_FAULTS:
            return response
        response.extensions[FAULT_EXTENSION] = fault
        if FAULT_EXTENSION in request.extensions:
            return response
        return simulate(plan_delivery(response), request, response)

    def _respond(self, request: httpx.Request, skew: dt.timedelta) -> tuple[httpx.Response, bool]:
        """Return the response by a clock with this skew, and whether it is the last page."""
        now = self._clock().astimezone(dt.UTC)
        skewed_now = now + skew
        request_id = str(uuid.uuid4())
        output: WireDict | ServiceError
        try:
            operation = self._require_operation(request)
            self._authenticate(request, skewed_now)
            params = read_parameters(operation, request)
            output = self._call_operation(operation, params, request_id, int(now.timestamp()))
        except ServiceError as error:
            output = error
        is_last = not isinstance(output, ServiceError) and "nextToken" not in output
        return make_response(output, skewed_now, request_id), is_last

    def _require_operation(self, request: httpx.Request) -> Operation:
        """Return the operation of a request, or raise ``ServiceError`` if it is unknown."""
        operation = find_operation(request)
        if operation is None:
            problem = "The operation requested does not exist."
            raise ServiceError("UnknownOperationException", problem)
        name = operation.name
        if name not in SOURCES and name not in self._account.pages:
            problem = f"The account has nothing for {name}: Account(pages={{...}}) gives it."
            raise ServiceError("UnknownOperationException", problem)
        return operation

    def _authenticate(self, request: httpx.Request, now: dt.datetime) -> None:
        """Raise ``ServiceError`` unless the signature is valid."""
        try:
            verify_signature(
                request,
                secrets=self._secrets,
                service=_SIGNING_NAME,
                now=now,
                region=self._region,
            )
        except ServiceError as error:
            if error.code != "UnrecognizedClientException":
                raise
            raise ServiceError(error.code, f"{error.message} {self._describe_keys()}") from None

    def _describe_keys(self) -> str:
        """Return a sentence with the valid access key ids, and the secret where it is public."""
        known = list(self._secrets)
        shown = ", ".join(map(repr, known[:_MAX_SHOWN_KEYS])) or "none"
        if (more := len(known) - _MAX_SHOWN_KEYS) > 0:
            shown += f" and {more} more"
        if self._secrets is _LOCAL_SECRETS:
            shown += f" with the secret access key {SECRET_ACCESS_KEY!r}"
        return f"This local service knows the access key ids: {shown}."

    def _call_operation(
        self, operation: Operation, params: Mapping[str, Any], request_id: str, now: int
    ) -> WireDict:
        """Return the members of the output, or raise ``ServiceError``."""
        limit: int | None = params.get("maxResults")
        pages = self._account.pages.get(operation.name)
        if pages is None:
            response = read_response(operation, self._account, params)
            if "requestId" in operation.response.wire_names():
                response = {"requestId": request_id, **response}
            pages, limit = (response,), limit or _PAGE_SIZE
        if operation.result_key is None:
            return pages[0]
        # The page size may differ on each page.
        members = {name: params[name] for name in params if name not in ("maxResults", "nextToken")}
        listing = (operation.name, json.dumps(members, sort_keys=True))
        token = params.get("nextToken")
        start = read_token(token, listing=listing, now=now, lifetime=self._token_lifetime)
        part = find_part(pages, operation.result_key, start, limit)
        if part is None:
            raise invalid_token()  # the token comes from a service with another account
        page, end = part
        if end is None:
            return page
        token = issue_token(listing=listing, position=end, issued=self._token_issue_time(now))
        return {**page, "nextToken": token}

    def _token_issue_time(self, now: int) -> int:
        """Return the issue time for a token; it changes after a tenth of the lifetime.

        Until then the same position has the same token, so that two listings can be compared byte
        by byte.
        """
        with self._lock:
            issued = self._last_issue_time
            if issued is None or not 0 <= now - issued <= self._token_lifetime / 10:
                self._last_issue_time = issued = now
            return issued


def _outcome_of(response: httpx.Response, fault: Fault | None) -> str:
    code = response.headers.get("x-amzn-ErrorType")
    if fault is not None and (code is None or fault.name in CONNECTION_FAULTS):
        return fault.name
    return f"{response.status_code}" if code is None else f"{response.status_code} {code}"
