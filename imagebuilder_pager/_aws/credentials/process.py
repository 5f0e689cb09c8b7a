"""Credentials that a process prints: ``credential_process`` of a profile."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...exceptions import CredentialRetrievalError, InvalidConfigError
from ..identity import Credentials, CredentialsContext, read_credentials

if TYPE_CHECKING:
    import subprocess

TIMEOUT = 60.0  # seconds; botocore has none
MAX_BYTES = 64 * 1024  # credentials with a session token are about two kilobytes


class ProcessProvider:
    """The provider that runs the process.

    Its standard error is that of the program. Its output is never shown.
    """

    name = "credential process"

    def __init__(self, context: CredentialsContext, profile_name: str) -> None:
        self._context = context
        self._profile_name = profile_name
        self._source = f"credential_process of profile {profile_name!r}"

    def load(self) -> Credentials | None:
        """Return the credentials that the process prints, None without a process."""
        command = self._context.config.setting("credential_process", self._profile_name)
        if command is None:
            return None
        arguments = self._split(command)
        return self._read(run_process(arguments, self._source))

    def missing_reason(self) -> str:
        return self._context.config.missing_key_reason("credential_process")

    def _read(self, output: bytes) -> Credentials:
        try:
            members = json.loads(output)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            reason = "it did not print a JSON object"
        elif members.get("Version") != 1:
            reason = "its output has another Version than 1, or none"
        elif missing := [key for key in ("AccessKeyId", "SecretAccessKey") if not members.get(key)]:
            reason = f"its output has no {' and '.join(missing)}"
        else:
            try:
                return read_credentials(members, "SessionToken")
            except ValueError:
                reason = "its Expiration is not a date in ISO 8601 or RFC 2822"
        # Outside of the handlers: an error's context has the output.
        raise CredentialRetrievalError(f"{self._source}: {reason}")

    def _split(self, command: str) -> str | list[str]:
        """Return the arguments of a command; Windows splits a command by itself."""
        try:
            arguments = shlex.split(command)
        except ValueError:
            raise InvalidConfigError(f"{self._source}: a quote is not closed") from None
        if not arguments:
            raise InvalidConfigError(f"{self._source}: it is empty")
        if "\0" in command:
            raise InvalidConfigError(f"{self._source}: a NUL character is in it")
        return command if os.name == "nt" else arguments


def run_process(command: str | Sequence[str], source: str) -> bytes:
    """Return the output of a command; ``source`` names it in an error, and nothing shows it.

    Raises :class:`CredentialRetrievalError` if the process fails, does not end in time, or
    prints more than credentials.
    """
    import subprocess  # slow to import

    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
    reason = f"it did not end within {TIMEOUT:.0f} s"
    try:
        end = time.monotonic() + TIMEOUT
        stdout = _read_within(process, MAX_BYTES, TIMEOUT)
        if stdout is not None and len(stdout) > MAX_BYTES:
            reason = f"it printed more than {MAX_BYTES} bytes"
        elif stdout is not None:
            process.wait(max(0.0, end - time.monotonic()))
            if process.returncode == 0:
                return stdout
            reason = f"exit status {process.returncode}"
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()  # which does nothing to one that has ended
        process.wait()
    raise CredentialRetrievalError(f"{source} failed: {reason}")


def _read_within(process: subprocess.Popen[bytes], size: int, timeout: float) -> bytes | None:
    """Return the output of a process, at most ``size`` + 1 bytes; None if it has not ended in time.

    It is read in a thread, since a child of the process may keep its output open.
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
