"""boto3 and our client at the local service: the same for each of its operations."""

from typing import Any

import pytest

from imagebuilder_pager import H11Client, ImageBuilder, exceptions
from imagebuilder_pager.local import Fault, FaultPlan, LocalImageBuilder, LocalServer
from tests.fakes.accounts import LOCAL_CREDENTIALS, resource_ids
from tests.fakes.clocks import NoSleepClock
from tests.fakes.image_builder import client_of
from tests.fakes.local_operations import ACCOUNT, POLICY, UNKNOWN_EXECUTION

EXECUTION = ACCOUNT.executions[0].lifecycle_execution_id
RESOURCES = {"lifecycleExecutionId": EXECUTION}
PIPELINE = ACCOUNT.pipelines[0]["arn"]
VERSION = ACCOUNT.images[3]["arn"].rpartition("/")[0]
LINUX = {"filters": [{"name": "platform", "values": ["Linux"]}]}
ENABLED = {"filters": [{"name": "status", "values": ["ENABLED"]}]}
UNKNOWN_FILTER = {"filters": [{"name": "colour", "values": ["red"]}]}
INVALID = "InvalidRequestException"
NOT_FOUND = "ResourceNotFoundException"
LISTINGS: list[tuple[str, dict[str, Any]]] = [
    ("list_lifecycle_policies", {}),
    ("list_lifecycle_policies", ENABLED),
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
    ("list_image_pipelines", ENABLED),
    ("list_image_pipeline_images", {"imagePipelineArn": PIPELINE}),
]


def comparable(page: Any) -> dict[str, Any]:
    """Return a page without the members that differ on each request."""
    members = dict(page if isinstance(page, dict) else page.to_dict())
    metadata = members.pop("ResponseMetadata", {})
    # A full result has the id of its last page.
    if "requestId" in members:
        assert members.pop("requestId") == metadata.get("RequestId", page["requestId"])
    return members


@pytest.mark.parametrize(
    ("name", "params"), LISTINGS, ids=[f"{name}-{len(params)}" for name, params in LISTINGS]
)
def test_pages_full_results_and_tokens_are_boto3s(
    client: Any, boto3_client: Any, name: str, params: dict[str, Any]
) -> None:
    cut_pages = [{"PageSize": 7, "MaxItems": 60}, {"PageSize": 10, "MaxItems": 13}]
    for config in ({}, *cut_pages, {"MaxItems": 2}):
        our_pages = client.get_paginator(name).paginate(**params, PaginationConfig=config)
        theirs = boto3_client.get_paginator(name)
        their_pages = theirs.paginate(**params, PaginationConfig=config)
        listed = [comparable(page) for page in our_pages]
        assert listed == [comparable(page) for page in their_pages]
        assert listed
        assert any(listed[0].values())
        assert our_pages.resume_token == their_pages.resume_token
        # boto3's pages begin anew only in a new iterator.
        their_pages = theirs.paginate(**params, PaginationConfig=config)
        full = comparable(our_pages.build_full_result())
        assert full == comparable(their_pages.build_full_result())


@pytest.mark.parametrize("http_client", [None, H11Client], ids=["httpx", "h11"])
def test_single_responses_are_boto3s(
    local_server: LocalServer, boto3_client: Any, http_client: Any
) -> None:
    transport = None if http_client is None else http_client()
    options: Any = {"endpoint_url": local_server.url, **LOCAL_CREDENTIALS}
    with ImageBuilder("us-west-2", http_client=transport, **options) as client:
        for policy in ACCOUNT.policies:
            arn = {"lifecyclePolicyArn": policy["arn"]}
            got = client.get_lifecycle_policy(**arn)
            assert comparable(got) == comparable(boto3_client.get_lifecycle_policy(**arn))
            assert got["lifecyclePolicy"]["arn"] == policy["arn"]
        for execution in ACCOUNT.executions[:9]:
            name = {"lifecycleExecutionId": execution.lifecycle_execution_id}
            ours = client.get_lifecycle_execution(**name)
            assert comparable(ours) == comparable(boto3_client.get_lifecycle_execution(**name))
            assert ours["lifecycleExecution"]["state"]
    if transport is not None:
        transport.close()


@pytest.mark.parametrize(
    ("name", "params", "error"),
    [
        ("get_lifecycle_policy", {"lifecyclePolicyArn": f"{POLICY}-2"}, INVALID),
        ("list_lifecycle_executions", {"resourceArn": PIPELINE}, INVALID),
        (
            "list_lifecycle_execution_resources",
            {"lifecycleExecutionId": UNKNOWN_EXECUTION},
            INVALID,
        ),
        ("list_images", UNKNOWN_FILTER, INVALID),
        ("list_image_pipeline_images", {"imagePipelineArn": f"{PIPELINE}-2"}, NOT_FOUND),
        ("list_images", {"nextToken": "made-up"}, "InvalidPaginationTokenException"),
    ],
)
def test_errors_are_boto3s(
    client: Any, boto3_client: Any, name: str, params: dict[str, Any], error: str
) -> None:
    with pytest.raises(getattr(client.exceptions, error)) as our_error:
        getattr(client, name)(**params)
    with pytest.raises(getattr(boto3_client.exceptions, error)) as their_error:
        getattr(boto3_client, name)(**params)
    assert our_error.value.response["Error"] == their_error.value.response["Error"]


def test_faults_apply_to_get_requests() -> None:
    plan = FaultPlan({1: Fault("server-error"), 3: Fault("wrong-type"), 4: Fault("html")})
    client: Any = client_of(LocalImageBuilder(ACCOUNT, faults=plan), clock=NoSleepClock())
    arn = {"lifecyclePolicyArn": POLICY}
    assert client.get_lifecycle_policy(**arn).lifecycle_policy.arn == POLICY
    with pytest.raises(exceptions.ResponseValidationError):
        client.get_lifecycle_policy(**arn)
    with pytest.raises(exceptions.ResponseParserError):
        client.get_lifecycle_policy(**arn)
    assert [info.page for info, _ in plan.injected] == [1, 1, 1]
