"""Requests of an ``H11Client``, and the errors of the same requests over httpx."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.aws.auth.signer import RequestSigner
from imagebuilder_pager.aws.config.shared_config import Resolved
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.identity import Credentials
from imagebuilder_pager.aws.transport.h11_transport import H11Client
from imagebuilder_pager.aws.transport.types import HTTPRequest, Timeouts
from imagebuilder_pager.local import ACCESS_KEY_ID, EXAMPLE_EXECUTION_ID, SECRET_ACCESS_KEY
from imagebuilder_pager.service import HEADERS

from .accounts import PATH
from .servers import RecordedResponse, ScriptedServer

CREDENTIALS = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
TIMEOUTS = Timeouts(5.0, 5.0, 5.0, 5.0)
LOCALHOST_CERTIFICATE = Path(__file__).parents[1] / "unit" / "localhost.pem"
TRUSTING = LazySSLContext(Resolved(str(LOCALHOST_CERTIFICATE), "a test"))

Serve = Callable[..., ScriptedServer]
SendTo = Callable[..., RecordedResponse]


def send(
    client: H11Client, response: Any = None, timeouts: Timeouts = TIMEOUTS
) -> RecordedResponse:
    """Send a request by the client, and return the response."""
    received = response or RecordedResponse()
    sender = client.sender(RequestSigner(CREDENTIALS, "imagebuilder", "us-west-2"), HEADERS)
    request = HTTPRequest(PATH, b'{"a": 1}', timeouts)
    try:
        sender(request, received)
    finally:
        assert request.access_key == CREDENTIALS.access_key
    return received


def error_of(send_to: SendTo, url: str, **arguments: Any) -> exceptions.HTTPClientError:
    """Return the error of a request to the URL."""
    with pytest.raises(exceptions.HTTPClientError) as caught:
        send_to(url, **arguments)
    assert caught.value.__cause__ is not None
    return caught.value


def error_over_httpx(url: str, **arguments: Any) -> exceptions.PagerError:
    """Return the error of the same request over httpx."""
    options: Any = {"credentials": CREDENTIALS, "max_attempts": 1}
    with (
        ImageBuilder("us-west-2", endpoint_url=url, **options, **arguments) as client,
        pytest.raises(exceptions.PagerError) as caught,
    ):
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    return caught.value
