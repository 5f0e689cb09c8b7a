"""The pages of the command line: as models, or as plain dictionaries with timestamps as sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._rows import Operation
from ..client import ImageBuilder
from ..models.fields import RawTimestamp, epoch_seconds
from ..pagination.paginator import PageIterator, Paginator

#: Returns what to print for a timestamp.
TimestampFormatter = Callable[[RawTimestamp], Any]


def raw_timestamp(timestamp: RawTimestamp) -> Any:
    """Return the timestamp as the service sent it."""
    return timestamp.raw


def iso8601(timestamp: RawTimestamp) -> str:
    """Return the timestamp in ISO 8601.

    As botocore does, it is in the local time zone where epoch seconds were sent, and else in the
    zone that was sent.
    """
    is_epoch = epoch_seconds(timestamp.raw) is not None
    return (timestamp.astimezone() if is_epoch else timestamp).isoformat()


class RawImageBuilder:
    """The pages of a client: as models, or raw, which is as dictionaries with timestamps as sent.

    In a raw page, a value that does not match its model is there as it was sent. A model has
    nothing in its place, so that it can be laid out like any other.

    ``on_page`` is called with the number of items of each page that comes, in the thread that
    asked for the page.
    """

    def __init__(self, client: ImageBuilder) -> None:
        self._client = client
        self.on_page: Callable[[int], None] | None = None

    def page(self, operation: Operation, params: Mapping[str, Any]) -> Any:
        """Return one page."""
        page = self._client._send(operation, params, keep_mismatches=False)
        self._report_page(operation, page)
        return page

    def paginate(self, operation: Operation, params: Mapping[str, Any]) -> PageIterator[Any, Any]:
        """Return an iterable over pages."""
        return self._paginate(operation, params, self.page)

    def raw_page(
        self,
        operation: Operation,
        format_timestamp: TimestampFormatter,
        params: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return one page as boto3 does, but for ``ResponseMetadata`` and the timestamps."""
        response = self._client._send(operation, params, raw_timestamps=True)
        page: dict[str, Any] = response.to_dict()
        page.pop("ResponseMetadata", None)
        _format_timestamps(page, format_timestamp)
        self._report_page(operation, page)
        return page

    def paginate_raw(
        self,
        operation: Operation,
        format_timestamp: TimestampFormatter,
        params: Mapping[str, Any],
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """Return an iterable over raw pages."""
        return self._paginate(
            operation,
            params,
            lambda operation, request: self.raw_page(operation, format_timestamp, request),
        )

    def _paginate(
        self,
        operation: Operation,
        params: Mapping[str, Any],
        fetch: Callable[[Operation, Mapping[str, Any]], Any],
    ) -> PageIterator[Any, Any]:
        paginator: Paginator[Any, Any] = Paginator(
            lambda **request: fetch(operation, request),
            operation.require_pagination(),
            serialize_params=operation.check_params,
            name=operation.name,
        )
        return paginator.paginate(**params)

    def _report_page(self, operation: Operation, page: Any) -> None:
        if self.on_page is not None:
            key = operation.result_key
            self.on_page(1 if key is None else len(page.get(key) or ()))


def _format_timestamps(data: Any, format_timestamp: TimestampFormatter) -> None:
    """Replace each timestamp in plain data, where it stands."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, RawTimestamp):
            data[key] = format_timestamp(value)
        elif isinstance(value, (dict, list)):
            _format_timestamps(value, format_timestamp)
