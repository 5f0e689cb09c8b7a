"""Resources in few words: what they are, what they are called, when and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from ...models.lifecycle import LifecycleExecutionResource
from .console import strip_controls

__all__ = [
    "clock",
    "format_duration",
    "format_seconds",
    "kind_and_name",
    "shared_date",
    "short_reason",
]


_IMAGE = re.compile(r"arn:[\w-]+:imagebuilder:[\w-]*:\d*:(?P<kind>[\w-]+)/(?P<name>.+)")
_CONTAINER = re.compile(r"[\w.-]+/(?P<name>[^@]+)@sha256:(?P<digest>[0-9a-f]{12})[0-9a-f]*")


def kind_and_name(resource: LifecycleExecutionResource) -> tuple[str, str]:
    """What a resource is, and its id without what stands beside it: region and account."""
    resource_id = strip_controls(resource.resource_id)
    if found := _IMAGE.fullmatch(resource_id):
        return found["kind"], found["name"]
    if found := _CONTAINER.fullmatch(resource_id):
        return "container", f"{found['name']}@sha256:{found['digest']}"
    return ("ami" if resource_id.startswith("ami-") else "resource"), resource_id


def shared_date(resources: Iterable[LifecycleExecutionResource]) -> str | None:
    """The day on which all of them started, if it is the same one."""
    days = {
        resource.start_time.astimezone(UTC).date()
        for resource in resources
        if resource.start_time is not None
    }
    return days.pop().isoformat() if len(days) == 1 else None


def clock(moment: datetime | None, day: str | None) -> str:
    """The time in UTC, with its date where that is not ``day``."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M:%S}" if day is not None else f"{moment:%Y-%m-%d %H:%M:%S}"


def format_duration(resource: LifecycleExecutionResource) -> str:
    """How long the action took; empty where it is not over."""
    if resource.start_time is None or resource.end_time is None:
        return ""
    return format_seconds((resource.end_time - resource.start_time).total_seconds())


def format_seconds(seconds: float) -> str:
    """A number of seconds as ``12s``, ``2m 31s``, ``1h 05m`` or ``3d 04h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def short_reason(reason: str) -> str:
    """A reason without the ids in it, so that those of the same kind are the same."""
    return re.sub(r"\b(\w+)-[0-9a-f]{8,}\b", r"\1-…", strip_controls(reason))
