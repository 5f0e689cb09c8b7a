"""What H11Client does in a process that has just begun, while it waits for the network."""

from __future__ import annotations

import subprocess
import sys

from tests.fakes.pages import EXECUTION_ID

PAGE = b'{"lifecycleExecutionId": "%s", "resources": []}' % EXECUTION_ID.encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)

MODEL_AT_THE_FIRST_READ = """
import sys

from imagebuilder_pager import H11Client, ImageBuilder

class Stream:
    def write(self, buffer, timeout=None):
        from imagebuilder_pager.models.lifecycle import ListLifecycleExecutionResourcesResponse
        self.model = ListLifecycleExecutionResourcesResponse
        print("sent", self.model.__pydantic_complete__)

    def read(self, max_bytes, timeout=None):
        print("read", self.model.__pydantic_complete__)
        return sys.argv[1].encode()

    def read_nowait(self, max_bytes):
        return None

    def close(self):
        pass

class Network:
    def connect_tcp(self, host, port, timeout=None):
        return Stream()

http = H11Client(network_backend=Network(), trust_env=False)
credentials = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
client = ImageBuilder("us-west-2", endpoint_url="http://host", http_client=http, **credentials)
client.list_lifecycle_execution_resources(lifecycleExecutionId=sys.argv[2])
"""


def test_the_model_of_the_response_is_built_while_the_response_is_waited_for() -> None:
    given: list[str | bytes] = [MODEL_AT_THE_FIRST_READ, RESPONSE, EXECUTION_ID]
    command = [sys.executable, "-c", *given]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout == "sent False\nread True\n"
