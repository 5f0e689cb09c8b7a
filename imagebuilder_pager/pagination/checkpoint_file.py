"""A small file that is only ever replaced as a whole, and that one program has at a time.

Rules:

- A reader finds a whole file at any time: a new one is written beside it, synced, and renamed over
  it, and then the directory is synced. Only after that has it been replaced.
- No link is followed, and nothing but a regular file is opened: a FIFO would wait for ever.
- A new file is readable by its owner alone; an existing one keeps its mode, owner and group.
- A file that could not be read back is not written.
- The lock is that of a file beside it, since the file itself is another one after each replacement.
  The system releases it when the program ends, however it ends. A child process does not have it,
  and takes no lock of its parent's threads.
- A file system that cannot lock, sync or change a mode is used without. Every other error names the
  path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator

from ..exceptions import CheckpointError, CheckpointLockedError

_MAX_BYTES = 1024 * 1024  # many times the size of a token
#: The errors of file systems that cannot lock a file or sync a directory.
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
# Not all systems have all flags.
_SAFE_FLAGS = sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


class CheckpointFile:
    """The file at ``path``, locked until :meth:`close`.

    Raises :class:`CheckpointLockedError` if another program has it, :class:`CheckpointError` for
    something that is not a regular file, and ``OSError`` as the system does.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # A program may change its directory later.
        self.path: str = os.path.abspath(os.fspath(path))  # noqa: PTH100 - pathlib resolves links
        directory, name = os.path.split(self.path)
        self._directory = directory
        # Always the same name, so that programs that are killed do not fill the directory.
        self._new_path = os.path.join(directory, f".{name}.new")  # noqa: PTH118 - as above
        self._lock_path = _lock_path(self.path)
        self._process_id = os.getpid()
        self._thread_lock = threading.Lock()
        with naming(self._lock_path):
            self._lock: int | None = self._acquire_lock()

    def read(self) -> bytes | None:
        """Return the content, None if there is no file."""
        try:
            descriptor = self._open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with naming(self.path), open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise CheckpointError(f"{self.path} is not a checkpoint: it is larger than 1 MiB")
        return content

    def replace(self, content: bytes) -> None:
        """Replace the content, or create the file; it is on the disk when this returns.

        After an error the content is the old one, or (if only the directory could not be synced)
        the new one, but whole. Raises :class:`CheckpointError` for more than 1 MiB, and
        :class:`CheckpointLockedError` in a child process of the one that has the file.
        """
        if len(content) > _MAX_BYTES:
            raise CheckpointError(
                f"{self.path}: {len(content):,} bytes given, with the data; allowed: 1 MiB; it was "
                "left as it is"
            )
        if os.getpid() != self._process_id:
            raise CheckpointLockedError(
                f"{self.path} is in use by the process {self._process_id}, of which this one "
                "is a child; save in that one, or give each process its own file"
            )
        with self._thread_lock, naming(self.path):
            if self._lock is None:
                raise ValueError(f"the checkpoint {self.path} is closed")
            self._write_new(content)
            os.replace(self._new_path, self.path)  # noqa: PTH105 - without pathlib
            self._sync_directory()

    def close(self) -> None:
        """Release the lock; the second time, do nothing."""
        is_owner = os.getpid() == self._process_id
        # A forked process has no thread that would release the thread lock.
        with self._thread_lock if is_owner else contextlib.nullcontext():
            lock, self._lock = self._lock, None
        if lock is None or lock < 0:
            return
        if is_owner:
            with contextlib.suppress(OSError):
                os.unlink(self._lock_path)  # noqa: PTH108 - without pathlib
        os.close(lock)

    def __del__(self) -> None:
        if getattr(self, "_lock", None) is not None:
            self.close()

    def _open(self, path: str, flags: int) -> int:
        """Open a regular file; a link or anything else is an error, and is not waited for."""
        try:
            descriptor = os.open(path, flags | _SAFE_FLAGS, 0o600)
        except OSError as error:
            # ELOOP by POSIX, EMLINK on FreeBSD; ENXIO of a FIFO or a socket without a reader.
            if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}:
                raise _file_type_error(path) from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _file_type_error(path)
        return descriptor

    def _write_new(self, content: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._new_path)  # noqa: PTH108 - a killed program has left it
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS
        descriptor = os.open(self._new_path, flags, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                self._keep_mode(descriptor)
                file.write(content)
                file.flush()
                sync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._new_path)  # noqa: PTH108 - without pathlib
            raise

    def _keep_mode(self, descriptor: int) -> None:
        try:
            old = os.lstat(self.path)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(old.st_mode):
            raise _file_type_error(self.path)
        mode = stat.S_IMODE(old.st_mode)
        if hasattr(os, "fchown"):
            new = os.fstat(descriptor)
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                try:
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                except OSError:
                    # The rights of another group are not those of this one.
                    mode &= 0o700
            if mode != stat.S_IMODE(new.st_mode):
                try:
                    os.fchmod(descriptor, mode)
                except OSError as error:
                    # Then the file is readable by its owner alone.
                    if error.errno not in _NOT_SUPPORTED | {errno.EPERM}:
                        raise

    def _sync_directory(self) -> None:
        if os.name == "posix":
            try:
                descriptor = os.open(self._directory, os.O_RDONLY)
            except PermissionError:  # a directory that may be written and not read
                return
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)

    def _acquire_lock(self) -> int:
        """Return the descriptor of the locked file, or -1 on a system without locks."""
        try:
            import fcntl
        except ImportError:
            return -1
        while True:
            descriptor = self._open(self._lock_path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The program that had it may have removed the file just now.
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), os.lstat(self._lock_path)):
                        return descriptor
            except OSError as error:
                if error.errno in _NOT_SUPPORTED:
                    return descriptor
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    raise CheckpointLockedError(
                        f"{self.path} is in use by another run; wait for its end, or give each "
                        "run its own file"
                    ) from None
                raise
            os.close(descriptor)


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Have each error of the system name a path, as those of ``open`` do."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = path
        raise


def sync(descriptor: int) -> None:
    """Wait until a file or directory is on the disk, where its file system can tell."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


def is_locked(path: str) -> bool:
    """Return whether a program has the file; False on a system without locks.

    If a killed program has left the lock's file, this call locks it for a moment: a program that
    opens the checkpoint in that moment gets the error that it is in use.
    """
    try:
        import fcntl

        descriptor = os.open(_lock_path(path), os.O_RDONLY | _SAFE_FLAGS)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _lock_path(path: str) -> str:
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.lock")  # noqa: PTH118 - without pathlib


def _file_type_error(path: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a regular file; allowed: a file, or a path where there is nothing yet"
    )
