"""Settings: from environment variables, and from the profile in AWS's shared files.

The files are those of boto3: ``~/.aws/config`` (or ``AWS_CONFIG_FILE``) and ``~/.aws/credentials``
(or ``AWS_SHARED_CREDENTIALS_FILE``). They are read once, if they exist, when a setting is first
looked up in them. Nothing that parses them is imported before that.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, NamedTuple

from ..._validation import InvalidValueError, importing, validate_whole_number
from ...exceptions import InvalidConfigError, Problem, ProfileNotFound

# In botocore's order: the older name comes first.
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_MAX_FILE_BYTES = 16 * 1024 * 1024  # many thousands of profiles


class Resolved(NamedTuple):
    """A setting and its source: the name of a variable, or a key and its profile."""

    value: str
    source: str

    def invalid(self, allowed: str) -> InvalidConfigError:
        """Return the error for a value that is not allowed."""
        return InvalidConfigError(Problem(self.source, f"{self.value[:80]!r} given", allowed))


class SharedConfig:
    """The settings of one profile, and of the environment variables that take precedence.

    ``profile_name`` is the argument, else ``AWS_DEFAULT_PROFILE``, else ``AWS_PROFILE``, else
    ``default``. ``is_explicit`` says that it is the argument: the credentials of the environment
    are then not used, as in boto3.

    The methods that read the files raise :class:`ProfileNotFound` for a profile that was named and
    is in neither file, :class:`InvalidConfigError` for a file that cannot be parsed, and
    :class:`MissingDependencyException` for a file where botocore is not installed.
    """

    #: How to do without the files, for an error.
    WITHOUT_FILES = (
        "set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to /dev/null, and unset AWS_PROFILE"
    )

    def __init__(self, profile_name: str | None = None) -> None:
        name = profile_name or next(filter(None, map(os.environ.get, _PROFILE_VARIABLES)), None)
        self.is_explicit: bool = bool(profile_name)
        self.profile_name: str = name or "default"
        self._must_exist = name is not None
        self._full_config: dict[str, Any] | None = None

    @property
    def config_file(self) -> str:
        """Return the path of the config file, whether or not it exists."""
        return _expand_path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")

    @property
    def credentials_file(self) -> str:
        """Return the path of the shared credentials file, whether or not it exists."""
        return _expand_path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")

    def has_files(self) -> bool:
        """Return whether one of the two files exists."""
        # The paths are strings, for botocore.
        return os.path.isfile(self.config_file) or os.path.isfile(self.credentials_file)  # noqa: PTH113

    def full_config(self) -> dict[str, Any]:
        """Return both files as botocore does: ``profiles`` has the settings of each profile."""
        if self._full_config is None:
            config = _load(self.config_file, self.credentials_file)
            if self._must_exist and self.profile_name not in config["profiles"]:
                raise ProfileNotFound(
                    f"there is no profile {self.profile_name!r} in {self.config_file} or "
                    f"{self.credentials_file}"
                )
            self._full_config = config
        return self._full_config

    def get(self, *variables: str, key: str | None = None) -> Resolved | None:
        """Return the first variable that is set and not empty, else the profile's ``key``."""
        for variable in variables:
            if value := os.environ.get(variable):
                return Resolved(value, variable)
        if key is None:
            return None
        value = self.full_config()["profiles"].get(self.profile_name, {}).get(key)
        if not value or not isinstance(value, str):
            return None
        return Resolved(value, f"{key} of profile {self.profile_name!r}")

    def get_bool(self, variable: str, key: str | None = None) -> bool:
        """Return whether the variable, else the profile's key, is ``true`` in any case.

        No other word is, as in botocore.
        """
        resolved = self.get(variable, key=key)
        return resolved is not None and resolved.value.lower() == "true"

    def get_choice(self, variable: str, key: str, choices: Collection[str]) -> str | None:
        """Return the variable, else the profile's key; None if neither is set.

        Raises :class:`InvalidConfigError` for a value that is not one of the choices.
        """
        resolved = self.get(variable, key=key)
        if resolved is not None and resolved.value not in choices:
            raise resolved.invalid(", ".join(choices))
        return None if resolved is None else resolved.value

    def get_whole_number(self, variable: str, key: str) -> int | None:
        """Return the variable, else the profile's key, as a whole number; None if neither is set.

        Raises :class:`InvalidConfigError` for anything but a whole number from 1 on.
        """
        resolved = self.get(variable, key=key)
        if resolved is None:
            return None
        try:
            return validate_whole_number(resolved.source, resolved.value, minimum=1, convert=True)
        except InvalidValueError as error:
            raise InvalidConfigError(error.problem) from None

    def missing_key_reason(self, key: str) -> str:
        """Return why the profile has no ``key``, for an error."""
        if self.profile_name in self.full_config()["profiles"]:
            return f"the profile {self.profile_name!r} has no {key}"
        return f"there is no profile {self.profile_name!r}"

    def __repr__(self) -> str:
        return f"SharedConfig({self.profile_name!r})"


def _expand_path(path: str) -> str:
    # Path.expanduser raises where there is no home directory, as in many containers.
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
    with importing(
        "botocore", purpose=f"reading the file {path}", otherwise=SharedConfig.WITHOUT_FILES
    ):
        from botocore.configloader import load_config, raw_config_parse

    parse = load_config if with_profiles else raw_config_parse
    try:
        if os.path.getsize(path) > _MAX_FILE_BYTES:  # noqa: PTH202 - a string, for botocore
            raise InvalidConfigError(f"the file {path} is larger than 16 MiB")
        return dict(parse(path))
    except InvalidConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - any error means that the file is invalid
        # Not the parser's message: it shows the line, which can hold a secret key.
        reason = type(error).__name__
    raise InvalidConfigError(f"the file {path} cannot be read ({reason})")
