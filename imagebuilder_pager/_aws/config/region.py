"""The region that requests go to."""

from __future__ import annotations

import re

from ...exceptions import InvalidRegionError, NoRegionError, Problem
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
    if (problem := region_problem(*resolved)) is not None:
        raise InvalidRegionError(problem)
    return resolved.value


def region_problem(region: object, source: str) -> Problem | None:
    """Return why a region, named by its source, cannot be one; None if it can."""
    if not isinstance(region, str) or not _HOST_LABEL.fullmatch(region):
        allowed = "a region's name, such as us-west-2 (letters, digits and hyphens, at most 63)"
        return Problem(source, f"{str(region)[:80]!r} given", allowed)
    without_fips = region.removeprefix("fips-").removesuffix("-fips")
    if without_fips != region:
        reason = f"which is not a region; use {without_fips} with use_fips_endpoint"
        return Problem(source, f"{region!r} given, {reason}")
    return None
