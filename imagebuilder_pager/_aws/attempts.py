"""The attempts at a call, as they are reported: to the log, and to a function of the caller's.

The rule: an attempt that has begun is reported once when it is over, however it ends. A report has
no secret in it, and a function that fails disturbs no call.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from .._validation import validate_function
from ..exceptions import ClientError


class Attempt(NamedTuple):
    """An attempt at a call, after its end.

    - ``operation``: the operation, by its name in AWS's API.
    - ``number``: 1 for the first attempt at a call.
    - ``status``: the HTTP status; None without a response.
    - ``request_id``: the id for AWS's support; None without one.
    - ``seconds``: its duration: credentials, a free connection, the request and its response.
    - ``error``: the exception that it ended with, None for a success. A cancellation and Ctrl-C are
      exceptions, too.
    - ``retry_in``: the seconds until the next attempt; None for the last one.
    - ``host``: the host of the endpoint.
    - ``service``: the service: ``imagebuilder``; of calls for credentials ``sts``, ``sso``,
      ``sso-oidc``, ``container`` or ``imds``.
    """

    operation: str
    number: int
    status: int | None
    request_id: str | None
    seconds: float
    error: BaseException | None
    retry_in: float | None
    host: str
    service: str


class AttemptHook:
    """A function of the caller's that is called after each attempt.

    Its first exception is logged. Attempts of calls that it makes in the same thread are not
    reported to it: it would call itself without end.
    """

    def __init__(self, name: str, function: Callable[[Attempt], object]) -> None:
        self._name = name
        self._function = function
        self._has_failed = False
        self._local = threading.local()

    @classmethod
    def of(cls, name: str, function: Callable[[Attempt], object] | None) -> Self | None:
        """Return the hook of the argument ``name``, None without a function.

        Raises :class:`InvalidValueError` for all but a function that is no coroutine function.
        """
        if function is None:
            return None
        validate_function(name, function, "a function that takes an Attempt")
        return cls(name, function)

    def __call__(self, attempt: Attempt, log: logging.Logger) -> None:
        """Call the function. A ``BaseException``, such as ``KeyboardInterrupt``, is raised."""
        if getattr(self._local, "is_running", False):
            return
        try:  # first, for Ctrl-C
            self._local.is_running = True
            self._function(attempt)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                text = "%s failed; its later exceptions are not logged"
                log.warning(text, self._name, exc_info=True)
        finally:
            self._local.is_running = False


class AttemptReport:
    """The reports of the attempts at one call.

    - ``call``: the service, the operation and the endpoint's host.
    - ``log``: the logger.
    - ``hook``: the function of the caller's; None without one.
    - ``monotonic``: a function that returns seconds.
    - ``redact``: a function that removes secrets from a text.
    - ``redact_error``: a function that removes secrets from an exception.

    ``status`` is the HTTP status of the attempt, None before its response.
    """

    def __init__(
        self,
        call: tuple[str, str, str],
        log: logging.Logger,
        hook: AttemptHook | None,
        *,
        monotonic: Callable[[], float],
        redact: Callable[[str], str],
        redact_error: Callable[[BaseException], object],
    ) -> None:
        self._call = call
        self._log = log
        self._hook = hook
        self._monotonic = monotonic
        self._redact = redact
        self._redact_error = redact_error

    def begin(self, number: int) -> None:
        """Begin an attempt."""
        self._number = number
        self.status: int | None = None
        self._request_id: str | None = None
        self._started_at = self._monotonic()

    def receive(self, status: int, request_id: str | None) -> None:
        """Take note of the response."""
        self.status, self._request_id = status, request_id

    def end(
        self,
        error: BaseException | None = None,
        retry_in: float | None = None,
        *,
        retry_level: int = logging.WARNING,
    ) -> None:
        """Report the attempt, and remove all secrets from its error.

        ``retry_level``: the level of the record of a retry.
        """
        if isinstance(error, Exception):
            self._redact_error(error)
        log, hook = self._log, self._hook
        level = logging.DEBUG if retry_in is None else retry_level
        if hook is None and not log.isEnabledFor(level):
            return
        fields = self.fields()
        operation, number, status, request_id, duration_ms = fields.values()
        log.debug(
            "%s attempt %d: HTTP status %s, request id %s, %.0f ms",
            *(operation, number, status or "none", request_id, duration_ms),
            extra=fields,
        )
        if error is not None and retry_in is not None:
            log.log(
                level,
                "%s attempt %d failed (%s); retrying in %.2f s",
                *(operation, number, _summarize(error), retry_in),
                extra=fields,
            )
        if hook is not None:
            service, _, host = self._call
            attempt = Attempt(
                *(operation, number, status, request_id, duration_ms / 1000, error, retry_in),
                host=host,
                service=service,
            )
            hook(attempt, log)

    def fields(self) -> dict[str, Any]:
        """Return the fields of a log record about the attempt."""
        request_id = self._request_id
        return {
            "operation": self._call[1],
            "attempt": self._number,
            "status": self.status,
            "request_id": None if request_id is None else self._redact(request_id),
            "duration_ms": round((self._monotonic() - self._started_at) * 1000, 3),
        }


def _summarize(error: BaseException) -> str:
    """Return an error for the log: its kind, and nothing of the text of a response's body."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    metadata = error.response["ResponseMetadata"]
    # A code from a body could be any text, also a line break and a forged line.
    code = re.sub(r"[^\w.:#-]", "?", error.response["Error"]["Code"])[:80]
    return (
        f"{code}, HTTP status {metadata['HTTPStatusCode']}, request id {metadata.get('RequestId')}"
    )
