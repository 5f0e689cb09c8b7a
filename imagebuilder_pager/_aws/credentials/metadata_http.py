"""Requests to the metadata endpoints of AWS's hosts: the container's, and EC2's.

botocore's own fetchers log the responses that they cannot read, go through a proxy of the
environment, and do not say why they returned nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from ...exceptions import (
    ConnectTimeoutError,
    HTTPClientError,
    PagerError,
    ReadTimeoutError,
    ResponseParserError,
)
from ..attempts import AttemptReport
from ..auth.redaction import redact, redact_error
from ..identity import Credentials, CredentialsContext, read_credentials
from ..retries import RetryableKind, RetryState, call_with_retries
from ..transport.fetch import fetch_response
from ..transport.types import Deadline

T = TypeVar("T")

_MAX_BYTES = 64 * 1024  # credentials with a session token are about two kilobytes
_CREDENTIAL_MEMBERS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")


class MetadataError(PagerError):
    """No usable response; the message gives the reason and shows nothing of a body.

    ``retryable`` says whether another attempt may succeed. ``status`` is the HTTP status, 0 if
    something else is wrong.
    """

    def __init__(self, reason: str, *, retryable: bool = False, status: int = 0) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.status = status


def retry(
    call: Callable[[Deadline], T],
    context: CredentialsContext,
    report: AttemptReport,
    *,
    timeout: float,
    max_attempts: int,
    delay: float,
) -> T:
    """Return the result of ``call``, which is called up to ``max_attempts`` times.

    ``timeout``: seconds of each attempt, for all its requests; ``call`` is given its deadline.
    ``delay``: seconds between the attempts. Together they are the budget of the search. Raises the
    last :class:`MetadataError`.
    """
    clock = context.clock
    budget = Deadline(max_attempts * timeout + (max_attempts - 1) * delay, clock.monotonic)

    def attempt() -> T:
        return call(Deadline(min(timeout, budget.remaining() or 0.0), clock.monotonic))

    state = RetryState(
        None, max_attempts, budget.remaining, fixed_delay=delay, classify=_retryable_kind
    )
    return call_with_retries(attempt, state, clock, report)


def _retryable_kind(error: PagerError) -> RetryableKind | None:
    retryable = isinstance(error, MetadataError) and error.retryable
    return RetryableKind.TRANSIENT if retryable else None


def fetch(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    context: CredentialsContext,
    report: AttemptReport,
    deadline: Deadline,
) -> str:
    """Return the body of a successful response. Raises :class:`MetadataError`.

    ``deadline`` is that of the attempt. The request goes through no proxy, a redirect is not
    followed, and the URL is not logged: in a container, it gives access to the credentials.
    """
    report.receive(None, None)
    try:
        response = fetch_response(
            method,
            url,
            headers,
            ssl_context=context.certificates,
            timeout=deadline.remaining() or 0.0,
            limit=_MAX_BYTES,
            trust_env=False,
            monotonic=context.clock.monotonic,
            secrets=set(),  # without a proxy, none are added
        )
    except (HTTPClientError, ResponseParserError) as error:
        redact_error(error, {urlsplit(url).path, *headers.values()})
        timed_out = isinstance(error, (ConnectTimeoutError, ReadTimeoutError))
        reason = "no response in time" if timed_out else str(error)
        raise MetadataError(reason, retryable=isinstance(error, HTTPClientError)) from None
    report.receive(response.status, None)
    if response.status != 200:
        retryable = response.status == 429 or response.status >= 500
        raise MetadataError(
            f"HTTP status {response.status}", retryable=retryable, status=response.status
        )
    return response.body.decode("utf-8", "replace")


def parse_credentials(text: str, secrets: Iterable[str]) -> Credentials:
    """Return the credentials in a response, a JSON object.

    Raises :class:`MetadataError`, which shows none of the ``secrets`` that were sent.
    """
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise MetadataError("the response is not a JSON object", retryable=True)
    missing = [name for name in _CREDENTIAL_MEMBERS if not isinstance(members.get(name), str)]
    if missing:
        # The service's own code for the error, such as AssumeRoleUnauthorizedAccess.
        code = members.get("Code")
        detail = ""
        if isinstance(code, str) and code.isalnum():
            detail = f" (error code {redact(code, secrets)[:80]})"
        raise MetadataError(f"the response has no {', '.join(missing)}{detail}")
    try:
        return read_credentials(members, "Token")
    except ValueError:
        raise MetadataError(
            "the response's Expiration is not a date in ISO 8601 or RFC 2822"
        ) from None
