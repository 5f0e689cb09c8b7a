"""Dates are read as by dateutil, with which botocore reads them."""

import warnings
from datetime import UTC, datetime
from typing import Any

import botocore.credentials
import pytest

from imagebuilder_pager._dates import parse_date, parse_http_date

dateutil_parse: Any = vars(botocore.credentials)["parse"]

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-31T12:00:00Z",
        "2030-01-31t12:00:00z",
        "2030-01-31T12:00:00.000000000Z",
        "2030-01-31T14:00:00+02:00",
        "2030-01-31T14:00:00+0200",
        "2030-01-31 07:00:00 -0500",
        "2030-01-31T12:00:00UTC",  # older files of the AWS CLI
        "2030-01-31 12:00:00 UTC",
        "20300131T120000Z",
        " 2030-01-31T12:00:00Z\n",
        "Thu, 31 Jan 2030 12:00:00 GMT",
        "Thu, 31 Jan 2030 12:00:00 +0000",
        "Thu, 31 Jan 2030 12:00:00 -0000",
        "Thu, 31 Jan 2030 14:00:00 +0200",
        "Thu, 31 Jan 2030 14:00:00 +0200\n",  # date -R
        "31 Jan 2030 12:00:00 UTC",
        "Thursday, 31-Jan-30 12:00:00 GMT",
        "Thu Jan 31 12:00:00 UTC 2030",  # date
    ],
)
def test_a_date_is_dateutils(text: str) -> None:
    assert parse_date(text) == dateutil_parse(text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-31T12:00:00",
        "2030-01-31 12:00:00 +0000 UTC",  # Go's, which dateutil refuses
        "Thu, 31 Jan 2030 12:00:00",
        "Thu Jan 31 12:00:00 2030",
    ],
)
def test_a_date_without_a_time_zone_is_in_utc(text: str) -> None:
    """botocore cannot compare it with the time."""
    assert parse_date(text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1896091200",
        "2030-02-31T12:00:00Z",
        "01/31/2030 12:00:00",
        "Thu, 31 Jan 2030 12:00:00 NOWHERE",
        "Thu 31 Jan 2030 02:00:00 PM UTC",  # which email.utils would read as 2 o'clock
        "Thu Jan 31 2030 14:00:00 GMT+0200 (Central European Summer Time)",
        "Thu, 31 Jan 99999 12:00:00 GMT",
    ],
)
def test_any_other_text_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        parse_date(text)
    assert parse_http_date(text) is None


def test_a_zone_that_dateutil_does_not_know_is_that_of_rfc_2822() -> None:
    with warnings.catch_warnings(action="ignore"):
        assert dateutil_parse("Thu, 31 Jan 2030 07:00:00 EST").tzinfo is None
    assert parse_date("Thu, 31 Jan 2030 07:00:00 EST") == NOON
