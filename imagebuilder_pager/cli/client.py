"""Whom to ask, and a connection there that is being made while the rest is imported.

Importing what reads and checks the pages takes a tenth of a second, in which a TLS connection, its
certificates first of all, can come about in another thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..aws.auth.signer import RequestSigner
from ..aws.config.endpoints import resolve_endpoint
from ..aws.config.region import resolve_region
from ..aws.config.shared_config import SharedConfig
from ..aws.config.tls import resolve_certificates
from ..aws.transport.h11_transport import H11Client, is_direct
from ..client import ImageBuilder, ResponseT
from ..models.fields import MissingList
from ..models.shapes import Response, Shape
from ..operations import Operation
from ..pagination.paginator import PageIterator, Paginator
from ..service import DEFAULT_TIMEOUTS, HEADERS, SERVICE

if TYPE_CHECKING:
    import httpx

    from ..aws.identity import CachingProvider, CredentialsContext
    from ..aws.transport.h11_transport import H11Client


__all__ = [
    "ClientSettings",
    "RawImageBuilder",
    "TimestampFormatter",
    "iso8601",
    "raw_timestamp",
    "resolve_settings",
]


_FOREVER = 2_000_000  # seconds, the most that the system's poll takes is a little more


class ClientSettings(NamedTuple):
    """The client's arguments, and what to send with; None for the way of the library, by httpx.

    A context manager, at whose end ``direct`` is closed.
    """

    arguments: dict[str, Any]
    direct: H11Client | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.direct is not None:
            self.direct.close()


def resolve_settings(options: argparse.Namespace, profile: SharedConfig) -> ClientSettings:
    """Whom the options, the environment and the profile name.

    Raises what :class:`ImageBuilder` raises for a region, an endpoint and timeouts. That there is
    no connection, or that certificates cannot be loaded, shows with the first request.
    """
    # As the client will choose them, from the same arguments.
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
    return _FOREVER if seconds == 0 else seconds


#: What to print for a timestamp: from how it was sent, and what that means.
TimestampFormatter = Callable[[Any, datetime], Any]


def raw_timestamp(sent: Any, _parse_expiration: datetime) -> Any:
    """The timestamp as it was sent."""
    return sent


def iso8601(sent: Any, moment: datetime) -> str:
    """The timestamp in ISO 8601; of epoch seconds, in the local time zone, as botocore does."""
    try:
        float(sent)
    except ValueError:
        return moment.isoformat()
    return moment.astimezone().isoformat()


class _Answer(NamedTuple):
    """An answer as a model and as the JSON that it was."""

    page: Response
    body: bytes

    def keys(self) -> list[str]:
        """The members that are there, for whoever checks that it is an answer at all."""
        return self.page.keys()


class RawImageBuilder(ImageBuilder):
    """An :class:`ImageBuilder` whose pages can be had as plain dictionaries.

    ``direct``: what to send with, in place of httpx; it has the arguments' endpoint and
    certificates, and stays the caller's to close. ``on_page``: told of each page that came, in the
    thread that asked for it, how many items it has.
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

    def raw_pages(
        self,
        operation: Operation[Any],
        timestamps: TimestampFormatter,
        params: Mapping[str, Any],
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """What ``get_paginator(...).paginate(**params)`` gives, with dictionaries as pages."""

        def method(**request: Any) -> dict[str, Any]:
            return self.raw_page(operation, timestamps, request)

        paginator: Paginator[dict[str, Any], dict[str, Any]] = Paginator(
            method,
            operation.pagination,
            serialize_params=operation.serialize_params,
            name=operation.name,
        )
        return paginator.paginate(**params)

    def raw_page(
        self, operation: Operation[Any], timestamps: TimestampFormatter, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One answer, as the dictionary that boto3 would return, but for its timestamps."""

        def read(body: bytes, metadata: Mapping[str, Any]) -> _Answer:
            return _Answer(operation.response.from_json(body, metadata), body)

        wire = operation.serialize_params(params)
        answer = self._rest.call(operation.rest_json, wire, read, self._send)
        page: dict[str, Any] = _plain(answer.page, json.loads(answer.body), timestamps)
        self._tell(operation, page)
        return page

    def _call(self, operation: Operation[ResponseT], params: Mapping[str, Any]) -> ResponseT:
        page = super()._call(operation, params)
        self._tell(operation, page)
        return page

    def _tell(self, operation: Operation[Any], page: Any) -> None:
        if self.on_page is not None:
            self.on_page(len(operation.pagination.result_keys[0].search(page) or ()))


def _plain(value: Any, sent: Any, timestamps: TimestampFormatter) -> Any:
    """A member of an answer as plain data; ``sent`` is the same as it was on the wire."""
    if isinstance(value, Shape):
        members = {}
        for name, info in type(value).model_fields.items():
            wire_name = info.alias or name
            member = getattr(value, name)
            if member is None or (type(member) is MissingList and not member):
                continue
            members[wire_name] = _plain(member, sent[wire_name], timestamps)
        return members
    if isinstance(value, list):
        return [_plain(one, as_sent, timestamps) for one, as_sent in zip(value, sent, strict=True)]
    if isinstance(value, datetime):
        return timestamps(sent, value)
    return str(value) if isinstance(value, str) else value
