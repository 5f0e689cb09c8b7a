"""The attempts at a call, as they are reported: to the log, and to a function of the caller's.

The rule: an attempt that has begun is reported once when it is over, however it ends: to the
function, then to the log. A report has no secret in it, and a function that fails disturbs no call.
A request id in it is one short word, whatever the service sent.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self

from .._validation import validate_function
from ..exceptions import ClientError


class Attempt(NamedTuple):
    """An attempt at a call, after its end.

    - ``operation``: the operation, by its name in AWS's API.
    - ``number``: 1 for the first attempt at a call.
    - ``status``: the HTTP status; None without a whole response.
    - ``request_id``: the id for AWS's support, at most 128 characters; None without one.
    - ``seconds``: its duration: credentials, a free connection, the request and its response.
    - ``error``: the exception that it ended with, None for a success. A cancellation and Ctrl-C are
      exceptions, too.
    - ``retry_in``: the seconds to wait before the next attempt; None where none is planned. The
      adaptive retry mode may wait longer.
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


class _Thread(threading.local):
    """The state of each thread: ``hook`` is held while a hook runs in it."""

    def __init__(self) -> None:
        self.hook = threading.Lock()


_thread = _Thread()


class AttemptHook:
    """A function of the caller's that is called after each attempt.

    Its first exception is logged. Attempts of calls that it makes in the same thread are reported
    to no hook: it could call itself without end.
    """

    def __init__(self, name: str, function: Callable[[Attempt], object]) -> None:
        self._name = name
        self._function = function
        self._has_failed = False

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
        if _thread.hook.locked():
            return
        try:
            with _thread.hook:  # Ctrl-C cannot leave it held
                self._function(attempt)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                text = "%s failed; its later exceptions are not logged"
                log.warning(text, self._name, exc_info=True)


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
        self.status: int | None = None
        self._request_id: str | None = None
        #: The number of the attempt and the time of its beginning; None between two attempts.
        self._begun: tuple[int, float] | None = None

    def begin(self, number: int) -> None:
        """Begin an attempt."""
        self.status = self._request_id = None
        self._begun = number, self._monotonic()  # last: Ctrl-C before it is outside the attempt

    def receive(self, status: int | None, request_id: str | None) -> None:
        """Take note of the response; None before that of another request of the attempt."""
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
        if error is not None:
            self._redact_error(error)
        begun, self._begun = self._begun, None
        level = logging.DEBUG if retry_in is None else retry_level
        if begun is None or (self._hook is None and not self._log.isEnabledFor(level)):
            return
        attempt = self._attempt(begun, error, retry_in)
        if self._hook is not None:
            self._hook(attempt, self._log)
        self._write(
            *(logging.DEBUG, attempt, {}),
            "%s attempt %d: HTTP status %s, request id %s, %.0f ms",
            *(attempt.operation, attempt.number, attempt.status or "none", attempt.request_id),
            attempt.seconds * 1000,
        )
        if error is not None and retry_in is not None:
            self._write(
                *(level, attempt, {}),
                "%s attempt %d failed (%s); retrying in %.2f s",
                *(attempt.operation, attempt.number, _summarize(attempt), retry_in),
            )

    def warn(self, text: str, problem_count: int) -> None:
        """Log a warning about the response of the attempt."""
        if self._begun is None:
            return
        attempt = self._attempt(self._begun)
        self._write(
            *(logging.WARNING, attempt, {"problem_count": problem_count}),
            "%s: the response does not match the service model (request id %s): %s",
            *(attempt.operation, attempt.request_id or "unknown", text),
        )

    def _attempt(
        self,
        begun: tuple[int, float],
        error: BaseException | None = None,
        retry_in: float | None = None,
    ) -> Attempt:
        service, operation, host = self._call
        number, started_at = begun
        request_id = _as_one_word(self._redact(self._request_id or "")) or None
        return Attempt(
            *(operation, number, self.status, request_id),
            *(round(self._monotonic() - started_at, 6), error, retry_in),
            *(host, service),
        )

    def _write(
        self, level: int, attempt: Attempt, more: Mapping[str, object], text: str, *values: object
    ) -> None:
        """Log a record with the fields of the attempt, and ``more`` of them."""
        log = self._log
        if not log.isEnabledFor(level):
            return
        path, line, function, _ = log.findCaller(stacklevel=2)
        record = log.makeRecord(
            log.name, level, path, line, text, values, exc_info=None, func=function
        )
        fields = {
            "operation": attempt.operation,
            "attempt": attempt.number,
            "status": attempt.status,
            "request_id": attempt.request_id,
            "duration_ms": round(attempt.seconds * 1000, 3),
            **more,
        }
        # Not by ``extra``: it raises KeyError for a name that the program's own records have.
        for name, value in fields.items():
            vars(record).setdefault(name, value)
        log.handle(record)


def _summarize(attempt: Attempt) -> str:
    """Return the error for the log: its kind, and nothing of the text of a response's body."""
    error = attempt.error
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = _as_one_word(error.response["Error"]["Code"])
    return f"{code}, HTTP status {attempt.status}, request id {attempt.request_id}"


def _as_one_word(text: str) -> str:
    """Return the beginning of a text from outside, without spaces and line breaks.

    It has been redacted: a part of a secret is not found.
    """
    return re.sub(r"[^\w.:#+/=()-]", "?", text[:128], flags=re.ASCII)
