"""The client of the command line, and its connection, made while the rest is imported.

Importing what reads and checks the pages takes a tenth of a second. In that time another thread
can make a TLS connection and load its certificates.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..aws.auth.signer import RequestSigner
from ..aws.config.endpoints import resolve_endpoint
from ..aws.config.region import resolve_region
from ..aws.config.shared_config import SharedConfig
from ..aws.config.tls import resolve_certificates
from ..aws.transport.h11_transport import H11Client, is_direct
from ..client import ImageBuilder
from ..models.fields import RawTimestamp
from ..operations import OPERATIONS, Operation
from ..pagination.paginator import PageIterator, Paginator
from ..service import DEFAULT_TIMEOUTS, HEADERS, SERVICE

if TYPE_CHECKING:
    import httpx

    from ..aws.identity import CachingProvider, CredentialsContext


__all__ = [
    "ClientSettings",
    "RawImageBuilder",
    "TimestampFormatter",
    "iso8601",
    "raw_timestamp",
    "resolve_settings",
]


_NO_TIMEOUT_SECONDS = 2_000_000  # the system's poll takes little more


class ClientSettings(NamedTuple):
    """The arguments of the client, and the h11 client to send with; None to send by httpx.

    As a context manager, it closes the h11 client at its end.
    """

    arguments: dict[str, Any]
    direct: H11Client | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.direct is not None:
            self.direct.close()


def resolve_settings(options: argparse.Namespace, profile: SharedConfig) -> ClientSettings:
    """Return the settings of the options, the environment and the profile, and start to connect.

    Raises the errors that :class:`ImageBuilder` raises for a region, an endpoint and timeouts. An
    error of the connection, or of the certificates, is raised by the first request.
    """
    # As the client will resolve them, from the same arguments.
    region = resolve_region(options.region, profile)
    endpoint_url = resolve_endpoint(SERVICE, region, profile, endpoint_url=options.endpoint_url)
    arguments = {
        "region_name": options.region,
        "endpoint_url": options.endpoint_url,
        "profile_name": options.profile,
        "verify": False if options.no_verify_ssl else options.ca_bundle,
        "connect_timeout": _timeout(options.cli_connect_timeout),
        "read_timeout": _timeout(options.cli_read_timeout),
    }
    if not is_direct(endpoint_url):
        return ClientSettings(arguments, None)
    timeouts = DEFAULT_TIMEOUTS.with_overrides(
        arguments["connect_timeout"], arguments["read_timeout"]
    )
    direct = H11Client(endpoint_url, resolve_certificates(arguments["verify"], profile))
    direct.preconnect(timeouts)
    return ClientSettings(arguments, direct)


def _timeout(seconds: int | None) -> int | None:
    return _NO_TIMEOUT_SECONDS if seconds == 0 else seconds


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
    try:
        float(timestamp.raw)
    except ValueError:
        return timestamp.isoformat()
    return timestamp.astimezone().isoformat()


class RawImageBuilder(ImageBuilder):
    """An :class:`ImageBuilder` with raw pages: plain dictionaries, with timestamps as they came.

    ``direct`` is the h11 client to send with, in place of httpx; it is for the same endpoint, and
    stays the caller's to close. ``on_page`` is called with the number of items of each page that
    comes, in the thread that asked for the page.
    """

    on_page: Callable[[int], None] | None = None

    def __init__(self, *args: Any, direct: H11Client | None = None, **kwargs: Any) -> None:
        self._direct = direct
        super().__init__(*args, **kwargs)

    def _connect(
        self,
        http_client: httpx.Client | None,
        credentials: CachingProvider,
        surroundings: CredentialsContext,
    ) -> RequestSigner:
        if self._direct is None:
            return super()._connect(http_client, credentials, surroundings)
        self._own = None
        signer = RequestSigner(
            credentials, SERVICE.name, self.region_name, clock=surroundings.clock.now
        )
        self._send = self._direct.sender(signer, HEADERS)
        return signer

    def paginate_raw(
        self,
        operation: Operation[Any],
        format_timestamp: TimestampFormatter,
        params: Mapping[str, Any],
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """Return what ``get_paginator(...).paginate(**params)`` does, of raw pages."""

        def method(**request: Any) -> dict[str, Any]:
            return self.raw_page(operation, format_timestamp, request)

        paginator: Paginator[dict[str, Any], dict[str, Any]] = Paginator(
            method,
            operation.require_pagination(),
            serialize_params=operation.serialize_params,
            name=operation.name,
        )
        return paginator.paginate(**params)

    def raw_page(
        self,
        operation: Operation[Any],
        format_timestamp: TimestampFormatter,
        params: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return one page as boto3 does, but for ``ResponseMetadata`` and the timestamps."""
        parse = functools.partial(operation.response.from_json, raw_timestamps=True)
        wire = operation.serialize_params(params)
        response = self._rest.call(operation.rest_json, wire, parse, self._send)
        page: dict[str, Any] = response.to_dict()
        page.pop("ResponseMetadata", None)
        _format_timestamps(page, format_timestamp)
        self._report_page(operation, page)
        return page

    def _call(self, method_name: str, params: Mapping[str, Any]) -> Any:
        page = super()._call(method_name, params)
        self._report_page(OPERATIONS[method_name], page)
        return page

    def _report_page(self, operation: Operation[Any], page: Any) -> None:
        if self.on_page is not None:
            self.on_page(len(operation.require_pagination().result_keys[0].search(page) or ()))


def _format_timestamps(data: Any, format_timestamp: TimestampFormatter) -> None:
    """Replace each timestamp in plain data, where it stands."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, RawTimestamp):
            data[key] = format_timestamp(value)
        elif isinstance(value, (dict, list)):
            _format_timestamps(value, format_timestamp)
