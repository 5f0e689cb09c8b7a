"""The walk over real sockets: beside boto3's nested loops, and in a program that is killed."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.local import LocalServer
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.lifecycle_account import REGION, make_account
from tests.fakes.paginated_service import WAYS, Pages, close, run


def records_of_boto3(url: str) -> list[dict[str, Any]]:
    """The records of nested loops with boto3."""
    session = boto3.session.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    client = session.client("imagebuilder", endpoint_url=url)

    def items(operation: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        for page in client.get_paginator(operation).paginate(**params):
            yield from page[key]

    resources = "list_lifecycle_execution_resources"
    records: list[dict[str, Any]] = []
    for policy in items("list_lifecycle_policies", "lifecyclePolicySummaryList"):
        arn = policy["arn"]
        for execution in items("list_lifecycle_executions", "lifecycleExecutions", resourceArn=arn):
            run_id = {"lifecycleExecutionId": execution["lifecycleExecutionId"]}
            record = {"policy": policy, "execution": execution, "parent": None, "resource": None}
            records.append(record)
            for image in items(resources, "resources", **run_id):
                records.append({**record, "resource": image})
                parent = {"parentResourceId": image["resourceId"]}
                amis = items(resources, "resources", **run_id, **parent)
                records += [{**record, "parent": image, "resource": ami} for ami in amis]
    return records


@pytest.fixture(scope="module")
def listed() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the URL of a service, and the records of boto3's loops."""
    account = make_account(policies=4, executions=6, images=5, amis=3, most=4)
    with LocalServer(account) as server:
        yield server.url, records_of_boto3(server.url)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.parametrize("lean", [False, True])
def test_the_records_are_those_of_boto3s_loops(
    way: str, prefetch: int, *, lean: bool, listed: tuple[str, list[dict[str, Any]]]
) -> None:
    url, expected = listed
    make: Any = ImageBuilder if way == "sync" else AsyncImageBuilder
    make_lean: Any = H11Client if way == "sync" else AsyncH11Client

    async def main() -> list[dict[str, Any]]:
        http_client = make_lean() if lean else None
        client = make(REGION, endpoint_url=url, http_client=http_client, **LOCAL_CREDENTIALS)
        walk = Pages(client.walk_lifecycle(Prefetch=prefetch, PageSize=3))
        records = [record.to_dict() async for record in walk]
        await close(client)
        if lean:
            await close(http_client)
        return records

    assert run(way, main) == expected
