"""The region that requests go to."""

from __future__ import annotations

import re

from ...exceptions import InvalidRegionError, NoRegionError
from .shared_config import Resolved, SharedConfig

_HOST_LABEL = re.compile(r"(?!\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def resolve_region(region_name: str | None, config: SharedConfig) -> str:
    """Return the region: the argument, ``AWS_REGION``, ``AWS_DEFAULT_REGION``, or the profile's.

    Raises :class:`NoRegionError` if there is none, :class:`InvalidRegionError` if it cannot be a
    label of a host name.
    """
    if region_name:
        resolved: Resolved | None = Resolved(region_name, "region_name")
    else:
        resolved = config.get(*_REGION_VARIABLES, key="region")
    if resolved is None:
        raise NoRegionError(
            "no region: looked at the argument region_name, at the environment variables "
            f"{' and '.join(_REGION_VARIABLES)}, and at region in the profile "
            f"{config.profile_name!r}"
        )
    region, source = resolved
    if not isinstance(region, str) or not _HOST_LABEL.fullmatch(region):
        raise InvalidRegionError(
            f"{source}: {str(region)[:80]!r} given; allowed: a region's name, such as us-west-2 "
            "(letters, digits and hyphens, at most 63)"
        )
    without_fips = region.removeprefix("fips-").removesuffix("-fips")
    if without_fips != region:
        raise InvalidRegionError(
            f"{source}: {region!r} given, which is not a region; use {without_fips} with "
            "use_fips_endpoint"
        )
    return region
