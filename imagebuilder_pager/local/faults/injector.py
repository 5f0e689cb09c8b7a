"""The injector: between a request and its response it does what the plan says."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from typing import TYPE_CHECKING, cast

from .connection_faults import CONNECTION_FAULTS, FAULT_EXTENSION, plan_delivery, simulate
from .fault import Fault
from .response_faults import RESPONSE_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .plan import FaultPlan


class FaultInjector:
    """The faults of one service: those of its plan, and those that last."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._skew = dt.timedelta()
        self._expired: set[tuple[str, str]] = set()

    def respond(
        self,
        request: httpx.Request,
        handle: Callable[[httpx.Request, dt.timedelta], httpx.Response],
    ) -> httpx.Response:
        """Return the response to the request, with the fault that the request meets.

        ``handle`` returns the original response, given the request and the skew of the service's
        clock.
        """
        with self._lock:
            skew = self._skew
            expired = _credentials_of(request) in self._expired
        original = handle(request, skew)
        fault = self._plan.fault_for(request, last=_is_last(original))
        if fault is None and expired:
            fault = Fault("expired-credentials", lasting=True)
        if fault is None:
            return original
        if fault.name == "clock-skew":
            # It lasts, so that a client can correct its clock by it.
            skew = dt.timedelta(minutes=cast("float", fault["minutes"]))
            with self._lock:
                self._skew = skew
            return handle(request, skew)
        if fault.name == "expired-credentials" and fault["lasting"]:
            with self._lock:
                self._expired.add(_credentials_of(request))
        if fault.name in CONNECTION_FAULTS:
            original.extensions[FAULT_EXTENSION] = fault
            if FAULT_EXTENSION in request.extensions:
                return original
            return simulate(plan_delivery(original), request, original)
        return RESPONSE_FAULTS[fault.name](fault, request, original)


def _credentials_of(request: httpx.Request) -> tuple[str, str]:
    """Return the access key id and the session token of the request."""
    credential = re.search(r"Credential=([^/,\s]*)", request.headers.get("authorization", ""))
    return (
        credential[1] if credential else "",
        request.headers.get("x-amz-security-token", ""),
    )


def _is_last(original: httpx.Response) -> bool:
    return original.status_code == 200 and "nextToken" not in json.loads(original.content)
