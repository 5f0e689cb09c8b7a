"""The local service's pagination tokens: opaque, tamper-proof, bound to one listing, short-lived.

A token holds a position and the time it was issued. Both are sealed: enciphered with a keystream
that starts from a code over the whole token and the listing it belongs to, so that a token made
up, altered, or brought from another listing does not open. The construction is deterministic and
its key fixed: the same place at the same time is the same token, in any process.

This guards a stand-in for a service against misuse in tests. It is not meant to keep secrets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct

__all__ = ["InvalidTokenError", "issue_token", "verify_token"]

_KEY = b"imagebuilder_pager.local pagination token, version 1"
_CODE_SIZE = 16
_CONTENT = struct.Struct(">QI")


class InvalidTokenError(ValueError):
    """A token that this service did not issue for this listing."""


def issue_token(*, listing: tuple[str, ...], position: int, issued: int) -> str:
    """The token for the item at `position` (from 0) of the listing.

    `listing` is whatever tells one listing from another; `issued` is in epoch seconds. It never
    begins with a dash, which command lines take for an option.
    """
    content = _CONTENT.pack(issued, position)
    code = _code(listing, content)
    return base64.b64encode(code + _encipher(code, content)).decode().rstrip("=")


def verify_token(token: str, *, listing: tuple[str, ...]) -> tuple[int, int]:
    """The `(position, issued)` of a token that `issue_token` made for the same listing.

    Raises `InvalidTokenError` for any other text.
    """
    try:
        sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidTokenError from None
    code, enciphered = sealed[:_CODE_SIZE], sealed[_CODE_SIZE:]
    # The decoder skips what is not base64 and ignores spare bits: neither is a token of ours.
    spelling = base64.b64encode(sealed).decode().rstrip("=")
    if len(enciphered) != _CONTENT.size or spelling != token:
        raise InvalidTokenError
    content = _encipher(code, enciphered)
    if not hmac.compare_digest(code, _code(listing, content)):
        raise InvalidTokenError
    issued, position = _CONTENT.unpack(content)
    return position, issued


def _code(listing: tuple[str, ...], content: bytes) -> bytes:
    # repr sets the parts apart without doubt, and leaves nothing that cannot be encoded.
    return hmac.digest(_KEY, ascii(listing).encode() + content, "sha256")[:_CODE_SIZE]


def _encipher(code: bytes, content: bytes) -> bytes:
    keystream = hmac.digest(_KEY, b"keystream" + code, "sha256")
    return bytes(a ^ b for a, b in zip(content, keystream, strict=False))
