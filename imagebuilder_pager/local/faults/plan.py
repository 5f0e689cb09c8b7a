"""The plan of faults: rules by the number of the request or of the page.

The rule: all numbers begin at 1. Requests with the same operation and parameters, except the page
size, are attempts at the same page. The first rule that returns a fault decides.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..._validation import validate_whole_number
from ..parameters import find_members
from ..routes import find_operation, require_operation
from .fault import Fault

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """The numbers of one request, counted by a plan from 1.

    - ``request``: the number of the request.
    - ``page``: the number of its page, in the order of the pages' first requests.
    - ``attempt``: the number of the request among those for the same page.
    - ``last``: whether it is for the last page.
    - ``operation``: the API's name of its operation, as ListImages; None for an unknown path.
    """

    request: int
    page: int
    attempt: int
    last: bool
    operation: str | None = None


Rule = Callable[[RequestInfo], Fault | None]
"""A function from the numbers of a request to its fault or None; called by one thread at a time."""

_NUMBER = r"[1-9][0-9]{0,8}"
_TARGET = re.compile(
    r"(?:(?P<operation>[A-Za-z]\w*):)?"
    rf"(?:every-(?P<step>{_NUMBER})|"
    rf"(?:page-(?P<page>{_NUMBER}|last)|(?P<request>{_NUMBER}))(?:x(?P<times>{_NUMBER})|(?P<on>\+))?)"
)
_OPERATION = re.compile(r"[A-Z]\w*")


class FaultPlan:
    """The rules that choose the fault of each request, and the count of the requests.

    - ``requests``: the fault of a request, by the request's number from 1 on:
      ``FaultPlan({3: Fault("stall"), 5: Fault("html")})``. Default: None, no faults.

    The class methods make the other plans. ``a | b`` is a new plan with the rules of both; the
    first rule that returns a fault decides. A plan belongs to one service, and may be used from
    many threads.
    """

    def __init__(self, requests: Mapping[int, Fault] | None = None) -> None:
        by_number = dict(requests or {})
        for number in by_number:
            validate_whole_number("the number of a request", number, minimum=1)
        # Each rule counts the requests and pages of its operation; None: of all operations.
        self._rules: tuple[tuple[str | None, Rule], ...] = (
            (None, lambda info: by_number.get(info.request)),
        )
        self._lock = threading.RLock()  # a rule may read the plan that calls it
        # Both by operation.
        self._requests: Counter[str | None] = Counter()
        self._pages: Counter[str | None] = Counter()
        # By page: its number, its number within its operation, and the attempts at it.
        self._attempts: dict[tuple[bytes, bytes], tuple[int, int, int]] = {}
        self._injected: list[tuple[RequestInfo, Fault]] = []

    @classmethod
    def rule(cls, rule: Rule) -> FaultPlan:
        """Return a plan with a function that takes the ``RequestInfo``."""
        return cls._within(None, rule)

    @classmethod
    def _within(cls, operation: str | None, rule: Rule) -> FaultPlan:
        """Return a plan with a rule that counts only an operation, or all operations."""
        if not callable(rule):
            raise TypeError(f"rule: a {type(rule).__name__} given; allowed: a function")
        plan = cls()
        name = None if operation is None else require_operation(operation).name
        plan._rules = ((name, rule),)
        return plan

    @classmethod
    def on_operation(cls, operation: str, fault: Fault, *, times: int | None = None) -> FaultPlan:
        """Return a plan for the first ``times`` requests of an operation; with None, for all.

        ``operation`` is the API's name, as ListImages. Raises ``ValueError`` for an unknown one.
        """
        return cls.on_request(1, fault, times=times, operation=operation)

    @classmethod
    def on_request(
        cls, number: int, fault: Fault, *, times: int | None = 1, operation: str | None = None
    ) -> FaultPlan:
        """Return a plan for ``times`` requests from ``number`` on; with None, for all of them.

        With ``operation``, only its requests are counted.
        """
        validate_whole_number("the number of a request", number, minimum=1)
        end = number + _max_times(times)
        return cls._within(operation, lambda info: fault if number <= info.request < end else None)

    @classmethod
    def on_page(
        cls,
        page: int | Literal["last"],
        fault: Fault,
        *,
        times: int | None = 1,
        operation: str | None = None,
    ) -> FaultPlan:
        """Return a plan for the first ``times`` attempts at a page; with None, for all of them.

        ``page`` is the number of the page, in the order of the pages' first requests, or
        ``"last"``. With ``operation``, only its pages are counted.
        """
        if page != "last":
            validate_whole_number("the number of a page", page, minimum=1)
        max_attempt = _max_times(times)

        def rule(info: RequestInfo) -> Fault | None:
            matches = info.last if page == "last" else info.page == page
            return fault if matches and info.attempt <= max_attempt else None

        return cls._within(operation, rule)

    @classmethod
    def every(cls, step: int, fault: Fault, *, operation: str | None = None) -> FaultPlan:
        """Return a plan for every ``step``-th request, or every ``step``-th of an operation."""
        validate_whole_number("the step", step, minimum=1)
        return cls._within(operation, lambda info: None if info.request % step else fault)

    @classmethod
    def random(
        cls,
        *,
        seed: int,
        probability: float,
        faults: Sequence[Fault],
        times: int | None = None,
        operation: str | None = None,
    ) -> FaultPlan:
        """Return a plan in which each request has one of ``faults`` with this probability.

        The fault of request n depends only on the seed and on n. With ``times``, only the first
        ``times`` attempts at a page can have a fault, so that a client with more attempts always
        succeeds. With ``operation``, only its requests are counted and can have a fault.

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

        return cls._within(operation, rule)

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """Read ``FAULT@TARGET``, as on the command line.

        ``FAULT`` is a text for ``Fault.parse``. ``TARGET`` is ``3`` (request 3), ``page-3``,
        ``page-last`` or ``every-3``. All except ``every-3`` may end in ``x2`` (twice) or ``+``
        (always). ``ListImages`` is every request of this operation; with ``ListImages:`` before a
        target, only its requests and pages are counted.

        Raises ``ValueError`` for any other text.
        """
        fault_text, at, target = text.rpartition("@")
        if at and _OPERATION.fullmatch(target):
            return cls.on_operation(target, Fault.parse(fault_text))
        match = _TARGET.fullmatch(target)
        if not at or match is None:
            raise ValueError(
                f"{text!r} is not FAULT@TARGET, with TARGET one of N, page-N, page-last (each also "
                "with xTIMES or +), every-N, OPERATION and OPERATION:TARGET"
            )
        fault, operation, page = Fault.parse(fault_text), match["operation"], match["page"]
        if match["step"]:
            return cls.every(int(match["step"]), fault, operation=operation)
        times = None if match["on"] else int(match["times"] or 1)
        if page is None:
            return cls.on_request(int(match["request"]), fault, times=times, operation=operation)
        number: int | Literal["last"] = "last" if page == "last" else int(page)
        return cls.on_page(number, fault, times=times, operation=operation)

    def __or__(self, other: FaultPlan) -> FaultPlan:
        """Return a plan with the rules of both; if both have a fault, the left one is used."""
        if not isinstance(other, FaultPlan):
            return NotImplemented
        plan = FaultPlan()
        plan._rules = self._rules + other._rules
        return plan

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        with self._lock:
            return self._requests.total()

    @property
    def injected(self) -> tuple[tuple[RequestInfo, Fault], ...]:
        """The requests with a fault, in order, each with its fault."""
        with self._lock:
            return tuple(self._injected)

    def fault_for(self, request: httpx.Request, *, last: bool) -> Fault | None:
        """Count a request and return its fault, or None.

        ``last`` is true if the requested page is the last one.
        """
        return self.decide(request, find_members(request), last=last)[1]

    def decide(
        self, request: httpx.Request, members: Mapping[str, Any] | None, *, last: bool
    ) -> tuple[RequestInfo, Fault | None]:
        """Count a request and return its numbers, and its fault or None.

        ``members`` are the request's, None if it cannot be parsed. The service calls this once for
        each request.
        """
        found = find_operation(request)
        operation = None if found is None else found.name
        key = _page_key(request, members)
        with self._lock:
            self._requests[operation] += 1
            if key not in self._attempts:
                self._pages[operation] += 1
                self._attempts[key] = (self._pages.total(), self._pages[operation], 0)
            page, own_page, attempt = self._attempts[key]
            self._attempts[key] = (page, own_page, attempt + 1)
            info = RequestInfo(self._requests.total(), page, attempt + 1, last, operation)
            for scope, rule in self._rules:
                numbers = info
                if scope is not None:
                    if scope != operation:
                        continue
                    numbers = replace(info, request=self._requests[operation], page=own_page)
                if (fault := rule(numbers)) is not None:
                    if not isinstance(fault, Fault):
                        raise TypeError(f"a plan has {fault!r} for a fault; allowed: a Fault")
                    self._injected.append((info, fault))
                    return info, fault
        return info, None


def _page_key(request: httpx.Request, members: Mapping[str, Any] | None) -> tuple[bytes, bytes]:
    """Return the key of the requested page: the request without signature and page size."""
    if members is None:
        return request.url.raw_path, request.read()
    listing = {name: value for name, value in members.items() if name != "maxResults"}
    return request.url.raw_path, json.dumps(listing, sort_keys=True).encode()


def _max_times(times: int | None) -> float:
    return float("inf") if times is None else validate_whole_number("times", times, minimum=1)
