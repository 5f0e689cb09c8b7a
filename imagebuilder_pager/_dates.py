"""Reading dates: with an offset or without, in ISO 8601 or RFC 2822."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def assume_utc(timestamp: datetime) -> datetime:
    """Return the timestamp as an aware one: one without a time zone is in UTC."""
    return timestamp if timestamp.utcoffset() is not None else timestamp.replace(tzinfo=UTC)


def parse_date(text: str) -> datetime:
    """Return a date in ISO 8601 or RFC 2822 as an aware datetime.

    Raises ``ValueError`` for any other text.
    """
    try:
        return parse_iso8601(text)
    except ValueError:
        if (date := parse_http_date(text)) is None:
            raise
        return date


def parse_iso8601(text: str) -> datetime:
    """Return a time in ISO 8601 as an aware datetime; it may end in ``UTC``, which others write.

    Raises ``ValueError`` for any other text.
    """
    return assume_utc(datetime.fromisoformat(text.strip().upper().removesuffix("UTC").rstrip()))


def parse_http_date(text: str) -> datetime | None:
    """Return the date of an HTTP header as an aware datetime, None for any other text.

    It is one of RFC 2822, or of C's ``asctime``.
    """
    import email.utils  # slow to import

    try:
        date = email.utils.parsedate_to_datetime(text.strip())
    except (ValueError, OverflowError):
        return None
    # Any word that is no time zone is passed over: of "2:00:00 PM UTC", both of the last.
    is_known = date.tzinfo or re.search(r"-0000|:\d\d( \d{4})?\Z", text.strip())
    return assume_utc(date) if is_known else None
