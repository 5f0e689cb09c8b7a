"""The checkpoint file: replaced as a whole, locked, and never more readable than it was."""

import errno
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
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
def test_what_is_not_a_token_is_not_saved(tmp_path: Path, token: Any) -> None:
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


def link_to_file(path: Path) -> None:
    path.symlink_to(path.with_name("victim"))


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def directory(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


NOT_FILES = [link_to_file, link_to_nothing, directory, fifo, unix_socket]
EITHER_NAME = pytest.mark.parametrize("name", ["file", ".file.lock"])


@EITHER_NAME
@pytest.mark.parametrize("make", NOT_FILES, ids=lambda make: make.__name__)
def test_what_is_not_a_file_is_an_error_at_once(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    """No link is followed, and a FIFO is not waited for."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    make(tmp_path / name)
    before = names_in(tmp_path)
    with pytest.raises(exceptions.CheckpointError, match="not a regular file"):
        Checkpoint(tmp_path / "file")
    assert victim.read_text() == "precious"
    assert names_in(tmp_path) == before


def test_a_device_is_an_error_at_once() -> None:
    """For root; for others, already its directory is."""
    with pytest.raises((exceptions.CheckpointError, PermissionError)):
        Checkpoint(os.devnull)


@pytest.mark.parametrize("make", [link_to_file, fifo, unix_socket], ids=lambda make: make.__name__)
def test_what_stands_where_the_new_file_is_written_is_not_written_to(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with Checkpoint(tmp_path / "file") as checkpoint:
        make(tmp_path / ".file.new")
        checkpoint.save("token")
    assert victim.read_text() == "precious"
    with Checkpoint(tmp_path / "file") as checkpoint:
        assert checkpoint.token == "token"


def test_a_link_that_takes_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_text("precious")
    with Checkpoint(path) as checkpoint:
        checkpoint.save("first")
        path.unlink()
        path.symlink_to(victim)
        with pytest.raises(exceptions.CheckpointError, match="not a regular file"):
            checkpoint.save("second")
    assert victim.read_text() == "precious"
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
        *[(function, errno.EINVAL) for function in (SYNC, LOCK, CHMOD)],
        *[(function, errno.ENOTSUP) for function in (SYNC, LOCK, CHMOD)],
        *[(function, errno.ENOSYS) for function in (SYNC, LOCK, CHMOD)],
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


def test_a_second_run_is_told_that_the_checkpoint_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "file"
    code = (
        "import sys; from imagebuilder_pager import Checkpoint, exceptions\n"
        "try: Checkpoint(sys.argv[1])\n"
        "except exceptions.CheckpointLockedError as error: print(error)"
    )
    with Checkpoint(path) as checkpoint:
        checkpoint.save("token")
        with pytest.raises(exceptions.CheckpointLockedError, match="in use by another run"):
            Checkpoint(path)
        command = [sys.executable, "-c", code, str(path)]
        other = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"{path} is in use by another run" in other.stdout
        checkpoint.save("next")
    with Checkpoint(path) as checkpoint:
        assert checkpoint.token == "next"


def test_a_killed_run_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from imagebuilder_pager import Checkpoint\n"
        "checkpoint = Checkpoint(sys.argv[1]); checkpoint.save('token'); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "file"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    with Checkpoint(path) as checkpoint:
        assert checkpoint.token == "token"
    assert names_in(tmp_path) == ["file"]


FORK = """
import os, sys
from imagebuilder_pager import Checkpoint, exceptions
checkpoint = Checkpoint(sys.argv[1])
child = os.fork()
if not child:
    checkpoint.close()
    os._exit(0)
os.waitpid(child, 0)
try:
    Checkpoint(sys.argv[1])
except exceptions.CheckpointLockedError:
    checkpoint.close()
    Checkpoint(sys.argv[1]).close()
    print("released by its owner alone")
"""


def test_a_child_process_that_ends_does_not_release_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORK, str(tmp_path / "file")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "released by its owner alone\n"


SAVE_IN_CHILD = """
import os, sys
from imagebuilder_pager import Checkpoint, exceptions
checkpoint = Checkpoint(sys.argv[1])
checkpoint.save("parent")
child = os.fork()
if not child:
    try:
        checkpoint.save("child")
    except exceptions.CheckpointLockedError as error:
        print(str(error).replace(str(os.getppid()), "PARENT"), end="", flush=True)
    os._exit(0)
os.waitpid(child, 0)
checkpoint.close()
print(Checkpoint(sys.argv[1]).token)
"""


def test_a_child_process_does_not_save_to_its_parents_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SAVE_IN_CHILD, str(tmp_path / "file")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == (
        f"{tmp_path / 'file'} is in use by the process PARENT, of which this one is a child; "
        "save in that one, or give each process its own fileparent\n"
    )


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
    signal.alarm(10)  # what hangs is killed
    try:
        checkpoint.save("child")
    except exceptions.CheckpointLockedError:
        print("refused", flush=True)
    {end}
    sys.exit(7)
may_save.set()
saving.join()
status = os.waitpid(child, 0)[1]
checkpoint.close()
print(os.waitstatus_to_exitcode(status), Checkpoint(sys.argv[1]).token)
"""


@pytest.mark.parametrize("end", ["checkpoint.close()", "pass"])
def test_a_process_forked_while_a_thread_saves_ends_by_itself(tmp_path: Path, end: str) -> None:
    program = FORK_WHILE_SAVING.format(end=end)
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "file")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("refused\n7 parent\n", "")


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
