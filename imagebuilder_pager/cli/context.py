"""A listing that is under way: its pages, and how far they have been written.

The outputs ask for pages here, and see no difference between a listing with pagination and the one
page of a listing without.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from .._rows import Operation
from ..pagination.paginator import PageIterator
from .client import RawImageBuilder, TimestampFormatter
from .request import ListRequest
from .resume_state import ResumeState
from .signals import Signals

RawPage = dict[str, Any]


class ListContext(NamedTuple):
    """All that an output works with: where pages come from, and where it says how far it is.

    A raw page is a dictionary with the timestamps formatted by ``format_timestamp``. A token that
    comes with a page resumes the listing after it: a ``StartingToken``, or without pagination the
    service's own token. It is None after the last page.
    """

    client: RawImageBuilder
    operation: Operation
    request: ListRequest
    format_timestamp: TimestampFormatter
    resume_state: ResumeState
    signals: Signals

    def pages(self) -> Generator[tuple[Any, str | None]]:
        """Yield the pages as models, each with its token."""
        if self.request.no_paginate:
            parameters = self.operation.check_params(self.request.parameters)
            page = self.client.page(self.operation, parameters)
            yield page, page.get("nextToken")
            return
        for page in self.client.paginate(self.operation, self.request.parameters):
            yield page, page.resume_token

    def all_pages(self) -> tuple[list[Any], str | None]:
        """Return all pages as models, and the token after the last of them."""
        pages = list(self.pages())
        return [page for page, _ in pages], pages[-1][1] if pages else None

    def raw_pages(self) -> Generator[tuple[RawPage, str | None]]:
        """Yield the raw pages, each with its token."""
        if self.request.no_paginate:
            page = self._fetch_raw_page()
            yield page, page.get("nextToken")
            return
        pages = self.paginate_raw()
        for page in pages:
            yield page, pages.resume_token

    def raw_items(self) -> Generator[tuple[Sequence[Any], str | None]]:
        """Yield the items one by one, each as a list of one, with the token after it.

        At the end comes an empty list with the token that is left: the last page may have no items.
        Without pagination they come all at once: no token resumes in the middle of a page. The
        response of an operation that is not paginated is an item.
        """
        if self.request.no_paginate:
            for page, token in self.raw_pages():
                key = self.operation.result_key
                yield [page] if key is None else page.get(key, []), token
            return
        pages = self.paginate_raw()
        for item in pages.items():
            yield [item], pages.resume_token
        yield [], pages.resume_token

    def raw_result(self) -> RawPage:
        """Return the whole result: all pages put together, as the AWS CLI does."""
        if self.request.no_paginate:
            return self._fetch_raw_page()
        return self.paginate_raw().build_full_result()

    def raw_result_parts(self) -> Generator[tuple[RawPage, str | None]]:
        """Yield the whole result in parts, one for each page, each with its token.

        They are those of the AWS CLI. What is the same on every page is in the first part alone.
        After the last page, a part of its own has the token that is left, if there is one.
        """
        if self.request.no_paginate:
            yield from self.raw_pages()
            return
        pages = self.paginate_raw()
        is_first = True
        for page in pages:
            part = dict(pages.non_aggregate_part) if is_first else {}
            for key in pages.result_keys:
                part[key.expression] = key.search(page)
            yield part, pages.resume_token
            is_first = False
        if (token := pages.resume_token) is not None:
            yield {"NextToken": {"NextToken": token}}, None

    def paginate_raw(self) -> PageIterator[RawPage, dict[str, Any]]:
        """Return an iterable over raw pages, of a request with pagination."""
        return self.client.paginate_raw(
            self.operation, self.format_timestamp, self.request.parameters
        )

    def _fetch_raw_page(self) -> RawPage:
        parameters = self.operation.check_params(self.request.parameters)
        return self.client.raw_page(self.operation, self.format_timestamp, parameters)
