"""A server whose connections a test serves by itself, and clients of each kind that call it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self

import httpx

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID

from .accounts import LOCAL_CREDENTIALS

EXECUTION: Any = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
SYNC_WAYS = ["httpx", "h11"]
ASYNC_WAYS = ["async httpx", "async h11"]
WAYS = [*SYNC_WAYS, *ASYNC_WAYS]
_DEFAULTS: dict[str, Any] = {"region_name": "us-west-2", "max_attempts": 1, **LOCAL_CREDENTIALS}


class ConnectionServer:
    """A server that gives each connection, with its number from 1 on, to a function in a thread."""

    def __init__(self, serve: Callable[[socket.socket, int], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._serve = serve
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.accepted = 0
        self.open = 0
        self.most_open = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(20)
                with self._lock:
                    self.accepted += 1
                    self.open += 1
                    self.most_open = max(self.most_open, self.open)
                    self._connections.append(connection)
                thread = threading.Thread(target=self._run, args=(connection, self.accepted))
                self._threads.append(thread)
                thread.start()

    def _run(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            self._serve(connection, number)
        with self._lock:
            self.open -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # this ends an accept
        self._listener.close()
        self._thread.join(5)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()


def read_request(connection: socket.socket) -> bytes | None:
    """Return the next request, None at the end of the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            return None
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def requests_on(connection: socket.socket) -> Iterator[bytes]:
    """Go through the requests on a connection."""
    while (request := read_request(connection)) is not None:
        yield request


def http_response(body: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return a response with a body in JSON."""
    content = json.dumps(body).encode()
    named = {"Content-Length": str(len(content))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def page_of(resource_id: str) -> dict[str, Any]:
    return {"resources": [{"resourceId": resource_id}]}


def serve_pages(connection: socket.socket, number: int) -> None:
    """Respond to each request with a page of one resource, named after the connection."""
    for _ in requests_on(connection):
        connection.sendall(http_response(page_of(f"connection-{number}")))


@contextlib.contextmanager
def sync_client(way: str, url: str, **options: Any) -> Iterator[ImageBuilder]:
    """Make a client of a kind: "httpx" is the default, "caller's" has an ``httpx.Client``."""
    with contextlib.ExitStack() as stack:
        if way == "h11":
            options["http_client"] = stack.enter_context(_h11(H11Client, options))
        elif way == "caller's":
            options["http_client"] = stack.enter_context(httpx.Client())
        yield stack.enter_context(ImageBuilder(endpoint_url=url, **{**_DEFAULTS, **options}))


@contextlib.asynccontextmanager
async def async_client(way: str, url: str, **options: Any) -> AsyncIterator[AsyncImageBuilder]:
    """Make an async client of a kind, under the same names."""
    async with contextlib.AsyncExitStack() as stack:
        if way == "async h11":
            options["http_client"] = await stack.enter_async_context(_h11(AsyncH11Client, options))
        yield await stack.enter_async_context(
            AsyncImageBuilder(endpoint_url=url, **{**_DEFAULTS, **options})
        )


def _h11(client_class: Any, options: dict[str, Any]) -> Any:
    """Return a client over h11, with those of an Image Builder client's options that are its."""
    arguments = {}
    if "max_pool_connections" in options:
        arguments["max_connections"] = options.pop("max_pool_connections")
    if "clock" in options:
        arguments["monotonic"] = options["clock"].monotonic
    return client_class(**arguments)


def call_in_turn(
    way: str, url: str, count: int = 1, *, before: Callable[[int], object] = bool, **options: Any
) -> list[Any]:
    """Make calls one after the other by one client; return the resource ids, or the errors.

    ``before`` is called with the number of each call, from 0 on.
    """

    async def main() -> list[Any]:
        results: list[Any] = []
        async with contextlib.AsyncExitStack() as stack:
            client: Any = (
                await stack.enter_async_context(async_client(way, url, **options))
                if way in ASYNC_WAYS
                else stack.enter_context(sync_client(way, url, **options))
            )
            for number in range(count):
                before(number)
                try:
                    page = client.list_lifecycle_execution_resources(**EXECUTION)
                    if way in ASYNC_WAYS:
                        page = await page
                    results.append(page.resources[0].resource_id)
                except exceptions.PagerError as error:
                    results.append(error)
        return results

    return asyncio.run(main())
