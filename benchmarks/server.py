"""A server of canned pages, so that it takes as little CPU as possible.

It reads two things in a request: the token, and the id of the execution, which has the number of
pages and the delay of each response (:func:`.workers.common.execution_id`). A policy has the number
of its executions, and of the pages of each (:func:`.workers.common.policy_arn`). What came from an
image is a page of two AMIs. It prints its http and its https URL when it is ready, and ends when
its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys

from imagebuilder_pager.local.account_generator import example_policy, generate_execution

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXECUTION = re.compile(rb"lce-(\d{8})-0000-0000-\d{4}-(\d{12})")
_POLICY = re.compile(rb"lifecycle-policy/of-(\d+)-executions-of-(\d+)-pages")
_TOKEN = re.compile(rb'"nextToken": ?"page-(\d{12})"')

_PAGE_SIZE = 25
#: The execution of the prepared pages; a response has the id that was asked for in its place.
_PREPARED_ID = b"lce-00000000-0000-0000-0000-000000000000"
_DIFFERENT_PAGES = 8


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
            self._bodies.append(json.dumps(page, separators=(",", ":")).encode()[:-1])
        images = execution.children_by_parent.values()
        amis = [ami for image in images for ami in image][:2]
        page = {"lifecycleExecutionId": execution.lifecycle_execution_id, "resources": amis}
        self._amis = json.dumps(page, separators=(",", ":")).encode()

    @property
    def size(self) -> int:
        """The average length of a body, in bytes."""
        return sum(map(len, self._bodies)) // len(self._bodies)

    def respond(self, body: bytes) -> tuple[int, bytes]:
        """Return the delay of the response in milliseconds, and the response."""
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
        page = self._bodies[number % len(self._bodies)].replace(_PREPARED_ID, found[0], 1)
        return latency_ms, _response(page + end)


def _executions_page(executions: int, pages: int) -> bytes:
    """Return the one page of a policy's executions, each with so many pages of resources."""
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
            body = bytes(self._received[end_of_head + 4 : end])
            del self._received[:end]
            latency_ms, response = self._pages.respond(body)
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
