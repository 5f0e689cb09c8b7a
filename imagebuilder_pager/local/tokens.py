"""The pagination tokens of the local service, and the error for one that is not valid.

The rule: a token is valid for its own listing, and until it is older than the token lifetime. A
token that the service did not make, that was changed, or that belongs to another listing is
invalid, and so is a position after the end of the listing. An old token has expired.

A token is an authentication code, followed by an issue time and a position that are encrypted with
a keystream made from the code. The code covers both and the listing. The key is fixed, so the same
position and time give the same token in any process. The tokens are for tests and hide no secrets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct

from .errors import ServiceError

_KEY = b"imagebuilder_pager.local pagination token, version 1"
_CODE_SIZE = 16
_ISSUED_AND_POSITION = struct.Struct(">QI")
_INVALID = "You have provided an invalid pagination token in your request."
EXPIRED = f"{_INVALID} It has expired."
"""The message of the error for an expired token."""


def issue_token(*, listing: tuple[str, ...], position: int, issued: int) -> str:
    """Return the token for the item at ``position`` (from 0) of the listing.

    ``issued`` is in epoch seconds. The token never begins with a dash: command lines would take it
    for an option.
    """
    content = _ISSUED_AND_POSITION.pack(issued, position)
    code = _authentication_code(listing, content)
    return base64.b64encode(code + _apply_keystream(code, content)).decode().rstrip("=")


def read_token(token: str | None, *, listing: tuple[str, ...], now: int, lifetime: float) -> int:
    """Return the position of a token of this listing; 0 without a token.

    ``now`` is in epoch seconds, ``lifetime`` in seconds. Raises ``ServiceError`` for an invalid or
    expired token.
    """
    if token is None:
        return 0
    try:
        decoded = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise invalid_token() from None
    code, encrypted = decoded[:_CODE_SIZE], decoded[_CODE_SIZE:]
    # The decoder skips characters that are not base64 and ignores spare bits.
    canonical = base64.b64encode(decoded).decode().rstrip("=")
    if len(encrypted) != _ISSUED_AND_POSITION.size or canonical != token:
        raise invalid_token()
    content = _apply_keystream(code, encrypted)
    if not hmac.compare_digest(code, _authentication_code(listing, content)):
        raise invalid_token()
    issued, position = _ISSUED_AND_POSITION.unpack(content)
    if now - issued > lifetime:
        raise ServiceError("InvalidPaginationTokenException", EXPIRED)
    return int(position)


def invalid_token() -> ServiceError:
    """Return the error for an invalid token."""
    return ServiceError("InvalidPaginationTokenException", _INVALID)


def _authentication_code(listing: tuple[str, ...], content: bytes) -> bytes:
    # ascii() of a tuple is unambiguous, and can always be encoded.
    return hmac.digest(_KEY, ascii(listing).encode() + content, "sha256")[:_CODE_SIZE]


def _apply_keystream(code: bytes, content: bytes) -> bytes:
    keystream = hmac.digest(_KEY, b"keystream" + code, "sha256")
    return bytes(a ^ b for a, b in zip(content, keystream, strict=False))
