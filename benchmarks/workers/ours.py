"""The worker for imagebuilder_pager's sync client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .common import CREDENTIALS, OPERATION, REGION, Stopwatch, execution_id, policy_arn, work

if TYPE_CHECKING:
    from imagebuilder_pager import ImageBuilder


MakeClient = Callable[[str], "ImageBuilder"]


def make_client(url: str) -> ImageBuilder:
    """Return the default client."""
    from imagebuilder_pager import ImageBuilder

    return ImageBuilder(REGION, endpoint_url=url, **CREDENTIALS)


def _pages(client: ImageBuilder, pages: int, latency_ms: int = 0, prefetch: int = 0) -> Any:
    return client.get_paginator(OPERATION).paginate(
        lifecycleExecutionId=execution_id(pages, latency_ms),
        PaginationConfig={"Prefetch": prefetch},
    )


def first_page(url: str, make_client: MakeClient = make_client) -> None:
    """Create a client, list one page and print it."""
    with make_client(url) as client:
        for page in _pages(client, 1):
            for resource in page["resources"]:
                print(resource["resourceId"], resource["state"]["status"])


def stream(url: str, pages: int, warm_up: int, make_client: MakeClient = make_client) -> None:
    """List all pages and keep none."""
    with make_client(url) as client:
        seen = sum(len(page["resources"]) for page in _pages(client, warm_up))
        stopwatch = Stopwatch()
        seen = sum(len(page["resources"]) for page in _pages(client, pages))
        assert seen == pages * 25
        stopwatch.report(pages)


def prefetch(url: str, pages: int, milliseconds: int, depth: int, busy: int) -> None:
    """List all pages, and work on each page."""
    with make_client(url) as client:
        for _ in _pages(client, 1):
            pass
        stopwatch = Stopwatch()
        for _ in _pages(client, pages, milliseconds, prefetch=depth):
            work(milliseconds / 1000, busy=bool(busy))
        stopwatch.report(pages)


def walk(
    url: str, executions: int, pages: int, children: int, make_client: MakeClient = make_client
) -> None:
    """Walk through a policy, and keep nothing."""
    with make_client(url) as client:

        def count(executions: int) -> int:
            policies = [policy_arn(executions, pages)]
            return sum(1 for _ in client.walk_lifecycle(policies, children=bool(children)))

        _measure(count, executions, pages, children)


def single_listings(
    url: str, executions: int, pages: int, children: int, make_client: MakeClient = make_client
) -> None:
    """Go through the same listings, one within the other, and keep nothing."""
    with make_client(url) as client:

        def count(executions: int) -> int:
            runs = client.get_paginator("list_lifecycle_executions")
            resources = client.get_paginator(OPERATION)
            seen = 0
            for run in runs.paginate(resourceArn=policy_arn(executions, pages)).items():
                seen += 1
                run_id = run.lifecycle_execution_id
                assert run_id is not None
                for image in resources.paginate(lifecycleExecutionId=run_id).items():
                    seen += 1
                    if children:
                        assert image.resource_id is not None
                        below = resources.paginate(
                            lifecycleExecutionId=run_id, parentResourceId=image.resource_id
                        )
                        seen += sum(1 for _ in below.items())
            return seen

        _measure(count, executions, pages, children)


def _measure(count: Callable[[int], int], executions: int, pages: int, children: int) -> None:
    count(2)
    stopwatch = Stopwatch()
    seen = count(executions)
    images = executions * pages * 25
    assert seen == executions + images * (3 if children else 1)
    stopwatch.report(1 + executions * pages + (images if children else 0))
