"""moto's services on a loopback socket, without the many packages of moto's own server."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from imagebuilder_pager.local import LocalServer

SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
#: moto does not support several threads.
lock = threading.Lock()


def respond(request: httpx.Request) -> httpx.Response:
    """Pass a request to the service in its signature."""
    scope = SCOPE.search(request.headers["authorization"])
    assert scope is not None
    path = request.url.raw_path.decode()
    url = f"https://{scope['service']}.{scope['region']}.amazonaws.com{path}"
    headers = HTTPHeaders()
    for name, value in request.headers.items():
        if name != "host":
            headers[name] = value
    prepared = AWSPreparedRequest(request.method, url, headers, request.content, False)
    with lock:
        response = BotocoreStubber().process_request(prepared)
    assert response is not None
    status, response_headers, content = response
    kept = {
        name: str(value)
        for name, value in response_headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "connection")
    }
    return httpx.Response(status, headers=kept, content=content)


@contextmanager
def moto_server() -> Iterator[str]:
    """Run empty services, and yield their URL."""
    with mock_aws():
        pass  # this removes the data of other tests
    with LocalServer(respond) as server:
        yield server.url
