"""The output that is truncated to its checkpoint."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import Checkpoint, exceptions
from imagebuilder_pager.cli.checkpoint import OutputCheckpoint
from imagebuilder_pager.cli.exit_codes import UsageError, describe_error
from imagebuilder_pager.cli.stdout import Stdout

LISTING = {"operation": "ListLifecycleExecutionResources", "lifecycleExecutionId": "lce-1"}


def truncate(path: Path, stdout: Stdout, data: dict[str, Any], *, finished: bool = False) -> None:
    """Truncate an output whose checkpoint has the data."""
    with Checkpoint(path, LISTING) as saved:
        if finished:
            saved.finish(data=data)
        else:
            saved.save("token", data=data)
    with OutputCheckpoint(str(path), LISTING, stdout) as checkpoint:
        checkpoint.truncate_output()


StdoutWith = Callable[[str, str], Stdout]


@pytest.fixture
def stdout_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Standard output, as a file with that content, opened in that mode."""
    files = []

    def make(content: str, mode: str) -> Stdout:
        path = tmp_path / "output"
        path.write_text(content)
        files.append(path.open(mode))
        monkeypatch.setattr(sys, "stdout", files[-1])
        return Stdout()

    yield make
    monkeypatch.undo()
    for file in files:
        file.close()


@pytest.mark.parametrize(
    ("other", "code"), [({}, 252), ({"lifecycleExecutionId": "lce-2"}, 252), (LISTING, 255)]
)
def test_the_code_says_whether_the_file_is_wrong_or_in_use(
    tmp_path: Path, stdout_with: StdoutWith, other: dict[str, str], code: int
) -> None:
    stdout = stdout_with("", "a")
    with Checkpoint(tmp_path / "file", other) as checkpoint:
        checkpoint.save("token")
        if other != LISTING:
            checkpoint.close()
        with pytest.raises(exceptions.CheckpointError) as caught:
            OutputCheckpoint(str(tmp_path / "file"), LISTING, stdout)
    described = describe_error(caught.value)
    assert described[0] == code
    assert described[1].startswith(f"--checkpoint: {tmp_path}")


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize(
    "case",
    [
        ("", {"output_size": 0}, ""),
        ("one\n", {"output_size": 4}, "one\n"),
        ("one\nt", {"output_size": 4}, "one\n"),
        ("one\ntwo\n", {"output_size": 4}, "one\n"),
        ("two\n", {"output_size": 0}, ""),
        ("one\ntwo\nth", {"output_size": 4, "pending_bytes": 10}, "one\n"),
        ("one\ntwo\nthree\n", {"output_size": 4, "pending_bytes": 10}, "one\n"),
        ("one\ntwo\n", {"output_size": None}, "one\ntwo\n"),
    ],
)
def test_lines_after_the_checkpoint_are_cut_off(
    stdout_with: StdoutWith, tmp_path: Path, mode: str, case: tuple[str, dict[str, Any], str]
) -> None:
    content, data, after = case
    stdout = stdout_with(content, mode)
    truncate(tmp_path / "file", stdout, data)
    stdout.write("new\n")
    assert (tmp_path / "output").read_text() == after + "new\n"
    assert stdout.tell() == len(after) + 4


def test_the_output_of_a_finished_listing_is_not_truncated(
    stdout_with: StdoutWith, tmp_path: Path
) -> None:
    stdout = stdout_with("one\nof others\n", "a")
    truncate(tmp_path / "file", stdout, {"output_size": 4}, finished=True)
    assert (tmp_path / "output").read_text() == "one\nof others\n"


OTHER = "something else has been written"


@pytest.mark.parametrize(
    ("content", "data", "message"),
    [
        ("", {"output_size": 4}, "the output has 0 bytes, and had 4"),
        ("one\ntwo\nthree", {"output_size": 4}, OTHER),
        ("other file\n", {"output_size": 4}, OTHER),
        ("one\ntwo\nthree\nfour\n", {"output_size": 4, "pending_bytes": 10}, OTHER),
    ],
)
def test_the_output_of_something_else_is_an_error_and_not_changed(
    stdout_with: StdoutWith, tmp_path: Path, content: str, data: dict[str, Any], message: str
) -> None:
    stdout = stdout_with(content, "a")
    with pytest.raises(UsageError, match=message):
        truncate(tmp_path / "file", stdout, data)
    assert (tmp_path / "output").read_text() == content


def test_all_is_written_where_the_system_writes_a_part_at_a_time(
    stdout_with: StdoutWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = stdout_with("", "a")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    stdout.write("é, and more\n")
    assert (tmp_path / "output").read_text() == "é, and more\n"


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_an_output_that_cannot_be_synced_is_used_without(
    stdout_with: StdoutWith, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    stdout = stdout_with("", "a")

    def fail(_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fail)
    stdout.sync()
    error = errno.EIO
    with pytest.raises(OSError, match="Input/output error: 'standard output'"):
        stdout.sync()
