"""The checkpoint file: replaced as a whole, locked, and never more readable than it was."""

import errno
import itertools
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import Checkpoint, exceptions

LISTING = {"lifecycleExecutionId": "lce-1"}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_checkpoint_begins_at_the_beginning_and_makes_no_file(tmp_path: Path) -> None:
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        assert (checkpoint.token, checkpoint.finished, checkpoint.data) == (None, False, {})
        assert "not begun" in repr(checkpoint)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("data", [None, {}, {"output_size": 12, "more": [1, None]}])
def test_each_state_is_there_in_the_next_run(tmp_path: Path, data: dict[str, Any] | None) -> None:
    def reopened() -> tuple[str | None, bool, dict[str, Any]]:
        with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
            return checkpoint.token, checkpoint.finished, checkpoint.data

    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        checkpoint.save("token", data=data)
    assert reopened() == ("token", False, data or {})
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        checkpoint.finish()
    assert reopened() == (None, True, data or {})
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        checkpoint.restart(data={})
    assert reopened() == (None, False, {})
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("token", [None, "", 3])
def test_anything_but_a_token_is_not_saved(tmp_path: Path, token: Any) -> None:
    """``pages.resume_token`` is None also before the first page: that must not end a listing."""
    with (
        Checkpoint(tmp_path / "file") as checkpoint,
        pytest.raises(exceptions.StartingTokenError, match="finish"),
    ):
        checkpoint.save(token)
    assert names_in(tmp_path) == []


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Checkpoint(tmp_path / "file") as checkpoint:
            assert {mode_of(path) for path in tmp_path.iterdir()} == {0o600}
            checkpoint.save("token")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "file") == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o644, 0o666])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    with Checkpoint(path) as checkpoint:
        checkpoint.save("first")
        path.chmod(mode)
        checkpoint.save("second")
    assert mode_of(path) == mode


def test_the_file_is_synced_before_and_its_directory_after_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("sync directory" if is_directory else "sync file")
        fsync(descriptor)

    def spy_replace(source: str, target: str) -> None:
        events.append("replace")
        assert json.loads(Path(source).read_text())["token"] == "token"
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    with Checkpoint(tmp_path / "file") as checkpoint:
        checkpoint.save("token")
    assert events == ["sync file", "replace", "sync directory"]


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


NOT_FILES: dict[str, Callable[[Path], object]] = {
    "link to a file": lambda path: path.symlink_to(path.with_name("victim")),
    "link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "directory": Path.mkdir,
    "FIFO": os.mkfifo,
    "socket": unix_socket,
}


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[None]:
    """A file that is written to through a link, if a link is followed."""
    (tmp_path / "victim").write_text("precious")
    yield
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize("name", ["file", ".file.lock"])
@pytest.mark.parametrize("kind", NOT_FILES)
def test_anything_but_a_file_is_an_error_at_once(tmp_path: Path, name: str, kind: str) -> None:
    """No link is followed, and a FIFO is not waited for."""
    NOT_FILES[kind](tmp_path / name)
    before = names_in(tmp_path)
    with pytest.raises(exceptions.CheckpointError, match="not a regular file"):
        Checkpoint(tmp_path / "file")
    assert names_in(tmp_path) == before


def test_a_device_is_an_error_at_once() -> None:
    """For root; for others, already its directory is."""
    with pytest.raises((exceptions.CheckpointError, PermissionError)):
        Checkpoint(os.devnull)


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize("kind", ["link to a file", "FIFO", "socket"])
def test_anything_at_the_path_of_the_new_file_is_not_written_to(tmp_path: Path, kind: str) -> None:
    with Checkpoint(tmp_path / "file") as checkpoint:
        NOT_FILES[kind](tmp_path / ".file.new")
        checkpoint.save("token")
    with Checkpoint(tmp_path / "file") as checkpoint:
        assert checkpoint.token == "token"


@pytest.mark.usefixtures("victim")
def test_a_link_that_takes_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with Checkpoint(path) as checkpoint:
        checkpoint.save("first")
        path.unlink()
        path.symlink_to(tmp_path / "victim")
        with pytest.raises(exceptions.CheckpointError, match="not a regular file"):
            checkpoint.save("second")
    assert path.is_symlink()


@pytest.mark.parametrize("function", ["fsync", "replace", "open"])
def test_a_full_disk_leaves_the_old_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def disk_is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Checkpoint(tmp_path / "file") as checkpoint:
        checkpoint.save("first", data={"n": 1})
        with monkeypatch.context() as patch:
            patch.setattr(os, function, disk_is_full)
            with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'file'}'"):
                checkpoint.save("second", data={"n": 2})
        assert (checkpoint.token, checkpoint.data) == ("first", {"n": 1})
        saved = json.loads((tmp_path / "file").read_text())
        assert (saved["token"], saved["data"]) == ("first", {"n": 1})
        checkpoint.save("second")
    assert names_in(tmp_path) == ["file"]


def failing(error: int, *, of_files: bool = True) -> Callable[..., None]:
    """Return a function of the system that fails, and names no file."""

    def fail(descriptor: int, *_: object) -> None:
        if of_files or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))

    return fail


SYNC, LOCK, CHMOD = "os.fsync", "fcntl.flock", "os.fchmod"


@pytest.mark.parametrize(
    ("function", "error"),
    [
        *itertools.product((SYNC, LOCK, CHMOD), (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)),
        (LOCK, errno.ENOLCK),
        (CHMOD, errno.EPERM),
    ],
)
def test_a_file_system_without_locks_syncs_or_modes_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: int
) -> None:
    path = tmp_path / "file"
    monkeypatch.setattr(function, failing(error))
    with Checkpoint(path) as checkpoint:
        checkpoint.save("first")
        path.chmod(0o640)
        checkpoint.save("second")
    assert mode_of(path) == (0o600 if function == CHMOD else 0o640)
    assert Checkpoint(path).token == "second"
    assert names_in(tmp_path) == ["file"]


