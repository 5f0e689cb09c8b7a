"""Signals that are deferred while something is written, and the line that shows the progress."""

import io
import os
import signal
import sys
import threading

import pytest

from imagebuilder_pager.cli.signals import SignalReceived, Signals
from imagebuilder_pager.cli.terminal import Progress


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_deferred_to_the_end_of_the_block(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done = []

    def work() -> None:
        with Signals() as signals:
            with signals.deferred():
                done.append(1)
            with signals.deferred():
                os.kill(os.getpid(), number)
                done.append(2)
            done.append(3)

    with pytest.raises(SignalReceived) as stopped:
        work()
    assert done == [1, 2]
    assert stopped.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_a_second_signal_is_not_deferred() -> None:
    done = []

    def work() -> None:
        with Signals() as signals, signals.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(1)
            os.kill(os.getpid(), signal.SIGINT)
            done.append(2)

    with pytest.raises(SignalReceived):
        work()
    assert done == [1]


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_is_drawn_on_a_terminal_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(wanted=True, delay=0, interval=0) as progress:
        progress.count_page(25)
        while "25 items, 1 page, 0 s" not in terminal.getvalue():
            pass
        progress.count_page(5)
        while "30 items, 2 pages" not in terminal.getvalue():
            pass
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("stream", "wanted"), [(Terminal(), False), (io.StringIO(), True)])
def test_no_progress_is_drawn_if_unwanted_or_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    threads = threading.active_count()
    with Progress(wanted=wanted, delay=0, interval=0) as progress:
        progress.count_page(25)
        assert threading.active_count() == threads
    assert stream.getvalue() == ""
