"""From settings to a region, and from a region to the URL of a service."""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple
from urllib.parse import urlsplit

from ...exceptions import (
    InvalidConfigError,
    InvalidEndpointError,
)
from .shared_config import Profile, Resolved

__all__ = [
    "ServiceMetadata",
    "build_regional_endpoint",
    "check_endpoint_url",
    "endpoint_from_config",
    "is_simple_url",
    "proxy_for",
    "resolve_endpoint",
]


class ServiceMetadata(NamedTuple):
    """A service as its endpoint rules have it.

    ``name`` is the one in host names and, with ``_`` for ``-``, in settings. ``fips_partitions``
    are those whose ordinary endpoints are FIPS endpoints already.
    """

    name: str
    fips_partitions: frozenset[str] = frozenset()


class _Partition(NamedTuple):
    """A partition: its name, the pattern of its regions, its domain, and that of dual-stack."""

    name: str
    regions: str
    domain: str
    dual_stack_domain: str | None


# The domains are those of botocore's partitions.json. Its clients build no dual-stack endpoint in
# aws-iso-e and aws-iso-f. A region of no partition is taken for one of the first.
_PARTITIONS = tuple(
    _Partition(name, rf"{regions}|{name}-global", domain, dual_stack_domain)
    for name, regions, domain, dual_stack_domain in (
        ("aws", r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", "amazonaws.com", "api.aws"),
        ("aws-cn", r"cn-\w+-\d+", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        ("aws-us-gov", r"us-gov-\w+-\d+", "amazonaws.com", "api.aws"),
        ("aws-iso", r"us-iso-\w+-\d+", "c2s.ic.gov", "api.aws.ic.gov"),
        ("aws-iso-b", r"us-isob-\w+-\d+", "sc2s.sgov.gov", "api.aws.scloud"),
        ("aws-iso-e", r"eu-isoe-\w+-\d+", "cloud.adc-e.uk", None),
        ("aws-iso-f", r"us-isof-\w+-\d+", "csp.hci.ic.gov", None),
        ("aws-eusc", r"eusc-(de)-\w+-\d+", "amazonaws.eu", "api.amazonwebservices.eu"),
    )
)


def resolve_endpoint(
    service: ServiceMetadata,
    region: str,
    profile: Profile,
    *,
    endpoint_url: str | None = None,
    use_fips: bool | None = None,
    use_dual_stack: bool | None = None,
) -> str:
    """The URL to send requests to: the argument, the settings', or else the region's by rule.

    ``use_fips`` and ``use_dual_stack`` are the arguments, None where the settings decide:
    ``AWS_USE_FIPS_ENDPOINT`` and ``AWS_USE_DUALSTACK_ENDPOINT``, then the profile's
    ``use_fips_endpoint`` and ``use_dualstack_endpoint``.

    Raises :class:`InvalidEndpointError` for a URL that cannot be used, and for what the service's
    endpoint rules refuse.
    """
    if use_fips is None:
        use_fips = profile.get_bool("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
    if use_dual_stack is None:
        use_dual_stack = profile.get_bool("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
    if endpoint_url is None:
        found = endpoint_from_config(service, profile)
    else:
        found = Resolved(endpoint_url, "endpoint_url")
    if found is None:
        return build_regional_endpoint(
            service, region, use_fips=use_fips, use_dual_stack=use_dual_stack
        )
    for on, name in ((use_fips, "use_fips_endpoint"), (use_dual_stack, "use_dualstack_endpoint")):
        if on:
            raise InvalidEndpointError(
                f"{name} cannot be combined with an endpoint of one's own ({found.source})"
            )
    return check_endpoint_url(found.value, found.source)


def endpoint_from_config(service: ServiceMetadata, profile: Profile) -> Resolved | None:
    """The endpoint that the settings give, unless they say that it is to be ignored.

    It is ``AWS_ENDPOINT_URL_<SERVICE>``, then ``AWS_ENDPOINT_URL``, then the service's
    ``endpoint_url`` in the ``services`` section that the profile names, then the profile's
    ``endpoint_url``. Raises :class:`InvalidConfigError` if there is no such section.
    """
    if profile.get_bool("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"):
        return None
    name = service.name.replace("-", "_")
    found = profile.get(f"AWS_ENDPOINT_URL_{name.upper()}", "AWS_ENDPOINT_URL")
    if found is None and (section := profile.get(key="services")) is not None:
        services = profile.config().get("services", {})
        if not services.get(section.value):
            raise InvalidConfigError(
                f"{section.source} names the section [services {section.value}], which is not in "
                f"{profile.config_file}"
            )
        settings = services[section.value].get(name)
        url = settings.get("endpoint_url") if isinstance(settings, dict) else None
        found = (
            Resolved(url, f"endpoint_url of {name} in [services {section.value}]") if url else None
        )
    return found or profile.get(key="endpoint_url")


def build_regional_endpoint(
    service: ServiceMetadata, region: str, *, use_fips: bool = False, use_dual_stack: bool = False
) -> str:
    """The URL that a service has in a region, by the rules that AWS publishes with botocore.

    Raises :class:`InvalidEndpointError` for what the region's partition does not have.
    """
    partition = next(
        (p for p in _PARTITIONS if re.fullmatch(p.regions, region, re.ASCII)), _PARTITIONS[0]
    )
    domain = partition.dual_stack_domain if use_dual_stack else partition.domain
    if domain is None:
        raise InvalidEndpointError(
            f"use_dualstack_endpoint: there are no dual-stack endpoints in {region} "
            f"(partition {partition.name})"
        )
    fips_by_default = partition.name in service.fips_partitions and not use_dual_stack
    host = f"{service.name}-fips" if use_fips and not fips_by_default else service.name
    return f"https://{host}.{region}.{domain}"


def check_endpoint_url(url: str, source: str = "endpoint_url") -> str:
    """The URL without a trailing slash, if requests can be sent to it.

    Raises :class:`InvalidEndpointError` for anything but ``http`` or ``https`` with a host, and for
    a URL with a user name, a password, a query or a fragment; it names the ``source``.
    """
    if is_simple_url(url):
        return url.rstrip("/")
    import httpx

    try:
        parts = urlsplit(url)
        # httpx has its own idea of a URL, and connecting one of a host name.
        parsed = httpx.URL(url)
        parsed.raw_host.decode("ascii").encode("idna")
        is_valid = parts.scheme in {"http", "https"} and parsed.host and parts.port != 0
    except (ValueError, AttributeError, TypeError, httpx.InvalidURL):
        is_valid = None
    if not is_valid or re.search(r"[\s\x00-\x1f]", url):
        raise InvalidEndpointError(
            f"{source}: {_without_userinfo(url)!r} given; allowed: http:// or https://, a host "
            "and, where needed, a port and a path"
        )
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise InvalidEndpointError(
            f"{source}: {_without_userinfo(url)!r} given; a user name, a password, a query or "
            "a fragment cannot be part of it"
        )
    return url.rstrip("/")


def is_simple_url(url: object) -> bool:
    """Whether it is a URL of a scheme, a host of ASCII, perhaps a port, and nothing more.

    Almost every endpoint is: about these, everybody's idea of a URL is the same.
    """
    if not isinstance(url, str) or (match := _PLAIN_URL.fullmatch(url)) is None:
        return False
    port = match["port"]
    return len(match["host"]) < 254 and (port is None or 0 < int(port) < 65536)


_PLAIN_LABEL = r"(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_NAME = rf"(?:{_PLAIN_LABEL}\.)*(?=[a-z]){_PLAIN_LABEL}"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PLAIN_URL = re.compile(
    rf"https?://(?P<host>{_PLAIN_NAME}|{_OCTET}(?:\.{_OCTET}){{3}})(?::(?P<port>[0-9]{{1,5}}))?/?"
)


def proxy_for(url: str) -> str | None:
    """The proxy for a URL, by the variables and system settings that Python, and boto3, go by."""
    if sys.platform not in {"darwin", "win32"} and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return None  # and urllib.request, which takes its time, need not be imported
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _without_userinfo(url: object) -> str:
    """The URL as an error may show it: what stands before an @ can be a password."""
    return re.sub(r"//[^/]*@", "//...@", str(url))[:120]
