"""Credentials of a profile that are in a shared file themselves, read anew each time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..config.shared_config import SharedConfig
from ..identity import Credentials
from .environment import static_credentials


class ProfileKeysProvider:
    """The provider of a profile's keys in the config file, or in the shared credentials file."""

    def __init__(self, config: SharedConfig, profile_name: str, *, in_config_file: bool) -> None:
        self.name = "config file" if in_config_file else "shared credentials file"
        self._path = config.config_file if in_config_file else config.credentials_file
        self._in_config_file = in_config_file
        self._config = config
        self._profile_name = profile_name

    def load(self) -> Credentials | None:
        """Return the credentials, None without an ``aws_access_key_id``.

        The token is ``aws_security_token``, else ``aws_session_token``, in botocore's order. Raises
        :class:`PartialCredentialsError` for an access key id without its secret key.
        """
        config = self._config
        profiles: Mapping[str, Mapping[str, Any]] = (
            config.read_config_file()["profiles"]
            if self._in_config_file
            else config.read_credentials_file()
        )
        settings = profiles.get(self._profile_name, {})
        if "aws_access_key_id" not in settings:
            return None
        names = ("aws_access_key_id", "aws_secret_access_key")
        key_pair = {name: settings.get(name) for name in names}
        token = settings.get("aws_security_token", settings.get("aws_session_token"))
        source = f"the profile {self._profile_name!r} of {self._path}"
        return static_credentials(key_pair, token, source)

    def missing_reason(self) -> str:
        if not os.path.isfile(self._path):  # noqa: PTH113 - a string, as in SharedConfig
            return f"there is no file {self._path}"
        if not os.access(self._path, os.R_OK):
            return f"the file {self._path} may not be read"
        return f"no aws_access_key_id for the profile {self._profile_name!r} in {self._path}"
