"""The proxy that requests go through, by the variables and system settings that Python uses."""

from __future__ import annotations

import base64
import os
import re
import sys
from urllib.parse import unquote, urlsplit

from ..._validation import without_userinfo
from ...exceptions import InvalidConfigError, Problem
from .endpoints import ascii_host

_SCHEMES = ("http", "https", "socks5", "socks5h")


class Proxy:
    """A proxy's URL, with its user and password. The repr shows neither user nor password."""

    __slots__ = ("host", "password", "port", "scheme", "source", "username")

    def __init__(self, url: str, source: str) -> None:
        problem = ""
        try:
            parts = urlsplit(url)
            self.scheme: str = parts.scheme.lower()
            self.host: str = ascii_host(parts.hostname or "")
            self.port: int | None = parts.port
            self.username: str | None = None if parts.username is None else unquote(parts.username)
            self.password: str | None = None if parts.password is None else unquote(parts.password)
        except ValueError:
            problem = "it is not a URL"  # the parser's own words may have the password in them
        else:
            userinfo = f"{self.username}{self.password}"
            if re.search(r"[\s\x00-\x1f\x7f]", url) or re.search(r"[\x00-\x1f\x7f]", userinfo):
                problem = "it has a character that a URL cannot have"
            elif "@" in f"{parts.path}{parts.query}{parts.fragment}":
                # The host would be a part of the password.
                problem = "its user name and password must be percent-encoded: %2F, %3F, %23"
            elif self.scheme not in _SCHEMES or not self.host or self.port == 0:
                problem = "it is not a proxy's URL"
            elif not (parts.hostname or "").isascii():
                problem = "its host is not ASCII; give it as xn--..."
        if problem:
            schemes = ", ".join(_SCHEMES)
            allowed = f"a URL such as http://proxy.example:3128, with one of the schemes {schemes}"
            raise InvalidConfigError(
                Problem(source, f"{without_userinfo(url)!r} given ({problem})", allowed)
            )
        self.source: str = source

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy."""
        return self.scheme.startswith("socks")

    @property
    def auth(self) -> tuple[bytes, bytes] | None:
        """The user and the password, None without a user."""
        if self.username is None and self.password is None:
            return None
        return (self.username or "").encode(), (self.password or "").encode()

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization``, None without a user."""
        return self.auth and f"Basic {base64.b64encode(b':'.join(self.auth)).decode()}"

    @property
    def secrets(self) -> set[str]:
        """The secret values, which the proxy may repeat."""
        return {value for value in (self.password, (self.authorization or "")[6:]) if value}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scheme}://{self.host}:{self.port}, {self.source})"


def resolve_proxy(url: str) -> Proxy | None:
    """Return the proxy for a URL: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``.

    These are the variables, and the system settings, that Python and boto3 go by. Raises
    :class:`InvalidConfigError` for a value that is not a proxy's URL.
    """
    if sys.platform not in {"darwin", "win32"} and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return None  # and urllib.request, which is slow to import, is not needed
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    value = proxies.get(name)
    if not value or proxy_bypass(parts.netloc):
        return None
    return Proxy(value if "://" in value else f"http://{value}", f"{name.upper()}_PROXY")
