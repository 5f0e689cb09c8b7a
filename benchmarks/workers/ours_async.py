"""The worker for imagebuilder_pager's async client, under asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder

from .common import CREDENTIALS, OPERATION, REGION, Stopwatch, execution_id


async def _list(client: AsyncImageBuilder, pages: int, latency_ms: int = 0) -> None:
    seen = 0
    async for page in client.get_paginator(OPERATION).paginate(
        lifecycleExecutionId=execution_id(pages, latency_ms)
    ):
        seen += len(page["resources"])
    assert seen == pages * 25


def stream(
    url: str,
    pages: int,
    warm_up: int,
    at_a_time: int,
    make_http_client: Callable[[], AsyncH11Client | None] = lambda: None,
) -> None:
    """List all pages, with ``at_a_time`` listings at a time."""

    async def main() -> None:
        http_client = make_http_client()
        async with AsyncImageBuilder(
            REGION, endpoint_url=url, http_client=http_client, **CREDENTIALS
        ) as client:
            await asyncio.gather(*(_list(client, warm_up) for _ in range(at_a_time)))
            stopwatch = Stopwatch()
            await asyncio.gather(*(_list(client, pages // at_a_time) for _ in range(at_a_time)))
            stopwatch.report(pages // at_a_time * at_a_time)

    asyncio.run(main())


def executions(url: str, count: int, pages: int, latency_ms: int, at_a_time: int) -> None:
    """List many executions, ``at_a_time`` at a time, each on its own connection."""

    async def main() -> None:
        async with AsyncImageBuilder(
            REGION, endpoint_url=url, max_pool_connections=at_a_time, **CREDENTIALS
        ) as client:
            await _list(client, 1)
            turn = asyncio.Semaphore(at_a_time)

            async def one() -> None:
                async with turn:
                    await _list(client, pages, latency_ms)

            stopwatch = Stopwatch()
            await asyncio.gather(*(one() for _ in range(count)))
            stopwatch.report(count * pages)

    asyncio.run(main())
