"""boto3, the AWS CLI and our clients at the local service: the same for each of its operations."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import anyio
import boto3
import botocore.config
import botocore.exceptions
import pytest

from imagebuilder_pager import AsyncImageBuilder, H11Client, ImageBuilder, exceptions
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS, resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.image_builder import client_of
from tests.fakes.local_operations import ACCOUNT, POLICY, UNKNOWN_EXECUTION

if TYPE_CHECKING:
    from imagebuilder_pager.type_defs import PaginatorName

EXECUTION = ACCOUNT.executions[0].lifecycle_execution_id
RESOURCES = {"lifecycleExecutionId": EXECUTION}
PIPELINE = ACCOUNT.pipelines[0]["arn"]
VERSION = ACCOUNT.images[3]["arn"].rpartition("/")[0]
LINUX = {"filters": [{"name": "platform", "values": ["Linux"]}]}
WORKFLOWS = [
    {"workflowVersionList": [{"name": f"{page}-{number}"} for number in range(page)]}
    for page in (3, 0, 4, 1)
]
LISTINGS: list[tuple[str, dict[str, Any]]] = [
    ("list_lifecycle_policies", {}),
    ("list_lifecycle_policies", {"filters": [{"name": "status", "values": ["ENABLED"]}]}),
    ("list_lifecycle_executions", {"resourceArn": POLICY}),
    ("list_lifecycle_execution_resources", RESOURCES),
    (
        "list_lifecycle_execution_resources",
        RESOURCES | {"parentResourceId": resource_ids(ACCOUNT)[0]},
    ),
    ("list_images", {}),
    ("list_images", {"owner": "Amazon", "includeDeprecated": True}),
    ("list_images", {"byName": True, **LINUX}),
    ("list_image_build_versions", {}),
    ("list_image_build_versions", {"imageVersionArn": VERSION}),
    ("list_image_pipelines", LINUX | {"filters": [{"name": "status", "values": ["ENABLED"]}]}),
    ("list_image_pipeline_images", {"imagePipelineArn": PIPELINE}),
    ("list_workflows", {}),
]
every_listing = pytest.mark.parametrize(
    ("name", "params"), LISTINGS, ids=[f"{name}-{len(params)}" for name, params in LISTINGS]
)


SERVED = dataclasses.replace(ACCOUNT, pages={"ListWorkflows": WORKFLOWS})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalServer(LocalImageBuilder(SERVED)) as server:
        yield server.url


@pytest.fixture(scope="module")
def ours(url: str) -> Iterator[Any]:
    with ImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS) as client:
        yield client


def boto3_client(url: str, *, signature: Any = None, **changes: str) -> Any:
    return boto3.session.Session().client(
        "imagebuilder",
        region_name="us-west-2",
        endpoint_url=url,
        config=botocore.config.Config(
            retries={"total_max_attempts": 1}, signature_version=signature
        ),
        **LOCAL_CREDENTIALS | changes,
    )


@pytest.fixture(scope="module")
def theirs(url: str) -> Any:
    return boto3_client(url)


def comparable(page: Any) -> dict[str, Any]:
    """Return a page without the members that differ on each request."""
    members = dict(page if isinstance(page, dict) else page.to_dict())
    metadata = members.pop("ResponseMetadata", {})
    # A full result has the id of its last page.
    if "requestId" in members:
        assert members.pop("requestId") == metadata.get("RequestId", page["requestId"])
    return members


@every_listing
def test_pages_full_results_and_tokens_are_boto3s(
    ours: Any, theirs: Any, name: str, params: dict[str, Any]
) -> None:
    configs: list[dict[str, int]] = [{}, {"PageSize": 7}, {"PageSize": 10, "MaxItems": 13}]
    for config in [*configs, {"MaxItems": 2}]:
        our_pages = ours.get_paginator(name).paginate(**params, PaginationConfig=config)
        their_pages = theirs.get_paginator(name).paginate(**params, PaginationConfig=config)
        listed = [comparable(page) for page in our_pages]
        assert listed == [comparable(page) for page in their_pages]
        assert listed
        assert any(listed[0].values())
        assert our_pages.resume_token == their_pages.resume_token
        # boto3's pages begin anew only in a new iterator.
        their_pages = theirs.get_paginator(name).paginate(**params, PaginationConfig=config)
        full = comparable(our_pages.build_full_result())
        assert full == comparable(their_pages.build_full_result())


@every_listing
def test_each_resumes_from_the_others_token(
    ours: Any, theirs: Any, name: str, params: dict[str, Any]
) -> None:
    clients = [ours, theirs]
    expected = comparable(theirs.get_paginator(name).paginate(**params).build_full_result())
    key = OPERATIONS[name].result_key
    assert key is not None
    # A size that ends within pages, so that the tokens have an offset.
    step = max(2, len(expected[key]) // 9)
    config: dict[str, Any] = {"MaxItems": step, "PageSize": 25}
    found: list[Any] = []
    for turn in range(100):
        paginator = clients[turn % 2].get_paginator(name)
        result = paginator.paginate(**params, PaginationConfig=config).build_full_result()
        found += comparable(result)[key]
        if "NextToken" not in result:
            break
        config["StartingToken"] = result["NextToken"]
    assert found == expected[key]


@every_listing
def test_the_async_client_has_the_same_result(
    url: str, theirs: Any, name: str, params: dict[str, Any]
) -> None:
    async def full_result() -> Any:
        async with AsyncImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS) as client:
            paginator: Any = client.get_paginator(cast("PaginatorName", name))
            return await paginator.paginate(**params).build_full_result()

    expected = theirs.get_paginator(name).paginate(**params).build_full_result()
    assert comparable(anyio.run(full_result)) == comparable(expected)


@pytest.mark.parametrize("http_client", [None, H11Client], ids=["httpx", "h11"])
def test_single_responses_are_boto3s(url: str, theirs: Any, http_client: Any) -> None:
    transport = None if http_client is None else http_client()
    with ImageBuilder(
        "us-west-2", endpoint_url=url, http_client=transport, **LOCAL_CREDENTIALS
    ) as client:
        for policy in ACCOUNT.policies:
            arn = {"lifecyclePolicyArn": policy["arn"]}
            got = client.get_lifecycle_policy(**arn)
            assert comparable(got) == comparable(theirs.get_lifecycle_policy(**arn))
            assert got.lifecycle_policy is not None
            assert got.lifecycle_policy.arn == policy["arn"]
        for execution in ACCOUNT.executions[:9]:
            name = {"lifecycleExecutionId": execution.lifecycle_execution_id}
            ours = client.get_lifecycle_execution(**name)
            assert comparable(ours) == comparable(theirs.get_lifecycle_execution(**name))
            assert ours.lifecycle_execution is not None
            assert ours.lifecycle_execution.state is not None
    if transport is not None:
        transport.close()


@pytest.mark.parametrize(
    ("name", "params", "error"),
    [
        ("get_lifecycle_policy", {"lifecyclePolicyArn": f"{POLICY}-2"}, "InvalidRequestException"),
        (
            "list_lifecycle_execution_resources",
            {"lifecycleExecutionId": UNKNOWN_EXECUTION},
            "InvalidRequestException",
        ),
        ("list_lifecycle_executions", {"resourceArn": PIPELINE}, "InvalidRequestException"),
        (
            "list_image_pipeline_images",
            {"imagePipelineArn": f"{PIPELINE}-2"},
            "ResourceNotFoundException",
        ),
        ("list_images", {"nextToken": "made-up"}, "InvalidPaginationTokenException"),
        (
            "list_images",
            {"filters": [{"name": "colour", "values": ["red"]}]},
            "InvalidRequestException",
        ),
    ],
)
def test_errors_are_boto3s(
    ours: Any, theirs: Any, name: str, params: dict[str, Any], error: str
) -> None:
    with pytest.raises(getattr(ours.exceptions, error)) as our_error:
        getattr(ours, name)(**params)
    with pytest.raises(getattr(theirs.exceptions, error)) as their_error:
        getattr(theirs, name)(**params)
    assert our_error.value.response["Error"] == their_error.value.response["Error"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "AKIDEXAMPLE"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"signature": botocore.UNSIGNED}, "MissingAuthenticationTokenException"),
        ({"aws_session_token": "a session/token+="}, None),
    ],
)
def test_boto3_gets_an_error_for_invalid_credentials(
    url: str, changes: dict[str, Any], code: str | None
) -> None:
    client = boto3_client(url, **changes)
    if code is None:
        assert len(client.list_lifecycle_execution_resources(**RESOURCES)["resources"]) == 25
        return
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.list_lifecycle_execution_resources(**RESOURCES)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("execution", [EXECUTION, UNKNOWN_EXECUTION])
def test_the_aws_cli_gets_every_resource_or_shows_the_error(url: str, execution: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"} | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, "-m", "awscli", "imagebuilder", "list-lifecycle-execution-resources"]
    command += ["--lifecycle-execution-id", execution, "--output", "json"]
    command += ["--region", "us-west-2", "--endpoint-url", url]
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if execution == EXECUTION:
        assert (ran.returncode, ran.stderr) == (0, "")
        found = [resource["resourceId"] for resource in json.loads(ran.stdout)["resources"]]
        assert found == resource_ids(ACCOUNT)
    else:
        assert ran.returncode in (254, 255)
        assert "(InvalidRequestException)" in ran.stderr
        assert f"'{execution}' does not exist" in ran.stderr


def test_faults_are_met_by_get_requests() -> None:
    plan = FaultPlan({1: Fault("server-error"), 3: Fault("wrong-type"), 4: Fault("html")})
    client: Any = client_of(LocalImageBuilder(SERVED, faults=plan), clock=NoSleepClock())
    arn = {"lifecyclePolicyArn": POLICY}
    assert client.get_lifecycle_policy(**arn).lifecycle_policy.arn == POLICY
    with pytest.raises(exceptions.ResponseValidationError):
        client.get_lifecycle_policy(**arn)
    with pytest.raises(exceptions.ResponseParserError):
        client.get_lifecycle_policy(**arn)
    assert [info.page for info, _ in plan.injected] == [1, 1, 1]
