"""The client of the command line: it can also give pages as they were on the wire.

The AWS CLI prints timestamps as the service has sent them, ``1740967220.378`` or ``1740967265``,
which a datetime no longer knows. Pages are validated by the models all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ..aws.signer import Signer
from ..client import ImageBuilder, ResponseT
from ..models.members import AbsentList
from ..models.shape import Response, Shape
from ..operations import Operation
from ..pagination.paginator import PageIterator, Paginator
from ..service import HEADERS, SERVICE

if TYPE_CHECKING:
    import httpx

    from ..aws.credentials import CachingProvider, Surroundings
    from ..aws.direct import DirectClient

__all__ = ["Timestamps", "WireImageBuilder", "iso8601", "unchanged"]

#: What to print for a timestamp: from how it was sent, and what that means.
Timestamps = Callable[[Any, datetime], Any]


def unchanged(sent: Any, _moment: datetime) -> Any:
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


class WireImageBuilder(ImageBuilder):
    """An :class:`ImageBuilder` whose pages can be had as plain dictionaries.

    ``direct``: what to send with, in place of httpx; it has the arguments' endpoint and
    certificates, and stays the caller's to close. ``on_page``: told of each page that came, in the
    thread that asked for it, how many items it has.
    """

    on_page: Callable[[int], None] | None = None

    def __init__(self, *args: Any, direct: DirectClient | None = None, **kwargs: Any) -> None:
        self._direct = direct
        super().__init__(*args, **kwargs)

    def _connect(
        self,
        http_client: httpx.Client | None,
        credentials: CachingProvider,
        surroundings: Surroundings,
    ) -> Signer:
        if self._direct is None:
            return super()._connect(http_client, credentials, surroundings)
        self._own = None
        signer = Signer(credentials, SERVICE.name, self.region_name, clock=surroundings.clock.now)
        self._send = self._direct.sender(signer, HEADERS)
        return signer

    def wire_pages(
        self,
        operation: Operation[Any],
        timestamps: Timestamps,
        params: Mapping[str, Any],
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """What ``get_paginator(...).paginate(**params)`` gives, with dictionaries as pages."""

        def method(**request: Any) -> dict[str, Any]:
            return self.wire_page(operation, timestamps, request)

        paginator: Paginator[dict[str, Any], dict[str, Any]] = Paginator(
            method, operation.pagination, prepare=operation.wire_params, name=operation.name
        )
        return paginator.paginate(**params)

    def wire_page(
        self, operation: Operation[Any], timestamps: Timestamps, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One answer, as the dictionary that boto3 would return, but for its timestamps."""

        def read(body: bytes, metadata: Mapping[str, Any]) -> _Answer:
            return _Answer(operation.response.from_wire(body, metadata), body)

        wire = operation.wire_params(params)
        answer = self._rest.call(operation.call, wire, read, self._send)
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


def _plain(value: Any, sent: Any, timestamps: Timestamps) -> Any:
    """A member of an answer as plain data; ``sent`` is the same as it was on the wire."""
    if isinstance(value, Shape):
        members = {}
        for name, info in type(value).model_fields.items():
            wire_name = info.alias or name
            member = getattr(value, name)
            if member is None or (type(member) is AbsentList and not member):
                continue
            members[wire_name] = _plain(member, sent[wire_name], timestamps)
        return members
    if isinstance(value, list):
        return [_plain(one, as_sent, timestamps) for one, as_sent in zip(value, sent, strict=True)]
    if isinstance(value, datetime):
        return timestamps(sent, value)
    return str(value) if isinstance(value, str) else value
