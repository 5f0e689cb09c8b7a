"""A listing that is under way: its pages, as models or raw, and how far they have been written.

The outputs ask for pages here, and see no difference between a listing with pagination and the one
page of a listing without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .._dates import parse_date
from .._rows import Operation
from ..client import ImageBuilder
from ..models.fields import RawTimestamp, epoch_seconds
from ..pagination.paginator import PageIterator, Paginator
from .request import ListRequest
from .signals import Signals
from .stdout import Stdout
from .terminal import ResumeState

RawPage = dict[str, Any]


def iso8601(timestamp: RawTimestamp) -> str:
    """Return the timestamp in ISO 8601.

    As botocore does, it is in the local time zone where epoch seconds were sent, and else in the
    zone that was sent.
    """
    is_epoch = epoch_seconds(timestamp.raw) is not None
    time = timestamp.astimezone() if is_epoch else parse_date(timestamp.raw)
    return time.isoformat()


@dataclass(slots=True)
class Listing:
    """All that an output works with: where pages come from, and where it says how far it is.

    A page is a model, without the values that do not match it. A raw page is the dictionary that
    boto3 returns, with each value as it was sent, and each timestamp by ``format_timestamp``.

    A token that comes with a page resumes the listing after it: a ``StartingToken``, or without
    pagination the service's own token. It is None after the last page.

    ``on_page`` is called with the number of items of each page, in the thread that asked for it.
    """

    client: ImageBuilder
    operation: Operation
    request: ListRequest
    format_timestamp: Callable[[RawTimestamp], Any]
    resume_state: ResumeState
    signals: Signals
    stdout: Stdout
    on_page: Callable[[int], None]

    def all_pages(self) -> tuple[list[Any], str | None]:
        """Return all pages as models, and the token after the last of them."""
        pages = list(self.pages())
        return [page for page, _ in pages], pages[-1][1] if pages else None

    def pages(self) -> Generator[tuple[Any, str | None]]:
        """Yield the pages as models, each with its token."""
        return self._pages(self._fetch)

    def raw_pages(self) -> Generator[tuple[RawPage, str | None]]:
        """Yield the raw pages, each with its token."""
        return self._pages(self._fetch_raw)

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
        pages = self._paginate(self._fetch_raw)
        for item in pages.items():
            yield [item], pages.resume_token
        yield [], pages.resume_token

    def items_of(self, parameters: RawPage) -> Iterable[Any]:
        """Return the items, as models, of another listing of the operation."""
        return self._paginate(self._fetch, parameters).items()

    def raw_result(self) -> RawPage:
        """Return the whole result: all pages put together, as the AWS CLI does."""
        if self.request.no_paginate:
            return next(self.raw_pages())[0]
        return self._paginate(self._fetch_raw).build_full_result()

    def raw_result_parts(self) -> Generator[tuple[RawPage, str | None]]:
        """Yield the parts of the result, one for each page as in the AWS CLI, each with its token.

        What is the same on every page is in the first part alone. The token that is left after the
        last page is a part, too.
        """
        if self.request.no_paginate:
            yield from self.raw_pages()
            return
        pages = self._paginate(self._fetch_raw)
        is_first = True
        for page in pages:
            part = dict(pages.non_aggregate_part) if is_first else {}
            for key in pages.result_keys:
                part[key.expression] = key.search(page)
            yield part, pages.resume_token
            is_first = False
        if (token := pages.resume_token) is not None:
            yield {"NextToken": {"NextToken": token}}, None

    def write(
        self,
        parts: Iterable[tuple[Any, str | None]],
        format_part: Callable[[Any], str],
        write: Callable[[str, str | None], None] | None = None,
    ) -> None:
        """Write each part, with the query applied to it, and note the token that comes with it.

        A signal is deferred until both are done. ``write`` is called with the text and the token;
        default: the text goes to standard output.
        """
        for part, token in parts:
            text = format_part(self.request.apply_query(part))
            with self.signals.deferred():
                if write is None:
                    self.stdout.write(text)
                else:
                    write(text, token)
                self.resume_state.token = token

    def _pages(self, fetch: Callable[..., Any]) -> Generator[tuple[Any, str | None]]:
        if self.request.no_paginate:
            page = fetch(**self.operation.check_params(self.request.parameters))
            yield page, page.get("nextToken")
            return
        pages = self._paginate(fetch)
        for page in pages:
            yield page, pages.resume_token

    def _paginate(
        self, fetch: Callable[..., Any], parameters: RawPage | None = None
    ) -> PageIterator[Any, Any]:
        paginator: Paginator[Any, Any] = Paginator(
            fetch,
            self.operation.require_pagination(),
            serialize_params=self.operation.check_params,
            name=self.operation.name,
        )
        return paginator.paginate(**(parameters or self.request.parameters))

    def _fetch(self, **parameters: Any) -> Any:
        page = self.client._send(self.operation, parameters, keep_mismatches=False)
        self._report(page)
        return page

    def _fetch_raw(self, **parameters: Any) -> RawPage:
        response = self.client._send(self.operation, parameters, raw_timestamps=True)
        page: RawPage = response.to_dict()
        page.pop("ResponseMetadata", None)
        _format_timestamps(page, self.format_timestamp)
        self._report(page)
        return page

    def _report(self, page: Any) -> None:
        key = self.operation.result_key
        self.on_page(1 if key is None else len(page.get(key) or ()))


def _format_timestamps(data: Any, format_timestamp: Callable[[RawTimestamp], Any]) -> None:
    """Replace each timestamp in plain data, in place."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, RawTimestamp):
            data[key] = format_timestamp(value)
        elif isinstance(value, (dict, list)):
            _format_timestamps(value, format_timestamp)
