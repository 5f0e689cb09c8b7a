"""The operations that are sent by GET, over a real socket, beside boto3."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anyio
import boto3
import botocore.config
import httpx
import pytest

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder

ARN = "arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/a-b_c"
CREDENTIALS: Any = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
SENT_BY_BOTH = {"host", "x-amz-date", "authorization"}


class Recorder(HTTPServer):
    """A server that responds with a policy, and keeps what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str]]] = []


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers))
        body = b'{"lifecyclePolicy": {"name": "old", "tags": {"a": "b"}}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url_of(recorder: Recorder) -> str:
    return f"http://127.0.0.1:{recorder.server_port}"


@pytest.mark.parametrize("way", ["default", "httpx", "h11", "async default", "async h11"])
def test_the_request_and_the_response_are_boto3s(recorder: Recorder, way: str) -> None:
    url = url_of(recorder)
    clients: dict[str, Any] = {"httpx": httpx.Client, "h11": H11Client, "async h11": AsyncH11Client}
    http_client = clients[way]() if way in clients else None
    arguments: Any = {"endpoint_url": url, "http_client": http_client, **CREDENTIALS}
    if way.startswith("async"):

        async def call() -> Any:
            async with AsyncImageBuilder("us-west-2", **arguments) as client:
                response = await client.get_lifecycle_policy(lifecyclePolicyArn=ARN)
            if http_client is not None:
                await http_client.aclose()
            return response

        response = anyio.run(call)
    else:
        with ImageBuilder("us-west-2", **arguments) as client:
            response = client.get_lifecycle_policy(lifecyclePolicyArn=ARN)
        if http_client is not None:
            http_client.close()
    assert response.lifecycle_policy.tags == {"a": "b"}
    ours = recorder.requests.pop()
    theirs_client = boto3.session.Session().client(
        "imagebuilder",
        region_name="us-west-2",
        endpoint_url=url,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
        **CREDENTIALS,
    )
    expected = theirs_client.get_lifecycle_policy(lifecyclePolicyArn=ARN)
    theirs = recorder.requests.pop()
    assert ours[:2] == theirs[:2]
    assert "content-type" not in ours[2]
    assert "content-type" not in theirs[2]
    # The same headers are signed; the signature itself has the time in it.
    signed = [request[2]["authorization"].split(", ")[1] for request in (ours, theirs)]
    assert signed[0] == signed[1] == "SignedHeaders=host;x-amz-date"
    assert response.to_dict()["lifecyclePolicy"] == expected["lifecyclePolicy"]
    assert recorder.requests == []
