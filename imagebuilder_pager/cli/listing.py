"""A listing that is under way: how its pages are had, and how far what was written has come."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from ..models.lifecycle import LifecycleExecutionResource
from ..models.lifecycle import ListLifecycleExecutionResourcesResponse as Page
from ..operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
from ..pagination.paginator import PageIterator
from .asked import Asked
from .place import Place
from .signals import Signals
from .wire import Timestamps, WireImageBuilder

__all__ = ["OPERATION", "Listing"]


class Listing(NamedTuple):
    """What the outputs work on: ``asked`` of the ``client``, written as far as ``place``."""

    client: WireImageBuilder
    asked: Asked
    timestamps: Timestamps
    place: Place
    signals: Signals

    def wire_pages(
        self, parameters: dict[str, Any] | None = None
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """The pages as on the wire; where pagination is off, ask for :meth:`wire_page`."""
        given = self.asked.parameters if parameters is None else parameters
        return self.client.wire_pages(OPERATION, self.timestamps, given)

    def wire_page(self) -> dict[str, Any]:
        """The one page of a listing without pagination, as on the wire."""
        return self.client.wire_page(OPERATION, self.timestamps, self.asked.parameters)

    def pages(self) -> Generator[tuple[Page, str | None]]:
        """The pages as models, with or without pagination, each with the token that goes on."""
        if self.asked.one_call:
            page = self.client.list_lifecycle_execution_resources(**self.asked.parameters)
            yield page, page.next_token
            return
        paginator = self.client.get_paginator("list_lifecycle_execution_resources")
        for page in paginator.paginate(**self.asked.parameters):
            yield page, page.resume_token

    def all_pages(self) -> tuple[list[Page], str | None]:
        """All pages at once, and the token that goes on after them."""
        pages = list(self.pages())
        return [page for page, _ in pages], pages[-1][1] if pages else None

    def children(self, parent: str) -> Iterator[LifecycleExecutionResource]:
        """What belongs to an image resource of the execution: all of it, over all its pages."""
        paginator = self.client.get_paginator("list_lifecycle_execution_resources")
        return paginator.paginate(
            lifecycleExecutionId=self.asked.parameters["lifecycleExecutionId"],
            parentResourceId=parent,
        ).items()
