"""A listing that is under way: how its pages are had, and how far what was written has come."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from ..models.lifecycle import LifecycleExecutionResource
from ..models.lifecycle import ListLifecycleExecutionResourcesResponse as Page
from ..operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
from ..pagination.paginator import PageIterator
from .args import ListRequest
from .client import RawImageBuilder, TimestampFormatter
from .resume_state import ResumeState
from .signals import Signals

__all__ = ["ListContext"]


class ListContext(NamedTuple):
    """What the outputs work on: ``asked`` of the ``client``, written as far as ``place``."""

    client: RawImageBuilder
    request: ListRequest
    timestamps: TimestampFormatter
    resume_state: ResumeState
    signals: Signals

    def raw_pages(
        self, parameters: dict[str, Any] | None = None
    ) -> PageIterator[dict[str, Any], dict[str, Any]]:
        """The pages as on the wire; where pagination is off, ask for :meth:`raw_page`."""
        given = self.request.parameters if parameters is None else parameters
        return self.client.raw_pages(OPERATION, self.timestamps, given)

    def raw_page(self) -> dict[str, Any]:
        """The one page of a listing without pagination, as on the wire."""
        return self.client.raw_page(OPERATION, self.timestamps, self.request.parameters)

    def pages(self) -> Generator[tuple[Page, str | None]]:
        """The pages as models, with or without pagination, each with the token that goes on."""
        if self.request.no_paginate:
            page = self.client.list_lifecycle_execution_resources(**self.request.parameters)
            yield page, page.next_token
            return
        paginator = self.client.get_paginator("list_lifecycle_execution_resources")
        for page in paginator.paginate(**self.request.parameters):
            yield page, page.resume_token

    def all_pages(self) -> tuple[list[Page], str | None]:
        """All pages at once, and the token that goes on after them."""
        pages = list(self.pages())
        return [page for page, _ in pages], pages[-1][1] if pages else None

    def children(self, parent: str) -> Iterator[LifecycleExecutionResource]:
        """What belongs to an image resource of the execution: all of it, over all its pages."""
        paginator = self.client.get_paginator("list_lifecycle_execution_resources")
        return paginator.paginate(
            lifecycleExecutionId=self.request.parameters["lifecycleExecutionId"],
            parentResourceId=parent,
        ).items()
