"""Reading dates: with an offset or without, in ISO 8601 or as in an HTTP header."""

from __future__ import annotations

from datetime import UTC, datetime


def assume_utc(timestamp: datetime) -> datetime:
    """Return the timestamp as an aware one: one without a time zone is in UTC."""
    return timestamp if timestamp.utcoffset() is not None else timestamp.replace(tzinfo=UTC)


def parse_iso8601(text: str) -> datetime:
    """Return a time in ISO 8601 as an aware datetime. Raises ``ValueError`` for any other text."""
    return assume_utc(datetime.fromisoformat(text))


def parse_http_date(text: str) -> datetime | None:
    """Return the date of an HTTP header as an aware datetime, None for any other text."""
    import email.utils  # slow to import

    try:
        return assume_utc(email.utils.parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None
