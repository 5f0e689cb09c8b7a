"""A server's responses with pages, and clients of each kind that call it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager._aws.clock import SYSTEM_CLOCK

from .accounts import LOCAL_CREDENTIALS
from .clients import EXECUTION
from .servers import requests_on

SYNC_WAYS = ["httpx", "h11"]
ASYNC_WAYS = ["async httpx", "async h11"]
WAYS = [*SYNC_WAYS, *ASYNC_WAYS]
#: The ways with a client of the caller's.
CALLER_WAYS = ["caller's", "async caller's"]
_DEFAULTS: dict[str, Any] = {"region_name": "us-west-2", "max_attempts": 1, **LOCAL_CREDENTIALS}


def page_response(resource_id: str) -> bytes:
    """Return a response with a page of one resource."""
    content = json.dumps({"resources": [{"resourceId": resource_id}]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)


def serve_pages(connection: socket.socket, number: int) -> None:
    """Respond to each request with a page of one resource, named after the connection."""
    for _ in requests_on(connection):
        connection.sendall(page_response(f"connection-{number}"))


@contextlib.contextmanager
def sync_client(way: str, url: str, **options: Any) -> Iterator[ImageBuilder]:
    """Make a client of a kind: "httpx" is the default, "caller's" has an ``httpx.Client``."""
    with contextlib.ExitStack() as stack:
        if way == "h11":
            options["http_client"] = stack.enter_context(_h11(H11Client, options))
        elif way == "caller's":
            options["http_client"] = stack.enter_context(httpx.Client())
        yield stack.enter_context(ImageBuilder(endpoint_url=url, **{**_DEFAULTS, **options}))


@contextlib.asynccontextmanager
async def async_client(way: str, url: str, **options: Any) -> AsyncIterator[AsyncImageBuilder]:
    """Make an async client of a kind, under the same names."""
    async with contextlib.AsyncExitStack() as stack:
        if way == "async h11":
            options["http_client"] = await stack.enter_async_context(_h11(AsyncH11Client, options))
        elif way == "async caller's":
            options["http_client"] = await stack.enter_async_context(httpx.AsyncClient())
        yield await stack.enter_async_context(
            AsyncImageBuilder(endpoint_url=url, **{**_DEFAULTS, **options})
        )


def _h11(client_class: Any, options: dict[str, Any]) -> Any:
    """Return a client over h11, with the clock of an Image Builder client's options."""
    clock = options.get("clock", SYSTEM_CLOCK)
    return client_class(monotonic=clock.monotonic)


@contextlib.asynccontextmanager
async def any_client(way: str, url: str, **options: Any) -> AsyncIterator[Any]:
    """Make a client of any kind, sync or async."""
    if way.startswith("async"):
        async with async_client(way, url, **options) as client:
            yield client
    else:
        with sync_client(way, url, **options) as sync:
            yield sync


async def collect_ids(client: Any, found: list[Any], config: dict[str, Any]) -> None:
    """Append the ids of the example execution's resources to a list, also before an error."""
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    items: Any = paginator.paginate(**EXECUTION, PaginationConfig=config).items()
    if hasattr(items, "__aiter__"):
        async for resource in items:
            found += [resource.resource_id]
    else:
        found.extend(resource.resource_id for resource in items)


def call_in_turn(
    way: str, url: str, count: int = 1, *, before: Callable[[int], object] = bool, **options: Any
) -> list[Any]:
    """Make calls one after the other by one client; return the resource ids, or the errors.

    ``before`` is called before each call, with its number from 0.
    """

    async def main() -> list[Any]:
        results: list[Any] = []
        async with any_client(way, url, **options) as client:
            for number in range(count):
                before(number)
                try:
                    page = client.list_lifecycle_execution_resources(**EXECUTION)
                    if way.startswith("async"):
                        page = await page
                    results.append(page.resources[0].resource_id)
                except exceptions.PagerError as error:
                    results.append(error)
        return results

    return asyncio.run(main())
