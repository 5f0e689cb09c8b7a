"""Functions from a request to a response, for ``httpx.MockTransport``, and responses for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import httpx
import pytest

from imagebuilder_pager.local import LocalImageBuilder, generate_account

from .clocks import FakeClock

Handler = Callable[[httpx.Request], httpx.Response]


class RecordingService:
    """A service that responds to every request with an empty page, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"resources": []})

    @property
    def request(self) -> httpx.Request:
        """The only request."""
        (request,) = self.requests
        return request


class ScriptedService:
    """The local service with 60 resources; ``first`` has its first responses or errors.

    It keeps the requests.
    """

    def __init__(self, *first: httpx.Response | Exception, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.requests: list[httpx.Request] = []
        self.first = list(first)
        self._service = LocalImageBuilder(generate_account(resources=60), clock=self.clock.now)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not self.first:
            return self._service(request)
        response = self.first.pop(0)
        if isinstance(response, Exception):
            raise response
        return response


def fail_on_request(request: httpx.Request) -> httpx.Response:
    """Fail the test: nothing must be sent."""
    pytest.fail(f"sent: {request.content!r}")


def error_response(status: int, code: str | None = None, **headers: str) -> httpx.Response:
    """Return an error response; ``retry_after="5"`` is the header ``Retry-After``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if code is not None:
        named["x-amzn-ErrorType"] = code
    return httpx.Response(status, headers=named, json={"message": "no"})


class ChunkStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in these chunks, not read in advance."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def http_client(handler: Handler) -> httpx.Client:
    """Return an HTTP client that sends to the function."""
    return httpx.Client(transport=httpx.MockTransport(handler))
