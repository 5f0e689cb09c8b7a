"""The syntax of AWS's shared files: sections, keys and their values, read as botocore reads them.

- ``[name]`` begins a section. ``key = value`` or ``key: value`` is a setting of it; keys are in
  lower case. A second section of a name, or a second key in a section, is an error.
- A line that is indented deeper than its key continues the value. If nothing is on the key's own
  line, the lines below it are nested settings, ``key = value`` each, in the case that they have.
- A line that begins with ``#`` or ``;`` is a comment. Behind a value, both are part of the value.
- ``[DEFAULT]``, in capitals, has the values of the keys that another section does not have.
- A file that cannot be opened has no sections. Anything else that does not fit is an error with the
  number of the line, never with its text, which can be a secret key.

The module is imported where one of the files exists.
"""

from __future__ import annotations

import codecs
import re
import shlex

from ...exceptions import InvalidConfigError

#: The settings of a section; those of a key with nested settings are a mapping.
Settings = dict[str, str | dict[str, str]]

_MAX_BYTES = 16 * 1024 * 1024  # many thousands of profiles
_MAX_HEADER = 64 * 1024  # shlex.split() takes time by the square of it
#: The lines of a value, each with its number in the file.
_Lines = list[tuple[int, str]]
#: By the first word of a section's header in the config file: the mapping that it is in.
_KINDS = {"profile": "profiles", "sso-session": "sso_sessions", "services": "services"}


def read_config(path: str) -> dict[str, dict[str, Settings]]:
    """Return the sections of the config file: ``profiles``, ``sso_sessions`` and ``services``.

    Each is by name, without the quotes that a name may have: ``[profile "a b"]``. ``[default]`` is
    a profile; of it and ``[profile default]``, the later one counts. Other sections are left out.
    """
    config: dict[str, dict[str, Settings]] = {kind: {} for kind in _KINDS.values()}
    for header, settings in read_sections(path).items():
        if header == "default":
            config["profiles"][header] = settings
        for word, kind in _KINDS.items():
            if header.startswith(word) and (name := _second_word(header)) is not None:
                config[kind][name] = settings
    return config


def read_sections(path: str) -> dict[str, Settings]:
    """Return the settings of a file by section. Raises :class:`InvalidConfigError`."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a string, as in SharedConfig
            content = file.read(_MAX_BYTES + 1)
    except OSError:
        return {}
    if len(content) > _MAX_BYTES:
        raise InvalidConfigError(f"the file {path} is larger than 16 MiB")
    if content.startswith(codecs.BOM_UTF8):
        raise _invalid(
            path, 1, "it begins with a byte order mark, which boto3 does not read either"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
    else:
        return _parse(path, text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    # Outside of the handler: the error's context has the content.
    raise _invalid(path, number, "it is not UTF-8")


def _parse(path: str, lines: list[str]) -> dict[str, Settings]:
    defaults: dict[str, _Lines] = {}
    sections: dict[str, dict[str, _Lines]] = {}
    section: dict[str, _Lines] | None = None
    value: _Lines | None = None
    key_indent = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if text.startswith(("#", ";")):
            continue
        if value is not None and (not text or indent > key_indent):
            value.append((number, text))
        elif text.startswith("[") and (end := text.rfind("]")) > 1:
            header = text[1:end]
            if len(header) > _MAX_HEADER:
                raise _invalid(path, number, "a section's name is longer than 65536 characters")
            if header in sections:
                raise _invalid(path, number, "an earlier section has the same name")
            section = defaults if header == "DEFAULT" else sections.setdefault(header, {})
            value = None
        elif text:
            key, *rest = re.split("[=:]", text, maxsplit=1)
            if section is None:
                raise _invalid(path, number, "it is before the first [section]")
            if not key or not rest:
                raise _invalid(path, number, "neither [section], key = value nor # comment")
            key = key.rstrip().lower()
            if key in section:
                raise _invalid(path, number, "an earlier line of its section has the same key")
            value = section[key] = [(number, rest[0].strip())]
            key_indent = indent
    return {
        header: {key: _join(path, value) for key, value in (defaults | section).items()}
        for header, section in sections.items()
    }


def _join(path: str, lines: _Lines) -> str | dict[str, str]:
    """Return the value of a key, a mapping if there are nested settings."""
    text = "\n".join(line for _, line in lines).rstrip()
    if not text.startswith("\n"):
        return text
    nested = {}
    for number, line in lines:
        for part in filter(str.strip, line.splitlines()):
            key, equals, value = part.partition("=")
            if not equals:
                raise _invalid(path, number, "a nested setting is key = value")
            nested[key.strip()] = value.strip()
    return nested


def _second_word(header: str) -> str | None:
    """Return the name in ``[profile name]``, None for another number of words than two."""
    try:
        words = shlex.split(header)
    except ValueError:  # a quote that is not closed
        return None
    return words[1] if len(words) == 2 else None


def _invalid(path: str, number: int, reason: str) -> InvalidConfigError:
    return InvalidConfigError(f"the file {path} cannot be read: line {number}: {reason}")
