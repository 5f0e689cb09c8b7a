"""Calls of one client, one after another, for the sync and the async client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions

from .clients import EXECUTION

Handler = Callable[[httpx.Request], Any]
#: A function that makes a number of calls by one client, and returns the error of each or None.
MakeCalls = Callable[..., list[exceptions.PagerError | None]]
#: A function that makes a number of calls by one client, and returns the page or error of each.
Outcomes = Callable[..., list[Any]]


@contextlib.asynccontextmanager
async def async_client(handler: Handler, **arguments: Any) -> AsyncIterator[AsyncImageBuilder]:
    """Make an async client that sends to the function."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        yield AsyncImageBuilder("us-west-2", http_client=http, **arguments)


def sync_outcomes(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Call by an :class:`ImageBuilder`; return the page or the error of each call."""
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        client = ImageBuilder("us-west-2", http_client=http, **arguments)
        outcomes: list[Any] = []
        for _ in range(count):
            try:
                outcomes.append(client.list_lifecycle_execution_resources(**EXECUTION))
            except exceptions.PagerError as error:
                outcomes.append(error)
        return outcomes


def async_outcomes(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Call by an :class:`AsyncImageBuilder`; return the page or the error of each call."""

    async def main() -> list[Any]:
        outcomes: list[Any] = []
        async with async_client(handler, **arguments) as client:
            for _ in range(count):
                try:
                    outcomes.append(await client.list_lifecycle_execution_resources(**EXECUTION))
                except exceptions.PagerError as error:
                    outcomes.append(error)
        return outcomes

    return asyncio.run(main())


def sync_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Return the errors of sync calls."""
    return errors_of(sync_outcomes(handler, count, **arguments))


def async_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Return the errors of async calls."""
    return errors_of(async_outcomes(handler, count, **arguments))


def errors_of(outcomes: list[Any]) -> list[Any]:
    """Return the error of each call, or None."""
    return [one if isinstance(one, exceptions.PagerError) else None for one in outcomes]
