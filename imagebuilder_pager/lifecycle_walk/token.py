"""The token of a walk: the keys of the items that it stands in, and one token of a paginator.

It is base64 of JSON::

    {"walk": "<fingerprint>", "keys": ["arn:...", "lce-...", "..."], "token": "..."}

``keys`` has one key a listing, the outermost first, each of the item passed last. The last is None
where a listing begins anew, and "" for an item without an id. ``token`` is one of the innermost
listing's paginator, which begins at that item. It is None at the start.

A starting token is untrusted: from any value, :func:`parse_token` returns a token of these types,
or it raises :class:`StartingTokenError`. No key is sent that the service has not listed.
"""

from __future__ import annotations

from typing import NamedTuple

from .._validation import describe_invalid_value
from ..exceptions import Problem, StartingTokenError
from ..pagination import decode_token

MAX_TOKEN_LENGTH = 1_000_000


class WalkToken(NamedTuple):
    """A position in a walk; see above."""

    keys: tuple[str | None, ...]
    token: str | None = None


BEGINNING = WalkToken((None,))


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
    keys, token = document["keys"], document["token"]
    if not isinstance(keys, list) or not 0 < len(keys) <= levels:
        raise invalid_token(f"its keys are not a list of 1 to {levels}")
    *outer, last = keys
    if not all(isinstance(key, str) and key for key in outer) or not isinstance(last, str | None):
        raise invalid_token("its keys are of another type")
    if not isinstance(token, str | None):
        raise invalid_token("its token is of another type")
    return WalkToken(tuple(keys), token)


def invalid_token(reason: str) -> StartingTokenError:
    """Return the error of a token that is refused."""
    allowed = "the resume_token of an earlier walk with the same arguments"
    return StartingTokenError(Problem("StartingToken", reason, allowed))
