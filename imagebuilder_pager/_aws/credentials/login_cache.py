"""The files in which the AWS CLI keeps what a login has brought: JSON objects with secrets."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any, TextIO

from ...exceptions import CredentialRetrievalError, PagerError
from ..clock import Clock
from ..transport.types import Deadline
from .token_file import read_token_file

_LOCK_TIMEOUT = 30.0  # seconds: as long as a renewal may take
_LOCK_POLL = 0.1  # seconds


class LoginRequired(PagerError):
    """A login that is missing or over; the message gives the reason."""


def read_login_file(path: str) -> dict[str, Any]:
    """Return the members of a file. Raises :class:`LoginRequired` if it cannot be used."""
    try:
        members = parse_object(read_token_file(path))
    except FileNotFoundError:
        reason = f"there is no file {path}"
    except OSError as error:
        reason = f"the file {path} cannot be read: {error.strerror}"
    except ValueError:
        reason = f"the file {path} is not UTF-8"
    except CredentialRetrievalError as error:
        reason = str(error)
    else:
        if members is not None:
            return members
        reason = f"the file {path} is not a JSON object"
    raise LoginRequired(reason)  # outside of the handler: the error's context has the text


def parse_object(text: bytes | str) -> dict[str, Any] | None:
    """Return a JSON object, None for any other text."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def is_token(value: object) -> bool:
    """Return whether a value can be sent as a token, in a header."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value != ""


@contextlib.contextmanager
def replacing(path: str) -> Iterator[TextIO]:
    """Open a new file for its owner alone; without an error, it replaces the one at ``path``.

    A file that another program has changed or removed meanwhile stays so: it is of a later login.

    It is opened before a token is renewed. A refresh token may be valid once, so a token that
    cannot be stored must not be asked for.
    """
    import tempfile

    directory = os.path.dirname(path)  # noqa: PTH120 - pathlib takes long to import
    version = _version_of(path)
    descriptor, new_path = tempfile.mkstemp(suffix=".tmp", dir=directory)
    try:
        with open(descriptor, "w") as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            with contextlib.suppress(OSError):  # some file systems cannot
                os.fsync(descriptor)
        if _version_of(path) == version:
            os.replace(new_path, path)  # noqa: PTH105 - as above
    finally:
        with contextlib.suppress(OSError):  # it has replaced the other
            os.unlink(new_path)  # noqa: PTH108 - as above


def _version_of(path: str) -> tuple[int, ...] | None:
    """Return what differs when a file has been written again, None without a file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib takes long to import
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def locked(directory: str, clock: Clock) -> Iterator[None]:
    """Lock the cache against other renewals of this library, as long as one may take.

    Where the system has no locks, do nothing.
    """
    try:
        import fcntl

        descriptor = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    deadline = Deadline(_LOCK_TIMEOUT, clock.monotonic)
    try:
        while not _try_lock(descriptor) and deadline.remaining():
            clock.sleep(_LOCK_POLL)
        yield
    finally:
        # A process that was forked meanwhile has the descriptor, too.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Return whether nobody else has the lock; True on a file system without locks."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
