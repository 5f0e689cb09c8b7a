"""The token of a nest: at each level the page and the item that it stands in.

It is base64 of JSON::

    {
        "nest": "<fingerprint>",
        "levels": [{"page": {...}, "at": 3, "before": 50, "id": "...", "passed": "..."}, ...],
    }

One entry a level, the outermost first. ``page`` are the tokens in the request of a page, none for
the first page. ``at`` is the index of an item from that page on, ``before`` the number of items
before that page, ``id`` the item's id, ``passed`` the digests of the items before it on the page.
The nest goes on within the item of the last entry, and then behind it. With ``"next": true``, which
the last entry may have, the nest goes on *with* the item at that index, and ``id`` is that of the
item before it.

The size is bounded: for each level the tokens of one page, one id, two numbers and at most
``MAX_PASSED`` digests, whatever the length of the nest; and never more than ``MAX_TOKEN_LENGTH``.
The fingerprint is that of the levels and of the arguments, so that the token of another nest is an
error. A starting token is untrusted input: from any value, :func:`parse_nest_token` returns entries
of these types, or it raises :class:`StartingTokenError`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._validation import InvalidValueError, describe_invalid_value, validate_whole_number
from ...exceptions import PaginationError, ParamValidationError, Problem, StartingTokenError
from ..tokens import NEST_TOKEN_KEYS, decode_token, encode_token, parse_starting_token
from .level import NestLevel

#: The most characters of a token. Four levels with the longest tokens of AWS take half of it.
MAX_TOKEN_LENGTH = 1_000_000
#: The most items of one listing, as a bound for the numbers in a token.
MAX_ITEMS = 1_000_000_000

#: The most digests of items in one entry, each of 8 hexadecimal digits.
MAX_PASSED = 100

_VERSION = 1
_REQUIRED = {"page", "at", "before", "id"}
_PASSED = re.compile(r"(?:[0-9a-f]{8}){0,100}")


class TokenEntry(NamedTuple):
    """One level of a token; see above."""

    page: Mapping[str, Any]
    at: int
    before: int
    id: str | None
    is_next: bool = False
    passed: tuple[str, ...] = ()


def fingerprint_of(levels: Sequence[NestLevel], arguments: Mapping[str, Any]) -> str:
    """Return a short fingerprint of a nest: 16 hexadecimal digits.

    ``arguments`` are values that JSON has.
    """
    tree = [[level.name, level.spec.input_tokens] for level in levels]
    text = json.dumps([_VERSION, tree, arguments], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def encode_nest_token(fingerprint: str, entries: Iterable[TokenEntry]) -> str:
    """Return the token of the entries.

    Raises :class:`PaginationError` for one that would be too long to be taken again.
    """
    levels = [
        {
            "page": dict(entry.page),
            "at": entry.at,
            "before": entry.before,
            "id": entry.id,
            **({"next": True} if entry.is_next else {}),
            **({"passed": "".join(entry.passed)} if entry.passed else {}),
        }
        for entry in entries
    ]
    token = encode_token({"nest": fingerprint, "levels": levels})
    if len(token) > MAX_TOKEN_LENGTH:
        raise PaginationError(
            f"the resume token has {len(token)} characters, since the service's tokens are long; "
            f"allowed: {MAX_TOKEN_LENGTH}"
        )
    return token


def parse_nest_token(
    token: object, levels: Sequence[NestLevel], fingerprint: str
) -> tuple[TokenEntry, ...]:
    """Return the entries of a starting token, at least one.

    Raises :class:`StartingTokenError` for one that is not a token of this nest.
    """
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_LENGTH:
        allowed = f"the resume_token of an earlier walk, at most {MAX_TOKEN_LENGTH} characters"
        raise StartingTokenError(describe_invalid_value("StartingToken", token, allowed))
    try:
        document = decode_token(token)
    except StartingTokenError:
        raise _token_error("it is not JSON in base64") from None
    if document.keys() != NEST_TOKEN_KEYS:
        raise _token_error("it has other members than the token of a walk")
    if document["nest"] != fingerprint:
        raise _token_error("it belongs to another walk, or to other arguments")
    given = document["levels"]
    if not isinstance(given, list) or not 0 < len(given) <= len(levels):
        raise _token_error(f"its levels are not a list of 1 to {len(levels)}")
    entries = tuple(map(_parse_entry, given, levels))
    if any(entry.is_next for entry in entries[:-1]):
        raise _token_error("only its last level may go on with the next item")
    return entries


def _parse_entry(given: object, level: NestLevel) -> TokenEntry:
    name = level.name
    if not isinstance(given, dict) or given.keys() - {"next", "passed"} != _REQUIRED:
        raise _token_error(f"{name}: it has other members than a level of a token")
    page, item_id, is_next = given["page"], given["id"], given.get("next", False)
    if not isinstance(page, dict) or not page.keys() <= set(level.spec.input_tokens):
        raise _token_error(f"{name}: its page is not a request of this operation")
    if not isinstance(item_id, str | None) or not isinstance(is_next, bool):
        raise _token_error(f"{name}: its id or its direction is of another type")
    passed = given.get("passed", "")
    if not isinstance(passed, str) or not _PASSED.fullmatch(passed):
        raise _token_error(f"{name}: its digests are not of this form")
    try:
        at, before = (
            validate_whole_number(key, given[key], minimum=0, maximum=MAX_ITEMS)
            for key in ("at", "before")
        )
    except InvalidValueError as error:
        raise _token_error(f"{name}: {error.problem}") from None
    if page:
        # As strictly as the token of a single listing.
        parse_starting_token(encode_token(page), level.spec.input_tokens)
        _check_page_tokens(page, level)
    digests = tuple(passed[i : i + 8] for i in range(0, len(passed), 8))
    if len(digests) > at:
        raise _token_error(f"{name}: it has digests of more items than there are before it")
    return TokenEntry(page, at, before, item_id, is_next, digests)


def _check_page_tokens(page: Mapping[str, Any], level: NestLevel) -> None:
    """Raise :class:`StartingTokenError` for a token that the operation does not take."""
    if level.serialize_params is None:
        return
    try:
        level.serialize_params(page)
    except ParamValidationError as error:
        # Parameters of the listing are missing here: those come from the items above it.
        for problem in error.problems:
            if problem.parameter in level.spec.input_tokens:
                raise _token_error(f"{level.name}: {problem}") from None


def _token_error(reason: str) -> StartingTokenError:
    allowed = "the resume_token of an earlier walk with the same arguments"
    return StartingTokenError(Problem("StartingToken", reason, allowed))
