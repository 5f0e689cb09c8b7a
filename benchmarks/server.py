"""A server of canned pages, so that it uses as little CPU as possible.

It reads two values in a request: the token, and the id of the execution, which has the number of
pages and the delay of each response (:func:`.workers.common.execution_id`). A policy's ARN has the
number of executions, and of pages of each (:func:`.workers.common.policy_arn`). The children of an
image are a page of two AMIs. A fleet is in :mod:`.fleet_responses`. The server prints its http and
its https URL when it is ready, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys

from imagebuilder_pager.local.account_generator import example_policy, generate_execution

from .fleet_responses import respond_for_fleet

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXECUTION = re.compile(rb"lce-(\d{8})-\d{4}-\d{4}-\d{4}-(\d{12})")
_POLICY = re.compile(rb"lifecycle-policy/of-(\d+)-executions-of-(\d+)-pages")
_TOKEN = re.compile(rb'"nextToken": ?"page-(\d{12})"')

_PAGE_SIZE = 25
#: The execution of the prepared pages; a response has the requested id in its place.
_PREPARED_ID = b"lce-00000000-0000-0000-0000-000000000000"
_DIFFERENT_PAGES = 8
_FIRST_VERSION = b"/1."  # as in the ARNs of the prepared images


class Pages:
    """The bytes of all responses."""

    def __init__(self) -> None:
        execution = generate_execution(
            _PREPARED_ID.decode(),
            example_policy("AMI_IMAGE"),
            status="IN_PROGRESS",
            resources=_PAGE_SIZE * _DIFFERENT_PAGES,
        )
        self._bodies = []
        for start in range(0, len(execution.resources), _PAGE_SIZE):
            resources = execution.resources[start : start + _PAGE_SIZE]
            page = {
                "lifecycleExecutionId": execution.lifecycle_execution_id,
                "lifecycleExecutionState": execution.lifecycle_execution_state,
                "resources": resources,
            }
            body = json.dumps(page, separators=(",", ":")).encode()[:-1]
            assert body.count(_FIRST_VERSION) == _PAGE_SIZE
            # For a fleet, a listing with a resource in progress is not complete.
            self._bodies.append(body.replace(b'"IN_PROGRESS"', b'"SUCCESS"'))
        images = execution.children_by_parent.values()
        amis = [ami for image in images for ami in image][:2]
        page = {"lifecycleExecutionId": execution.lifecycle_execution_id, "resources": amis}
        self._amis = json.dumps(page, separators=(",", ":")).encode()

    @property
    def size(self) -> int:
        """The average length of a body, in bytes."""
        return sum(map(len, self._bodies)) // len(self._bodies)

    def respond(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Return the delay of the response in milliseconds, and the response."""
        if other := respond_for_fleet(head, body):
            return other[0], _response(other[1])
        policy = _POLICY.search(body)
        if policy is not None:
            return 0, _response(_executions_page(*map(int, policy.groups())))
        found = _EXECUTION.search(body)
        if found is None:
            raise ValueError(f"no execution id in {body!r}")
        latency_ms, pages = map(int, found.groups())
        if b'"parentResourceId"' in body:
            return latency_ms, _response(self._amis.replace(_PREPARED_ID, found[0], 1))
        token = _TOKEN.search(body)
        number = int(token[1]) if token else 0
        end = b',"nextToken":"page-%012d"}' % (number + 1) if number + 1 < pages else b"}"
        repetition, place = divmod(number, len(self._bodies))
        page = self._bodies[place].replace(_PREPARED_ID, found[0], 1)
        if repetition:  # other versions: no two pages of an execution list the same image
            page = page.replace(_FIRST_VERSION, b"/%d." % (repetition + 1))
        return latency_ms, _response(page + end)


def _executions_page(executions: int, pages: int) -> bytes:
    """Return the one page of a policy's executions, each with this number of pages of resources."""
    listed = [
        {
            "lifecycleExecutionId": f"lce-00000000-0000-0000-{number:04d}-{pages:012d}",
            "state": {"status": "SUCCESS"},
            "startTime": 1740967200.0,
            "endTime": 1740967800.0,
        }
        for number in range(executions)
    ]
    return json.dumps({"lifecycleExecutions": listed}).encode()


def _response(body: bytes) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\n"
        b"Date: Mon, 03 Mar 2025 02:00:00 GMT\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: %d\r\n"
        b"Connection: keep-alive\r\n"
        b"x-amzn-RequestId: 01234567-89ab-cdef-0123-456789abcdef\r\n\r\n"
    ) % len(body)
    return head + body


class _Connection(asyncio.Protocol):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end_of_head := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end_of_head)
            end = end_of_head + 4 + (int(length[1]) if length else 0)
            if len(self._received) < end:
                return
            head = bytes(self._received[:end_of_head])
            body = bytes(self._received[end_of_head + 4 : end])
            del self._received[:end]
            latency_ms, response = self._pages.respond(head, body)
            if latency_ms:
                asyncio.get_running_loop().call_later(latency_ms / 1000, self._write, response)
            else:
                self._write(response)

    def _write(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


async def serve(certificate: str, key: str) -> None:
    """Serve until the end of the standard input."""
    pages = Pages()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    urls = []
    for scheme, tls in (("http", None), ("https", context)):
        server = await loop.create_server(lambda: _Connection(pages), "127.0.0.1", 0, ssl=tls)
        urls.append(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    print(*urls, pages.size, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
