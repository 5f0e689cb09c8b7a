"""Ctrl-C at every line of the package that a sync client runs."""

from __future__ import annotations

import dis
import functools
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

import pytest

import imagebuilder_pager

from . import network
from .cases import (
    ACTIVITIES,
    Activity,
    Case,
    Listing,
    check_afterwards,
    join_prefetch_threads,
    list_pages,
    run_case,
    take_unraisable_interrupts,
)
from .conftest import Cases
from .subjects import SYNC, Subject

#: The code in which Ctrl-C is pressed: the library, and the simulated system calls.
_TRACED = (str(Path(imagebuilder_pager.__file__).parent), network.__file__)
#: Real seconds after which another thread counts as hanging.
_HANGS = 1.0

Point = tuple[str, int]


class Tracer:
    """A trace of a run of the library that presses Ctrl-C at the n-th pass of a line.

    The lines of :mod:`threading`, which starts a thread, belong to Python.
    """

    def __init__(self, point: Point | None = None, occurrence: int = 1) -> None:
        self.passes: dict[Point, int] = {}
        self.has_pressed = False
        self._point = point
        self._occurrence = occurrence

    def __enter__(self) -> Self:
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        filename = frame.f_code.co_filename
        if filename.startswith(_TRACED):
            is_system = filename == network.__file__ and frame.f_code.co_name.startswith("__")
            return None if is_system else self._on_line
        return None

    def _on_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and frame.f_lasti not in _unreachable(frame.f_code):
            self._pass((frame.f_code.co_filename, frame.f_lineno))
        return self._on_line

    def _pass(self, point: Point) -> None:
        self.passes[point] = number = self.passes.get(point, 0) + 1
        if point == self._point and number == self._occurrence:
            self.has_pressed = True
            raise KeyboardInterrupt


@functools.cache
def _unreachable(code: CodeType) -> frozenset[int]:
    """Return the offsets at which ``with`` calls ``__exit__``.

    Python checks for signals neither at this instruction nor just before it. If ``__exit__`` is
    written in Python, its own first line is a point.
    """
    steps = [step for step in dis.get_instructions(code) if step.opname not in {"CACHE", "NOP"}]
    offsets = set()
    for index, step in enumerate(steps):
        first = index
        while steps[first].opname == "SWAP":  # with the value of a return in the block
            first += 1
        following = steps[first : first + 3]
        is_exit = len(following) == 3 and all(
            step.opname == "LOAD_CONST" and step.argval is None for step in following
        )
        is_exit_after_error = [step.opname for step in following[:2]] == [
            "PUSH_EXC_INFO",
            "WITH_EXCEPT_START",
        ]
        if is_exit or is_exit_after_error:
            offsets.add(step.offset)
    return frozenset(offsets)


#: The names of activities and of scenarios.
RUNS = {
    "a call": ("a call", "two pages"),
    "an iteration": ("an iteration", "two pages"),
    "an iteration with a retry": ("an iteration", "a 500, then the page"),
    "an iteration with an error": ("an iteration", "a modelled error"),
    "a prefetch": ("a prefetch", "two pages"),
    "an iteration that is closed": ("an iteration that is closed", "two pages"),
}


def run(case: Case, activity: Activity, tracer: Tracer, *, closes: bool = False) -> list[str]:
    """Run an activity with Ctrl-C pressed in it; return its problems.

    Then list again in another thread and in this one; with ``closes``, close the client instead.
    """

    async def body() -> None:
        listing = Listing()
        was_interrupted = False
        try:
            with tracer:
                await activity(case, listing)
        except KeyboardInterrupt:
            was_interrupted = True
        if tracer.has_pressed and not (was_interrupted or take_unraisable_interrupts()):
            case.problems.append("Ctrl-C was swallowed")
        if listing.iterator is not None:
            listing.iterator.close()
        join_prefetch_threads()
        if closes:
            return await case.close()
        case.server.heal()
        in_another_thread(case)
        return await check_afterwards(case, *([listing] if listing.iterator else []))

    return run_case(case, body)


def in_another_thread(case: Case) -> None:
    """List all pages in another thread: it needs the locks."""

    def run_listing() -> None:
        coroutine = list_pages(case)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            if not stop.value.is_over:
                case.problems.append(f"another thread's listing ended: {stop.value.error}")

    thread = threading.Thread(target=run_listing, daemon=True)
    thread.start()
    thread.join(_HANGS)
    if thread.is_alive():
        case.problems.append("another thread hangs")


@pytest.mark.parametrize("subject", SYNC, ids=str)
@pytest.mark.parametrize("name", RUNS)
def test_a_client_works_after_ctrl_c_at_any_line(cases: Cases, subject: Subject, name: str) -> None:
    activity, scenario = ACTIVITIES[RUNS[name][0]], RUNS[name][1]
    observer = Tracer()
    cases.add(run(Case(subject, scenario=scenario), activity, observer))
    # An iteration with a retry passes most lines.
    points = list(observer.passes.items())
    stride = 6 if name == "an iteration with a retry" else 12
    for (filename, line), passes in cases.sample(points, stride):
        for occurrence in cases.sample(range(1, passes + 1), passes):
            tracer = Tracer((filename, line), occurrence)
            closes = name == "a call"
            findings = run(Case(subject, scenario=scenario), activity, tracer, closes=closes)
            where = f"Ctrl-C at {Path(filename).name}:{line}, pass {occurrence}"
            cases.add([f"{where}: {finding}" for finding in findings])
    cases.check(at_least=35, sampled=12)
