"""Calls of one client, one after another, by the sync and by the async client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions

from .clients import EXECUTION

Handler = Callable[[httpx.Request], httpx.Response]
#: Makes a number of calls by one client, and returns the error of each, None for a page.
MakeCalls = Callable[..., list[exceptions.PagerError | None]]


def sync_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Call by an :class:`ImageBuilder` with these arguments."""
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        client = ImageBuilder("us-west-2", http_client=http, **arguments)
        return [_error_of(client) for _ in range(count)]


def _error_of(client: ImageBuilder) -> exceptions.PagerError | None:
    try:
        client.list_lifecycle_execution_resources(**EXECUTION)
    except exceptions.PagerError as error:
        return error
    return None


def async_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Call by an :class:`AsyncImageBuilder` with these arguments."""

    async def main() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            client = AsyncImageBuilder("us-west-2", http_client=http, **arguments)
            errors: list[Any] = []
            for _ in range(count):
                try:
                    await client.list_lifecycle_execution_resources(**EXECUTION)
                    errors.append(None)
                except exceptions.PagerError as error:
                    errors.append(error)
            return errors

    return asyncio.run(main())
