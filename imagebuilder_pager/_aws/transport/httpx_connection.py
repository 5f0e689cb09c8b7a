"""One of httpx's transports with one connection, over a network backend of ours.

The rule: no wait is longer than the call's deadline, and only bytes of the response are returned.
Without the backend, httpx and httpcore read past the deadline from a slow peer, and take surplus
bytes for the next response. httpcore asks the stream before it uses a connection again. ``_pool``
is the one private name that is used.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from typing import Any, Self

import httpcore

from ...exceptions import InvalidConfigError, Problem
from ..config.proxies import Proxy, resolve_proxy
from ..config.tls import UNVERIFIED, LazySSLContext
from .network import run
from .operations import Connect, NetworkOperations, PlainStream
from .types import Deadline, HTTPRequest, Origin


class HttpxConnection:
    """One of httpx's transports, sync or async, with a pool of one connection.

    - ``origin``: the server.
    - ``ssl_context``: the certificates to verify against.
    - ``transport_class``: ``httpx.HTTPTransport`` or its async twin.
    - ``pool_class``: ``httpcore.ConnectionPool`` or its async twin.
    - ``backend``: the backend that connects.

    Raises :class:`InvalidConfigError` for a proxy of the environment that cannot be used.
    """

    def __init__(
        self,
        origin: Origin,
        ssl_context: LazySSLContext,
        *,
        transport_class: Callable[..., Any],
        pool_class: Callable[..., Any],
        backend: BaseBackend,
    ) -> None:
        self.backend = backend
        self.proxy: Proxy | None = resolve_proxy(str(origin))
        proxy = self.proxy
        if proxy is not None and proxy.is_socks and importlib.util.find_spec("socksio") is None:
            missing = "a SOCKS proxy needs the package socksio, which is not installed"
            advice = "(pip install 'httpx[socks]')"
            raise InvalidConfigError(Problem(proxy.source, f"{missing} {advice}"))
        is_proxy_tls = proxy is not None and proxy.scheme == "https"
        # Without TLS no certificates are needed, and loading them is slow.
        context = (ssl_context if origin.is_tls or is_proxy_tls else UNVERIFIED).context()
        through = None
        if proxy is not None:
            backend.needs_tunnel = origin.is_tls
            through = httpcore.Proxy(
                httpcore.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/"),
                auth=proxy.auth,
                ssl_context=context if is_proxy_tls else None,
            )
        backend.needed_handshakes = origin.is_tls + is_proxy_tls
        self.transport: Any = transport_class(verify=context)
        self.transport._pool = pool_class(
            ssl_context=context, proxy=through, max_connections=1, network_backend=backend
        )

    def begin(self, request: HTTPRequest) -> None:
        """Set the deadline of the next request."""
        self.backend.deadline = request.deadline
        if self.proxy is not None:
            request.secrets.update(self.proxy.secrets)

    def is_reusable(self) -> bool:
        """Return whether the last response ended cleanly, and nothing has arrived since.

        The pool drops any other connection. httpcore would connect again, with the certificates of
        the first connection.
        """
        return self.backend.is_reusable()

    def close(self) -> None:
        """Close the socket, at once."""
        self.backend.close_now()


class BaseBackend:
    """One connection for httpcore: its deadline, and the bytes that belong to a response.

    - ``deadline``: the deadline of the current request.
    - ``stream``: the connected stream; None before.
    - ``needed_handshakes``: the number of TLS handshakes. Reads and writes before the last one are
      part of connecting.
    - ``needs_tunnel``: whether a proxy has to connect to the origin.
    - ``awaits_tunnel``: True until the tunnel is open.
    """

    def __init__(self, network: Any, monotonic: Callable[[], float]) -> None:
        self.network = network
        self.deadline: Deadline = Deadline(None, monotonic)
        self.stream: Any = None
        self.needed_handshakes = 0
        self.needs_tunnel = False
        self.awaits_tunnel = False
        self.is_closed = False
        self.response = ResponseBytes()
        self._monotonic = monotonic
        self._handshakes = 0
        self._connect_deadline = self.deadline

    def connecting(self, host: str, port: int, timeout: float | None) -> NetworkOperations[None]:
        """Connect; ``timeout`` is for everything, including proxy and TLS."""
        self.stream = None
        self.is_closed = False
        self._handshakes = self.needed_handshakes
        self.awaits_tunnel = self.needs_tunnel
        self._connect_deadline = self.deadline.within(timeout, "connect_timeout")
        try:
            self.stream = PlainStream((yield Connect(host, port, self._connect_deadline.cap(None))))
        except OSError as error:
            raise self._map(error, "Connect") from error

    def starting_tls(
        self, ssl_context: Any, server_hostname: str | None, timeout: float | None
    ) -> NetworkOperations[None]:
        """Make a TLS handshake. The last one is with the origin, not with a proxy."""
        from .tls_stream import TLSStream

        self.awaits_tunnel = self.awaits_tunnel and self._handshakes > 1
        try:
            stream = TLSStream(self.stream, ssl_context, server_hostname or "", self._monotonic)
            yield from stream.handshake(self._cap(timeout))
        except OSError as error:
            raise self._map(error, "Connect") from error
        self.stream = stream
        self._handshakes -= 1

    def reading(self, max_bytes: int, timeout: float | None) -> NetworkOperations[bytes]:
        """Return bytes that belong to the response, b"" at its end."""
        try:
            if self.is_closed:
                raise OSError("the connection has been closed")
            data = yield from self.stream.read(max_bytes, self._cap(timeout))
        except OSError as error:
            raise self._map(error, "Read") from error
        return self.response.take(data)

    def writing(self, data: bytes, timeout: float | None) -> NetworkOperations[None]:
        """Send bytes of the next request; httpcore ends each with none."""
        if not data:
            return
        self.response = ResponseBytes()
        try:
            yield from self.stream.write(data, self._cap(timeout))
        except OSError as error:
            raise self._map(error, "Write") from error

    def is_reusable(self) -> bool:
        """Return whether it is open, its last response complete, and nothing has arrived since."""
        return self._is_clean() and self.stream.read_nowait(1) is None

    def get_extra_info(self, info: str) -> Any:
        """Return, for httpcore, whether the connection must not be used again.

        The pool has looked for bytes that have arrived since the last response.
        """
        return not self._is_clean() if info == "is_readable" else None

    def _is_clean(self) -> bool:
        return not self.is_closed and self.response.is_whole

    def close_now(self) -> None:
        """Close the socket, at once."""
        self.is_closed = True
        if self.stream is not None:
            self.stream.close()

    def _cap(self, timeout: float | None) -> float | None:
        if self._handshakes:
            return self._connect_deadline.cap(None)
        return self.deadline.cap(timeout)

    def _map(self, error: OSError, phase: str) -> Exception:
        """Return httpcore's error of a phase: ``Connect``, ``Read`` or ``Write``."""
        if self._handshakes:
            phase = "Connect"
        kind = "Timeout" if isinstance(error, TimeoutError) else "Error"
        mapped: Exception = getattr(httpcore, f"{phase}{kind}")(str(error))
        return mapped


