"""Standard output, written to without a buffer: what was not written is known not to be."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys

__all__ = ["Output"]


class Output:
    """Standard output. ``is_file`` says whether it is a regular file.

    Every write is whole or raises ``OSError``: nothing waits in a buffer to be lost at the exit.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            # The number may be another file's by now.
            raise OSError(errno.EBADF, "standard output is closed")
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()
        self.is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, text: str) -> None:
        """Writes all of the text, in UTF-8.

        Where that fails in a regular file, whatever part of it was written is taken back.
        """
        data = memoryview(text.encode("utf-8", "surrogateescape"))
        written = 0
        try:
            while written < len(data):
                try:
                    written += os.write(self._descriptor, data[written:])
                except BlockingIOError:
                    select.select([], [self._descriptor], [])
        except OSError:
            if self.is_file and written:
                self.truncate(self.tell() - written)
            raise

    def tell(self) -> int:
        """Where the next byte goes, in a regular file."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def size(self) -> int:
        """The size of the regular file, in bytes."""
        return os.fstat(self._descriptor).st_size

    def seek_end(self) -> None:
        """Goes on at the end of the regular file, as one that was opened for appending does."""
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def truncate(self, size: int) -> None:
        """Makes the regular file end there."""
        os.ftruncate(self._descriptor, size)
        self.seek_end()

    def sync(self) -> None:
        """Waits until what was written to a regular file is on its disk."""
        if self.is_file:
            os.fsync(self._descriptor)

    def read_from(self, position: int, count: int) -> bytes:
        """What stands in the regular file there; raises ``OSError`` where that cannot be read."""
        with open(self._path(), "rb") as file:  # noqa: PTH123 - it may be a descriptor's path
            file.seek(position)
            return file.read(count)

    def _path(self) -> str:
        if sys.platform == "darwin":
            import fcntl

            found = fcntl.fcntl(self._descriptor, fcntl.F_GETPATH, b"\0" * 1024)
            return os.fsdecode(found.rstrip(b"\0"))
        return f"/proc/self/fd/{self._descriptor}"
