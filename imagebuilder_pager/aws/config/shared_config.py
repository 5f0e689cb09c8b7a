"""Settings: the environment, and the profile of AWS's shared files.

The files are those of boto3: ``~/.aws/config`` (or ``AWS_CONFIG_FILE``) and ``~/.aws/credentials``
(or ``AWS_SHARED_CREDENTIALS_FILE``). They are read when a setting is first asked of them, once,
and only if they are there; nothing that parses them is imported before that.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ...exceptions import InvalidConfigError, ProfileNotFound

__all__ = ["Profile", "Resolved", "is_true"]


# In botocore's order: the older name comes first.
_NAME_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")


class Resolved(NamedTuple):
    """A setting, and where it comes from: the name of a variable, or a key and its profile."""

    value: str
    source: str


class Profile:
    """The profile that settings are taken from.

    ``name``: the argument, else ``AWS_DEFAULT_PROFILE``, else ``AWS_PROFILE``, else ``default``.
    ``explicit`` says that it is the argument: the keys of the environment are then passed over, as
    in boto3. Whatever reads the files raises :class:`ProfileNotFound` for a profile that was named
    and is in none of them, and :class:`InvalidConfigError` for a file that cannot be parsed.
    """

    def __init__(self, name: str | None = None) -> None:
        named = name or next(filter(None, map(os.environ.get, _NAME_VARIABLES)), None)
        self.is_explicit = bool(name)
        self.name = named or "default"
        self._has_to_exist = named is not None
        self._config: dict[str, Any] | None = None

    @property
    def config_file(self) -> str:
        """The path of the config file, existing or not."""
        return _path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")

    @property
    def credentials_file(self) -> str:
        """The path of the shared credentials file, existing or not."""
        return _path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")

    def config(self) -> dict[str, Any]:
        """Both files as botocore reads them: under ``profiles`` the settings of each profile."""
        if self._config is None:
            config = _load(self.config_file, self.credentials_file)
            if self._has_to_exist and self.name not in config["profiles"]:
                raise ProfileNotFound(
                    f"there is no profile {self.name!r} in {self.config_file} or "
                    f"{self.credentials_file}"
                )
            self._config = config
        return self._config

    def settings(self) -> dict[str, Any]:
        """The settings of the profile; empty if there is none, and none was named."""
        settings: dict[str, Any] = self.config()["profiles"].get(self.name, {})
        return settings

    def get(self, *variables: str, key: str | None = None) -> Resolved | None:
        """The first of the variables that is not empty, else the profile's value of ``key``."""
        for variable in variables:
            if value := os.environ.get(variable):
                return Resolved(value, variable)
        value = self.settings().get(key) if key is not None else None
        if not value or not isinstance(value, str):
            return None
        return Resolved(value, f"{key} of profile {self.name!r}")

    def get_bool(self, variable: str, key: str) -> bool:
        """A switch: on if the variable, else the profile's key, says ``true``."""
        found = self.get(variable, key=key)
        return found is not None and is_true(found.value)

    def __repr__(self) -> str:
        return f"Profile({self.name!r})"


def is_true(value: str) -> bool:
    """Whether a setting is on; like botocore, nothing but ``true`` (in any case) is."""
    return value.lower() == "true"


def _path(path: str) -> str:
    # Path.expanduser raises where there is no home directory, as in many a container.
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111 - as botocore does


def _load(config_file: str, credentials_file: str) -> dict[str, Any]:
    config: dict[str, Any] = {"profiles": {}}
    if os.path.isfile(config_file):  # noqa: PTH113 - the paths are strings, for botocore
        config = _parse(config_file)
    if os.path.isfile(credentials_file):  # noqa: PTH113 - likewise
        for name, values in _parse(credentials_file, with_profiles=False).items():
            config["profiles"].setdefault(name, {}).update(values)
    return config


def _parse(path: str, *, with_profiles: bool = True) -> dict[str, Any]:
    from botocore.configloader import load_config, raw_config_parse

    parse = load_config if with_profiles else raw_config_parse
    problem = ""
    try:
        return dict(parse(path))
    except Exception as error:  # noqa: BLE001 - whatever it is, the file is what is wrong
        # No more than its kind: the parser's own words show the line, which can hold a key.
        problem = type(error).__name__
    raise InvalidConfigError(f"the file {path} cannot be read ({problem})")
