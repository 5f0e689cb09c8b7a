"""Requests to the local service for any of its operations, and the fixture account."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import LocalImageBuilder, load_account

from .accounts import signed_request

ACCOUNT = load_account(Path(__file__).parents[2] / "fixtures" / "account.json")
POLICY = ACCOUNT.policies[0]["arn"]
PIPELINE = ACCOUNT.pipelines[-1]["arn"]
UNKNOWN_EXECUTION = "lce-ffffffff-ffff-ffff-ffff-ffffffffffff"
#: The parameters that each operation requires here.
REQUIRED: dict[str, dict[str, Any]] = {
    "GetLifecycleExecution": {"lifecycleExecutionId": ACCOUNT.executions[0].lifecycle_execution_id},
    "GetLifecyclePolicy": {"lifecyclePolicyArn": POLICY},
    "ListImageBuildVersions": {},
    "ListImagePipelineImages": {"imagePipelineArn": PIPELINE},
    "ListImagePipelines": {},
    "ListImages": {},
    "ListLifecycleExecutionResources": {
        "lifecycleExecutionId": ACCOUNT.executions[0].lifecycle_execution_id
    },
    "ListLifecycleExecutions": {"resourceArn": POLICY},
    "ListLifecyclePolicies": {},
}
BY_NAME = {operation.name: operation for operation in OPERATIONS.values()}


def call(service: LocalImageBuilder, name: str, **params: Any) -> httpx.Response:
    """Send a signed request for an operation."""
    url = f"http://imagebuilder.test/{name}"
    if BY_NAME[name].http_method == "GET":
        return service(signed_request(b"", url=f"{url}?{urlencode(params)}", method="GET"))
    return service(signed_request(json.dumps(params).encode(), url=url))


def page(service: LocalImageBuilder, name: str, **params: Any) -> dict[str, Any]:
    """Return the members of a successful response."""
    response = call(service, name, **params)
    assert response.status_code == 200, response.text
    members: dict[str, Any] = response.json()
    return members


def pages(service: LocalImageBuilder, name: str, **params: Any) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing, to its end."""
    while True:
        members = page(service, name, **params)
        yield members
        if "nextToken" not in members:
            return
        params["nextToken"] = members["nextToken"]


def items(service: LocalImageBuilder, name: str, **params: Any) -> list[Any]:
    """Return the items of all pages."""
    key = BY_NAME[name].result_key
    assert key is not None
    return [item for members in pages(service, name, **params) for item in members[key]]


def error(response: httpx.Response) -> tuple[int, str, str]:
    """Return the status, the code and the message of an error response."""
    assert response.headers["Content-Type"] == "application/json"
    assert uuid.UUID(response.headers["x-amzn-RequestId"])
    members = response.json()
    assert list(members) == ["message"]
    return response.status_code, response.headers["x-amzn-ErrorType"], members["message"]
