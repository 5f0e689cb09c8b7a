"""The pagination tokens of the local service, and the error for one that is not valid.

The rule: a token is valid for its own listing, and until it is older than the token lifetime. A
token that the service did not make, that was changed, or that belongs to another listing is
invalid, and so is a position after the end of the listing. An old token has expired.

A token is an authentication code, an issue time and a position. The code covers both and the
listing. The key is fixed, so the same position and time give the same token in any process.
"""

from __future__ import annotations

import base64
import hmac
import struct

from .errors import ServiceError

_KEY = b"imagebuilder_pager.local pagination token, version 1"
#: Code, issue time and position: 30 bytes, which base64 needs no padding for.
_LAYOUT = struct.Struct(">18sQI")
_INVALID = "You have provided an invalid pagination token in your request."
EXPIRED = f"{_INVALID} It has expired."
"""The message of the error for an expired token."""


def issue_token(*, listing: tuple[str, ...], position: int, issued: int) -> str:
    """Return the token for the item at ``position`` (from 0) of the listing.

    ``issued`` is in epoch seconds. The token never begins with a dash: command lines would take it
    for an option.
    """
    # ascii() of a tuple is unambiguous, and can always be encoded.
    content = ascii((listing, issued, position)).encode()
    code = hmac.digest(_KEY, content, "sha256")[:18]
    return base64.b64encode(_LAYOUT.pack(code, issued, position)).decode()


def read_token(token: str | None, *, listing: tuple[str, ...], now: int, lifetime: float) -> int:
    """Return the position of a token of this listing; 0 without a token.

    ``now`` is in epoch seconds, ``lifetime`` in seconds. Raises ``ServiceError`` for an invalid or
    expired token.
    """
    if token is None:
        return 0
    try:
        _, issued, position = _LAYOUT.unpack(base64.b64decode(token))
    except (ValueError, struct.error):
        raise invalid_token() from None
    # base64 has several spellings of the same bytes.
    if issue_token(listing=listing, position=position, issued=issued) != token:
        raise invalid_token()
    if now - issued > lifetime:
        raise ServiceError("InvalidPaginationTokenException", EXPIRED)
    return int(position)


def invalid_token() -> ServiceError:
    """Return the error for an invalid token."""
    return ServiceError("InvalidPaginationTokenException", _INVALID)
