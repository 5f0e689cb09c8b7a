"""One call of a rest-json service: encode, sign, send, retry, decode.

What an attempt's end means is decided in :mod:`..retries` and :mod:`.responses`; the sync and the async
sender here only loop around that.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...exceptions import ClientError, PagerError, ReadTimeoutError
from ..auth.signer import RequestSigner
from ..clock import SYSTEM_CLOCK, Clock
from ..retries import RetryQuota, RetryState
from ..transport.body import BodyReader
from ..transport.types import AsyncTransport, HTTPRequest, Timeouts, Transport
from .responses import (
    HTTPResponse,
    ResponseParser,
    ResponseT,
    RestJsonOperation,
    parse_response,
)

__all__ = ["ClientConfig", "RestJsonClient"]


_log = logging.getLogger(__name__)

#: Of the largest pages that the service has, a hundredfold.
DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024


class ClientConfig(NamedTuple):
    """How calls are made.

    ``timeouts``: of each attempt. ``total_timeout``: seconds for a call with all its attempts and
    waits, None for no end. ``max_attempts``: how often a call may be sent. ``max_response_bytes``:
    the largest body that is read, after decompression.
    """

    timeouts: Timeouts
    max_attempts: int
    total_timeout: float | None = None
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    clock: Clock = SYSTEM_CLOCK


class RestJsonClient:
    """Calls of one service at one endpoint; the quota of retries is shared by all of them."""

    def __init__(self, endpoint_url: str, signer: RequestSigner, settings: ClientConfig) -> None:
        self.endpoint_url = endpoint_url
        self.signer = signer
        self.config = settings
        self._clock = settings.clock
        self.quota = RetryQuota()

    def call(
        self,
        operation: RestJsonOperation,
        params: Mapping[str, Any],
        parse: ResponseParser[ResponseT],
        send: Transport,
    ) -> ResponseT:
        """Makes the call, as often as it takes, and returns what ``read`` makes of the answer.

        Raises :class:`NoCredentialsError`, a subclass of :class:`HTTPClientError` when no answer
        came, and what :func:`.responses.parse_response` raises.
        """
        attempt = _CallExecution(self, operation, params)
        while True:
            try:
                send(attempt.next_request(), attempt)
                return attempt.parse_success(parse)
            except PagerError as error:
                if (wait := attempt.retry_delay(error)) is None:
                    raise
            self._clock.sleep(wait)

    async def call_async(
        self,
        operation: RestJsonOperation,
        params: Mapping[str, Any],
        parse: ResponseParser[ResponseT],
        send: AsyncTransport,
    ) -> ResponseT:
        """The async twin of :meth:`call`."""
        attempt = _CallExecution(self, operation, params)
        while True:
            try:
                await send(attempt.next_request(), attempt)
                return attempt.parse_success(parse)
            except PagerError as error:
                if (wait := attempt.retry_delay(error)) is None:
                    raise
            await self._clock.sleep_async(wait)


class _CallExecution:
    """A call and the attempts at it: all that the two loops share. No I/O.

    It receives the answers (:class:`.types.ResponseHandler`).
    """

    def __init__(
        self, rest: RestJsonClient, call: RestJsonOperation, params: Mapping[str, Any]
    ) -> None:
        self._client = rest
        self._operation = call
        self._settings = settings = rest.config
        self._clock = settings.clock
        self._content = json.dumps(params).encode()  # the bytes that boto3 sends
        total = settings.total_timeout
        self._retries = RetryState(
            quota=rest.quota,
            max_attempts=settings.max_attempts,
            monotonic=self._clock.monotonic,
            deadline=None if total is None else self._clock.monotonic() + total,
        )
        self._started = 0.0
        self._request: HTTPRequest | None = None
        self._head: tuple[int, Mapping[str, str]] = (0, {})
        self._body = BodyReader("", 0)
        self._response: HTTPResponse | None = None
        self._recovered: set[str] = set()

    def next_request(self) -> HTTPRequest:
        """The next attempt's request."""
        self._retries.start_attempt()
        self._response = None
        self._started = self._clock.monotonic()
        timeouts = self._settings.timeouts
        remaining = self._retries.remaining()
        if remaining is not None:
            timeouts = timeouts.capped_at(max(0.001, remaining))
        self._request = request = HTTPRequest(self._operation.path, self._content, timeouts)
        return request

    def on_headers(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        """The answer's head."""
        self._head = (status, headers)
        self._body = BodyReader(encoding.strip().lower(), self._settings.max_response_bytes)

    def on_data(self, chunk: bytes) -> None:
        """Adds a chunk to the body, unless the time for the call is up."""
        remaining = self._retries.remaining()
        if remaining is not None and remaining <= 0:
            raise ReadTimeoutError(
                f"no complete answer within {self._settings.total_timeout} s from "
                f"{self._client.endpoint_url}"
            )
        self._body.feed(chunk)

    def parse_success(self, parse: ResponseParser[ResponseT]) -> ResponseT:
        """What ``read`` makes of the whole answer, if it is a good one."""
        status, headers = self._head
        self._response = HTTPResponse(status, headers, self._body.finish(), self._retries.retries)
        result = parse_response(self._operation, self._response, parse)
        self._log_attempt()
        self._retries.record_success()
        return result

    def retry_delay(self, error: PagerError) -> float | None:
        """The seconds to wait before the next attempt; None if the error is the call's end."""
        self._log_attempt()
        if self._recover_auth(error):
            wait: float | None = 0.0
        else:
            wait = self._retries.delay_after(error, self._clock.now())
        if wait is not None:
            _log.warning(
                "%s attempt %d failed (%s); retrying in %.2f s",
                self._operation.name,
                self._retries.attempt_count,
                _summary(error),
                wait,
            )
        return wait

    def _log_attempt(self) -> None:
        if not _log.isEnabledFor(logging.DEBUG):
            return
        answer = self._response
        _log.debug(
            "%s attempt %d: HTTP status %s, request id %s, %.0f ms",
            self._operation.name,
            self._retries.attempt_count,
            "none" if answer is None else answer.status,
            None if answer is None else answer.request_id,
            (self._clock.monotonic() - self._started) * 1000,
        )

    def _recover_auth(self, error: PagerError) -> bool:
        """Whether the error says what to put right, our clock or our keys; each once a call."""
        if not isinstance(error, ClientError) or self._request is None:
            return False
        what = self._client.signer.recover_from_auth_error(
            error, self._request.access_key, self._recovered
        )
        if what is not None:
            self._recovered.add(what)
        return what is not None


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
