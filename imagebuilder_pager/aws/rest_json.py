"""One call of a rest-json service: encode, sign, send, retry, decode.

What an attempt's end means is decided in :mod:`.retry` and :mod:`.answer`; the sync and the async
sender here only loop around that.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ..errors import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    PagerError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseParserError,
    SSLError,
)
from .answer import Answer, BodyReader, Call, Reader, ResponseT, decode
from .clock import SYSTEM_CLOCK, Clock
from .retry import Attempts, RetryQuota
from .signing import SigV4Auth

__all__ = ["AsyncSender", "RestJson", "Sender", "Settings", "user_agent"]

_log = logging.getLogger(__name__)

#: Signs a request and sends it; the answer's body is still to be read.
Sender = Callable[[httpx.Request], httpx.Response]
AsyncSender = Callable[[httpx.Request], Awaitable[httpx.Response]]

#: Of the largest pages that the service has, a hundredfold.
DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How calls are made.

    ``timeout``: of each attempt. ``total_timeout``: seconds for a call with all its attempts and
    waits, None for no end. ``max_attempts``: how often a call may be sent. ``max_response_bytes``:
    the largest body that is read, after decompression.
    """

    agent: str
    timeout: httpx.Timeout
    max_attempts: int
    total_timeout: float | None = None
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    clock: Clock = SYSTEM_CLOCK


class RestJson:
    """Calls of one service at one endpoint; the quota of retries is shared by all of them."""

    def __init__(self, endpoint_url: str, auth: SigV4Auth, settings: Settings) -> None:
        self.endpoint_url = endpoint_url
        self.auth = auth
        self.settings = settings
        self._clock = settings.clock
        self.timeouts = settings.timeout.as_dict()
        # httpx's own types, so that it need not parse the same anew for each request.
        self.headers = httpx.Headers(
            {
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": settings.agent,
            }
        )
        self._urls: dict[str, httpx.URL] = {}
        self.quota = RetryQuota()

    def url(self, path: str) -> httpx.URL:
        """The URL of a path at the endpoint."""
        if path not in self._urls:
            self._urls[path] = httpx.URL(self.endpoint_url + path)
        return self._urls[path]

    def call(
        self,
        call: Call,
        params: Mapping[str, Any],
        read: Reader[ResponseT],
        send: Sender,
    ) -> ResponseT:
        """Makes the call, as often as it takes, and returns what ``read`` makes of the answer.

        Raises :class:`NoCredentialsError`, a subclass of :class:`HTTPClientError` when no answer
        came, and what :func:`.answer.decode` raises.
        """
        attempt = _Attempt(self, call, params)
        while True:
            try:
                request = attempt.begin()
                answer = self._exchange(request, attempt, send)
                return attempt.succeed(answer, read)
            except PagerError as error:
                if (wait := attempt.wait_after(error)) is None:
                    raise
            self._clock.sleep(wait)

    async def call_async(
        self,
        call: Call,
        params: Mapping[str, Any],
        read: Reader[ResponseT],
        send: AsyncSender,
    ) -> ResponseT:
        """The async twin of :meth:`call`."""
        attempt = _Attempt(self, call, params)
        while True:
            try:
                request = attempt.begin()
                answer = await self._exchange_async(request, attempt, send)
                return attempt.succeed(answer, read)
            except PagerError as error:
                if (wait := attempt.wait_after(error)) is None:
                    raise
            await self._clock.sleep_async(wait)

    def _exchange(self, request: httpx.Request, attempt: _Attempt, send: Sender) -> Answer:
        try:
            response = send(request)
            try:
                body = attempt.body_of(response)
                if body is not None:
                    for chunk in response.iter_raw():
                        attempt.feed(body, chunk)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise network_error(error, self.endpoint_url) from error
        return attempt.answer(response, body)

    async def _exchange_async(
        self, request: httpx.Request, attempt: _Attempt, send: AsyncSender
    ) -> Answer:
        try:
            response = await send(request)
            try:
                body = attempt.body_of(response)
                if body is not None:
                    async for chunk in response.aiter_raw():
                        attempt.feed(body, chunk)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise network_error(error, self.endpoint_url) from error
        return attempt.answer(response, body)


