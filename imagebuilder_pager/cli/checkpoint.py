"""``--checkpoint``: the checkpoint of a listing together with the length of the output.

The order of writes: first the lines, then the checkpoint with the token after them and the new
length of the output. A run that is killed between the two leaves an output that is longer than the
checkpoint says: those bytes are cut off, and written again. Where there may be more than one line,
the checkpoint says beforehand how many bytes there will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..pagination.checkpoint import Checkpoint
from .exit_codes import UsageError
from .stdout import Stdout

_MAX_LINE_BYTES = 16 * 1024 * 1024  # the size of the largest response that is read
_SIZE, _PENDING = "output_size", "pending_bytes"


class OutputCheckpoint(Checkpoint):
    """The checkpoint of a listing in a file, and the output that it belongs to."""

    def __init__(self, path: str, listing: Mapping[str, Any], stdout: Stdout) -> None:
        super().__init__(path, listing)
        self._stdout = stdout

    def truncate_output(self) -> None:
        """Cut off the lines that a killed run wrote after its last checkpoint, and move to the end.

        Raises :class:`UsageError` for an output that is not the checkpoint's; nothing is cut off
        then.
        """
        if not self._stdout.is_file:
            return
        size_now = self._stdout.size()
        size = self.data.get(_SIZE)
        if size is None:
            size = size_now
        if size_now < size:
            raise UsageError(
                f"--checkpoint: the output has {size_now} bytes, and had {size} when the "
                "checkpoint was written; use the same file again, and append to it (>>). For "
                "another file, use a pipe: | cat > FILE"
            )
        if size_now > size and not self.finished:
            if not self._is_own_tail(size, size_now - size):
                raise UsageError(
                    "--checkpoint: something else has been written to the output since, "
                    f"{size_now - size} bytes; nothing was changed"
                )
            self._stdout.truncate(size)
        self._stdout.seek_end()

    def write(self, lines: str, token: str | None, *, is_one_line: bool) -> None:
        """Write the lines, and save the token after them; None at the end of the listing."""
        if lines and (not self.data or not is_one_line):
            # A run that is killed right after the lines must find how long the output was.
            data = self._output_data()
            if not is_one_line:
                data[_PENDING] = len(lines.encode("utf-8", "surrogateescape"))
            if self.token is None:
                self.restart(data=data)
            else:
                self.save(self.token, data=data)
        self._stdout.write(lines)
        if token is not None:
            self.save(token, data=self._output_data())
        elif not self.finished:
            self.finish(data=self._output_data())

    def _output_data(self) -> dict[str, Any]:
        self._stdout.sync()
        return {_SIZE: self._stdout.tell() if self._stdout.is_file else None}

    def _is_own_tail(self, size: int, count: int) -> bool:
        """Say whether the bytes after the checkpoint may be of the run that was killed."""
        start = max(size - 1, 0)
        data = self._stdout.read_from(start, _MAX_LINE_BYTES + 1)
        before, tail = data[: size - start], data[size - start :]
        if before not in {b"", b"\n"}:
            return False
        if (pending := self.data.get(_PENDING)) is not None:
            return bool(count <= pending)
        return b"\n" not in tail[:-1] and len(tail) == count
