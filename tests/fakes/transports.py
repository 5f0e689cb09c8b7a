"""Each way to send requests, sync and async, with an interface for plain tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from anyio.from_thread import start_blocking_portal

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.auth.signer import RequestSigner
from imagebuilder_pager._aws.clock import SYSTEM_CLOCK
from imagebuilder_pager._aws.config.shared_config import Resolved, SharedConfig
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager._aws.transport.async_h11_transport import AsyncH11Client
from imagebuilder_pager._aws.transport.async_httpx_transport import AsyncHttpxTransport
from imagebuilder_pager._aws.transport.h11_transport import H11Client
from imagebuilder_pager._aws.transport.httpx_transport import HttpxTransport
from imagebuilder_pager._aws.transport.types import (
    Deadline,
    HTTPRequest,
    Origin,
    ReceivedResponse,
    Timeouts,
)
from imagebuilder_pager.client import request_headers
from imagebuilder_pager.local import ACCESS_KEY_ID, SECRET_ACCESS_KEY

from .accounts import PATH
from .networks import AsyncFakeNetwork
from .servers import ScriptedServer

CREDENTIALS = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
TIMEOUTS = Timeouts(5.0, 5.0, 5.0, 5.0)
LOCALHOST_CERTIFICATE = Path(__file__).parents[1] / "unit" / "localhost.pem"
RENEWED_CERTIFICATE = LOCALHOST_CERTIFICATE.with_name("renewed.pem")
TRUSTING = LazySSLContext(Resolved(str(LOCALHOST_CERTIFICATE), "a test"))

Serve = Callable[..., ScriptedServer]


class TransportKind(NamedTuple):
    """A class of transports, and its event loop; None for threads."""

    transport_class: type[Any]
    loop: str | None

    @property
    def is_h11(self) -> bool:
        """Whether it is our transport over h11, not httpx's."""
        return issubclass(self.transport_class, (H11Client, AsyncH11Client))

    def make(self, **arguments: Any) -> Any:
        """Return a transport; ``certificates`` and ``network`` have the same names for all."""
        arguments["verify"] = arguments.pop("certificates", None) or LazySSLContext()
        network: Any = arguments.pop("network", None)
        if network is not None:
            arguments["network_backend"] = (
                network if self.loop is None else AsyncFakeNetwork(network)
            )
        return self.transport_class(**arguments)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.loop, "h11" if self.is_h11 else "httpx")))


KINDS = [
    TransportKind(HttpxTransport, None),
    TransportKind(H11Client, None),
    TransportKind(AsyncHttpxTransport, "asyncio"),
    TransportKind(AsyncH11Client, "asyncio"),
    TransportKind(AsyncHttpxTransport, "trio"),
    TransportKind(AsyncH11Client, "trio"),
]


class Sender:
    """A transport for calls from a plain function; an async one has its own event loop."""

    def __init__(self, kind: TransportKind, **arguments: Any) -> None:
        self._portal = None
        with contextlib.ExitStack() as stack:
            self._threads = stack.enter_context(ThreadPoolExecutor(32))
            if kind.loop is not None:
                self._portal = stack.enter_context(start_blocking_portal(kind.loop))
            self.transport = kind.make(**arguments)
            self._exit = stack.pop_all()

    def start(self, url: str, **options: Any) -> Future[ReceivedResponse]:
        """Start to send a request; cancelling the future of an async one cancels its task.

        The options are those of :func:`signed_request`.
        """
        request = signed_request(self.transport, url, **options)
        if self._portal is None:
            return self._threads.submit(self.transport.send, request)
        return self._portal.start_task_soon(self.transport.send, request)

    def send(self, url: str, **options: Any) -> ReceivedResponse:
        return self.start(url, **options).result()

    def count_waiting(self) -> int:
        """Return the number of requests that wait for a connection."""
        transport = self.transport
        pool = (
            transport._pool if self._portal is None else self._call(transport._pool_of_this_loop)[1]
        )
        return len(pool._waiting)

    def close_transport(self) -> None:
        """Close the transport, but not its event loop."""
        self._call(self.transport.close if self._portal is None else self.transport.aclose)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args) if self._portal is None else self._portal.call(function, *args)

    def close(self) -> None:
        """Close the transport, and then its event loop."""
        with self._exit:
            self.close_transport()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


#: The arguments of an ``HTTPRequest`` that a test may give.
REQUEST_OPTIONS = {
    *("content", "timeouts", "deadline", "max_response_bytes", "secrets", "on_sent"),
}


def signed_request(
    transport: Any, url: str, *, content: bytes = b'{"a": 1}', **options: Any
) -> HTTPRequest:
    """Return a request like the library's client's to the operation's path below the URL.

    It is signed by the transport's algorithm.
    """
    origin = Origin.from_url(url)
    target = url.rstrip("/").partition("://")[2].partition("/")
    path = f"{target[1]}{target[2]}{PATH}"
    headers = {**request_headers(SharedConfig()), "host": origin.host_header}
    signer = RequestSigner(
        CREDENTIALS,
        "imagebuilder",
        "us-west-2",
        algorithm=transport.signing_algorithm,
        clock=SYSTEM_CLOCK,
    )
    headers |= signer.auth_headers("POST", f"{origin}{path}", headers, content, CREDENTIALS)
    given: dict[str, Any] = {
        "timeouts": TIMEOUTS,
        "deadline": Deadline(None, SYSTEM_CLOCK.monotonic),
        "max_response_bytes": 16_000_000,
        "secrets": set(),
        **options,
    }
    return HTTPRequest("POST", origin, path, headers, content, **given)


class SendTo:
    """A function that sends requests, by one transport for each URL and set of arguments."""

    def __init__(self, kind: TransportKind) -> None:
        self.kind = kind
        self._senders: dict[object, Sender] = {}

    def __call__(self, url: str, **options: Any) -> ReceivedResponse:
        """Send a request; the options are those of the request and of the transport."""
        of_request = {name: options.pop(name) for name in REQUEST_OPTIONS & options.keys()}
        return self.sender(url, **options).send(url, **of_request)

    def sender(self, url: str, **arguments: Any) -> Sender:
        """Return the sender for the URL, with these arguments of the transport."""
        key = (url, *sorted((name, id(value)) for name, value in arguments.items()))
        if key not in self._senders:
            self._senders[key] = Sender(self.kind, **arguments)
        return self._senders[key]

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()


def error_of(send_to: SendTo, url: str, **arguments: Any) -> exceptions.HTTPClientError:
    """Return the error of a request to the URL."""
    with pytest.raises(exceptions.HTTPClientError) as caught:
        send_to(url, **arguments)
    return caught.value
