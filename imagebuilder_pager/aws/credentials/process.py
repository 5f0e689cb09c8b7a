"""Credentials that a process prints: ``credential_process``."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from ...exceptions import CredentialRetrievalError

__all__ = ["CredentialProcessRunner"]


class _CompletedProcess:
    """A process that has succeeded, with what botocore's ``ProcessProvider`` reads of it."""

    returncode = 0

    def __init__(self, stdout: bytes) -> None:
        self._stdout = stdout

    def communicate(self) -> tuple[bytes, bytes]:
        """Return stdout and an empty stderr."""
        return self._stdout, b""


class CredentialProcessRunner:
    """A runner of credential processes: each runs once in a search, and its output is not shown."""

    TIMEOUT = 60.0  # seconds; botocore has none

    def __init__(self) -> None:
        self._completed: dict[tuple[str, ...], _CompletedProcess] = {}

    def start(self, command: Sequence[str], **_: Any) -> _CompletedProcess:
        """Run the command: botocore's ``ProcessProvider`` takes this for ``subprocess.Popen``.

        Raises :class:`CredentialRetrievalError` if the process fails or does not end in time.
        """
        key = tuple(command)
        if key not in self._completed:
            self._completed[key] = self._run(command)
        return self._completed[key]

    def _run(self, command: Sequence[str]) -> _CompletedProcess:
        reason = f"it did not end within {self.TIMEOUT:.0f} s"
        try:
            process = subprocess.run(  # noqa: S603 - the user's own command, as in boto3
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self.TIMEOUT,
                check=False,
            )
            if process.returncode == 0:
                return _CompletedProcess(process.stdout)
            reason = f"exit status {process.returncode}"
        except subprocess.TimeoutExpired:
            pass
        raise CredentialRetrievalError(f"the credential process failed: {reason}")
