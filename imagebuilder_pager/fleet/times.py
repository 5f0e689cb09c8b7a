"""Times as the database of a fleet has them."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(time: datetime | None) -> str | None:
    """Return a time as the database has it: UTC, to the millisecond."""
    if not isinstance(time, datetime):
        return None
    # A time of the service is in UTC already; strftime would take ten times as long.
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"
