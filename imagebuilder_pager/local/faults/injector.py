"""The injector: it carries out the plan between a request and its response, and records both."""

from __future__ import annotations

import datetime as dt
import re
import threading
from typing import TYPE_CHECKING, cast

from ..calls import Call
from ..parameters import find_members
from .connection_faults import CONNECTION_FAULTS, FAULT_EXTENSION, plan_delivery, simulate
from .fault import Fault
from .response_faults import replace_response

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .plan import FaultPlan


class FaultInjector:
    """The faults of one service: those of its plan, and those that last."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._lock = threading.RLock()  # a rule of the plan may send a request
        self._skew = dt.timedelta()
        self._expired: set[tuple[str, str]] = set()

    def respond(
        self,
        request: httpx.Request,
        handle: Callable[[httpx.Request, dt.timedelta], tuple[httpx.Response, bool]],
        record: Callable[[Call], None],
    ) -> httpx.Response:
        """Return the response to the request, with the fault that the request meets.

        ``handle`` returns the original response, and whether it is a page without a next one, given
        the request and the skew of the service's clock. ``record`` is called once for each request,
        in the order of the plan's count.
        """
        with self._lock:
            skew = self._skew
            expired = bool(self._expired) and _credentials_of(request) in self._expired
        original, last = handle(request, skew)
        members = find_members(request)
        with self._lock:
            info, fault = self._plan.decide(request, members, last=last)
            if fault is None and expired:
                fault = Fault("expired-credentials", lasting=True)
            response = original
            if fault is not None and fault.name == "clock-skew":
                # It lasts, so that a client can correct its clock by it.
                self._skew = dt.timedelta(minutes=cast("float", fault["minutes"]))
                response, _ = handle(request, self._skew)
            elif fault is not None and fault.name not in CONNECTION_FAULTS:
                if fault.name == "expired-credentials" and fault["lasting"]:
                    self._expired.add(_credentials_of(request))
                response = replace_response(fault, request, original)
            outcome = _outcome_of(response, fault)
            record(Call(info.operation, members or {}, info.page, info.attempt, outcome, fault))
        if fault is None or fault.name not in CONNECTION_FAULTS:
            return response
        response.extensions[FAULT_EXTENSION] = fault
        if FAULT_EXTENSION in request.extensions:
            return response
        return simulate(plan_delivery(response), request, response)


def _outcome_of(response: httpx.Response, fault: Fault | None) -> str:
    code = response.headers.get("x-amzn-ErrorType")
    if fault is not None and (code is None or fault.name in CONNECTION_FAULTS):
        return fault.name
    return f"{response.status_code}" if code is None else f"{response.status_code} {code}"


def _credentials_of(request: httpx.Request) -> tuple[str, str]:
    """Return the access key id and the session token of the request."""
    credential = re.search(r"Credential=([^/,\s]*)", request.headers.get("authorization", ""))
    return (
        credential[1] if credential else "",
        request.headers.get("x-amz-security-token", ""),
    )
