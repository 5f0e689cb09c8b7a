"""The token of a walk: the keys of the items that it stands in, and one token of a paginator.

It is base64 of JSON::

    {"walk": "<fingerprint>", "keys": ["arn:...", "lce-...", null], "level": 1, "token": "..."}

``keys`` has one key a listing, the outermost first, each of the item passed last. The walk goes on
within all of them but the last, and behind that one. The last key is None where the listing has
still to begin, and "" for an item without an id. ``token`` is for the listing of number ``level``:
its first item has that key. It goes on there where that item is found, else the listing is gone
through from its start. Both are None where the start is as near.

A starting token is untrusted: from any value, :func:`parse_token` returns a token of these types,
or it raises :class:`StartingTokenError`. No key is sent that the service has not listed.
"""

from __future__ import annotations

from typing import NamedTuple

from .._validation import describe_invalid_value
from ..exceptions import Problem, StartingTokenError
from ..pagination import decode_token, encode_token

MAX_TOKEN_LENGTH = 1_000_000


class WalkToken(NamedTuple):
    """A position in a walk; see above."""

    keys: tuple[str | None, ...]
    level: int | None = None
    token: str | None = None


BEGINNING = WalkToken((None,))


def pack_token(fingerprint: str, token: WalkToken) -> str:
    """Return the token as a string."""
    return encode_token({"walk": fingerprint, **token._asdict()})


def parse_token(given: object, fingerprint: str, levels: int) -> WalkToken:
    """Return the token in a string.

    Raises :class:`StartingTokenError` for one that is not of this walk.
    """
    if not isinstance(given, str) or not 0 < len(given) <= MAX_TOKEN_LENGTH:
        allowed = f"the resume_token of an earlier walk, at most {MAX_TOKEN_LENGTH} characters"
        raise StartingTokenError(describe_invalid_value("StartingToken", given, allowed))
    try:
        document = decode_token(given)
    except StartingTokenError:
        raise invalid_token("it is not JSON in base64") from None
    if document.keys() != {"walk", *WalkToken._fields}:
        raise invalid_token("it has other members than the token of a walk")
    if document["walk"] != fingerprint:
        raise invalid_token("it belongs to another walk, or to other arguments")
    keys, level, token = (document[name] for name in WalkToken._fields)
    if not isinstance(keys, list) or not 0 < len(keys) <= levels:
        raise invalid_token(f"its keys are not a list of 1 to {levels}")
    *outer, last = keys
    if not all(isinstance(key, str) and key for key in outer) or not isinstance(last, str | None):
        raise invalid_token("its keys are of another type")
    if token is None and level is None:
        return WalkToken(tuple(keys))
    if not isinstance(token, str) or type(level) is not int or not 0 <= level < len(keys):
        raise invalid_token("its token belongs to none of its keys")
    return WalkToken(tuple(keys), level, token)


def invalid_token(reason: str) -> StartingTokenError:
    """Return the error of a token that is refused."""
    allowed = "the resume_token of an earlier walk with the same arguments"
    return StartingTokenError(Problem("StartingToken", reason, allowed))
