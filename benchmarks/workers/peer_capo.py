"""The worker for capo-imagebuilder's sync client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capo_imagebuilder import imagebuilderClient

from .common import CREDENTIALS, REGION, Stopwatch, execution_id


def _client(url: str) -> Any:
    credentials: Any = {
        "access_key": CREDENTIALS["aws_access_key_id"],
        "secret_key": CREDENTIALS["aws_secret_access_key"],
    }
    return imagebuilderClient(region=REGION, endpoint=url, credentials=credentials)


def _resources(client: Any, pages: int) -> Iterator[dict[str, Any]]:
    resources: Iterator[dict[str, Any]] = client.iter_list_lifecycle_execution_resources(
        execution_id(pages)
    )
    return resources


def first_page(url: str) -> None:
    """Create a client, list one page and print it."""
    for resource in _resources(_client(url), 1):
        print(resource["resource_id"], resource["state"]["status"])


def stream(url: str, pages: int, warm_up: int) -> None:
    """List all pages and keep none."""
    client = _client(url)
    seen = sum(1 for _ in _resources(client, warm_up))
    stopwatch = Stopwatch()
    seen = sum(1 for _ in _resources(client, pages))
    assert seen == pages * 25
    stopwatch.report(pages)