class ResponseBytes:
    """The bytes of one response: its head, and a body of ``Content-Length`` bytes.

    ``is_whole`` is True when exactly these bytes have arrived. For a response without
    ``Content-Length`` it stays False, so its connection is not used again.
    """

    _HEAD_END = re.compile(rb"\n\r?\n")
    _INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d[ \r\n]")
    #: The status lines of responses that have a body.
    _WITH_BODY = re.compile(rb"HTTP/1\.[01] (?!204|304)[2-5]\d\d[ \r\n]")
    _LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r?\n", re.IGNORECASE)
    _OTHER_LENGTH = re.compile(rb"\ntransfer-encoding[ \t]*:", re.IGNORECASE)

    def __init__(self) -> None:
        self.is_whole = False
        self._head: bytearray | None = bytearray()
        self._left: int | None = None

    def take(self, data: bytes) -> bytes:
        """Return the part of the bytes that belongs to the response."""
        received = len(data)
        if self._head is not None:
            received = self._take_head(data)
        if self._left is None:
            return data
        surplus = received - self._left
        self._left = max(0, -surplus)
        self.is_whole = surplus == 0
        return data[:-surplus] if surplus > 0 else data

    def _take_head(self, data: bytes) -> int:
        """Read the head if it is complete; return the number of bytes after it."""
        head = self._head
        assert head is not None  # noqa: S101 - the caller has checked it
        searched = max(0, len(head) - 2)
        head += data
        while (end := self._HEAD_END.search(head, searched)) is not None:
            if not self._INTERIM.match(head):
                length = self._LENGTH.search(head, 0, end.end())
                has_other = self._OTHER_LENGTH.search(head, 0, end.end())
                if length and not has_other and self._WITH_BODY.match(head):
                    self._left = int(length[1])
                self._head = None
                return len(head) - end.end()
            del head[: end.end()]
            searched = 0
        return 0


class HttpcoreBackend(BaseBackend, httpcore.NetworkBackend, httpcore.NetworkStream):
    """Our sockets as a network backend of httpcore, and as the stream of its one connection."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> Self:
        run(self.connecting(host, port, timeout), self.network)
        return self

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> Self:
        run(self.starting_tls(ssl_context, server_hostname, timeout))
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return run(self.reading(max_bytes, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        run(self.writing(buffer, timeout))

    def close(self) -> None:
        self.close_now()
