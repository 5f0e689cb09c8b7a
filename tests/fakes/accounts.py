"""The local account: its credentials, its resources, and requests signed for it by botocore."""

from __future__ import annotations

import json
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
)

#: The client's arguments for the local account.
LOCAL_CREDENTIALS: dict[str, Any] = {
    "aws_access_key_id": ACCESS_KEY_ID,
    "aws_secret_access_key": SECRET_ACCESS_KEY,
}
PATH = "/ListLifecycleExecutionResources"
URL = f"http://imagebuilder.test{PATH}"


def resource_ids(account: Account) -> list[str]:
    """Return the ids of the resources of the account's first execution."""
    return [resource["resourceId"] for resource in account.executions[0].resources]


def signed_request(
    body: bytes, *, url: str = URL, method: str = "POST", session_token: str | None = None
) -> httpx.Request:
    """Return a request that botocore has signed with the local credentials."""
    aws_request = AWSRequest(method=method, url=url, data=body)
    credentials = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, session_token)
    SigV4Auth(credentials, "imagebuilder", "us-west-2").add_auth(aws_request)
    return httpx.Request(method, url, headers=dict(aws_request.headers.items()), content=body)


def signed_list_request(session_token: str | None = None, **parameters: Any) -> httpx.Request:
    """Return a signed request for a page of the example execution."""
    body = json.dumps({"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, **parameters}).encode()
    return signed_request(body, session_token=session_token)
