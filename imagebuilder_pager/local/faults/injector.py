"""Faults between a request and its answer: asks the plan, and does what it says."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from typing import TYPE_CHECKING, cast

from .connection_faults import CONNECTION_FAULTS, EXTENSION, plan_delivery, simulate
from .fault import Fault
from .response_faults import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from .plan import FaultPlan


__all__ = ["FaultInjector"]


class FaultInjector:
    """Carries a plan out for one service, and remembers the faults that last."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._skew = dt.timedelta()
        self._expired: set[tuple[str, str]] = set()

    def respond(
        self,
        request: httpx.Request,
        answer: Callable[[httpx.Request, dt.timedelta], httpx.Response],
    ) -> httpx.Response:
        """The answer to the request with the fault that it meets.

        `answer` makes the true one, from the request and how far the service's clock is off.
        """
        with self._lock:
            skew, expired = self._skew, _keys(request) in self._expired
        true = answer(request, skew)
        fault = self._plan.fault_for(request, last=_is_last(true))
        if fault is None and expired:
            fault = Fault("expired-key", lasting=True)
        if fault is None:
            return true
        if fault.name == "clock-off":
            # It lasts: whoever sets the own clock after it has to find it unchanged.
            skew = dt.timedelta(minutes=cast("float", fault["minutes"]))
            with self._lock:
                self._skew = skew
            return answer(request, skew)
        if fault.name == "expired-key" and fault["lasting"]:
            with self._lock:
                self._expired.add(_keys(request))
        if fault.name in CONNECTION_FAULTS:
            true.extensions[EXTENSION] = fault
            if EXTENSION in request.extensions:
                return true
            return simulate(plan_delivery(true), request, true)
        return ANSWERS[fault.name](fault, request, true)


def _keys(request: httpx.Request) -> tuple[str, str]:
    """The access key id and the session token that the request names."""
    credential = re.search(r"Credential=([^/,\s]*)", request.headers.get("authorization", ""))
    return (
        credential[1] if credential else "",
        request.headers.get("x-amz-security-token", ""),
    )


def _is_last(true: httpx.Response) -> bool:
    return true.status_code == 200 and "nextToken" not in json.loads(true.content)
