"""The plan of faults: rules by the number of the request or of the page."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..._validation import validate_whole_number
from .fault import Fault

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """The numbers of one request, counted by a plan from 1.

    - ``request``: the number of the request.
    - ``page``: the number of its page, in the order of the pages' first requests. A page is
      identified by the operation and its parameters, without the page size.
    - ``attempt``: the number of the request among those for the same page.
    - ``last``: whether it is for a page without a next one.
    """

    request: int
    page: int
    attempt: int
    last: bool


Rule = Callable[[RequestInfo], Fault | None]
"""Return the fault that a request meets, or None.

A rule is called from many threads, one at a time.
"""

_TARGET = re.compile(
    r"(?P<kind>page-|every-|)(?P<number>[1-9][0-9]{0,8}|last)(?:x(?P<times>[1-9][0-9]{0,8})|(?P<on>\+))?"
)


class FaultPlan:
    """The rules that decide which requests meet which fault, and the count of the requests.

    - ``requests``: the fault of a request, by the request's number from 1 on:
      ``FaultPlan({3: Fault("stall"), 5: Fault("html")})``. Default: None, no faults.

    The class methods make the other plans. ``a | b`` is a new plan with the rules of both; the
    first rule that returns a fault decides. A plan belongs to one service, and may be used from
    many threads.
    """

    def __init__(self, requests: Mapping[int, Fault] | None = None) -> None:
        by_number = dict(requests or {})
        for number in by_number:
            _require_positive("the number of a request", number)
        self._rules: tuple[Rule, ...] = (lambda info: by_number.get(info.request),)
        self._lock = threading.RLock()  # a rule may read the plan that calls it
        self._requests = 0
        self._attempts: dict[bytes, tuple[int, int]] = {}
        self._injected: list[tuple[RequestInfo, Fault]] = []

    @classmethod
    def rule(cls, rule: Rule) -> FaultPlan:
        """Return a plan in which a function of the ``RequestInfo`` decides."""
        plan = cls()
        plan._rules = (rule,)
        return plan

    @classmethod
    def on_request(cls, number: int, fault: Fault, *, times: int | None = 1) -> FaultPlan:
        """Return a plan for ``times`` requests from ``number`` on; with None, for all of them."""
        _require_positive("the number of a request", number)
        end = number + _max_times(times)
        return cls.rule(lambda info: fault if number <= info.request < end else None)

    @classmethod
    def on_page(
        cls, page: int | Literal["last"], fault: Fault, *, times: int | None = 1
    ) -> FaultPlan:
        """Return a plan for the first ``times`` attempts at a page; with None, for all of them.

        ``page`` is the number of the page, in the order of their first request, or ``"last"`` for
        the page without a next one.
        """
        if page != "last":
            _require_positive("the number of a page", page)
        max_attempt = _max_times(times)

        def rule(info: RequestInfo) -> Fault | None:
            matches = info.last if page == "last" else info.page == page
            return fault if matches and info.attempt <= max_attempt else None

        return cls.rule(rule)

    @classmethod
    def every(cls, step: int, fault: Fault) -> FaultPlan:
        """Return a plan for every ``step``-th request."""
        _require_positive("the step", step)
        return cls.rule(lambda info: None if info.request % step else fault)

    @classmethod
    def random(
        cls, *, seed: int, probability: float, faults: Sequence[Fault], times: int | None = None
    ) -> FaultPlan:
        """Return a plan in which each request meets one of ``faults`` with this probability.

        The fault of request n depends on the seed and on n alone. With ``times``, only the first
        ``times`` attempts at a page can meet a fault, so that a client with more attempts always
        succeeds.

        Raises ``ValueError`` without faults, and for a probability that is not from 0 to 1.
        """
        choices = tuple(faults)
        if not choices:
            raise ValueError("faults is empty, there is nothing to choose from")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability}, it has to be from 0 to 1")
        max_attempt = _max_times(times)

        def rule(info: RequestInfo) -> Fault | None:
            rng = random.Random(f"{seed} {info.request}")  # noqa: S311 - not for secrets
            if info.attempt > max_attempt or rng.random() >= probability:
                return None
            # Only random() is the same in every version of Python.
            return choices[int(rng.random() * len(choices))]

        return cls.rule(rule)

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """Read ``FAULT@TARGET``, as on the command line.

        ``FAULT`` is in the form of ``Fault.parse``. ``TARGET`` is ``3`` (request 3), ``page-3``,
        ``page-last`` or ``every-3``. All but the last may end in ``x2`` (twice) or ``+`` (always).

        Raises ``ValueError`` for any other text.
        """
        fault_text, at, target = text.rpartition("@")
        match = _TARGET.fullmatch(target)
        if (
            not (at and match)
            or (match["number"] == "last" and match["kind"] != "page-")
            or (match["kind"] == "every-" and (match["times"] or match["on"]))
        ):
            raise ValueError(
                f"{text!r} is not FAULT@TARGET, with TARGET one of N, page-N, page-last (each also "
                "with xTIMES or +) and every-N"
            )
        fault = Fault.parse(fault_text)
        times = None if match["on"] else int(match["times"] or 1)
        if match["number"] == "last":
            return cls.on_page("last", fault, times=times)
        number = int(match["number"])
        if match["kind"] == "every-":
            return cls.every(number, fault)
        if match["kind"] == "page-":
            return cls.on_page(number, fault, times=times)
        return cls.on_request(number, fault, times=times)

    def __or__(self, other: FaultPlan) -> FaultPlan:
        """Return a plan with the rules of both; where both have a fault, the left one is met."""
        plan = FaultPlan()
        plan._rules = self._rules + other._rules
        return plan

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._requests

    @property
    def injected(self) -> tuple[tuple[RequestInfo, Fault], ...]:
        """The requests that have met a fault, in order, each with its fault."""
        with self._lock:
            return tuple(self._injected)

    def fault_for(self, request: httpx.Request, *, last: bool) -> Fault | None:
        """Count a request and return the fault that it meets, or None.

        ``last`` is true if the requested page is the last one. The service calls this.
        """
        key = _page_key(request)
        with self._lock:
            self._requests += 1
            page, attempt = self._attempts.get(key, (len(self._attempts) + 1, 0))
            self._attempts[key] = (page, attempt + 1)
            info = RequestInfo(self._requests, page, attempt + 1, last)
            for rule in self._rules:
                if (fault := rule(info)) is not None:
                    self._injected.append((info, fault))
                    return fault
        return None


def _page_key(request: httpx.Request) -> bytes:
    """Return what identifies a page: the request without its signature and page size."""
    content = request.read()
    try:
        members = json.loads(content)
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        members = {n: v for n, v in members.items() if n != "maxResults" and v is not None}
        content = json.dumps(members, sort_keys=True).encode()
    return request.url.raw_path + b" " + content


def _require_positive(name: str, number: int) -> None:
    validate_whole_number(name, number, minimum=1)


def _max_times(times: int | None) -> float:
    return float("inf") if times is None else validate_whole_number("times", times, minimum=1)
