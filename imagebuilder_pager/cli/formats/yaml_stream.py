"""``--output yaml-stream``: a YAML list of the pages, written without a YAML library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

# A key that every YAML reader takes for a string; y, no, null and others are not such keys.
_PLAIN_KEY = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z][A-Za-z0-9]*")


def format_yaml_entry(value: Any) -> str:
    """Return the value as an entry of a YAML list; entries in a row are a document."""
    return "".join(f"{line}\n" for line in _entries([value], ""))


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            name = key if _PLAIN_KEY.fullmatch(key) else _scalar(key)
            if _is_inline(member):
                yield f"{indent}{name}: {_scalar(member)}"
            else:
                yield f"{indent}{name}:"
                # A list may have the indentation of its key.
                deeper = indent if isinstance(member, list) else f"{indent}  "
                yield from _block(member, deeper)
    else:
        yield from _entries(value, indent)


def _entries(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        if _is_inline(value):
            yield f"{indent}- {_scalar(value)}"
            continue
        for number, line in enumerate(_block(value, f"{indent}  ")):
            yield line if number else f"{indent}- {line[len(indent) + 2 :]}"


def _is_inline(value: Any) -> bool:
    """Say whether the value stays on the line of its key: it is a scalar, or it is empty."""
    return not isinstance(value, (dict, list)) or not value


def _scalar(value: Any) -> str:
    """Return a scalar in JSON, which is YAML once the characters are escaped that YAML forbids."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
        lambda match: f"\\u{ord(match[0]):04x}",
        text,
    )
