"""Credentials that a process prints: ``credential_process`` of a profile."""

from __future__ import annotations

import json
import os
import shlex

from ...exceptions import CredentialRetrievalError, InvalidConfigError
from ..identity import Credentials, CredentialsContext, read_credentials


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
        from .process_output import run_process

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
