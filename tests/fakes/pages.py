"""Pages of Image Builder, as bytes and as read by a client."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse

EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"

RESPONSE_HEADERS = {
    "Date": "Mon, 03 Mar 2025 12:34:56 GMT",
    "Content-Type": "application/json",
    "x-amzn-RequestId": "7a1c5d0e-0000-4000-8000-000000000001",
    "X-Custom": "a, b",
}

Page = ListLifecycleExecutionResourcesResponse

ClientWith = Callable[..., ImageBuilder]

Boto3Response = Callable[..., dict[str, Any]]


def read_page(body: object, **arguments: Any) -> Page:
    """Return the page that a client reads from a body of bytes or JSON values."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = httpx.Response(200, headers=RESPONSE_HEADERS, content=content)
    with httpx.Client(transport=httpx.MockTransport(lambda _: response)) as http_client:
        client = ImageBuilder(
            "us-west-2",
            http_client=http_client,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            **arguments,
        )
        return client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)


def page_of(body: object) -> Page:
    """Return the model of a body, without a client."""
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return Page.from_json(json.dumps(body).encode(), metadata)


FULL_RESOURCE: dict[str, Any] = {
    "accountId": "123456789012",
    "resourceId": "ami-0d6a4cf7ae11c69b6",
    "state": {"status": "FAILED", "reason": "in use"},
    "action": {"name": "DELETE", "reason": "too old"},
    "region": "us-west-2",
    "snapshots": [{"snapshotId": "snap-1", "state": {"status": "SKIPPED", "reason": "kept"}}],
    "imageUris": ["123456789012.dkr.ecr.us-west-2.amazonaws.com/web:1"],
    "startTime": 1740967220,
    "endTime": 1740967244.118,
}

FULL_PAGE: dict[str, Any] = {
    "lifecycleExecutionId": EXECUTION_ID,
    "lifecycleExecutionState": {"status": "IN_PROGRESS", "reason": "running"},
    "resources": [FULL_RESOURCE],
    "nextToken": "more",
}
