"""A service that responds to any operation with a test's pages, for boto3 and our clients."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import botocore.awsrequest
import botocore.config
import httpx

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager._rows import Operation

from .boto3_requests import aws_response

CREDENTIALS: Any = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
VERSION = "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0"
UUID = "12345678-1234-1234-1234-123456789012"

#: A valid value of each required parameter.
REQUIRED = {
    "imageBuildVersionArn": f"{VERSION}/1",
    "imagePipelineArn": "arn:aws:imagebuilder:us-west-2:123456789012:image-pipeline/web",
    "lifecycleExecutionId": f"lce-{UUID}",
    "lifecyclePolicyArn": "arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/web",
    "resourceArn": f"{VERSION}/1",
    "workflowExecutionId": f"wf-{UUID}",
}


def required_params(operation: Operation) -> dict[str, str]:
    """Return valid values of the parameters that the operation requires."""
    return {name: REQUIRED[name] for name, param in operation.params.items() if param.required}


class OperationService:
    """A listing of one operation: each page is the template with some of the items.

    ``requests`` has the parameters of each request.
    """

    def __init__(
        self, operation: Operation, template: dict[str, Any], items: list[Any], page_size: int
    ) -> None:
        self._operation = operation
        self._template = template
        self._items = items
        self._page_size = page_size
        self.requests: list[dict[str, Any]] = []

    def respond(self, params: dict[str, Any]) -> bytes:
        """Return the body of the response to a request."""
        self.requests.append(params)
        page = dict(self._template)
        # A response repeats the request's id, if the operation has one.
        page |= {name: params[name] for name in REQUIRED.keys() & page.keys() & params.keys()}
        if self._operation.result_key is not None:
            start = int(params.get("nextToken", "0"))
            end = start + params.get("maxResults", self._page_size)
            page[self._operation.result_key] = self._items[start:end]
            page.pop("nextToken", None)
            if end < len(self._items):
                page["nextToken"] = str(end)
        return json.dumps(page).encode()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to httpx."""
        params = params_of(request.method, str(request.url), request.content)
        assert request.url.path == f"/{self._operation.name}"
        return httpx.Response(200, content=self.respond(params))

    def client(self) -> ImageBuilder:
        """Return a sync client of this service."""
        http_client = httpx.Client(transport=httpx.MockTransport(self))
        return ImageBuilder("us-west-2", http_client=http_client, **CREDENTIALS)

    def async_client(self) -> AsyncImageBuilder:
        """Return an async client of this service."""
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return AsyncImageBuilder("us-west-2", http_client=http_client, **CREDENTIALS)


def params_of(method: str, url: str, body: bytes) -> dict[str, Any]:
    """Return the parameters of a request, from its query and its body."""
    params: dict[str, Any] = dict(parse_qsl(urlsplit(url).query))
    assert (method == "GET") == (not body)
    return {**params, **json.loads(body or b"{}")}


class Boto3:
    """boto3's client; its requests go to the service that was chosen last."""

    def __init__(self) -> None:
        self.client: Any = boto3.session.Session().client(
            "imagebuilder",
            region_name="us-west-2",
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
            **CREDENTIALS,
        )
        self._service: OperationService | None = None
        self.client.meta.events.register("before-send.imagebuilder.*", self._respond)

    def using(self, service: OperationService) -> Any:
        """Return the client; from now on it calls that service."""
        self._service = service
        return self.client

    def _respond(self, request: botocore.awsrequest.AWSPreparedRequest, **_: Any) -> Any:
        assert self._service is not None
        body: Any = request.body or b""
        content = self._service.respond(params_of(request.method, request.url, body))
        return aws_response(request.url, 200, {}, content)
