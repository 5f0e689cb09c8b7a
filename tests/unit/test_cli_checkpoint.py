"""The checkpoint file, and the output that is truncated to it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.cli.checkpoint import Checkpoint, CheckpointState, truncate_to_checkpoint
from imagebuilder_pager.cli.exit_codes import CommandError, UsageError
from imagebuilder_pager.cli.stdout import Stdout

LISTING = {"operation": "List", "lifecycleExecutionId": "lce-1"}


def test_each_state_is_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    checkpoint = Checkpoint(str(path), LISTING)
    assert checkpoint.load() is None
    for state in (
        CheckpointState(None, False, 0),
        CheckpointState("t", False, None),
        CheckpointState(None, True, 7),
    ):
        checkpoint.save(state)
        assert checkpoint.load() == state
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_checkpoint_behind_a_link_is_replaced_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    Checkpoint(str(tmp_path / "link"), LISTING).save(CheckpointState("t", False, None))
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "file").read_text())["token"] == "t"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "listing": 3}', "\xff"]
)
def test_a_file_that_is_not_a_checkpoint_is_an_error_and_not_changed(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "file"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(CommandError, match="is not a checkpoint"):
        Checkpoint(str(path), LISTING).load()
    assert path.read_text(encoding="latin-1") == content


def test_the_checkpoint_of_another_listing_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Checkpoint(path, LISTING).save(CheckpointState(None, True, None))
    with pytest.raises(UsageError, match="another listing"):
        Checkpoint(path, {**LISTING, "lifecycleExecutionId": "lce-2"}).load()


StdoutWith = Callable[[str, str], Stdout]


@pytest.fixture
def stdout_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Standard output, as a file with that content, stdout_with in that mode."""
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


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize(
    "case",
    [
        ("", 0, ""),
        ("one\n", 4, "one\n"),
        ("one\nt", 4, "one\n"),
        ("one\ntwo\n", 4, "one\n"),
        ("two\n", 0, ""),
    ],
)
def test_the_line_after_the_checkpoint_is_cut_off(
    stdout_with: StdoutWith, tmp_path: Path, mode: str, case: tuple[str, int, str]
) -> None:
    content, size, after = case
    stdout = stdout_with(content, mode)
    truncate_to_checkpoint(stdout, CheckpointState("t", False, size))
    stdout.write("new\n")
    assert (tmp_path / "output").read_text() == after + "new\n"
    assert stdout.tell() == len(after) + 4


def test_an_output_of_unknown_size_is_not_truncated(
    stdout_with: StdoutWith, tmp_path: Path
) -> None:
    truncate_to_checkpoint(stdout_with("one\ntwo\n", "a"), CheckpointState("t", False, None))
    assert (tmp_path / "output").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [
        ("", 4, "the output has 0 bytes, and had 4"),
        ("one\ntwo\nthree", 4, "something else has been written"),
        ("other file\n", 4, "something else has been written"),
    ],
)
def test_the_output_of_something_else_is_an_error_and_not_changed(
    stdout_with: StdoutWith, tmp_path: Path, content: str, size: int, message: str
) -> None:
    stdout = stdout_with(content, "a")
    with pytest.raises(UsageError, match=message):
        truncate_to_checkpoint(stdout, CheckpointState("t", False, size))
    assert (tmp_path / "output").read_text() == content


def test_the_output_of_a_finished_listing_is_not_truncated(
    stdout_with: StdoutWith, tmp_path: Path
) -> None:
    truncate_to_checkpoint(stdout_with("one\nof others\n", "a"), CheckpointState(None, True, 4))
    assert (tmp_path / "output").read_text() == "one\nof others\n"


def test_all_is_written_where_the_system_writes_a_part_at_a_time(
    stdout_with: StdoutWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = stdout_with("", "a")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    stdout.write("é, and more\n")
    assert (tmp_path / "output").read_text() == "é, and more\n"
