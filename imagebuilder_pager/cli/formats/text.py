"""``--output text``: tab-separated lines, by the AWS CLI's rules.

- The scalars of a dictionary make one line, in the order of their keys. The line begins with the
  key of the dictionary itself, in capitals.
- Dictionaries and lists within a dictionary follow on lines of their own.
- The dictionaries of a list share their columns.
- Of a list of scalars, each is a line if the list has a key; else all of them are one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def format_text(value: Any) -> str:
    """Return the lines of a value, each with its line break; none for an empty one."""
    return "".join(f"{line}\n" for line in _lines(value, None))


def _lines(value: Any, key: str | None, columns: Sequence[str] | None = None) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _dictionary_lines(value, key, columns)
    elif isinstance(value, list):
        yield from _list_lines(value, key)
    else:
        yield str(value)


def _dictionary_lines(
    members: dict[str, Any], key: str | None, columns: Sequence[str] | None
) -> Iterator[str]:
    scalars = {name for name, value in members.items() if _is_scalar(value)}
    if columns is None:
        columns = sorted(scalars)
    if columns:
        cells = [str(members.get(name, "")) for name in columns]
        yield "\t".join(cells if key is None else [key.upper(), *cells])
    for name in sorted(members.keys() - set(columns)):
        yield from _lines(members[name], name)


def _list_lines(values: list[Any], key: str | None) -> Iterator[str]:
    if any(isinstance(value, dict) for value in values):
        columns = sorted(
            {
                name
                for value in values
                if isinstance(value, dict)
                for name, member in value.items()
                if _is_scalar(member)
            }
        )
        for value in values:
            yield from _lines(value, key, columns)
        return
    scalars = [str(value) for value in values if _is_scalar(value)]
    if scalars and key is None:
        yield "\t".join(scalars)
    elif key is not None:
        yield from (f"{key.upper()}\t{scalar}" for scalar in scalars)
    for value in values:
        if not _is_scalar(value):
            yield from _lines(value, key)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (dict, list))
