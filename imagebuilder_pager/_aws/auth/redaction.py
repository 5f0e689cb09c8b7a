"""Secrets out of texts from outside: a service or a proxy may repeat what it was sent.

The rule: they are found by their values, in whatever form those are repeated, and not by what
stands around them. So every text from outside that goes into an error or a log goes through
:func:`redact`, with the values that were sent.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from ...exceptions import Problem
from ..identity import CredentialsLike

_REMOVED = "(removed)"
#: A shorter value cannot be told from a word.
_MIN_SECRET_LENGTH = 8
#: So much of a longer value is removed too: a text may be cut off, or broken into lines.
_MIN_PART_LENGTH = 16
#: Any part of that length has a whole block of this length, at a multiple of it.
_BLOCK_LENGTH = 8
#: Characters of a text; the rest is of no use in an error.
_MAX_TEXT_LENGTH = 256 * 1024

# Of URLs, JSON, Python, XML and HTML, one within another too; and line breaks with an indent.
_ESCAPE = re.compile(
    r"%(?:25)*(?P<percent>[0-9A-Fa-f]{2})"
    r"|\\+(?:u00|x)(?P<hex>[0-9A-Fa-f]{2})"
    r"|&(?:amp;)*\#(?:x0*(?P<xml_hex>[0-9A-Fa-f]{2})|0*(?P<xml>[0-9]{2,3}));"
    r"|&(?:amp;)*(?P<name>amp|lt|gt|quot|apos|sol|plus|equals);"
    r"|\\+(?P<break>[rn])[ \t]*|\\+(?P<plain>[/+='\"\\])|(?P<newline>[\r\n])[ \t]*"
)
_NAMES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"} | {
    "sol": "/",
    "plus": "+",
    "equals": "=",
}


def secrets_of(credentials: CredentialsLike, authorization: str = "") -> set[str]:
    """Return the values of credentials, and of a header ``Authorization``, that nobody may see."""
    values = {credentials.secret_key, credentials.token, authorization.rpartition("Signature=")[2]}
    return {value for value in values if value}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, and without longer parts of them.

    They are found as they are, percent-encoded, escaped as in JSON, Python or XML, in base64 and in
    hexadecimal, and across line breaks.
    """
    values = [value for value in set(secrets) if len(value) >= _MIN_SECRET_LENGTH]
    if not values or not text:
        return text
    if len(text) > _MAX_TEXT_LENGTH:
        text = f"{text[:_MAX_TEXT_LENGTH]}..."
    plain, offsets, shifts = _unescape(text)
    spans: list[tuple[int, int]] = []
    for value in values:
        for form in (value, *_encoded_forms(value)):
            spans += _find_parts(plain, form)
    if not spans:
        return text
    pieces: list[str] = []
    end = 0
    for first, after in sorted(spans):
        start = _to_raw(first, offsets, shifts)
        if start >= end:
            pieces += (text[end:start], _REMOVED)
        end = max(end, _to_raw(after, offsets, shifts))
    return "".join((*pieces, text[end:]))


def redact_error(error: BaseException, secrets: Iterable[str]) -> None:
    """Redact the texts of an error, and of those that it was raised from."""
    values = frozenset(secrets)
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        raised = waiting.pop()
        if raised is None or id(raised) in seen:
            continue
        seen.add(id(raised))
        waiting += (raised.__cause__, raised.__context__)
        if (arguments := _redact_value(raised.args, values)) != raised.args:
            raised.args = arguments
        for name, member in list(vars(raised).items()):
            if (redacted := _redact_value(member, values)) != member:
                setattr(raised, name, redacted)


def _redact_value(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if type(value) is dict:
        return {_redact_value(k, secrets): _redact_value(v, secrets) for k, v in value.items()}
    if isinstance(value, Problem):
        return Problem(*(redact(text, secrets) for text in value))
    if type(value) in {list, tuple}:
        return type(value)(_redact_value(member, secrets) for member in value)
    return value


def _unescape(text: str) -> tuple[str, list[int], list[int]]:
    """Return the text without its escapes.

    The second list has, for each of its characters with an index in the first list and for those
    behind it, how many characters more there are before it in the text.
    """
    pieces: list[str] = []
    offsets, shifts = [0], [0]
    length = end = 0
    for match in _ESCAPE.finditer(text):
        pieces.append(text[end : match.start()])
        length += match.start() - end
        end = match.end()
        if character := _character(match):
            pieces.append(character)
            length += 1
        offsets.append(length)
        shifts.append(end - length)
    pieces.append(text[end:])
    return "".join(pieces), offsets, shifts


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind in {"break", "newline"}:
        return ""
    if kind == "name":
        return _NAMES[value]
    return value if kind == "plain" else chr(int(value, 10 if kind == "xml" else 16))


def _to_raw(index: int, offsets: list[int], shifts: list[int]) -> int:
    """Return where in the text a character of the unescaped text begins."""
    # Of several with the same index, the last: what is between them is nothing in the end.
    return index + shifts[bisect_right(offsets, index) - 1]


def _encoded_forms(value: str) -> Iterator[str]:
    """Go through the ways in which bytes are written as text."""
    data = value.encode()
    for prefix in (b"", b"\0", b"\0\0"):
        # What stands before and behind decides the first and the last characters: without those.
        encoded = base64.b64encode(prefix + data).decode().rstrip("=")
        encoded = encoded[2 * len(prefix) :][: -2 or None]
        yield encoded
        yield encoded.translate(_URL_SAFE)
    for separator in ("", " "):
        hexadecimal = data.hex(separator) if separator else data.hex()
        yield hexadecimal
        yield hexadecimal.upper()


_URL_SAFE = str.maketrans("+/", "-_")


def _find_parts(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Go through the places at which a value, or a longer part of it, stands."""
    needed = min(_MIN_PART_LENGTH, len(value))
    for position in range(0, len(value) - _BLOCK_LENGTH + 1, _BLOCK_LENGTH):
        block = value[position : position + _BLOCK_LENGTH]
        found = text.find(block)
        while found >= 0:
            start, first = found, position
            while start and first and text[start - 1] == value[first - 1]:
                start, first = start - 1, first - 1
            end, last = found + _BLOCK_LENGTH, position + _BLOCK_LENGTH
            while end < len(text) and last < len(value) and text[end] == value[last]:
                end, last = end + 1, last + 1
            if end - start >= needed:
                yield start, end
                # The other blocks of the value need not find this place again.
                text = f"{text[:start]}{_FOUND * (end - start)}{text[end:]}"
            found = text.find(block, found + 1)


_FOUND = "\0"
