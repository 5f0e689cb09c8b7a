"""The worker for boto3."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from .common import (
    CREDENTIALS,
    FLEET_REGIONS,
    OPERATION,
    REGION,
    Stopwatch,
    execution_id,
    fleet_url,
    role_arns,
)


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


def fleet(  # noqa: PLR0917 - the harness passes numbers
    url: str, accounts: int, executions: int, pages: int, latency_ms: int, threads: int
) -> None:
    """List the executions of all accounts and regions, ``threads`` executions at a time."""
    _list_fleet(fleet_url(url, 1, 1), 1, threads)  # imports and compiles
    url = fleet_url(url, executions, pages, latency_ms=latency_ms)
    stopwatch = Stopwatch()
    seen = _list_fleet(url, accounts, threads)
    assert seen == accounts * len(FLEET_REGIONS) * executions * pages * 25
    stopwatch.report(seen // 25)


def _list_fleet(url: str, accounts: int, threads: int) -> int:
    """Return the number of resources of the fleet."""
    with ThreadPoolExecutor(max(1, threads)) as executor:
        run = executor.map if threads else map
        clients = [client for role in role_arns(accounts) for client in _role_clients(url, role)]
        listings = list(run(_execution_ids, clients))
        pairs = [
            (client, execution)
            for client, found in zip(clients, listings, strict=True)
            for execution in found
        ]
        return sum(run(_count_resources, pairs))


def _role_clients(url: str, role: str) -> list[Any]:
    sts = boto3.client("sts", REGION, endpoint_url=url, **CREDENTIALS)
    found = sts.assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
    session = boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    config = Config(max_pool_connections=32)
    return [
        session.client("imagebuilder", region, endpoint_url=url, config=config)
        for region in FLEET_REGIONS
    ]


def _execution_ids(client: Any) -> list[str]:
    return [
        execution["lifecycleExecutionId"]
        for policies in client.get_paginator("list_lifecycle_policies").paginate()
        for policy in policies["lifecyclePolicySummaryList"]
        for page in client.get_paginator("list_lifecycle_executions").paginate(
            resourceArn=policy["arn"]
        )
        for execution in page["lifecycleExecutions"]
    ]


def _count_resources(pair: tuple[Any, str]) -> int:
    client, execution = pair
    pages = client.get_paginator(OPERATION).paginate(lifecycleExecutionId=execution)
    return sum(len(page["resources"]) for page in pages)
