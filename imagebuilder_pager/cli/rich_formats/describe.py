"""A resource in few words: its kind, its name, its times and its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from .console import replace_controls

if TYPE_CHECKING:
    from ...models.lifecycle import LifecycleExecutionResource

T = TypeVar("T")

_IMAGE = re.compile(r"arn:[\w-]+:imagebuilder:[\w-]*:[\w-]*:(?P<kind>[\w-]+)/(?P<name>.+)")
#: A UUID, an account id, or a hexadecimal number with a digit in it, so that it is no word.
_ID = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{12}\b"
    r"|\b(?=[a-f]*\d)[0-9a-f]{8,}\b",
    re.ASCII | re.IGNORECASE,
)
_CONTAINER = re.compile(r"[\w.-]+/(?P<name>[^@]+)@sha256:(?P<digest>[0-9a-f]{12})[0-9a-f]*")


def kind_and_name(resource: LifecycleExecutionResource) -> tuple[str, str]:
    """Return the kind of a resource, and its id without the region and the account."""
    return kind_and_name_of(replace_controls(resource.resource_id))


def kind_and_name_of(resource_id: str) -> tuple[str, str]:
    """Return the kind of resource that has an id, and the id without the region and the account."""
    if match := _IMAGE.fullmatch(resource_id):
        return match["kind"], match["name"]
    if match := _CONTAINER.fullmatch(resource_id):
        return "container", f"{match['name']}@sha256:{match['digest']}"
    return ("ami" if resource_id.startswith("ami-") else "resource"), resource_id


def shared_date(times: Iterable[datetime | None]) -> str | None:
    """Return the date in UTC on which all the times are; None if there are several."""
    dates = {time.astimezone(UTC).date() for time in times if time is not None}
    return dates.pop().isoformat() if len(dates) == 1 else None


def format_time(time: datetime | None, date: str | None) -> str:
    """Return the time of day in UTC; with its date, unless all times are of one ``date``."""
    if time is None:
        return ""
    time = time.astimezone(UTC)
    return f"{time:%H:%M:%S}" if date is not None else f"{time:%Y-%m-%d %H:%M:%S}"


def format_duration(start: object, end: object) -> str:
    """Return the time between two times; nothing if one of them is missing."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return format_seconds((end - start).total_seconds())
    return ""


def format_seconds(seconds: float) -> str:
    """Return a number of seconds as ``12s``, ``2m 31s``, ``1h 05m`` or ``3d 04h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def count_of(number: int, noun: str) -> str:
    """Return a number of things: ``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def interval_of(days: float) -> str:
    """Return an interval in days, in hours below two days, in whole minutes below two hours."""
    if days < 2 / 24:
        return count_of(max(1, round(days * 24 * 60)), "minute")
    number, noun = (days * 24, "hour") if days < 2 else (days, "day")
    return f"{number:.3g} {noun}s"


def short_reason(reason: str) -> str:
    """Return a reason without the ids in it, so that similar failures have the same one.

    Ids are UUIDs, hexadecimal numbers of eight digits or more, and account ids.
    """
    return _ID.sub("…", replace_controls(reason))


def in_words(path: str) -> str:
    """Return a path of wire names in words: ``date created`` for ``dateCreated``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|\.", " ", path).lower()


def without_nulls(items: Iterable[T | None]) -> list[T]:
    """Return the items of a list of the service, which may have nulls in it."""
    return [item for item in items if item is not None]
