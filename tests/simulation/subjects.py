"""The subjects: each transport and each caller's client, in each kind of event loop."""

from __future__ import annotations

import contextlib
import importlib.util
import ssl
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpcore
import httpx

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager._aws.config.tls import resolve_verify
from imagebuilder_pager._aws.transport.async_httpx_transport import AsyncHttpxTransport
from imagebuilder_pager._aws.transport.httpx_transport import HttpxTransport

from .clock import AsyncioDriver, Driver, SimulatedClock, SyncDriver, TrioDriver
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


_NO_VERIFICATION = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _callers_maker(httpx_module: Any, httpcore_module: Any, *, is_async: bool) -> MakeTransport:
    """Return a maker of a caller's clients, with httpcore's own pool."""
    prefix = "Async" if is_async else ""

    def make(
        server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
    ) -> Any:
        backend: Any = (
            _AsyncAdapter(AsyncSimulatedBackend(server), httpcore_module)
            if is_async
            else _Adapter(SimulatedBackend(server), httpcore_module)
        )
        transport = getattr(httpx_module, f"{prefix}HTTPTransport")(verify=_NO_VERIFICATION)
        transport._pool = getattr(httpcore_module, f"{prefix}ConnectionPool")(
            max_connections=connections, network_backend=backend
        )
        return getattr(httpx_module, f"{prefix}Client")(transport=transport, trust_env=False)

    return make


class _BaseAdapter:
    """The simulated network or one of its streams, with exceptions of httpcore or httpcore2."""

    def __init__(self, adapted: Any, httpcore_module: Any) -> None:
        self._adapted = adapted
        self._module = httpcore_module

    @contextlib.contextmanager
    def _errors(self, phase: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise getattr(self._module, f"{phase}Timeout")(str(error)) from error
        except OSError as error:
            raise getattr(self._module, f"{phase}Error")(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks whether bytes have arrived on an idle connection.
        return self._adapted.has_arrived() if info == "is_readable" else None


class _Adapter(_BaseAdapter):
    def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        with self._errors("Connect"):
            return _Adapter(self._adapted.connect_tcp(*args, **kwargs), self._module)

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        with self._errors("Read"):
            return self._adapted.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._errors("Write"):
            self._adapted.write(buffer, timeout)

    def close(self) -> None:
        self._adapted.close()


# The timeouts are httpcore's (ASYNC109).
class _AsyncAdapter(_BaseAdapter):
    async def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        with self._errors("Connect"):
            stream = await self._adapted.connect_tcp(*args, **kwargs)
        return _AsyncAdapter(stream, self._module)

    async def read(self, max_bytes: int, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        with self._errors("Read"):
            return await self._adapted.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        with self._errors("Write"):
            await self._adapted.write(buffer, timeout)

    async def aclose(self) -> None:
        self._adapted.close()


class Subject(NamedTuple):
    """A way to send requests, in one kind of event loop or in none.

    ``is_callers``: a client of the caller's, with fewer invariants.
    """

    name: str
    client_class: type[ImageBuilder | AsyncImageBuilder]
    make_transport: MakeTransport
    make_driver: Callable[[], Driver]
    is_callers: bool = False

    @property
    def is_async(self) -> bool:
        return self.client_class is AsyncImageBuilder

    @property
    def is_trio(self) -> bool:
        return self.make_driver is TrioDriver

    def __str__(self) -> str:
        return self.name


def _callers() -> list[Subject]:
    modules = [("httpx", httpx, httpcore)]
    if importlib.util.find_spec("httpx2") and importlib.util.find_spec("httpcore2"):
        modules.append(
            ("httpx2", importlib.import_module("httpx2"), importlib.import_module("httpcore2"))
        )
    subjects = []
    for name, module, core in modules:
        sync = _callers_maker(module, core, is_async=False)
        asynchronous = _callers_maker(module, core, is_async=True)
        subjects += [
            Subject(f"{name}.Client", ImageBuilder, sync, SyncDriver, True),
            Subject(
                f"{name}.AsyncClient-asyncio", AsyncImageBuilder, asynchronous, AsyncioDriver, True
            ),
            Subject(f"{name}.AsyncClient-trio", AsyncImageBuilder, asynchronous, TrioDriver, True),
        ]
    return subjects


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
CALLERS = _callers()
ALL = TRANSPORTS + CALLERS
