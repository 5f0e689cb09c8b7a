"""The local service's pagination tokens: opaque, tamper-proof, bound to one listing, short-lived.

A token is an authentication code, and a position and an issue time that are encrypted with a
keystream derived from the code. The code is over both and over the listing, so an invented token,
an altered one, and one of another listing are invalid. The key is fixed and the construction is
deterministic: the same position and time give the same token in any process.

This is for tests of clients. It is not meant to keep secrets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct

_KEY = b"imagebuilder_pager.local pagination token, version 1"
_CODE_SIZE = 16
_ISSUED_AND_POSITION = struct.Struct(">QI")


def issue_token(*, listing: tuple[str, ...], position: int, issued: int) -> str:
    """Return the token for the item at ``position`` (from 0) of the listing.

    ``listing`` identifies the listing. ``issued`` is in epoch seconds. The token never begins with
    a dash, which command lines take for an option.
    """
    content = _ISSUED_AND_POSITION.pack(issued, position)
    code = _authentication_code(listing, content)
    return base64.b64encode(code + _apply_keystream(code, content)).decode().rstrip("=")


def verify_token(token: str, *, listing: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the ``(position, issued)`` of a token that ``issue_token`` made for this listing.

    For any other text it returns None.
    """
    try:
        decoded = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    code, encrypted = decoded[:_CODE_SIZE], decoded[_CODE_SIZE:]
    # The decoder skips characters that are not base64 and ignores spare bits.
    canonical = base64.b64encode(decoded).decode().rstrip("=")
    if len(encrypted) != _ISSUED_AND_POSITION.size or canonical != token:
        return None
    content = _apply_keystream(code, encrypted)
    if not hmac.compare_digest(code, _authentication_code(listing, content)):
        return None
    issued, position = _ISSUED_AND_POSITION.unpack(content)
    return position, issued


def _authentication_code(listing: tuple[str, ...], content: bytes) -> bytes:
    # ascii() of a tuple is unambiguous, and can always be encoded.
    return hmac.digest(_KEY, ascii(listing).encode() + content, "sha256")[:_CODE_SIZE]


def _apply_keystream(code: bytes, content: bytes) -> bytes:
    keystream = hmac.digest(_KEY, b"keystream" + code, "sha256")
    return bytes(a ^ b for a, b in zip(content, keystream, strict=False))
