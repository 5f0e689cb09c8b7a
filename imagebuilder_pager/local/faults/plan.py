"""Which request meets which fault: rules over the number of the request and of the page."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...validation import validate_whole_number
from .fault import Fault

if TYPE_CHECKING:
    import httpx

__all__ = ["FaultPlan", "RequestInfo", "Rule"]


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """One request, as a plan counts it. All numbers start at 1.

    `request` is the number of the request since the plan was made. `page` is the number of the
    page that it asks for: a request for what was not asked for before (another `nextToken`,
    execution or parent) opens a new page, a request for the same is a further `attempt` at it.
    The page size makes no difference. `last` says that there is no page after it.
    """

    request: int
    page: int
    attempt: int
    last: bool


Rule = Callable[[RequestInfo], Fault | None]
"""The fault that a request meets, or None. It is called from many threads, one at a time."""

_PLACE = re.compile(
    r"(?P<kind>page-|every-|)(?P<number>[1-9][0-9]{0,8}|last)(?:x(?P<times>[1-9][0-9]{0,8})|(?P<on>\+))?"
)


class FaultPlan:
    """Says which requests meet which fault, and counts them as they come.

    `FaultPlan({3: Fault("stall"), 5: Fault("html")})` is about the third and the fifth request.
    The class methods make the other plans, and `a | b` is a plan with the rules of both, where
    the first to name a fault wins; it counts anew, for itself. A plan belongs to one service.
    Requests may come from many threads.
    """

    def __init__(self, requests: Mapping[int, Fault] | None = None) -> None:
        by_number = dict(requests or {})
        for number in by_number:
            _from_one("the number of a request", number)
        self._rules: tuple[Rule, ...] = (lambda visit: by_number.get(visit.request),)
        self._lock = threading.RLock()  # a rule may look at the plan that asks it
        self._requests = 0
        self._attempts: dict[bytes, tuple[int, int]] = {}
        self._met: list[tuple[RequestInfo, Fault]] = []

    @classmethod
    def rule(cls, rule: Rule) -> FaultPlan:
        """A function that is given each `Visit` decides."""
        plan = cls()
        plan._rules = (rule,)
        return plan

    @classmethod
    def on_request(cls, number: int, fault: Fault, *, times: int | None = 1) -> FaultPlan:
        """Request `number` and those after it, `times` in all, or to the end with None."""
        _from_one("the number of a request", number)
        end = number + _count(times)
        return cls.rule(lambda visit: fault if number <= visit.request < end else None)

    @classmethod
    def on_page(
        cls, page: int | Literal["last"], fault: Fault, *, times: int | None = 1
    ) -> FaultPlan:
        """The first `times` attempts at a page, or all of them with None.

        `page` is a number in the order in which pages are first asked for, or `"last"`: a page
        that no other follows.
        """
        if page != "last":
            _from_one("the number of a page", page)
        most = _count(times)

        def rule(visit: RequestInfo) -> Fault | None:
            here = visit.last if page == "last" else visit.page == page
            return fault if here and visit.attempt <= most else None

        return cls.rule(rule)

    @classmethod
    def every(cls, step: int, fault: Fault) -> FaultPlan:
        """Every `step`-th request."""
        _from_one("the step", step)
        return cls.rule(lambda visit: None if visit.request % step else fault)

    @classmethod
    def random(
        cls, *, seed: int, probability: float, faults: Sequence[Fault], times: int | None = None
    ) -> FaultPlan:
        """Each request by chance, with one of `faults`; the same seed gives the same plan.

        What happens to request n depends on the seed and on n alone, not on when it comes. With
        `times`, only the first `times` attempts at a page are at risk, so that a client that
        tries more often always gets through.
        """
        choices = tuple(faults)
        if not choices:
            raise ValueError("faults is empty, there is nothing to choose from")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability}, it has to be from 0 to 1")
        most = _count(times)

        def rule(visit: RequestInfo) -> Fault | None:
            dice = random.Random(f"{seed} {visit.request}")  # noqa: S311 - chance, not secrecy
            if visit.attempt > most or dice.random() >= probability:
                return None
            # random() alone is promised to be the same in every version of Python.
            return choices[int(dice.random() * len(choices))]

        return cls.rule(rule)

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """Read `FAULT@PLACE`, as on the command line.

        `FAULT` is what `Fault.parse` reads, `PLACE` one of `3` (request 3), `page-3`, `page-last`
        and `every-3`. All but the last may end in `x2` (twice) or `+` (from there on, always).
        Raises `ValueError`.
        """
        fault, at, place = text.rpartition("@")
        match = _PLACE.fullmatch(place)
        if (
            not (at and match)
            or (match["number"] == "last" and match["kind"] != "page-")
            or (match["kind"] == "every-" and (match["times"] or match["on"]))
        ):
            raise ValueError(
                f"{text!r} is not FAULT@PLACE, with PLACE one of N, page-N, page-last (each also "
                "with xTIMES or +) and every-N"
            )
        met = Fault.parse(fault)
        times = None if match["on"] else int(match["times"] or 1)
        if match["number"] == "last":
            return cls.on_page("last", met, times=times)
        number = int(match["number"])
        if match["kind"] == "every-":
            return cls.every(number, met)
        if match["kind"] == "page-":
            return cls.on_page(number, met, times=times)
        return cls.on_request(number, met, times=times)

    def __or__(self, other: FaultPlan) -> FaultPlan:
        """A plan with the rules of both; where both name a fault, the left one is met."""
        plan = FaultPlan()
        plan._rules = self._rules + other._rules
        return plan

    @property
    def requests(self) -> int:
        """How many requests have come."""
        return self._requests

    @property
    def met(self) -> tuple[tuple[RequestInfo, Fault], ...]:
        """The requests that met a fault of the plan, in order, each with its fault."""
        with self._lock:
            return tuple(self._met)

    def fault_for(self, request: httpx.Request, *, last: bool) -> Fault | None:
        """Count a request, and return the fault that it meets. The service calls this.

        `last` says whether the page that is asked for is the last one.
        """
        key = _page_key(request)
        with self._lock:
            self._requests += 1
            page, attempt = self._attempts.get(key, (len(self._attempts) + 1, 0))
            self._attempts[key] = (page, attempt + 1)
            visit = RequestInfo(self._requests, page, attempt + 1, last)
            for rule in self._rules:
                if (fault := rule(visit)) is not None:
                    self._met.append((visit, fault))
                    return fault
        return None


def _page_key(request: httpx.Request) -> bytes:
    """What tells one page from another: all of the request but its signature and page size."""
    content = request.read()
    try:
        members = json.loads(content)
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        members = {n: v for n, v in members.items() if n != "maxResults" and v is not None}
        content = json.dumps(members, sort_keys=True).encode()
    return request.url.raw_path + b" " + content


def _from_one(what: str, number: int) -> None:
    validate_whole_number(what, number, minimum=1)


def _count(times: int | None) -> float:
    return float("inf") if times is None else validate_whole_number("times", times, minimum=1)
