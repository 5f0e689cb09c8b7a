"""Calls of one client, one after another, for the sync and the async client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions

from .clients import EXECUTION

Handler = Callable[[httpx.Request], httpx.Response]
#: A function that makes a number of calls by one client, and returns the error of each or None.
MakeCalls = Callable[..., list[exceptions.PagerError | None]]


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
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            client = AsyncImageBuilder("us-west-2", http_client=http, **arguments)
            outcomes: list[Any] = []
            for _ in range(count):
                try:
                    outcomes.append(await client.list_lifecycle_execution_resources(**EXECUTION))
                except exceptions.PagerError as error:
                    outcomes.append(error)
            return outcomes

    return asyncio.run(main())


def sync_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Return the errors of sync calls."""
    return [*map(_error_of, sync_outcomes(handler, count, **arguments))]


def async_calls(handler: Handler, count: int, **arguments: Any) -> list[Any]:
    """Return the errors of async calls."""
    return [*map(_error_of, async_outcomes(handler, count, **arguments))]


every_client = pytest.mark.parametrize("calls", [sync_calls, async_calls], ids=["sync", "async"])


def _error_of(outcome: object) -> object:
    return outcome if isinstance(outcome, exceptions.PagerError) else None
