"""One call of a rest-json service: encode, sign, send, retry, decode.

What an attempt's end means is decided in :mod:`.retry` and :mod:`.answer`; the sync and the async
sender here only loop around that.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ClientError, PagerError, ReadTimeoutError
from .answer import Answer, BodyReader, Call, Reader, ResponseT, decode
from .clock import SYSTEM_CLOCK, Clock
from .exchange import AsyncSender, Request, Sender, Timeouts
from .retry import Attempts, RetryQuota
from .signer import Signer

__all__ = ["RestJson", "Settings"]

_log = logging.getLogger(__name__)

#: Of the largest pages that the service has, a hundredfold.
DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024


class Settings(NamedTuple):
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


class RestJson:
    """Calls of one service at one endpoint; the quota of retries is shared by all of them."""

    def __init__(self, endpoint_url: str, signer: Signer, settings: Settings) -> None:
        self.endpoint_url = endpoint_url
        self.signer = signer
        self.settings = settings
        self._clock = settings.clock
        self.quota = RetryQuota()

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
                send(attempt.start(), attempt)
                return attempt.succeed(read)
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
                await send(attempt.start(), attempt)
                return attempt.succeed(read)
            except PagerError as error:
                if (wait := attempt.wait_after(error)) is None:
                    raise
            await self._clock.sleep_async(wait)


class _Attempt:
    """A call and the attempts at it: all that the two loops share. No I/O.

    It receives the answers (:class:`.exchange.Receiver`).
    """

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
        self._request: Request | None = None
        self._head: tuple[int, Mapping[str, str]] = (0, {})
        self._body = BodyReader("", 0)
        self._answer: Answer | None = None
        self._corrections: set[str] = set()

    def start(self) -> Request:
        """The next attempt's request."""
        self._attempts.begin()
        self._answer = None
        self._started = self._clock.monotonic()
        timeouts = self._settings.timeouts
        remaining = self._attempts.remaining()
        if remaining is not None:
            timeouts = timeouts.at_most(max(0.001, remaining))
        self._request = request = Request(self._call.path, self._content, timeouts)
        return request

    def begin(self, status: int, headers: Mapping[str, str], encoding: str) -> None:
        """The answer's head."""
        self._head = (status, headers)
        self._body = BodyReader(encoding.strip().lower(), self._settings.max_response_bytes)

    def feed(self, chunk: bytes) -> None:
        """Adds a chunk to the body, unless the time for the call is up."""
        remaining = self._attempts.remaining()
        if remaining is not None and remaining <= 0:
            raise ReadTimeoutError(
                f"no complete answer within {self._settings.total_timeout} s from "
                f"{self._rest.endpoint_url}"
            )
        self._body.feed(chunk)

    def succeed(self, read: Reader[ResponseT]) -> ResponseT:
        """What ``read`` makes of the whole answer, if it is a good one."""
        status, headers = self._head
        self._answer = Answer(status, headers, self._body.finish(), self._attempts.retries)
        result = decode(self._call, self._answer, read)
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
        what = self._rest.signer.put_right(error, self._request.access_key, self._corrections)
        if what is not None:
            self._corrections.add(what)
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
