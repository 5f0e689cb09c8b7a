"""What TLS connections are verified against."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import InvalidConfigError, ParamValidationError
from .profile import Found, Profile

if TYPE_CHECKING:
    import ssl

__all__ = ["Certificates", "choose_certificates"]


class Certificates:
    """The certificates to trust, loaded when they are first needed: it takes its time."""

    def __init__(self, chosen: bool | Found = True) -> None:
        self._chosen = chosen
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """What to verify against, the same each time. Raises :class:`InvalidConfigError`."""
        if self._context is None:
            self._context = (
                _usual(verified=self._chosen)
                if isinstance(self._chosen, bool)
                else _context(*self._chosen)
            )
        return self._context


def choose_certificates(
    verify: bool | str | os.PathLike[str] | None, profile: Profile
) -> Certificates:
    """The certificates to trust, as in boto3.

    ``verify`` is a path to a bundle (or a folder of certificates), True for the usual ones, False
    for no verification at all; None for the settings': ``AWS_CA_BUNDLE``, the profile's
    ``ca_bundle``, ``REQUESTS_CA_BUNDLE``.
    """
    if isinstance(verify, bool):
        return Certificates(verify)
    if verify is None:
        found = profile.find("AWS_CA_BUNDLE", key="ca_bundle")
        found = found or profile.find("REQUESTS_CA_BUNDLE")
    elif isinstance(verify, (str, os.PathLike)):
        found = Found(os.fspath(verify), "verify")
    else:
        raise ParamValidationError(
            "ImageBuilder", [f"verify: {verify!r} given; allowed: True, False or a path"]
        )
    return Certificates() if found is None else Certificates(found)


def _usual(*, verified: bool) -> ssl.SSLContext:
    """As httpx has it: certifi's certificates, or those of ``SSL_CERT_FILE``, ``SSL_CERT_DIR``."""
    import ssl

    if not verified:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if path := os.environ.get(variable):
            return _context(path, variable)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _context(path: str, source: str) -> ssl.SSLContext:
    import ssl

    try:
        if os.path.isdir(path):  # noqa: PTH112 - a string, for ssl
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidConfigError(
            f"{source}: no certificates can be loaded from {path!r} ({error})"
        ) from error
