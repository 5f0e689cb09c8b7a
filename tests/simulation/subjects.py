"""What is simulated: each transport, each client of a caller's, in each kind of event loop."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import Callable
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

__all__ = [
    "ALL",
    "ASYNC",
    "CALLERS",
    "SYNC",
    "TIMEOUT",
    "TOTAL_TIMEOUT",
    "TRANSPORTS",
    "Subject",
]

#: Seconds that each part of an attempt may take.
TIMEOUT = 3.0
#: Seconds that a call may take.
TOTAL_TIMEOUT = 15.0

MakeTransport = Callable[[Server, SimulatedClock, int, ssl.SSLContext | None], Any]


def _make_httpx(
    server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
) -> Any:
    return HttpxTransport(
        None if context is None else resolve_verify("test", context, None),
        max_connections=connections,
        network_backend=SimulatedBackend(server),
        monotonic=clock.monotonic,
    )


def _make_async_httpx(
    server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
) -> Any:
    return AsyncHttpxTransport(
        None if context is None else resolve_verify("test", context, None),
        max_connections=connections,
        network_backend=AsyncSimulatedBackend(server),
        monotonic=clock.monotonic,
    )


def _make_h11(
    server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
) -> Any:
    return H11Client(
        verify=True if context is None else context,
        max_connections=connections,
        network_backend=SimulatedBackend(server),
        monotonic=clock.monotonic,
    )


def _make_async_h11(
    server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
) -> Any:
    return AsyncH11Client(
        verify=True if context is None else context,
        max_connections=connections,
        network_backend=AsyncSimulatedBackend(server),
        monotonic=clock.monotonic,
    )


_NO_VERIFICATION = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _make_callers_client(httpx_module: Any, httpcore_module: Any, *, is_async: bool) -> Any:
    """Return a maker of clients as a caller has them, with httpcore's own pool."""

    def make(
        server: Server, clock: SimulatedClock, connections: int, context: ssl.SSLContext | None
    ) -> Any:
        backend = AsyncSimulatedBackend(server) if is_async else SimulatedBackend(server)
        prefix = "Async" if is_async else ""
        transport = getattr(httpx_module, f"{prefix}HTTPTransport")(verify=_NO_VERIFICATION)
        transport._pool = getattr(httpcore_module, f"{prefix}ConnectionPool")(
            max_connections=connections, network_backend=_adapt(backend, is_async=is_async)
        )
        return getattr(httpx_module, f"{prefix}Client")(transport=transport, trust_env=False)

    def _adapt(backend: Any, *, is_async: bool) -> Any:
        return (_AsyncAdapter if is_async else _Adapter)(backend, httpcore_module)

    return make


class _Adapter:
    """The simulated network with httpcore's exceptions."""

    def __init__(self, backend: Any, httpcore_module: Any) -> None:
        self._backend = backend
        self._errors = httpcore_module

    def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return _StreamAdapter(self._backend.connect_tcp(*args, **kwargs), self._errors)
        except TimeoutError as error:
            raise self._errors.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.ConnectError(str(error)) from error


class _BaseStreamAdapter:
    def __init__(self, stream: Any, errors: Any) -> None:
        self._stream = stream
        self._errors = errors

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks whether something has arrived on an idle connection.
        return self._stream.has_arrived() if info == "is_readable" else None


class _StreamAdapter(_BaseStreamAdapter):
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data: bytes = self._stream.read(max_bytes, timeout)
        except TimeoutError as error:
            raise self._errors.ReadTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.ReadError(str(error)) from error
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._stream.write(buffer, timeout)
        except TimeoutError as error:
            raise self._errors.WriteTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()


class _AsyncAdapter(_Adapter):
    async def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        try:
            stream = await self._backend.connect_tcp(*args, **kwargs)
        except TimeoutError as error:
            raise self._errors.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.ConnectError(str(error)) from error
        return _AsyncStreamAdapter(stream, self._errors)


# The timeouts are httpcore's (ASYNC109).
class _AsyncStreamAdapter(_BaseStreamAdapter):
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            data: bytes = await self._stream.read(max_bytes, timeout)
        except TimeoutError as error:
            raise self._errors.ReadTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.ReadError(str(error)) from error
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            await self._stream.write(buffer, timeout)
        except TimeoutError as error:
            raise self._errors.WriteTimeout(str(error)) from error
        except OSError as error:
            raise self._errors.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._stream.close()


class Subject(NamedTuple):
    """A way to send requests, in one kind of event loop or in none.

    ``is_callers`` says that it is a client of the caller's, of which less is asked.
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
        sync = _make_callers_client(module, core, is_async=False)
        asynchronous = _make_callers_client(module, core, is_async=True)
        subjects += [
            Subject(f"{name}.Client", ImageBuilder, sync, SyncDriver, True),
            Subject(
                f"{name}.AsyncClient-asyncio", AsyncImageBuilder, asynchronous, AsyncioDriver, True
            ),
            Subject(f"{name}.AsyncClient-trio", AsyncImageBuilder, asynchronous, TrioDriver, True),
        ]
    return subjects


SYNC = [
    Subject("HttpxTransport", ImageBuilder, _make_httpx, SyncDriver),
    Subject("H11Client", ImageBuilder, _make_h11, SyncDriver),
]
ASYNC = [
    Subject("AsyncHttpxTransport-asyncio", AsyncImageBuilder, _make_async_httpx, AsyncioDriver),
    Subject("AsyncH11Client-asyncio", AsyncImageBuilder, _make_async_h11, AsyncioDriver),
    Subject("AsyncHttpxTransport-trio", AsyncImageBuilder, _make_async_httpx, TrioDriver),
    Subject("AsyncH11Client-trio", AsyncImageBuilder, _make_async_h11, TrioDriver),
]
TRANSPORTS = SYNC + ASYNC
CALLERS = _callers()
ALL = TRANSPORTS + CALLERS
