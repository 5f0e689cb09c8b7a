"""A call of a rest-json service: encode, sign, send, parse, and try again.

:mod:`..retries` decides on retries, :mod:`.responses` on the meaning of a response. The sync and
the async loop differ only in how they wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ...exceptions import PagerError, ReadTimeoutError
from ..attempts import AttemptHook, AttemptReport
from ..auth.redaction import redact, redact_error, secrets_of
from ..auth.signer import CallSigner, RequestSigner
from ..clock import SYSTEM_CLOCK, Clock
from ..identity import CredentialsLike
from ..retries import RetryableKind, RetryQuota, RetryState, classify
from ..transport.types import (
    AsyncTransport,
    Deadline,
    HTTPRequest,
    Origin,
    ReceivedResponse,
    Timeouts,
    Transport,
)
from .requests import serialize_request, trace_headers
from .responses import (
    HTTPResponse,
    OnInvalidResponse,
    ResponseParser,
    RestJsonSpec,
    parse_response,
)

if TYPE_CHECKING:
    from ..rate_limit import AdaptiveRate

_log = logging.getLogger("imagebuilder_pager.calls")

#: Far more than the largest page has.
DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024


class ClientConfig(NamedTuple):
    """The settings of a client.

    ``timeouts``: of each attempt. ``total_timeout``: seconds for a call with all its attempts and
    waits, None for no end. ``max_attempts``: how often a call may be sent. ``is_adaptive``: whether
    the client limits the rate of its requests, as the adaptive retry mode does.
    ``max_response_bytes``: the largest body that is read, after decompression.
    ``on_invalid_response``: whether a response that does not match its model is an error.
    ``on_attempt``: the caller's function that is called after each attempt. ``extra_headers``:
    returns the caller's headers for an attempt.
    """

    timeouts: Timeouts
    max_attempts: int
    is_adaptive: bool = False
    total_timeout: float | None = None
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    clock: Clock = SYSTEM_CLOCK
    on_invalid_response: OnInvalidResponse = "raise"
    on_attempt: AttemptHook | None = None
    extra_headers: Callable[[], Mapping[str, str]] = dict


class RestJsonClient:
    """A client of one service at one endpoint; its calls share a quota of retries.

    ``path_prefix`` of the endpoint's URL is put before each operation's path. ``headers`` are those
    of all requests, names in lower case.
    """

    def __init__(
        self,
        endpoint_url: str,
        headers: Mapping[str, str],
        signer: RequestSigner,
        config: ClientConfig,
    ) -> None:
        self.origin: Origin = Origin.from_url(endpoint_url)
        self.base_url: str = str(self.origin)
        self.path_prefix: str = urlsplit(endpoint_url).path
        self.headers: dict[str, str] = {**headers, "host": self.origin.host_header}
        self.signer = signer
        self.config = config
        self.quota: RetryQuota = RetryQuota()
        #: The rate that requests wait by, None for no limit.
        self.rate: AdaptiveRate | None = None
        if config.is_adaptive:
            from ..rate_limit import AdaptiveRate  # most clients go without

            self.rate = AdaptiveRate(config.clock.monotonic())

    def call(
        self,
        transport: Transport,
        spec: RestJsonSpec,
        params: Mapping[str, Any],
        parse: ResponseParser,
    ) -> Any:
        """Make the call, with its retries, and return the response as ``parse`` reads it.

        Where the rate is limited, each attempt first waits for its token. Raises
        :class:`NoCredentialsError`, a subclass of :class:`HTTPClientError` without a response, and
        the errors of :func:`.responses.parse_response`.
        """
        call = _CallExecution(self, spec, params, parse)
        while True:
            while wait := call.take_token():
                self.config.clock.sleep(wait)
            try:
                call.start_attempt()
                credentials = self.signer.credentials(call.deadline.remaining())
                result = call.parse(transport.send(call.next_request(credentials)))
            except PagerError as error:
                if (delay := call.retry_delay(error)) is None:
                    raise
            except BaseException as error:
                call.report.end(error)
                raise
            else:
                call.report.end()
                return result
            self.config.clock.sleep(delay)

    async def call_async(
        self,
        transport: AsyncTransport,
        spec: RestJsonSpec,
        params: Mapping[str, Any],
        parse: ResponseParser,
    ) -> Any:
        """Make the call; the async twin of :meth:`call`."""
        call = _CallExecution(self, spec, params, parse)
        while True:
            while wait := call.take_token():
                await self.config.clock.sleep_async(wait)
            try:
                call.start_attempt()
                credentials = await self.signer.credentials_async(call.deadline.remaining())
                result = call.parse(await transport.send(call.next_request(credentials)))
            except PagerError as error:
                if (delay := call.retry_delay(error)) is None:
                    raise
            except BaseException as error:
                call.report.end(error)
                raise
            else:
                call.report.end()
                return result
            await self.config.clock.sleep_async(delay)


class _CallExecution:
    """A call and the attempts at it: all that the two loops share. No I/O."""

    def __init__(
        self,
        client: RestJsonClient,
        spec: RestJsonSpec,
        params: Mapping[str, Any],
        parse: ResponseParser,
    ) -> None:
        self._client = client
        self._spec = spec
        self._parse = parse
        self._config = config = client.config
        self._clock = config.clock
        self._serialized = serialize_request(spec, params, client.path_prefix)
        self.deadline = Deadline(config.total_timeout, self._clock.monotonic)
        self._retries = RetryState(client.quota, config.max_attempts, self.deadline.remaining)
        self._signer = CallSigner(client.signer)
        self._trace = trace_headers()
        self._extra_headers: Mapping[str, str] = {}
        #: All that the attempts were signed with, and their signatures.
        self._secrets: set[str] = set()
        secrets = self._secrets
        # Not partial(), whose repr shows the secrets.
        self._redact = lambda text: redact(text, secrets)
        self.report = AttemptReport(
            (client.signer.service, spec.name, client.origin.host),
            _log,
            config.on_attempt,
            monotonic=self._clock.monotonic,
            redact=self._redact,
            redact_error=lambda error: redact_error(error, secrets),
        )

    def take_token(self) -> float:
        """Take a token for the next attempt and return 0, or the seconds before the next try.

        Without a limit of the rate, it is 0. Raises :class:`ReadTimeoutError` where the call has to
        be over before that.
        """
        if (rate := self._client.rate) is None:
            return 0.0
        remaining = self.deadline.remaining()
        wait = rate.take_token(self._clock.monotonic())
        if wait and remaining is not None and wait >= remaining:
            raise ReadTimeoutError(
                f"no request to {self._client.origin}: by the rate that the service allows, it "
                f"would wait {wait:.1f} s, and its {self.deadline.name} is over before that"
            )
        return wait

    def start_attempt(self) -> None:
        """Begin an attempt. Raises :class:`ParamValidationError` for invalid extra headers."""
        self._retries.start_attempt()
        self.report.begin(self._retries.attempt_count)
        self._extra_headers = self._config.extra_headers()

    def next_request(self, credentials: CredentialsLike) -> HTTPRequest:
        """Return the signed request of the attempt."""
        client, serialized = self._client, self._serialized
        headers = dict(client.headers)
        if serialized.content_type is not None:
            headers["content-type"] = serialized.content_type
        url = client.base_url + serialized.target
        signature = self._signer.auth_headers(
            serialized.method, url, headers, serialized.content, credentials
        )
        self._secrets |= secrets_of(credentials, signature["authorization"])
        return HTTPRequest(
            serialized.method,
            client.origin,
            serialized.target,
            {
                **headers,
                **signature,
                **self._trace,
                **self._retries.headers(),
                **self._extra_headers,
            },
            serialized.content,
            timeouts=self._config.timeouts,
            deadline=self.deadline,
            max_response_bytes=self._config.max_response_bytes,
            secrets=self._secrets,
            on_sent=self._spec.prepare,
        )

    def parse(self, received: ReceivedResponse) -> Any:
        """Return a successful response as the parser reads it."""
        self._spec.prepare()
        response = HTTPResponse(*received, self._retries.retries, self._redact)
        self.report.receive(response.status, response.request_id)
        warn = self.report.warn if self._config.on_invalid_response == "warn" else None
        result = parse_response(self._spec, response, self._parse, warn)
        self._retries.record_success()
        self._set_rate(throttled=False)
        return result

    def retry_delay(self, error: PagerError) -> float | None:
        """Return the seconds to wait before the next attempt; None if the error ends the call.

        The attempt is reported, and all secrets are removed from the error.
        """
        is_throttled = classify(error) is RetryableKind.THROTTLING
        try:
            self._set_rate(throttled=is_throttled)
            # Corrected even if this call is not sent again: the next call needs it.
            delay = self._retries.delay_after(
                error, self._clock.now(), is_corrected=self._signer.recover(error)
            )
        except BaseException as interruption:  # Ctrl-C, whose context is the error
            self.report.end(interruption)
            raise
        # A client that limits its rate finds the limit by being throttled.
        is_expected = is_throttled and self._client.rate is not None
        level = logging.DEBUG if is_expected else logging.WARNING
        self.report.end(error, delay, retry_level=level)
        return delay

    def _set_rate(self, *, throttled: bool) -> None:
        """Set the rate, where it is limited, by the response of the attempt, if it has one."""
        if self._client.rate is not None and self.report.status is not None:
            self._client.rate.record_response(self._clock.monotonic(), throttled=throttled)
