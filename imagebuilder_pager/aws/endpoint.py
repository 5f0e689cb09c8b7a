"""From a region to the URL of a service."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..errors import InvalidEndpointError, InvalidRegionError, NoRegionError

__all__ = ["check_endpoint_url", "endpoint_url", "resolve_region"]

# The domains of AWS's partitions, by the beginning of a region's name.
_DOMAINS = (
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eusc-", "amazonaws.eu"),
    ("", "amazonaws.com"),
)
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def resolve_region(region_name: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The region: the argument, then ``AWS_REGION``, then ``AWS_DEFAULT_REGION``.

    Raises :class:`NoRegionError` if there is none, :class:`InvalidRegionError` if it could not be
    a part of a host name.
    """
    region = region_name or next(filter(None, map(environ.get, _REGION_VARIABLES)), None)
    if not region:
        raise NoRegionError(
            "no region: looked at the argument region_name and at the environment variables "
            + " and ".join(_REGION_VARIABLES)
        )
    if not isinstance(region, str) or not _HOST_LABEL.fullmatch(region):
        raise InvalidRegionError(
            f"region_name: {str(region)[:80]!r} given; allowed: a region's name, such as us-west-2 "
            "(letters, digits and hyphens, at most 63)"
        )
    return region


def endpoint_url(service: str, region: str) -> str:
    """The URL that a service has in a region."""
    domain = next(domain for prefix, domain in _DOMAINS if region.startswith(prefix))
    return f"https://{service}.{region}.{domain}"


def check_endpoint_url(url: str) -> str:
    """The URL without a trailing slash, if requests can be sent to it.

    Raises :class:`InvalidEndpointError` for anything but ``http`` or ``https`` with a host, and for
    a URL with a user name, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except (ValueError, AttributeError, TypeError):
        usable = None
    if not usable or re.search(r"[\s\x00-\x1f]", url):
        raise InvalidEndpointError(
            f"endpoint_url: {_without_userinfo(url)!r} given; allowed: http:// or https://, a host "
            "and, where needed, a port and a path"
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InvalidEndpointError(
            f"endpoint_url: {_without_userinfo(url)!r} given; a user name, a password, a query or "
            "a fragment cannot be part of it"
        )
    return url.rstrip("/")


def _without_userinfo(url: object) -> str:
    """The URL as an error may show it: what stands before an @ can be a password."""
    return re.sub(r"//[^/]*@", "//...@", str(url))[:120]
