"""One connection of httpx's, over sockets of ours: what httpx and httpcore do not do by themselves.

They read on while a peer drips, whatever the call's deadline; they hand what came behind a response
over as the next one; and closing an async connection waits. So each of httpx's transports gets a
network backend that knows the deadline and closes at once, and is looked into before it is used
again. Of httpx and httpcore, some attributes that are not public are used; a test notices when they
go.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import httpcore
import httpx

from ...exceptions import InvalidConfigError, Problem
from ..config.proxies import Proxy, resolve_proxy
from ..config.tls import LazySSLContext
from .network import NetworkBackend
from .types import Deadline, Origin


class HttpxConnection:
    """One of httpx's transports, sync or async, with a single connection of httpcore's in it.

    Raises :class:`InvalidConfigError` for a proxy of the environment that cannot be used.
    """

    def __init__(
        self,
        transport_class: Callable[..., Any],
        origin: Origin,
        backend: Any,
        ssl_context: LazySSLContext,
    ) -> None:
        self.backend = backend
        self.proxy: Proxy | None = resolve_proxy(str(origin))
        proxy = self.proxy
        if proxy is not None and proxy.is_socks and importlib.util.find_spec("socksio") is None:
            given = "a SOCKS proxy needs the package socksio, which is not installed"
            advice = "(pip install 'httpx[socks]')"
            raise InvalidConfigError(Problem(proxy.source, f"{given} {advice}"))
        # Without TLS there is nothing to verify, and certificates take their time to load.
        is_tls = origin.is_tls or (proxy is not None and proxy.scheme == "https")
        context = ssl_context.context() if is_tls else _no_verification.context()
        through = None
        if proxy is not None:
            proxy_context = context if proxy.scheme == "https" else None
            through = httpx.Proxy(proxy.url, ssl_context=proxy_context)
        self.transport: Any = transport_class(verify=context, proxy=through)
        pool = self.transport._pool
        pool._network_backend = backend
        scheme = b"https" if origin.is_tls else b"http"
        self._connection = pool.create_connection(
            httpcore.Origin(scheme, origin.host.encode("ascii"), origin.port)
        )
        self.transport._pool = self._connection

    @property
    def is_connected(self) -> bool:
        """Whether a socket has been connected."""
        return self.backend.stream is not None

    @property
    def awaits_tunnel(self) -> bool:
        """Whether a proxy has been connected to, and has not made its tunnel yet."""
        return self.is_connected and getattr(self._connection, "_connected", True) is False

    def is_reusable(self) -> bool:
        """Return whether the last response ended cleanly, and nothing has been heard since."""
        connection: Any = self._connection
        stream = self.backend.stream
        if stream is None or not connection.is_idle():
            return False
        while hasattr(connection, "_connection"):  # a tunnel holds a connection, and that another
            connection = connection._connection
        surplus, _ = connection._h11_state.trailing_data
        return not surplus and stream.read_nowait(1) is None

    def close(self) -> None:
        """Close the socket, at once."""
        if self.backend.stream is not None:
            self.backend.stream.close()
            self.backend.is_closed = True


_no_verification = LazySSLContext(False)


class HttpcoreBackend(httpcore.NetworkBackend):
    """Our sockets as httpcore wants them, for one connection.

    ``deadline`` is that of the present request, ``stream`` what is connected.
    """

    def __init__(self, network: NetworkBackend, monotonic: Callable[[], float]) -> None:
        self._network = network
        self.monotonic = monotonic
        self.deadline: Deadline = Deadline(None, monotonic)
        self.stream: Any = None
        self.is_closed = False

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        try:
            self.stream = self._network.connect_tcp(host, port, self.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return _HttpcoreStream(self)


class _HttpcoreStream(httpcore.NetworkStream):
    def __init__(self, backend: HttpcoreBackend) -> None:
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        backend = self._backend
        try:
            data: bytes = backend.stream.read(max_bytes, backend.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        backend = self._backend
        try:
            backend.stream.write(buffer, backend.deadline.cap(timeout))
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._backend.stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        backend = self._backend
        try:
            from .tls_stream import TLSStream

            backend.stream = TLSStream.start(
                backend.stream,
                ssl_context,
                server_hostname or "",
                backend.deadline.cap(timeout),
                backend.monotonic,
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return self
