"""Standard output without a buffer: when a write fails, nothing is left to be written at exit."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys

from .terminal import escape_controls


class Stdout:
    """Standard output; ``is_file`` says whether it is a regular file.

    Each write is whole, or raises ``OSError``.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            # Its descriptor may be another file's by now.
            raise OSError(errno.EBADF, "standard output is closed")
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()
        self._is_terminal = os.isatty(self._descriptor)
        self.is_file: bool = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, text: str, *, is_styled: bool = False) -> None:
        """Write all of the text, in UTF-8.

        A terminal obeys control characters, and the service's may be anyone's: for a terminal they
        are escaped, unless the text is rich's and ``is_styled``. Where a write fails in a regular
        file, the part that was written is cut off again.
        """
        if self._is_terminal and not is_styled:
            text = escape_controls(text)
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
        """Return the position of the next byte in the regular file."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def size(self) -> int:
        """Return the size of the regular file, in bytes."""
        return os.fstat(self._descriptor).st_size

    def seek_end(self) -> None:
        """Move to the end of the regular file, as a file opened for appending does."""
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def truncate(self, size: int) -> None:
        """Cut the regular file off at a size in bytes, and move to its end."""
        os.ftruncate(self._descriptor, size)
        self.seek_end()

    def sync(self) -> None:
        """Wait until the regular file, if it is one, is on the disk."""
        if self.is_file:
            from ..pagination.checkpoint_file import naming, sync  # with a checkpoint alone

            with naming("standard output"):
                sync(self._descriptor)

    def read_from(self, position: int, count: int) -> bytes:
        """Return up to ``count`` bytes of the regular file. Raises ``OSError``."""
        if sys.platform == "darwin":
            import fcntl

            path = fcntl.fcntl(self._descriptor, fcntl.F_GETPATH, b"\0" * 1024).rstrip(b"\0")
        else:
            path = b"/proc/self/fd/%d" % self._descriptor
        with open(path, "rb") as file:  # noqa: PTH123 - it may be a descriptor's path
            file.seek(position)
            return file.read(count)