class _Attempt:
    """A call and the attempts at it: all that the two senders share. No I/O."""

    def __init__(self, rest: RestJson, call: Call, params: Mapping[str, Any]) -> None:
        self._rest = rest
        self._call = call
        self._settings = settings = rest.settings
        self._clock = settings.clock
        self._content = json.dumps(params).encode()  # the bytes that boto3 sends
        total = settings.total_timeout
        self._attempts = Attempts(
            quota=rest.quota,
            max_attempts=settings.max_attempts,
            monotonic=self._clock.monotonic,
            deadline=None if total is None else self._clock.monotonic() + total,
        )
        self._started = 0.0
        self._request: httpx.Request | None = None
        self._answer: Answer | None = None
        self._corrections: set[str] = set()

    def begin(self) -> httpx.Request:
        """The next attempt's request, unsigned.

        It is no ``client.build_request``: headers, cookies and query parameters that a client adds
        to all its requests would not be signed, and mean nothing to AWS.
        """
        self._attempts.begin()
        self._answer = None
        self._started = self._clock.monotonic()
        timeouts = self._rest.timeouts
        remaining = self._attempts.remaining()
        if remaining is not None:
            timeouts = {
                name: max(0.001, min(remaining, value if value is not None else remaining))
                for name, value in timeouts.items()
            }
        self._request = request = httpx.Request(
            "POST",
            self._rest.url(self._call.path),
            content=self._content,
            headers=self._rest.headers,
            extensions={"timeout": timeouts},
        )
        return request

    def body_of(self, response: httpx.Response) -> BodyReader | None:
        """What collects the body; None if somebody, such as an event hook, has read it already."""
        if response.is_stream_consumed:
            return None
        encoding = response.headers.get("content-encoding", "").strip().lower()
        return BodyReader(encoding, self._settings.max_response_bytes)

    def feed(self, body: BodyReader, chunk: bytes) -> None:
        """Adds a chunk to the body, unless the time for the call is up."""
        remaining = self._attempts.remaining()
        if remaining is not None and remaining <= 0:
            raise ReadTimeoutError(
                f"no complete answer within {self._settings.total_timeout} s from "
                f"{self._rest.endpoint_url}"
            )
        body.feed(chunk)

    def answer(self, response: httpx.Response, body: BodyReader | None) -> Answer:
        """The response with its whole body."""
        if body is None:
            body = BodyReader("", self._settings.max_response_bytes)
            body.feed(response.content)
        self._answer = answer = Answer(
            response.status_code,
            header_dict(response.headers),
            body.finish(),
            retries=self._attempts.retries,
        )
        return answer

    def succeed(self, answer: Answer, read: Reader[ResponseT]) -> ResponseT:
        """What ``read`` makes of the answer, if it is a good one."""
        result = decode(self._call, answer, read)
        self._log_attempt()
        self._attempts.succeeded()
        return result

    def wait_after(self, error: PagerError) -> float | None:
        """The seconds to wait before the next attempt; None if the error is the call's end."""
        self._log_attempt()
        if self._corrected(error):
            wait: float | None = 0.0
        else:
            wait = self._attempts.failed(error, self._clock.now())
        if wait is not None:
            _log.warning(
                "%s attempt %d failed (%s); retrying in %.2f s",
                self._call.name,
                self._attempts.made,
                _summary(error),
                wait,
            )
        return wait

    def _log_attempt(self) -> None:
        if not _log.isEnabledFor(logging.DEBUG):
            return
        answer = self._answer
        _log.debug(
            "%s attempt %d: HTTP status %s, request id %s, %.0f ms",
            self._call.name,
            self._attempts.made,
            "none" if answer is None else answer.status,
            None if answer is None else answer.request_id,
            (self._clock.monotonic() - self._started) * 1000,
        )

    def _corrected(self, error: PagerError) -> bool:
        """Whether the error says what to put right, our clock or our keys; each once a call."""
        if not isinstance(error, ClientError) or self._request is None:
            return False
        what = self._rest.auth.put_right(error, self._request, self._corrections)
        if what is not None:
            self._corrections.add(what)
        return what is not None


def header_dict(headers: httpx.Headers) -> dict[str, str]:
    """The headers with their names in lower case; those that came twice, joined by commas.

    ``dict(headers)`` is the same, and searches all headers for each of them.
    """
    found: dict[str, str] = {}
    for name, value in headers.multi_items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _summary(error: PagerError) -> str:
    """An error for the log: what it is, and nothing of what an answer's body says."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    metadata = error.response["ResponseMetadata"]
    # Where it is from a body it could be anything, also a line break and a line of its own.
    code = re.sub(r"[^\w.:#-]", "?", error.response["Error"]["Code"])[:80]
    return (
        f"{code}, HTTP status {metadata['HTTPStatusCode']}, request id {metadata.get('RequestId')}"
    )


def network_error(error: httpx.HTTPError, endpoint_url: str) -> PagerError:
    """The error that botocore has for one of httpx's."""
    if isinstance(error, httpx.DecodingError):
        return ResponseParserError(f"the answer cannot be decompressed: {error}")
    kind, what = next(
        (kind, what) for base, kind, what in _NETWORK_ERRORS if isinstance(error, base)
    )
    if kind is EndpointConnectionError and "SSL" in str(error).upper():
        kind, what = SSLError, "no TLS connection to"
    return kind(f"{what} {endpoint_url}: {str(error) or type(error).__name__}")


_NETWORK_ERRORS: tuple[tuple[type[httpx.HTTPError], type[HTTPClientError], str], ...] = (
    (httpx.ConnectTimeout, ConnectTimeoutError, "connecting took too long to"),
    (httpx.PoolTimeout, ConnectTimeoutError, "no connection became free in time to"),
    (httpx.TimeoutException, ReadTimeoutError, "no answer in time from"),
    (httpx.ProxyError, ProxyConnectionError, "the proxy failed on the way to"),
    (httpx.ConnectError, EndpointConnectionError, "could not connect to"),
    (httpx.NetworkError, ConnectionClosedError, "the connection broke off to"),
    (httpx.RemoteProtocolError, ConnectionClosedError, "the connection ended early from"),
    (httpx.HTTPError, HTTPClientError, "the request failed to"),
)


def user_agent(product: str, version: str) -> str:
    """The User-Agent header in AWS's format (ua/2.1), led by this product."""
    if hasattr(os, "uname"):  # the platform module knows all this, and takes its time to import
        system = os.uname()
        name, release, machine = system.sysname, system.release, system.machine
    else:
        name, release, machine = sys.platform, "unknown", "unknown"
    python = ".".join(map(str, sys.version_info[:3]))
    implementation = sys.implementation.name
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation)
    return (
        f"{product}/{version} ua/2.1 os/{_ua(name.lower())}#{_ua(release)} md/arch#{_ua(machine)} "
        f"lang/python#{python} md/pyimpl#{_ua(implementation)}"
    )


def _ua(value: str) -> str:
    allowed = "!$%&'*+-.^_`|~"
    return "".join(c if c.isascii() and (c.isalnum() or c in allowed) else "-" for c in value)
