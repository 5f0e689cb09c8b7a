"""Credentials that a process prints: ``credential_process``."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

from ...exceptions import CredentialRetrievalError


class _CompletedProcess:
    """A process that has succeeded, as far as botocore's ``ProcessProvider`` reads it."""

    returncode = 0

    def __init__(self, stdout: bytes) -> None:
        self._stdout = stdout

    def communicate(self) -> tuple[bytes, bytes]:
        """Return stdout and an empty stderr."""
        return self._stdout, b""


class CredentialProcessRunner:
    """A runner of credential processes: each runs once in a search, and its output is not shown."""

    TIMEOUT = 60.0  # seconds; botocore has none
    MAX_BYTES = 64 * 1024  # credentials with a session token are about two kilobytes

    def __init__(self) -> None:
        self._completed: dict[tuple[str, ...], _CompletedProcess] = {}

    def start(self, command: Sequence[str], **_: Any) -> _CompletedProcess:
        """Run the command: botocore's ``ProcessProvider`` takes this for ``subprocess.Popen``.

        Raises :class:`CredentialRetrievalError` if the process fails, does not end in time, or
        prints more than credentials.
        """
        key = tuple(command)
        if key not in self._completed:
            self._completed[key] = self._run(command)
        return self._completed[key]

    def _run(self, command: Sequence[str]) -> _CompletedProcess:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, as in boto3
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        reason = f"it did not end within {self.TIMEOUT:.0f} s"
        try:
            end = time.monotonic() + self.TIMEOUT
            stdout = _read_within(process, self.MAX_BYTES, self.TIMEOUT)
            if stdout is not None and len(stdout) > self.MAX_BYTES:
                reason = f"it printed more than {self.MAX_BYTES} bytes"
            elif stdout is not None:
                process.wait(max(0.0, end - time.monotonic()))
                if process.returncode == 0:
                    return _CompletedProcess(stdout)
                reason = f"exit status {process.returncode}"
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()  # which does nothing to one that has ended
            process.wait()
        raise CredentialRetrievalError(f"the credential process failed: {reason}")


def _read_within(process: subprocess.Popen[bytes], size: int, timeout: float) -> bytes | None:
    """Return the output of a process, at most ``size`` + 1 bytes; None if it has not ended in time.

    It is read in a thread, since a process of the process may keep its output open for good.
    """
    received: list[bytes] = []

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as stdout:
            received.append(stdout.read(size + 1))

    reader = threading.Thread(target=read, name="credential process", daemon=True)
    reader.start()
    reader.join(timeout)
    return received[0] if received else None
