"""The resume token: service tokens and an offset, packed into one string.

The format is botocore's, byte for byte, so that a token taken by boto3 or the AWS CLI resumes here
and the other way round: base64 of the JSON object ``{input token: value, ...}`` with the number of
items to skip as ``boto_truncate_amount``, and, where values are bytes, their paths as
``boto_encoded_keys``.

A starting token is untrusted input. From any value, :func:`parse_starting_token` returns values of
the input tokens and an offset, and nothing else, or it raises :class:`StartingTokenError`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._validation import InvalidValueError, describe_invalid_value, validate_whole_number
from ..exceptions import Problem, StartingTokenError

OFFSET_KEY = "boto_truncate_amount"
ENCODED_KEYS_KEY = "boto_encoded_keys"

# The limit where the spec has none. Pages of AWS services have far fewer items; a larger
# offset would only skip page after page.
MAX_OFFSET = 1_000_000
# DynamoDB, whose tokens are structures, allows 32 levels.
MAX_DEPTH = 64


class StartingPoint(NamedTuple):
    """The point at which a starting token resumes.

    - ``tokens``: the values of the input tokens, None for those that are absent.
    - ``offset``: the number of items to skip.
    """

    tokens: Mapping[str, Any]
    offset: int


def encode_token(token: Mapping[str, Any]) -> str:
    """Pack a mapping of JSON values and bytes into a string, as botocore's ``TokenEncoder`` does.

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
    """Unpack a string that :func:`encode_token` made.

    Raises :class:`StartingTokenError` (a ``ValueError``) for any other.
    """
    decoded = _decode_base64_json(token)
    if decoded is _NOT_JSON:
        raise StartingTokenError("the token is not JSON in base64")
    return _restore_bytes(_require_object(decoded))


def parse_starting_token(
    token: object, input_tokens: Sequence[str], max_offset: int = MAX_OFFSET
) -> StartingPoint:
    """Return the point at which a starting token resumes.

    A token has one of three forms, tried in botocore's order:

    - a resume token: an object in base64 with at least one of ``input_tokens`` or the offset. Any
      further member is an error; missing input tokens are None.
    - the legacy form of old botocore versions, ``token___12``: the values in order and an offset,
      with ``None`` for no token.
    - else the service's own token, passed on unchanged. An object in base64 without any member of
      a resume token is such a token.

    Raises :class:`StartingTokenError` for an invalid token.
    """
    if not isinstance(token, str) or not token:
        raise StartingTokenError(
            describe_invalid_value("StartingToken", token, "the NextToken of an earlier result")
        )
    decoded = _decode_base64_json(token)
    if decoded is _NOT_JSON:
        return _parse_legacy_token(token, input_tokens, max_offset)
    members = _require_object(decoded)
    allowed = {*input_tokens, OFFSET_KEY, ENCODED_KEYS_KEY}
    if not members.keys() & allowed:
        return StartingPoint(_map_to_input_tokens([token], input_tokens), 0)
    if unknown := sorted(members.keys() - allowed):
        names = ", ".join(repr(name[:40]) for name in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        known = ", ".join(map(repr, input_tokens))
        raise _token_error(f"it would set {names}{more}", f"{known} and an offset")
    _check_depth(members)
    members = _restore_bytes(members)
    offset = _validate_offset(members.pop(OFFSET_KEY, 0), max_offset)
    # The order of members in the token is kept, so that tokens made from it are botocore's bytes.
    missing = {name: None for name in input_tokens if name not in members}
    return StartingPoint(members | missing, offset)


def _parse_legacy_token(token: str, input_tokens: Sequence[str], max_offset: int) -> StartingPoint:
    parts = token.split("___")
    offset = 0
    if len(parts) == len(input_tokens) + 1:
        try:
            offset = int(parts[-1])
        except ValueError:
            parts = [token]
        else:
            parts.pop()
            offset = _validate_offset(offset, max_offset)
    if len(parts) > len(input_tokens):
        allowed = f"{len(input_tokens)} and an offset"
        raise _token_error(f"{len(parts)} parts separated by '___'", allowed)
    values = [None if part == "None" else part for part in parts]
    return StartingPoint(_map_to_input_tokens(values, input_tokens), offset)


def _map_to_input_tokens(
    values: Sequence[str | None], input_tokens: Sequence[str]
) -> dict[str, Any]:
    return {
        name: values[index] if index < len(values) else None
        for index, name in enumerate(input_tokens)
    }


def _validate_offset(offset: object, maximum: int) -> int:
    try:
        return validate_whole_number("offset", offset, minimum=0, maximum=maximum)
    except InvalidValueError as error:
        name, given, allowed = error.problem
        raise _token_error(f"{name}: {given}", allowed) from None


_NOT_JSON: Any = object()
_NESTED_TOO_DEEPLY = "JSON in base64, nested too deeply"


def _decode_base64_json(token: str) -> Any:
    try:
        # A token copied from a terminal may have white space in it.
        text = base64.b64decode("".join(token.split()), validate=True).decode()
    except ValueError:
        return _NOT_JSON
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return _NOT_JSON
    except RecursionError:
        raise _token_error(_NESTED_TOO_DEEPLY) from None
    except ValueError:
        # Python parses no whole number of more than some thousand digits.
        raise _token_error("JSON in base64, with a number of too many digits") from None


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
        raise _token_error(_NESTED_TOO_DEEPLY)


def _token_error(reason: str, allowed: str = "") -> StartingTokenError:
    return StartingTokenError(Problem("StartingToken", reason, allowed))


def _require_object(decoded: Any) -> dict[str, Any]:
    if not isinstance(decoded, dict):
        raise _token_error(
            f"JSON in base64, but a {type(decoded).__name__}",
            "an object that a paginator has made, or a token of the service",
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
        for *parents, last in paths:
            target: Any = token
            for key in parents:
                target = target[key]
            target[last] = base64.b64decode(target[last].encode(), validate=True)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _token_error(f"its {ENCODED_KEYS_KEY} do not fit its members") from error
    return token
