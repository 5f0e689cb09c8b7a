"""Blocking calls in threads: what becomes of them, also where there are no more threads."""

import _thread
import gc
import threading
import weakref

import anyio
import pytest

from imagebuilder_pager import _async_runtime
from imagebuilder_pager._threads import BackgroundCall


def refuse(*_: object) -> int:
    raise RuntimeError("can't start new thread")


@pytest.fixture(params=["a thread", "no thread left"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether there is a thread to be had."""
    if request.param != "a thread":
        monkeypatch.setattr(_thread, "start_new_thread", refuse)
    return bool(request.param == "a thread")


def test_a_call_has_its_result(threads: bool) -> None:
    call = BackgroundCall(threading.current_thread, "test")
    assert (call.result() is threading.current_thread()) is not threads
    assert call.finished.is_set()


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_call_with_one_thread_left_is_made_in_it(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse_the_second(_: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", refuse_the_second)
    assert BackgroundCall(lambda: 5, "test").result() == 5


def test_a_call_raises_its_error_and_keeps_it_no_longer(threads: bool) -> None:
    def fail() -> None:
        raise OSError("mine")

    call = BackgroundCall(fail, "test")
    with pytest.raises(OSError, match="mine") as caught:
        call.result()
    reference = weakref.ref(call)
    del call, caught
    gc.collect()
    assert reference() is None


def test_what_follows_is_called_after_the_end(threads: bool) -> None:
    followed = threading.Event()
    ends: list[bool] = []

    def follow() -> None:
        ends.append(call.finished.is_set() if threads else True)
        followed.set()

    may_end = threading.Event()
    if not threads:
        may_end.set()
    call = BackgroundCall(may_end.wait, "test", on_finish=follow)
    may_end.set()
    assert followed.wait(10)
    assert ends == [True]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_waits_for_its_call(backend: str, threads: bool) -> None:
    async def main() -> int:
        return await _async_runtime.run_in_thread(lambda: 5)

    assert anyio.run(main, backend=backend) == 5
