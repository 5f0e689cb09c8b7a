"""The AWS CLI's shorthand for a structure: ``name=platform,values=Linux,Windows``.

The rules:

- Commas separate pairs of a name and a value. Behind a comma, anything but a name is one more
  value, which makes it a list.
- A list may be in brackets: ``values=[Linux]``.
- A value in single or double quotes may have commas, brackets and equals signs in it. A backslash
  makes a comma, or in quotes a quote, a part of the value.
- Spaces around names, values and signs mean nothing.
- A single value of a member that is a list is a list of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from .._params import Param
from .exit_codes import UsageError

_NAME = re.compile(r"\s*([\w./:#-]+)\s*=\s*", re.ASCII)
_QUOTED = {
    "'": re.compile(r"'((?:\\'|[^'])*)'\s*"),
    '"': re.compile(r'"((?:\\"|[^"])*)"\s*'),
}
_WORD = re.compile(r"""((?:(?:\\,|[^,'"=[{])(?:\\,|[^,'"\]}])*)?)\s*""")
# Behind a comma, an equals sign would make it a name.
_NEXT_WORD = re.compile(r"""((?:\\,|[^,'"=[{])(?:\\,|[^,'"=])*)\s*""")
_COMMA, _OPEN, _CLOSE = (re.compile(rf"({re.escape(sign)})\s*") for sign in ",[]")


def parse_shorthand(option: str, members: Mapping[str, Param], text: str) -> dict[str, Any]:
    """Return the structure, with these members, that the text of an option means.

    Raises :class:`UsageError` that shows where it cannot be read.
    """
    lists = {name for name, param in members.items() if param.type == "list"}
    return {
        name: [value] if name in lists and isinstance(value, str) else value
        for name, value in _Reader(option, text).pairs().items()
    }


class _Reader:
    """The text of a structure, and the position up to which it has been read."""

    def __init__(self, option: str, text: str) -> None:
        self._option = option
        self._text = text
        self._position = 0

    def pairs(self) -> dict[str, str | list[str]]:
        """Read all of it."""
        found: dict[str, str | list[str]] = {}
        while True:
            start = self._position
            name = self._take(_NAME, "a name with =")
            if name in found:
                self._fail(f"{name} once; its values are separated by commas", start)
            found[name] = self._value()
            if self._position == len(self._text):
                return found
            self._take(_COMMA, "','")

    def _value(self) -> str | list[str]:
        """Read a value up to the comma before the next name, or to the end."""
        if self._is_at("["):
            return self._bracketed_list()
        items = [self._item(_WORD)]
        while self._is_at(",") and not _NAME.match(self._text, self._position + 1):
            self._take(_COMMA, "','")
            items.append(self._item(_NEXT_WORD))
        return items if len(items) > 1 else items[0]

    def _bracketed_list(self) -> list[str]:
        self._take(_OPEN, "'['")
        items: list[str] = []
        while not self._is_at("]"):
            items.append(self._item(_WORD))
            if not self._is_at("]"):
                self._take(_COMMA, "','")
        self._take(_CLOSE, "']'")
        return items

    def _item(self, word: re.Pattern[str]) -> str:
        for quote, quoted in _QUOTED.items():
            if self._is_at(quote):
                item = self._take(quoted, "a closing quote")
                return item.replace(f"\\{quote}", quote).replace("\\\\", "\\")
        return self._take(word, "a value").replace("\\,", ",").rstrip()

    def _is_at(self, sign: str) -> bool:
        return self._text.startswith(sign, self._position)

    def _take(self, pattern: re.Pattern[str], expected: str) -> str:
        """Read a match of the pattern, and return its group."""
        match = pattern.match(self._text, self._position)
        if match is None:
            self._fail(expected, self._position)
        self._position = match.end()
        return match[1]

    def _fail(self, expected: str, position: int) -> NoReturn:
        line = self._text.replace("\n", " ")
        raise UsageError(
            f"Error parsing parameter '{self._option}': Expected {expected} at the mark:\n"
            f"{line}\n{' ' * position}^"
        )
