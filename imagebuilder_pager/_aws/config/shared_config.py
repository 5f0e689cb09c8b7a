"""Settings: from environment variables, and from the profile in AWS's shared files.

The files are those of boto3: ``~/.aws/config`` (or ``AWS_CONFIG_FILE``) and ``~/.aws/credentials``
(or ``AWS_SHARED_CREDENTIALS_FILE``). They are read once, if they exist, when a setting is first
looked up in them. Nothing that parses them is imported before that.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from ..._validation import InvalidValueError, validate_whole_number
from ...exceptions import InvalidConfigError, Problem, ProfileNotFound

if TYPE_CHECKING:
    from .shared_files import Settings

# In botocore's order: the older name comes first.
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")


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
    is in neither file, and :class:`InvalidConfigError` for a file that cannot be parsed.
    """

    def __init__(self, profile_name: str | None = None) -> None:
        name = profile_name or next(filter(None, map(os.environ.get, _PROFILE_VARIABLES)), None)
        self.is_explicit: bool = bool(profile_name)
        self.profile_name: str = name or "default"
        self._must_exist = name is not None
        self._full_config: dict[str, dict[str, Settings]] | None = None

    @property
    def config_file(self) -> str:
        """Return the path of the config file, whether or not it exists."""
        return _expand_path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")

    @property
    def credentials_file(self) -> str:
        """Return the path of the shared credentials file, whether or not it exists."""
        return _expand_path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")

    def read_config_file(self) -> dict[str, dict[str, Settings]]:
        """Return the sections of the config file, read anew: :func:`.shared_files.read_config`."""
        if not os.path.isfile(self.config_file):  # noqa: PTH113 - a string, see _expand_path
            return {"profiles": {}, "sso_sessions": {}, "services": {}}
        from .shared_files import read_config

        return read_config(self.config_file)

    def read_credentials_file(self) -> dict[str, Settings]:
        """Return the profiles of the shared credentials file, read anew."""
        if not os.path.isfile(self.credentials_file):  # noqa: PTH113 - likewise
            return {}
        from .shared_files import read_sections

        return read_sections(self.credentials_file)

    def full_config(self) -> dict[str, dict[str, Settings]]:
        """Return the sections of the config file, with the other file's settings in ``profiles``.

        A key that is in both files has the value of the shared credentials file.
        """
        if self._full_config is None:
            config = self.read_config_file()
            for name, settings in self.read_credentials_file().items():
                config["profiles"].setdefault(name, {}).update(settings)
            if self._must_exist and self.profile_name not in config["profiles"]:
                raise ProfileNotFound(
                    f"there is no profile {self.profile_name!r} in {self.config_file} or "
                    f"{self.credentials_file}{self._unreadable_files()}"
                )
            self._full_config = config
        return self._full_config

    def setting(self, key: str, profile_name: str | None = None) -> str | None:
        """Return a key of a profile (default: that of the constructor), None without it.

        Raises :class:`InvalidConfigError` for a key with nested settings.
        """
        name = profile_name or self.profile_name
        value = self.full_config()["profiles"].get(name, {}).get(key)
        if isinstance(value, dict):
            given = "nested settings given"
            raise InvalidConfigError(Problem(f"{key} of profile {name!r}", given, "one value"))
        return value

    def get(self, *variables: str, key: str | None = None) -> Resolved | None:
        """Return the first variable that is set and not empty, else the profile's ``key``."""
        for variable in variables:
            if value := os.environ.get(variable):
                return Resolved(value, variable)
        if key is None:
            return None
        value = self.setting(key)
        return Resolved(value, f"{key} of profile {self.profile_name!r}") if value else None

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
        return f"there is no profile {self.profile_name!r}{self._unreadable_files()}"

    def _unreadable_files(self) -> str:
        """Return, for an error, which of the files may not be read; "" for none."""
        paths = filter(os.path.isfile, (self.config_file, self.credentials_file))
        return "".join(
            f"; the file {path} may not be read" for path in paths if not os.access(path, os.R_OK)
        )

    def __repr__(self) -> str:
        return f"SharedConfig({self.profile_name!r})"


def _expand_path(path: str) -> str:
    # Path.expanduser raises where there is no home directory, as in many containers.
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111 - see above
