"""The endpoint of a service: from the settings or, by AWS's rules, from the region."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..._validation import importing, without_userinfo
from ...exceptions import InvalidConfigError, InvalidEndpointError, Problem
from .shared_config import Resolved, SharedConfig


class ServiceMetadata(NamedTuple):
    """A service, as far as its endpoint depends on it.

    ``name`` is the name in settings, with ``_`` for ``-``, and in host names unless ``host_name``
    is another one. ``fips_partitions`` are the partitions where the ordinary endpoints are FIPS
    endpoints already.
    """

    name: str
    fips_partitions: frozenset[str] = frozenset()
    host_name: str = ""


# A partition: its name, a pattern of its regions, its DNS suffix, and that for dual stack.
# The suffixes are those of botocore's partitions.json. Its clients build no dual-stack endpoint in
# aws-iso-e and aws-iso-f. A region that matches no pattern belongs to the first partition.
_PARTITIONS = (
    ("aws", r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", "amazonaws.com", "api.aws"),
    ("aws-cn", r"cn-\w+-\d+", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("aws-us-gov", r"us-gov-\w+-\d+", "amazonaws.com", "api.aws"),
    ("aws-iso", r"us-iso-\w+-\d+", "c2s.ic.gov", "api.aws.ic.gov"),
    ("aws-iso-b", r"us-isob-\w+-\d+", "sc2s.sgov.gov", "api.aws.scloud"),
    ("aws-iso-e", r"eu-isoe-\w+-\d+", "cloud.adc-e.uk", None),
    ("aws-iso-f", r"us-isof-\w+-\d+", "csp.hci.ic.gov", None),
    ("aws-eusc", r"eusc-(de)-\w+-\d+", "amazonaws.eu", "api.amazonwebservices.eu"),
)


def resolve_endpoint(
    service: ServiceMetadata,
    region: str,
    config: SharedConfig,
    *,
    endpoint_url: str | None = None,
    use_fips: bool | None = None,
    use_dual_stack: bool | None = None,
) -> str:
    """Return the endpoint URL: the argument, the one in the settings, or that of the region.

    ``use_fips`` and ``use_dual_stack`` are None to use the settings: ``AWS_USE_FIPS_ENDPOINT`` and
    ``AWS_USE_DUALSTACK_ENDPOINT``, then the profile's ``use_fips_endpoint`` and
    ``use_dualstack_endpoint``. They select a variant of the region's endpoint only, as in boto3.

    Raises :class:`InvalidEndpointError` for a URL that cannot be used, and for a variant that the
    region does not have.
    """
    if endpoint_url is None:
        resolved = endpoint_from_config(service, config)
    else:
        resolved = Resolved(endpoint_url, "endpoint_url")
    if resolved is not None:
        return normalize_endpoint_url(resolved.value, resolved.source)
    if use_fips is None:
        use_fips = config.get_bool("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
    if use_dual_stack is None:
        use_dual_stack = config.get_bool("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
    return build_regional_endpoint(
        service, region, use_fips=use_fips, use_dual_stack=use_dual_stack
    )


def endpoint_from_config(service: ServiceMetadata, config: SharedConfig) -> Resolved | None:
    """Return the endpoint URL in the settings, None without one or if they say to ignore it.

    It is ``AWS_ENDPOINT_URL_<SERVICE>``, then ``AWS_ENDPOINT_URL``, then the service's
    ``endpoint_url`` in the ``services`` section that the profile names, then the profile's
    ``endpoint_url``. Raises :class:`InvalidConfigError` for a section that is missing.
    """
    if config.get_bool("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"):
        return None
    name = service.name.replace("-", "_")
    if resolved := config.get(f"AWS_ENDPOINT_URL_{name.upper()}", "AWS_ENDPOINT_URL"):
        return resolved
    if section := config.get(key="services"):
        services = config.full_config()["services"]
        if not services.get(section.value):
            raise InvalidConfigError(
                f"{section.source} names the section [services {section.value}], which is not in "
                f"{config.config_file}"
            )
        settings = services[section.value].get(name)
        if url := settings.get("endpoint_url") if isinstance(settings, dict) else None:
            return Resolved(url, f"endpoint_url of {name} in [services {section.value}]")
    return config.get(key="endpoint_url")


def build_regional_endpoint(
    service: ServiceMetadata, region: str, *, use_fips: bool = False, use_dual_stack: bool = False
) -> str:
    """Return the URL of a service in a region, by the rules that AWS publishes with botocore.

    Raises :class:`InvalidEndpointError` for a variant that the region's partition does not have.
    """
    name, _, plain, dual_stack = next(
        (
            partition
            for partition in _PARTITIONS
            if re.fullmatch(rf"{partition[1]}|{partition[0]}-global", region, re.ASCII)
        ),
        _PARTITIONS[0],
    )
    dns_suffix = dual_stack if use_dual_stack else plain
    if dns_suffix is None:
        given = f"there are no dual-stack endpoints in {region} (partition {name})"
        raise InvalidEndpointError(Problem("use_dualstack_endpoint", given))
    fips_by_default = name in service.fips_partitions and not use_dual_stack
    host = service.host_name or service.name
    if use_fips and not fips_by_default:
        host += "-fips"
    return f"https://{host}.{region}.{dns_suffix}"


def normalize_endpoint_url(url: str, source: str = "endpoint_url") -> str:
    """Return the URL as requests are sent to it: an ASCII host, and no trailing slash.

    A final dot of the host is dropped, as boto3 does for TLS and the header ``Host``.

    Raises :class:`InvalidEndpointError`, which names the ``source``, for anything but ``http`` or
    ``https`` with a host, and for a URL with a user name, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        host = ascii_host(parts.hostname or "").removesuffix(".")
        is_valid = parts.scheme in {"http", "https"} and host and parts.port != 0
    except (ValueError, AttributeError, TypeError):
        is_valid = False
    given = f"{without_userinfo(url)!r} given"
    if not is_valid or re.search(r"[\s\x00-\x1f\x7f]", url):
        allowed = "http:// or https://, a host and, where needed, a port and a path"
        raise InvalidEndpointError(Problem(source, given, allowed))
    if "@" in parts.netloc or "?" in url or "#" in url:
        reason = "a user name, a password, a query or a fragment cannot be part of it"
        raise InvalidEndpointError(Problem(source, f"{given}; {reason}"))
    authority = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        authority = f"{authority}:{parts.port}"
    return f"{parts.scheme}://{authority}{quote(parts.path, safe=_PATH_CHARACTERS)}".rstrip("/")


#: The characters that a path may have as they are (RFC 3986), and percent signs, which are kept.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)


def ascii_host(host: str) -> str:
    """Return the host as it is resolved. Raises ``ValueError`` for a text that is not a host."""
    if ":" in host or re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}", host):
        import ipaddress

        address, _, zone = host.partition("%")
        ipaddress.ip_address(address)
        return host if not zone or zone.isalnum() else ""
    if not host.isascii():
        with importing("idna", purpose="a host that is not ASCII", otherwise="give it as xn--..."):
            import idna

        host = idna.encode(host, uts46=True).decode("ascii")
    return host if _HOST_NAME.fullmatch(host) else ""
