"""The command in separate processes, forked from one that has imported all of it."""

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich.console  # noqa: F401 - for the processes

from imagebuilder_pager.cli import connection, listing  # noqa: F401 - for the processes
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.models import lifecycle  # noqa: F401 - for the processes

from .command_line import EXAMPLE_ID, LIST, CommandResult, local_environment

_CONTEXT = multiprocessing.get_context("forkserver")
# There is one such server for all tests: the others' modules are for the tests of fleets.
_CONTEXT.set_forkserver_preload([__name__, "tests.fakes.fleets", "imagebuilder_pager.fleet.run"])


class CommandProcess:
    """The command that lists the example at a URL, in a separate process.

    - ``directory``: the folder of its output and its errors, in files to which it appends.
    - ``out``, ``err``: the paths of other outputs. Default: None.
    - ``prepare``: is called in the process before the command. Default: None.
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        *arguments: str,
        out: str | None = None,
        err: str | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.output = directory / "output"
        self._errors = directory / "errors"
        self._errors.write_bytes(b"")
        paths = (out or str(self.output), err or str(self._errors))
        argv = [LIST, *EXAMPLE_ID, *arguments]
        self._process = _CONTEXT.Process(target=_run, args=(argv, url, paths, prepare))
        self._process.start()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.exitcode is not None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it has not ended."""
        assert self._process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def wait(self) -> CommandResult:
        """Wait for its end; the code of a killed process is the signal's number below zero."""
        self._process.join(60)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise AssertionError("the command has not ended")
        out = self.output.read_bytes().decode() if self.output.exists() else ""
        return CommandResult(code, out, self._errors.read_text())


def _run(
    argv: list[str], url: str, paths: tuple[str, str], prepare: Callable[[], None] | None
) -> None:
    for descriptor, path in enumerate(paths, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    os.environ.update(local_environment(url))
    sys.argv[1:] = argv
    if prepare is not None:
        prepare()
    sys.exit(main())


def kill_at_call(number: int, when: str) -> None:
    """Have a call of write, fsync or replace, counted from 1, kill the process.

    ``when`` is before or within; within a write, half of it has been written.
    """
    calls = 0
    write = os.write

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number and when == "within":
                write(arguments[0], arguments[1][: len(arguments[1]) // 2])
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return call

    for name in ("write", "fsync", "replace"):
        setattr(os, name, counted(getattr(os, name)))


def close_pipe() -> None:
    """Make standard output a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def fill_disk(after: int) -> None:
    """Have writes fail after a number of bytes."""
    left = after
    write = os.write

    def write_what_fits(descriptor: int, data: Any) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[:left])
        left -= written
        return written

    setattr(os, "write", write_what_fits)  # noqa: B010 - mypy takes no assignment
