"""boto3 and the AWS CLI as clients of the local Image Builder, on a real socket."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
    LocalImageBuilder,
    LocalServer,
    load_account,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS

ACCOUNT_FILE = Path(__file__).parents[2] / "fixtures" / "account.json"


@pytest.fixture(scope="module")
def account() -> Account:
    return load_account(ACCOUNT_FILE)


@pytest.fixture(scope="module")
def server(account: Account) -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(account)) as running:
        yield running


def boto3_client(url: str, **changes: Any) -> Any:
    arguments = {
        "endpoint_url": url,
        "region_name": "us-west-2",
        **LOCAL_CREDENTIALS,
        "config": botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=10),
        **changes,
    }
    return boto3.session.Session().client("imagebuilder", **arguments)


def comparable(resource: Any) -> dict[str, Any]:
    """Return a resource with timestamps in seconds, as they are without boto3."""
    times = {name: resource[name] for name in ("startTime", "endTime") if name in resource}
    seconds = {k: v if isinstance(v, int | float) else v.timestamp() for k, v in times.items()}
    return {**resource, **{k: round(v, 3) for k, v in seconds.items()}}


def test_boto3_gets_every_resource_of_every_execution(
    server: LocalServer, account: Account
) -> None:
    paginator = boto3_client(server.url).get_paginator("list_lifecycle_execution_resources")
    for execution in account.executions:
        pages = list(paginator.paginate(lifecycleExecutionId=execution.lifecycle_execution_id))
        assert len(pages) == max(1, -(-len(execution.resources) // 25))
        found = [comparable(resource) for page in pages for resource in page["resources"]]
        assert found == [comparable(resource) for resource in execution.resources]
        assert pages[0]["lifecycleExecutionState"] == execution.lifecycle_execution_state


def test_boto3_gets_associated_resources(server: LocalServer, account: Account) -> None:
    paginator = boto3_client(server.url).get_paginator("list_lifecycle_execution_resources")
    for execution in account.executions[:2]:
        parent, expected = next(iter(execution.children_by_parent.items()))
        result = paginator.paginate(
            lifecycleExecutionId=execution.lifecycle_execution_id, parentResourceId=parent
        ).build_full_result()
        assert [comparable(r) for r in result["resources"]] == [comparable(r) for r in expected]


def test_boto3_stops_and_resumes(server: LocalServer, account: Account) -> None:
    paginator = boto3_client(server.url).get_paginator("list_lifecycle_execution_resources")
    name = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
    config: dict[str, Any] = {"MaxItems": 33, "PageSize": 10}
    found: list[str] = []
    while True:
        result = paginator.paginate(**name, PaginationConfig=config).build_full_result()
        found += [resource["resourceId"] for resource in result["resources"]]
        if "NextToken" not in result:
            break
        assert len(result["resources"]) == 33
        config["StartingToken"] = result["NextToken"]
    assert found == [resource["resourceId"] for resource in account.executions[0].resources]


def test_boto3_may_use_a_session_token(server: LocalServer) -> None:
    client = boto3_client(server.url, aws_session_token="a session/token+=")
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    assert len(page["resources"]) == 25
    assert page["ResponseMetadata"]["RequestId"]


def test_boto3_raises_the_errors_of_the_service_model(server: LocalServer) -> None:
    client = boto3_client(server.url)
    unknown = "lce-ffffffff-ffff-ffff-ffff-ffffffffffff"
    with pytest.raises(client.exceptions.InvalidRequestException, match=f"'{unknown}' does not"):
        client.list_lifecycle_execution_resources(lifecycleExecutionId=unknown)
    with pytest.raises(client.exceptions.InvalidPaginationTokenException) as caught:
        client.list_lifecycle_execution_resources(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, nextToken="made-up"
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "AKIDEXAMPLE"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        (
            {"config": botocore.config.Config(signature_version=botocore.UNSIGNED)},
            "MissingAuthenticationTokenException",
        ),
    ],
)
def test_boto3_gets_an_error_for_invalid_credentials(
    server: LocalServer, changes: dict[str, Any], code: str
) -> None:
    client = boto3_client(server.url, **changes)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_another_operation_of_boto3_is_unknown(server: LocalServer) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="UnknownOperationException"):
        boto3_client(server.url).list_image_recipes()


def aws_cli(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    environment = {
        **keep,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, "-m", "awscli", "imagebuilder", *arguments]
    command += ["--region", "us-west-2", "--endpoint-url", url, "--output", "json"]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_aws_cli_gets_every_resource(server: LocalServer, account: Account) -> None:
    ran = aws_cli(
        server.url,
        "list-lifecycle-execution-resources",
        "--lifecycle-execution-id",
        EXAMPLE_EXECUTION_ID,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    found = [resource["resourceId"] for resource in json.loads(ran.stdout)["resources"]]
    assert found == [resource["resourceId"] for resource in account.executions[0].resources]


def test_the_aws_cli_shows_an_error(server: LocalServer) -> None:
    unknown = "lce-ffffffff-ffff-ffff-ffff-ffffffffffff"
    operation = "list-lifecycle-execution-resources"
    ran = aws_cli(server.url, operation, "--lifecycle-execution-id", unknown)
    assert ran.returncode in (254, 255)
    assert "(InvalidRequestException)" in ran.stderr
    assert f"'{unknown}' does not exist" in ran.stderr


def test_threads_share_the_server(server: LocalServer, account: Account) -> None:
    client = boto3_client(server.url, config=botocore.config.Config(max_pool_connections=8))
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    expected = [resource["resourceId"] for resource in account.executions[0].resources]

    def everything(size: int) -> list[str]:
        pages = paginator.paginate(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"PageSize": size}
        )
        return [resource["resourceId"] for page in pages for resource in page["resources"]]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(everything, range(10, 26)):
            assert found == expected
