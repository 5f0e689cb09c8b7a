"""Credentials that a process prints: ``credential_process``."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from ...exceptions import CredentialRetrievalError


class _CompletedProcess:
    """A process that has ended well, as botocore's ``ProcessProvider`` looks at it."""

    returncode = 0

    def __init__(self, output: bytes) -> None:
        self._output = output

    def communicate(self) -> tuple[bytes, bytes]:
        return self._output, b""


class CredentialProcessRunner:
    """Runs credential processes, each once for a search, and shows nothing that they write."""

    TIMEOUT = 60.0  # seconds; botocore would wait for ever

    def __init__(self) -> None:
        self._finished: dict[tuple[str, ...], _CompletedProcess] = {}

    def start(self, command: Sequence[str], **_: Any) -> _CompletedProcess:
        """What botocore's ``ProcessProvider`` takes for ``subprocess.Popen``."""
        key = tuple(command)
        if key not in self._finished:
            self._finished[key] = self._run(command)
        return self._finished[key]

    def _run(self, command: Sequence[str]) -> _CompletedProcess:
        problem = f"no answer within {self.TIMEOUT:.0f} s"
        try:
            ended = subprocess.run(  # noqa: S603 - the user's own command, as in boto3
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self.TIMEOUT,
                check=False,
            )
            if ended.returncode == 0:
                return _CompletedProcess(ended.stdout)
            problem = f"exit status {ended.returncode}"
        except subprocess.TimeoutExpired:
            pass
        raise CredentialRetrievalError(f"the credential process failed: {problem}")
