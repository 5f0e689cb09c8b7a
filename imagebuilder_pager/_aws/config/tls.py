"""The certificates that TLS connections are verified against.

Rules:

- A connection is verified against the certificates that their file has when it is made.
- One :class:`LazySSLContext` is for all connections of a client: to the service, a proxy, STS and
  each other endpoint of credentials. It is that of an ``H11Client``, else of ``verify``, else of
  the first setting: ``AWS_CA_BUNDLE``, the profile's ``ca_bundle``, the other variables, certifi.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, cast

from ..._threads import not_forked
from ..._validation import describe_invalid_value, importing
from ...exceptions import InsecureRequestWarning, InvalidConfigError, ParamValidationError, Problem
from .shared_config import Resolved, SharedConfig

if TYPE_CHECKING:
    import ssl


class LazySSLContext:
    """An SSL context that is made when it is first needed, since certificates are slow to load.

    It is made anew when the file of the certificates has changed. ``verify`` is True for the
    default certificates, False for no verification, or the path of a bundle with its source, in
    which ``~`` is the home directory, as in boto3.
    """

    def __init__(self, verify: bool | Resolved = True) -> None:
        if not isinstance(verify, bool):
            path = os.path.expanduser(verify.value)  # noqa: PTH111 - needs no home
            verify = verify._replace(value=path)
        self._verify = verify
        # With the version of the file.
        self._loaded: tuple[ssl.SSLContext, object] | None = None

    @classmethod
    def of_context(cls, context: ssl.SSLContext) -> LazySSLContext:
        """Return a wrapper of this context, which never changes."""
        given = cls(False)
        given._loaded = context, None
        return given

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection: the same one until the file has changed.

        A changed file that cannot be loaded leaves the old context in use: it may be half written.
        Raises :class:`InvalidConfigError`, which names the setting, for a file that cannot be used
        the first time.
        """
        loaded = self._loaded
        if loaded is None:
            with not_forked:
                if self._verify is True:
                    self._verify = _default_certificates()
                # Before the file is read: a change meanwhile is another version.
                version = _file_version(self._verify)
                loaded = self._loaded = _load(self._verify), version
        elif (version := _file_version(self._verify)) != loaded[1]:
            with not_forked, contextlib.suppress(InvalidConfigError):
                loaded = self._loaded = _load(self._verify), version
        return loaded[0]


#: No verification.
UNVERIFIED = LazySSLContext(False)


def ca_bundle_from_config(config: SharedConfig) -> Resolved | None:
    """Return ``AWS_CA_BUNDLE``, the profile's ``ca_bundle`` or ``REQUESTS_CA_BUNDLE``, as boto3."""
    return config.get("AWS_CA_BUNDLE", key="ca_bundle") or config.get("REQUESTS_CA_BUNDLE")


def ca_bundle_from_environment() -> Resolved | None:
    """Return ``AWS_CA_BUNDLE`` or ``REQUESTS_CA_BUNDLE``, for clients that read no shared file."""
    return SharedConfig().get("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def resolve_verify(owner: str, verify: object, ca_bundle: Resolved | None) -> LazySSLContext:
    """Return the SSL context of a client.

    ``verify`` is the path of a bundle (or of a directory of certificates), an ``ssl.SSLContext``,
    True for the default certificates, or False for no verification. None is the same as
    ``ca_bundle``, or without that as the default certificates. Raises
    :class:`ParamValidationError` of the ``owner`` for another type.
    """
    if isinstance(verify, LazySSLContext):
        return verify
    if hasattr(verify, "wrap_bio"):  # an ssl.SSLContext; ssl is slow to import
        return LazySSLContext.of_context(cast("ssl.SSLContext", verify))
    if verify is None:
        return LazySSLContext(True if ca_bundle is None else ca_bundle)
    if isinstance(verify, bool):
        return LazySSLContext(verify)
    if isinstance(verify, (str, os.PathLike)):
        return LazySSLContext(Resolved(os.fspath(verify), "verify"))
    allowed = "True, False, a path or an ssl.SSLContext"
    raise ParamValidationError(owner, [describe_invalid_value("verify", verify, allowed)])


def warn_unverified(source: str) -> None:
    """Issue an :class:`InsecureRequestWarning` for the line of the program that called the library.

    ``source`` names the argument that has turned the verification off.
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


def _default_certificates() -> Resolved:
    """Return httpx's certificates: ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, or certifi's."""
    if (found := SharedConfig().get("SSL_CERT_FILE", _DIRECTORIES)) is not None:
        return found
    with importing("certifi", purpose="TLS", otherwise="set SSL_CERT_FILE"):
        import certifi
    try:
        return Resolved(certifi.where(), "certifi")
    except OSError as error:
        raise InvalidConfigError(Problem("certifi", f"it has no certificates ({error})")) from error


_DIRECTORIES = "SSL_CERT_DIR"


def _file_version(verify: bool | Resolved) -> object:
    """Return a value that changes when the file is replaced or rewritten, None without a file."""
    if isinstance(verify, bool):
        return None
    try:
        status = os.stat(verify.value)  # noqa: PTH116 - a string, for ssl
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load(verify: bool | Resolved) -> ssl.SSLContext:
    """Return a context for a path of certificates, or one that verifies nothing for False.

    ``SSL_CERT_DIR`` is a list of directories. OpenSSL passes over those that it cannot use; a list
    without any certificate is an error. Raises :class:`InvalidConfigError`.
    """
    import ssl

    if isinstance(verify, bool):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    path, source = verify
    try:
        if log := os.environ.get("SSLKEYLOGFILE"):  # or its error would seem to be the bundle's
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = log
    except (OSError, ValueError) as error:
        given = f"the file {log!r} cannot be written ({error})"
        raise InvalidConfigError(Problem("SSLKEYLOGFILE", given)) from error
    try:
        if source != _DIRECTORIES and not os.path.isdir(path):  # noqa: PTH112 - a string, for ssl
            return ssl.create_default_context(cafile=path)
        directories = path.split(os.pathsep) if source == _DIRECTORIES else [path]
        if not any(map(_has_certificates, directories)):
            raise OSError("no file there has the name of a hash, as by openssl rehash")
        return ssl.create_default_context(capath=path)
    except (OSError, ValueError, TypeError) as error:
        given = f"no certificates can be loaded from {path!r} ({error})"
        raise InvalidConfigError(Problem(source, given)) from error


def _has_certificates(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(re.fullmatch(r"[0-9a-f]{8}\.\d+", entry.name) for entry in entries)
    except OSError:
        return False
