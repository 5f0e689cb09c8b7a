"""The subjects: each transport, in each kind of event loop."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager._aws.config.tls import resolve_verify
from imagebuilder_pager._aws.transport.async_httpx_transport import AsyncHttpxTransport
from imagebuilder_pager._aws.transport.httpx_transport import HttpxTransport

from .clock import AsyncioDriver, SimulatedClock, SyncDriver, TrioDriver
from .network import AsyncSimulatedBackend, SimulatedBackend
from .server import Server

#: Seconds that each part of an attempt may take.
TIMEOUT = 3.0
#: Seconds that a call may take.
TOTAL_TIMEOUT = 15.0

MakeTransport = Callable[[Server, SimulatedClock, int, ssl.SSLContext | None], Any]


def _maker(transport_class: Any, backend_class: Any) -> MakeTransport:
    def make(
        server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
    ) -> Any:
        certificates = None if context is None else resolve_verify("test", context, None)
        return transport_class(
            **({} if certificates is None else {"verify": certificates}),
            max_connections=connections,
            network_backend=backend_class(server),
            monotonic=clock.monotonic,
        )

    return make


class Subject(NamedTuple):
    """A way to send requests, in one kind of event loop or in none."""

    name: str
    client_class: type[ImageBuilder | AsyncImageBuilder]
    make_transport: MakeTransport
    make_driver: Callable[[], Any]

    @property
    def is_async(self) -> bool:
        return self.client_class is AsyncImageBuilder

    def __str__(self) -> str:
        return self.name


_HTTPX = _maker(HttpxTransport, SimulatedBackend)
_H11 = _maker(H11Client, SimulatedBackend)
_ASYNC_HTTPX = _maker(AsyncHttpxTransport, AsyncSimulatedBackend)
_ASYNC_H11 = _maker(AsyncH11Client, AsyncSimulatedBackend)

SYNC = [
    Subject("HttpxTransport", ImageBuilder, _HTTPX, SyncDriver),
    Subject("H11Client", ImageBuilder, _H11, SyncDriver),
]
ASYNC = [
    Subject("AsyncHttpxTransport-asyncio", AsyncImageBuilder, _ASYNC_HTTPX, AsyncioDriver),
    Subject("AsyncH11Client-asyncio", AsyncImageBuilder, _ASYNC_H11, AsyncioDriver),
    Subject("AsyncHttpxTransport-trio", AsyncImageBuilder, _ASYNC_HTTPX, TrioDriver),
    Subject("AsyncH11Client-trio", AsyncImageBuilder, _ASYNC_H11, TrioDriver),
]
TRANSPORTS = SYNC + ASYNC
