"""What TLS connections are verified against."""

from __future__ import annotations

import os
import ssl

from ..errors import InvalidConfigError, ParamValidationError
from .profile import Found, Profile

__all__ = ["Verify", "choose_verify"]

#: As httpx takes it: True for its own certificates, False for no verification, or a context.
Verify = bool | ssl.SSLContext


def choose_verify(verify: bool | str | os.PathLike[str] | None, profile: Profile) -> Verify:
    """The certificates to trust, as in boto3.

    ``verify`` is a path to a bundle (or a folder of certificates), True for the usual ones, False
    for no verification at all; None for the settings': ``AWS_CA_BUNDLE``, the profile's
    ``ca_bundle``, ``REQUESTS_CA_BUNDLE``. Raises :class:`InvalidConfigError` for what cannot be
    loaded.
    """
    if isinstance(verify, bool):
        return verify
    if verify is None:
        found = profile.find("AWS_CA_BUNDLE", key="ca_bundle")
        found = found or profile.find("REQUESTS_CA_BUNDLE")
    elif isinstance(verify, (str, os.PathLike)):
        found = Found(os.fspath(verify), "verify")
    else:
        raise ParamValidationError(
            "ImageBuilder", [f"verify: {verify!r} given; allowed: True, False or a path"]
        )
    return True if found is None else _context(*found)


def _context(path: str, source: str) -> ssl.SSLContext:
    try:
        if os.path.isdir(path):  # noqa: PTH112
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidConfigError(
            f"{source}: no certificates can be loaded from {path!r} ({error})"
        ) from error
