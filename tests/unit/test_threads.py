"""Blocking calls in threads: results, errors, and the number of threads."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import anyio
import pytest

from imagebuilder_pager._async_runtime import run_in_thread, wait_for
from imagebuilder_pager._threads import SharedCalls, call_in_thread, result_of

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture
def calls() -> SharedCalls:
    return SharedCalls()


def no_thread(_: threading.Thread) -> None:
    """Fail to start a thread, like a system without more threads."""
    raise RuntimeError("can't start new thread")


def fail() -> Any:
    raise ValueError("no") from KeyError("a cause")


def test_a_call_has_its_result_and_its_callers_context() -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("of the caller")
    assert result_of(call_in_thread(variable.get, "test")) == "of the caller"


def test_each_caller_has_its_own_error() -> None:
    future = call_in_thread(fail, "test")
    errors = []
    for _ in range(2):
        with pytest.raises(ValueError, match="no") as caught:
            result_of(future)
        errors.append(caught.value)
        assert isinstance(caught.value.__cause__, KeyError)
        assert caught.traceback[-1].name == "fail", "it leads to the line that failed"
    assert errors[0] is not errors[1]


class UncopyableError(Exception):
    """An exception of the caller's that cannot be copied."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def test_an_error_that_cannot_be_copied_is_raised_itself() -> None:
    error = UncopyableError("of", "two")

    def fail_so() -> None:
        raise error

    with pytest.raises(UncopyableError, match="of two") as caught:
        result_of(call_in_thread(fail_so, "test"))
    assert caught.value is error


def test_callers_with_the_same_key_share_one_thread(calls: SharedCalls) -> None:
    proceed = threading.Event()
    begun = []

    def function() -> int:
        begun.append(threading.current_thread())
        assert proceed.wait(5)
        return len(begun)

    futures = [calls.start(("a", 1), function) for _ in range(200)]
    other = calls.start(("a", 2), lambda: -1)
    for future in futures[:50]:
        with pytest.raises(TimeoutError):
            result_of(future, 0)
    assert result_of(other) == -1
    proceed.set()
    assert {result_of(future) for future in futures} == {1}
    assert result_of(calls.start(("a", 1), function)) == 2, "a call after the end is another one"


def test_a_signal_handler_may_call_while_its_thread_starts_the_same_call(
    calls: SharedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    results = []

    def start_and_handle_a_signal(thread: threading.Thread) -> None:
        start(thread)
        monkeypatch.undo()
        results.append(result_of(calls.start("a", lambda: "handler"), 5))

    monkeypatch.setattr(threading.Thread, "start", start_and_handle_a_signal)
    results.append(result_of(calls.start("a", lambda: "interrupted"), 5))
    assert results == ["handler", "interrupted"]


def test_a_call_that_failed_or_had_no_thread_is_made_again(
    calls: SharedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            result_of(calls.start(("a",), fail))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            calls.start(("a",), lambda: pytest.fail("called in the thread of the caller"))
    assert result_of(calls.start(("a",), lambda: 1)) == 1


@backends
def test_many_tasks_wait_without_a_thread_each(backend: str, calls: SharedCalls) -> None:
    proceed = threading.Event()
    results = []

    async def ask() -> None:
        results.append(await wait_for(calls.start(("a",), lambda: proceed.wait(5))))

    async def main() -> None:
        before = threading.active_count()
        async with anyio.create_task_group() as group:
            for _ in range(400):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert threading.active_count() == before + 1
            proceed.set()

    anyio.run(main, backend=backend)
    assert results == [True] * 400


@backends
def test_without_a_thread_the_event_loop_is_not_used(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await run_in_thread(lambda: pytest.fail("called in the event loop's thread"))

    anyio.run(main, backend=backend)
