"""The checkpoint: a file that says how far a listing has come, so that a killed run goes on there.

It is replaced as a whole, after its successor is on the disk: whoever reads it, at whatever moment,
finds a whole one. It says of which listing it is, and for an output that is a regular file, how
long that was; what stands beyond is from an item that the checkpoint does not have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exit_codes import CommandError, UsageError
from .stdout import Output

__all__ = ["Checkpoint", "CheckpointState", "truncate_to_checkpoint"]

_VERSION = 1
_LONGEST_LINE = 16 * 1024 * 1024  # of the largest answer that is read


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """How far a listing has come.

    ``token`` goes on from there; with ``finished`` there is nothing to go on with, without it None
    is the beginning. ``output_size``: of the output, None where that is no regular file.
    """

    token: str | None
    finished: bool
    output_size: int | None


class Checkpoint:
    """The checkpoint file of a listing; ``listing`` is what tells it from another one.

    ``OSError`` is raised where the file cannot be read or written.
    """

    def __init__(self, path: str, listing: Mapping[str, Any]) -> None:
        self._path = Path(os.path.realpath(path))
        self._listing = dict(listing)

    def load(self) -> CheckpointState | None:
        """What the file says; None if there is no file.

        Raises :class:`UsageError` if it is another listing's, :class:`CommandError` if it is no
        checkpoint.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            saved = json.loads(content)
            if saved["version"] != _VERSION:
                raise ValueError(f"its version is {saved['version']!r}")
            listing = dict(saved["listing"])
            reached = CheckpointState(saved["token"], saved["finished"], saved["output_size"])
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f"--checkpoint: {self._path} is no checkpoint of this program "
                f"({type(error).__name__}: {error}); it was left as it is"
            ) from None
        if listing != self._listing:
            raise UsageError(
                f"--checkpoint: {self._path} is of another listing, {json.dumps(listing)}; "
                "give each listing a file of its own"
            )
        return reached

    def save(self, reached: CheckpointState) -> None:
        """Replaces the file; when this returns, it is on the disk."""
        content = {
            "version": _VERSION,
            "listing": self._listing,
            "token": reached.token,
            "finished": reached.finished,
            "output_size": reached.output_size,
        }
        # Always the same name: runs that are killed leave no heap of files behind.
        new = self._path.with_name(self._path.name + ".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def truncate_to_checkpoint(output: Output, reached: CheckpointState) -> None:
    """Cuts off the line that was being written when the run before was killed.

    Raises :class:`UsageError` for an output that is not the one of the checkpoint: nothing is cut
    off but the rest of one line.
    """
    size = reached.output_size
    if size is None or not output.is_file:
        return
    now = output.size()
    if now < size:
        raise UsageError(
            f"--checkpoint: the output has {now} bytes, and had {size} when the checkpoint was "
            "written; go on with the same file, and append to it (>>). For another file, use a "
            "pipe: | cat > FILE"
        )
    if now > size and not reached.finished:
        start = max(size - 1, 0)
        rest = output.read_from(start, _LONGEST_LINE + 1)
        before, tail = rest[: size - start], rest[size - start :]
        if before not in {b"", b"\n"} or b"\n" in tail[:-1] or len(tail) != now - size:
            raise UsageError(
                f"--checkpoint: something else has been written to the output since, {now - size} "
                "bytes; nothing was changed"
            )
        output.truncate(size)
    output.seek_end()
