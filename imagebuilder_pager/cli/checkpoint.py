"""``--checkpoint``: the checkpoint of a listing together with the length of the output.

The order of writes: first the lines, then the checkpoint with the token after them and the new
length of the output. A run that is killed between the two leaves an output that is longer than the
checkpoint says: those bytes are cut off, and written again. Where there may be more than one line,
the checkpoint says beforehand how many bytes there will be.

The file itself, and what makes it safe, is :class:`imagebuilder_pager.Checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..pagination.checkpoint import Checkpoint
from .exit_codes import UsageError
from .stdout import Stdout

_MAX_LINE_BYTES = 16 * 1024 * 1024  # the size of the largest response that is read
_SIZE, _PENDING = "output_size", "pending_bytes"


class OutputCheckpoint:
    """The checkpoint of a listing in a file, and the output that it belongs to.

    As a context manager, it holds the lock of the file. Raises :class:`CheckpointError` for the
    file of something else or of another listing.
    """

    def __init__(self, path: str, listing: Mapping[str, Any], stdout: Stdout) -> None:
        self._stdout = stdout
        self._checkpoint = Checkpoint(path, listing)

    @property
    def token(self) -> str | None:
        """The token to begin at."""
        return self._checkpoint.token

    @property
    def finished(self) -> bool:
        """Whether the listing has been written to its end."""
        return self._checkpoint.finished

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._checkpoint.close()

    def truncate_output(self) -> None:
        """Cut off what a killed run wrote after its last checkpoint, and move to the end.

        Raises :class:`UsageError` for an output that is not the checkpoint's; nothing is cut off
        then.
        """
        if not self._stdout.is_file:
            return
        size_now = self._stdout.size()
        size = self._checkpoint.data.get(_SIZE)
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

    def begin(self, pending_bytes: int | None = None) -> None:
        """Save, before lines are written, how long the output is.

        ``pending_bytes`` is the number of bytes that will be written next; None for one line.
        """
        if self.token is None:
            self._checkpoint.restart(data=self._output_data(pending_bytes))
        else:
            self._checkpoint.save(self.token, data=self._output_data(pending_bytes))

    def advance(self, token: str | None) -> None:
        """Save the token after what has been written; None at the end of the listing."""
        if self.finished:
            return
        if token is None:
            self._checkpoint.finish(data=self._output_data())
        else:
            self._checkpoint.save(token, data=self._output_data())

    @property
    def is_new(self) -> bool:
        """Whether nothing has been saved yet."""
        return not self._checkpoint.data

    def _output_data(self, pending_bytes: int | None = None) -> dict[str, Any]:
        self._stdout.sync()
        size = self._stdout.tell() if self._stdout.is_file else None
        data: dict[str, Any] = {_SIZE: size}
        return data if pending_bytes is None else {**data, _PENDING: pending_bytes}

    def _is_own_tail(self, size: int, count: int) -> bool:
        """Say whether the bytes after the checkpoint may be of the run that was killed."""
        pending = self._checkpoint.data.get(_PENDING)
        start = max(size - 1, 0)
        data = self._stdout.read_from(start, _MAX_LINE_BYTES + 1)
        before, tail = data[: size - start], data[size - start :]
        if before not in {b"", b"\n"}:
            return False
        if pending is not None:
            return bool(count <= pending)
        return b"\n" not in tail[:-1] and len(tail) == count
