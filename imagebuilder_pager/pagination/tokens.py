"""The resume token: service tokens and an offset, packed into one string.

The format is botocore's, byte for byte, so that a token taken by boto3 or the AWS CLI resumes here
and the other way round: base64 of the JSON object ``{input token: value, ...}`` with the number of
items to skip as ``boto_truncate_amount``, and, where values are bytes, their paths as
``boto_encoded_keys``.

A starting token is untrusted input. Whatever a caller hands in, :func:`parse_starting_token` gives
values for the input tokens and an offset, nothing else, or raises :class:`StartingTokenError`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import StartingTokenError

__all__ = ["decode_token", "encode_token", "parse_starting_token"]


OFFSET_KEY = "boto_truncate_amount"
ENCODED_KEYS_KEY = "boto_encoded_keys"

# No page of any AWS service comes near this; an offset beyond it would only page through
# everything there is to skip it.
MAX_OFFSET = 1_000_000
# DynamoDB, whose tokens are structures, allows 32 levels.
MAX_DEPTH = 64


def encode_token(token: Mapping[str, Any]) -> str:
    """Packs a mapping of JSON values and bytes into a string (botocore's ``TokenEncoder``).

    Raises ``TypeError`` for a value that is neither JSON nor bytes.
    """
    try:
        text = json.dumps(token)
    except TypeError:
        paths: list[list[str | int]] = []
        plain = _bytes_to_base64(token, [], paths)
        text = json.dumps({**plain, ENCODED_KEYS_KEY: paths})
    return base64.b64encode(text.encode()).decode()


def decode_token(token: str) -> dict[str, Any]:
    """Unpacks what :func:`encode_token` packed.

    Raises :class:`StartingTokenError` (a ``ValueError``) for anything else.
    """
    decoded = _json_in_base64(token)
    if decoded is _NOT_JSON:
        raise StartingTokenError("the token is not JSON in base64")
    return _restore_bytes(_require_object(decoded))


def parse_starting_token(token: object, input_tokens: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The values of the input tokens, and the number of items to skip, from a starting token.

    A token is one of three things, and botocore's order of trying is kept:

    - a resume token: an object in base64 with at least one of ``input_tokens`` or the offset in it;
      any further member is refused, and input tokens that it lacks are None;
    - the form of old botocore versions, ``token___12``: values in order and an offset, ``None`` for
      no token;
    - else the service's own token, passed on as it is. An object in base64 that has nothing of a
      resume token in it is such a token.

    Raises :class:`StartingTokenError` that says what is wrong with the token.
    """
    if not isinstance(token, str):
        raise StartingTokenError(
            f"StartingToken: {type(token).__name__} given; allowed: a string, a NextToken of an "
            "earlier result"
        )
    if not token:
        raise StartingTokenError("StartingToken: an empty string given; allowed: a NextToken")
    decoded = _json_in_base64(token)
    if decoded is _NOT_JSON:
        return _parse_old_form(token, input_tokens)
    members = _require_object(decoded)
    allowed = {*input_tokens, OFFSET_KEY, ENCODED_KEYS_KEY}
    if not members.keys() & allowed:
        return _in_order([token], input_tokens), 0
    if foreign := sorted(members.keys() - allowed):
        shown = ", ".join(repr(name[:40]) for name in foreign[:5])
        more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
        raise StartingTokenError(
            f"StartingToken: it would set {shown}{more}; allowed in a token: "
            f"{', '.join(map(repr, input_tokens))} and an offset"
        )
    _check_depth(members)
    members = _restore_bytes(members)
    offset = _checked_offset(members.pop(OFFSET_KEY, 0))
    # The token's own order of members is kept: tokens made from it are botocore's bytes.
    return members | {name: None for name in input_tokens if name not in members}, offset


def _parse_old_form(token: str, input_tokens: Sequence[str]) -> tuple[dict[str, Any], int]:
    parts = token.split("___")
    offset = 0
    if len(parts) == len(input_tokens) + 1:
        try:
            offset = int(parts[-1])
        except ValueError:
            parts = [token]
        else:
            parts.pop()
            offset = _checked_offset(offset)
    if len(parts) > len(input_tokens):
        raise StartingTokenError(
            f"StartingToken: {len(parts)} parts separated by '___'; allowed: "
            f"{len(input_tokens)} and an offset"
        )
    return _in_order([None if part == "None" else part for part in parts], input_tokens), offset


def _in_order(values: Sequence[str | None], input_tokens: Sequence[str]) -> dict[str, Any]:
    return {
        name: values[index] if index < len(values) else None
        for index, name in enumerate(input_tokens)
    }


def _checked_offset(offset: object) -> int:
    if isinstance(offset, bool) or not isinstance(offset, int):
        given = f"{type(offset).__name__} {str(offset)[:40]!r}"
    elif offset < 0 or offset > MAX_OFFSET:
        given = str(offset) if abs(offset) < 10**20 else "a number of more than 20 digits"
    else:
        return offset
    raise StartingTokenError(
        f"StartingToken: its offset is {given}; allowed: a whole number from 0 to {MAX_OFFSET}"
    )


_NOT_JSON: Any = object()


def _json_in_base64(token: str) -> Any:
    try:
        # White space may have come in where a token was copied from a terminal.
        text = base64.b64decode("".join(token.split()), validate=True).decode()
    except ValueError:
        return _NOT_JSON
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return _NOT_JSON
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        # Python reads no whole number of more than some thousand digits.
        raise StartingTokenError(
            "StartingToken: JSON in base64, with a number of too many digits"
        ) from None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (
                outer.values() if isinstance(outer, dict) else outer if type(outer) is list else ()
            )
        ]
    if level:
        raise _too_deep()


def _too_deep() -> StartingTokenError:
    return StartingTokenError("StartingToken: JSON in base64, nested too deeply")


def _require_object(decoded: Any) -> dict[str, Any]:
    if not isinstance(decoded, dict):
        raise StartingTokenError(
            f"StartingToken: JSON in base64, but a {type(decoded).__name__}; allowed: an object "
            "that a paginator has made, or a token of the service"
        )
    return decoded


def _bytes_to_base64(value: Any, path: list[str | int], paths: list[list[str | int]]) -> Any:
    if isinstance(value, bytes):
        paths.append(path)
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _bytes_to_base64(item, [*path, key], paths) for key, item in value.items()}
    if isinstance(value, list):
        return [_bytes_to_base64(item, [*path, i], paths) for i, item in enumerate(value)]
    return value


def _restore_bytes(token: dict[str, Any]) -> dict[str, Any]:
    paths = token.pop(ENCODED_KEYS_KEY, None)
    if paths is None:
        return token
    try:
        for *way, last in paths:
            container: Any = token
            for step in way:
                container = container[step]
            container[last] = base64.b64decode(container[last].encode(), validate=True)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise StartingTokenError(
            f"StartingToken: its {ENCODED_KEYS_KEY} do not fit its members"
        ) from error
    return token
