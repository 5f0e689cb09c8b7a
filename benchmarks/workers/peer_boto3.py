"""The worker for boto3."""

from __future__ import annotations

import os
from typing import Any

import boto3

from .common import CREDENTIALS, OPERATION, REGION, Stopwatch, execution_id


def _client(url: str) -> Any:
    verify = os.environ.get("AWS_CA_BUNDLE")
    return boto3.client("imagebuilder", REGION, endpoint_url=url, verify=verify, **CREDENTIALS)


def _pages(client: Any, pages: int, latency_ms: int = 0) -> Any:
    return client.get_paginator(OPERATION).paginate(
        lifecycleExecutionId=execution_id(pages, latency_ms)
    )


def first_page(url: str) -> None:
    """Create a client, list one page and print it."""
    for page in _pages(_client(url), 1):
        for resource in page["resources"]:
            print(resource["resourceId"], resource["state"]["status"])


def stream(url: str, pages: int, warm_up: int) -> None:
    """List all pages and keep none."""
    client = _client(url)
    seen = sum(len(page["resources"]) for page in _pages(client, warm_up))
    stopwatch = Stopwatch()
    seen = sum(len(page["resources"]) for page in _pages(client, pages))
    assert seen == pages * 25
    stopwatch.report(pages)


def executions(url: str, count: int, pages: int, latency_ms: int) -> None:
    """List many executions, one after the other."""
    client = _client(url)
    for _ in _pages(client, 1):
        pass
    stopwatch = Stopwatch()
    for _ in range(count):
        seen = sum(len(page["resources"]) for page in _pages(client, pages, latency_ms))
        assert seen == pages * 25
    stopwatch.report(count * pages)