def test_a_directory_that_may_not_be_read_is_not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be written; root may read each directory, so that the system is simulated."""
    open_file = os.open

    def open_files(path: str, flags: int, mode: int = 0o777) -> int:
        if os.path.isdir(path):  # noqa: PTH112 - a string
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return open_file(path, flags, mode)

    monkeypatch.setattr(os, "open", open_files)
    with Checkpoint(tmp_path / "file") as checkpoint:
        checkpoint.save("token")
    assert Checkpoint(tmp_path / "file").token == "token"


@pytest.mark.parametrize(
    ("function", "of_files"), [(SYNC, True), (SYNC, False), (LOCK, True), (CHMOD, True)]
)
def test_every_other_error_of_the_system_names_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, of_files: bool
) -> None:
    path = tmp_path / "file"
    with Checkpoint(path) as checkpoint:
        checkpoint.save("first")
    path.chmod(0o640)
    monkeypatch.setattr(function, failing(errno.EIO, of_files=of_files))
    with pytest.raises(OSError, match="Input/output error") as caught, Checkpoint(path) as again:
        again.save("second")
    assert caught.value.filename == str(tmp_path / ".file.lock" if function == LOCK else path)


def test_a_checkpoint_in_use_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with Checkpoint(path) as checkpoint:
        checkpoint.save("token")
        with pytest.raises(exceptions.CheckpointLockedError, match="file is in use by another run"):
            Checkpoint(path)
        checkpoint.save("next")
    with Checkpoint(path) as checkpoint:
        assert checkpoint.token == "next"


FORK_WHILE_SAVING = """
import os, signal, sys, threading
from imagebuilder_pager import Checkpoint, exceptions
checkpoint = Checkpoint(sys.argv[1])
is_saving, may_save = threading.Event(), threading.Event()
sync = os.fsync
def wait_and_sync(descriptor):
    is_saving.set()
    may_save.wait()
    sync(descriptor)
os.fsync = wait_and_sync
saving = threading.Thread(target=checkpoint.save, args=["parent"])
saving.start()
is_saving.wait()
child = os.fork()
if not child:
    signal.alarm(10)  # a child that hangs is killed
    try:
        checkpoint.save("child")
    except exceptions.CheckpointLockedError as error:
        print(str(error).replace(str(os.getppid()), "PARENT"), flush=True)
    {end}
    sys.exit(7)
status = os.waitpid(child, 0)[1]
may_save.set()
saving.join()
try:
    Checkpoint(sys.argv[1])
except exceptions.CheckpointLockedError:
    checkpoint.close()
    print(os.waitstatus_to_exitcode(status), Checkpoint(sys.argv[1]).token)
"""


@pytest.mark.parametrize("end", ["checkpoint.close()", "pass"])
def test_a_child_process_neither_saves_nor_releases_the_lock_nor_hangs(
    tmp_path: Path, end: str
) -> None:
    program = FORK_WHILE_SAVING.format(end=end)
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "file")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert ran.stdout == (
        f"{tmp_path / 'file'} is in use by the process PARENT, of which this one is a child; "
        "save in that one, or give each process its own file\n7 parent\n"
    )


def test_data_that_could_not_be_read_back_is_not_saved(tmp_path: Path) -> None:
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        checkpoint.save("first", data={"notes": "x" * 1_000_000})
        with pytest.raises(exceptions.CheckpointError, match="allowed: 1 MiB"):
            checkpoint.save("second", data={"notes": "x" * 1_048_576})
        assert checkpoint.token == "first"
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        assert (checkpoint.token, len(checkpoint.data["notes"])) == ("first", 1_000_000)


def test_a_checkpoint_that_is_dropped_releases_the_lock(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "file").save("token")
    with Checkpoint(tmp_path / "file") as checkpoint:
        assert checkpoint.token == "token"


def test_a_closed_checkpoint_saves_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "file")
    checkpoint.close()
    checkpoint.close()
    with pytest.raises(ValueError, match="closed"):
        checkpoint.save("token")
    assert names_in(tmp_path) == []


def test_the_file_stays_where_it_was_when_the_program_changes_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with Checkpoint("file") as checkpoint:
        monkeypatch.chdir("other")
        checkpoint.save("token")
    assert names_in(tmp_path) == ["file", "other"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"version": 2}',
        b'{"version": 1, "listing": 3}',
        b'{"version": 1, "listing": {}, "token": 3, "finished": false, "data": {}}',
        b'{"version": 1, "listing": {}, "token": "t", "finished": true, "data": {}}',
        b'{"version": 1, "listing": {}, "token": null, "finished": 1, "data": {}}',
        b"\xff",
        b"[" * 100_000,
        b" " * 2_000_000,
    ],
    ids=lambda content: repr(content[:40]),
)
def test_a_file_that_is_not_a_checkpoint_is_an_error_and_not_changed(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(exceptions.CheckpointError, match="is not a checkpoint"):
        Checkpoint(path)
    assert path.read_bytes() == content
    assert names_in(tmp_path) == ["file"]


def test_the_checkpoint_of_another_listing_is_an_error(tmp_path: Path) -> None:
    with Checkpoint(tmp_path / "file", LISTING) as checkpoint:
        checkpoint.save("token")
    for other in ({**LISTING, "lifecycleExecutionId": "lce-2"}, {}, None):
        with pytest.raises(exceptions.CheckpointError, match="another listing"):
            Checkpoint(tmp_path / "file", other)
