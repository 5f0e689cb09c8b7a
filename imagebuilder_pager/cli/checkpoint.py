"""The checkpoint: a file from which a run that was killed is resumed.

Rule: the file is only ever replaced as a whole, after its successor is on the disk; a reader finds
a whole one at any time. It names its listing. Where the output is a regular file, it also has the
length of the output: bytes beyond that belong to an item that the checkpoint does not have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exit_codes import CommandError, UsageError
from .stdout import Stdout

__all__ = ["Checkpoint", "CheckpointState", "truncate_to_checkpoint"]

_VERSION = 1
_MAX_LINE_BYTES = 16 * 1024 * 1024  # the size of the largest response that is read


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """The progress of a listing.

    ``token`` resumes the listing; None is its beginning, or with ``finished`` its end.
    ``output_size`` is the size of the output in bytes, None where it is not a regular file.
    """

    token: str | None
    finished: bool
    output_size: int | None


class Checkpoint:
    """The checkpoint file of a listing; ``listing`` has the parameters that identify it.

    Both methods raise ``OSError`` where the file cannot be read or written.
    """

    def __init__(self, path: str, listing: Mapping[str, Any]) -> None:
        self._path = Path(os.path.realpath(path))
        self._listing = dict(listing)

    def load(self) -> CheckpointState | None:
        """Return the saved state; None if there is no file.

        Raises :class:`UsageError` for the checkpoint of another listing, :class:`CommandError` for
        a file that is not a checkpoint.
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
            state = CheckpointState(saved["token"], saved["finished"], saved["output_size"])
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f"--checkpoint: {self._path} is not a checkpoint of this program "
                f"({type(error).__name__}: {error}); it was left as it is"
            ) from None
        if listing != self._listing:
            raise UsageError(
                f"--checkpoint: {self._path} is of another listing, {json.dumps(listing)}; "
                "give each listing a file of its own"
            )
        return state

    def save(self, state: CheckpointState) -> None:
        """Replace the file; when this returns, the new one is on the disk."""
        content = {
            "version": _VERSION,
            "listing": self._listing,
            "token": state.token,
            "finished": state.finished,
            "output_size": state.output_size,
        }
        # Always the same name, so that runs that are killed do not fill the folder.
        new = self._path.with_name(self._path.name + ".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def truncate_to_checkpoint(stdout: Stdout, state: CheckpointState) -> None:
    """Cut off the line, or the part of one, that a killed run wrote after its last checkpoint.

    Raises :class:`UsageError` for an output that is not the checkpoint's; nothing is cut off then.
    """
    size = state.output_size
    if size is None or not stdout.is_file:
        return
    size_now = stdout.size()
    if size_now < size:
        raise UsageError(
            f"--checkpoint: the output has {size_now} bytes, and had {size} when the checkpoint "
            "was written; use the same file again, and append to it (>>). For another file, use a "
            "pipe: | cat > FILE"
        )
    if size_now > size and not state.finished:
        start = max(size - 1, 0)
        data = stdout.read_from(start, _MAX_LINE_BYTES + 1)
        before, tail = data[: size - start], data[size - start :]
        if before not in {b"", b"\n"} or b"\n" in tail[:-1] or len(tail) != size_now - size:
            raise UsageError(
                "--checkpoint: something else has been written to the output since, "
                f"{size_now - size} bytes; nothing was changed"
            )
        stdout.truncate(size)
    stdout.seek_end()
