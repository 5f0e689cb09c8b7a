"""The certificates that TLS connections are verified against."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from ...exceptions import InsecureRequestWarning, InvalidConfigError, ParamValidationError
from .shared_config import Resolved, SharedConfig

if TYPE_CHECKING:
    import ssl


__all__ = ["LazySSLContext", "resolve_certificates", "resolve_verify", "warn_unverified"]


class LazySSLContext:
    """An SSL context that is made when it is first needed, since certificates are slow to load.

    ``verify`` is True for the default certificates, False for no verification, or the path of a
    bundle with its source.
    """

    def __init__(self, verify: bool | Resolved = True) -> None:
        self._verify = verify
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context, the same each time.

        Raises :class:`InvalidConfigError` for a bundle that cannot be loaded.
        """
        if self._context is None:
            self._context = (
                _default_context(verify=self._verify)
                if isinstance(self._verify, bool)
                else _load_ca_bundle(*self._verify)
            )
        return self._context


def resolve_certificates(
    verify: bool | str | os.PathLike[str] | None, config: SharedConfig
) -> LazySSLContext:
    """Return the certificates to trust, as in boto3.

    ``verify`` is the path of a bundle (or of a directory of certificates), True for the default
    certificates, False for no verification. None stands for ``AWS_CA_BUNDLE``, the profile's
    ``ca_bundle`` or ``REQUESTS_CA_BUNDLE``. Raises :class:`ParamValidationError` for another type.
    """
    if isinstance(verify, bool):
        return LazySSLContext(verify)
    if verify is None:
        bundle = config.get("AWS_CA_BUNDLE", key="ca_bundle") or config.get("REQUESTS_CA_BUNDLE")
    elif isinstance(verify, (str, os.PathLike)):
        bundle = Resolved(os.fspath(verify), "verify")
    else:
        raise ParamValidationError(
            "ImageBuilder", [f"verify: {verify!r} given; allowed: True, False or a path"]
        )
    return LazySSLContext() if bundle is None else LazySSLContext(bundle)


def warn_unverified(source: str) -> None:
    """Issue an :class:`InsecureRequestWarning` that says where certificates were turned off.

    It is for the line of the program that called the library. As with any warning, Python shows it
    once for that line, or as the program's filters say.
    """
    import sys
    import warnings

    package = __name__.partition(".")[0]
    level, frame = 2, sys._getframe(1)
    while frame.f_globals.get("__name__", "").partition(".")[0] == package:
        if frame.f_back is None:
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"{source}: TLS certificates are not verified, so that anyone in between can read and "
        "change what is sent. If that is meant: warnings.simplefilter('ignore', "
        "imagebuilder_pager.exceptions.InsecureRequestWarning)",
        InsecureRequestWarning,
        stacklevel=level,
    )


def _default_context(*, verify: bool) -> ssl.SSLContext:
    """Return httpx's context: of ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, or certifi's certificates."""
    import ssl

    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if path := os.environ.get("SSL_CERT_FILE"):
        return _load_ca_bundle(path, "SSL_CERT_FILE")
    if directories := os.environ.get("SSL_CERT_DIR"):
        return _load_directories(directories, "SSL_CERT_DIR")
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _load_directories(directories: str, source: str) -> ssl.SSLContext:
    """Return a context of certificates in a list of directories, as OpenSSL reads the variable.

    It passes over those that do not exist; that none of them does is an error.
    """
    import ssl

    if not any(map(os.path.isdir, directories.split(os.pathsep))):
        raise InvalidConfigError(f"{source}: there is no directory {directories!r}")
    return ssl.create_default_context(capath=directories)


def _load_ca_bundle(path: str, source: str) -> ssl.SSLContext:
    import ssl

    try:
        if os.path.isdir(path):  # noqa: PTH112 - a string, for ssl
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidConfigError(
            f"{source}: no certificates can be loaded from {path!r} ({error})"
        ) from error


def resolve_verify(verify: object, *, trust_env: bool) -> LazySSLContext:
    """Return the certificates to trust, for a transport that is made by itself.

    ``verify`` is True, False, a path, or an ``ssl.SSLContext``. With ``trust_env``, True stands for
    the certificates of ``AWS_CA_BUNDLE`` or ``REQUESTS_CA_BUNDLE``, if they are set.
    Raises :class:`ParamValidationError` for anything else.
    """
    if isinstance(verify, LazySSLContext):
        return verify
    if hasattr(verify, "wrap_bio"):  # an ssl.SSLContext; ssl takes its time to import
        given = LazySSLContext()
        given._context = cast("ssl.SSLContext", verify)
        return given
    if verify is True and trust_env:
        for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            if path := os.environ.get(variable):
                return LazySSLContext(Resolved(path, variable))
    if isinstance(verify, bool):
        return LazySSLContext(verify)
    if isinstance(verify, (str, os.PathLike)):
        return LazySSLContext(Resolved(os.fspath(verify), "verify"))
    raise ParamValidationError(
        "H11Client",
        [f"verify: {verify!r} given; allowed: True, False, a path or an ssl.SSLContext"],
    )
