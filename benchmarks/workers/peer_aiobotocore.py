"""The worker for aiobotocore, under asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from .common import CREDENTIALS, OPERATION, REGION, Stopwatch, execution_id


async def _list(client: Any, pages: int) -> None:
    seen = 0
    async for page in client.get_paginator(OPERATION).paginate(
        lifecycleExecutionId=execution_id(pages)
    ):
        seen += len(page["resources"])
    assert seen == pages * 25


def stream(url: str, pages: int, warm_up: int, at_a_time: int) -> None:
    """List all pages, with ``at_a_time`` listings at a time."""

    async def main() -> None:
        config = AioConfig(max_pool_connections=max(at_a_time, 10))
        async with get_session().create_client(
            "imagebuilder", REGION, endpoint_url=url, config=config, **CREDENTIALS
        ) as client:
            await asyncio.gather(*(_list(client, warm_up) for _ in range(at_a_time)))
            stopwatch = Stopwatch()
            await asyncio.gather(*(_list(client, pages // at_a_time) for _ in range(at_a_time)))
            stopwatch.report(pages // at_a_time * at_a_time)

    asyncio.run(main())
