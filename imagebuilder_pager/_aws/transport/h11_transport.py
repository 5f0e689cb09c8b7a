"""H11Client: requests over sockets with h11, signed by our own SigV4.

It imports neither httpx nor botocore, which take longer to import than a listing takes. What it
sends and how it reads is in :mod:`.h11_connection`, which connections are kept in :mod:`.pool`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ..._validation import validate_positive, validate_whole_number, validating
from ...exceptions import HTTPClientError, InvalidConfigError, Problem
from ..auth.sigv4 import sigv4_header
from ..config.proxies import resolve_proxy
from ..config.tls import (
    LazySSLContext,
    ca_bundle_from_environment,
    resolve_verify,
    warn_unverified,
)
from .errors import map_transport_error
from .h11_connection import (
    Connect,
    H11Connection,
    NetworkOperation,
    NetworkOperations,
    Preconnection,
    Proxy,
    Read,
    Write,
)
from .network import NetworkBackend, SocketBackend
from .pool import (
    KEEPALIVE_EXPIRY,
    MAX_CONNECTIONS,
    ConnectionPool,
    Lease,
    PoolState,
)
from .types import DEFAULT_TIMEOUTS, READ_NUM_BYTES, HTTPRequest, Origin, ResponseHandler, Timeouts

if TYPE_CHECKING:
    import ssl

    from ..auth.signer import SigningAlgorithm


BackendT = TypeVar("BackendT")


class BaseH11Client(ABC, Generic[BackendT]):
    """The part that both clients share: their arguments, and how a connection is made."""

    @property
    def signing_algorithm(self) -> SigningAlgorithm:
        """The function that makes the signatures of its requests."""
        return sigv4_header

    def __init__(
        self,
        *,
        verify: bool | str | ssl.SSLContext | LazySSLContext = True,
        timeout: float | Timeouts | None = DEFAULT_TIMEOUTS,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_expiry: float | None = KEEPALIVE_EXPIRY,
        trust_env: bool = True,
        preconnect: bool = False,
        network_backend: BackendT | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        owner = type(self).__name__
        with validating(owner):
            validate_whole_number("max_connections", max_connections, minimum=1)
            if isinstance(timeout, Timeouts):
                self.timeouts: Timeouts = timeout
            else:
                seconds = validate_positive("timeout", timeout)
                self.timeouts = Timeouts(seconds, seconds, seconds, seconds)
            expiry = validate_positive("keepalive_expiry", keepalive_expiry)
        ca_bundle = ca_bundle_from_environment() if trust_env else None
        self._ssl_context = resolve_verify(owner, None if verify is True else verify, ca_bundle)
        if verify is False:
            warn_unverified("verify=False")
        self._trust_env = trust_env
        self._max_connections = max_connections
        self._keepalive_expiry = float("inf") if expiry is None else expiry
        self._monotonic = monotonic
        self._wants_preconnect = preconnect
        self._preconnected: H11Connection | None = None
        self._open(network_backend)

    @abstractmethod
    def _open(self, network_backend: BackendT | None) -> None:
        """Make the pool, over the system's sockets or another backend."""

    def preconnect(self, origin: Origin) -> None:
        """Begin to connect to an origin in a thread, if that was asked for.

        What comes of it shows with the first request: an error is met again there.
        """
        if not self._wants_preconnect or self._preconnected is not None:
            return
        try:
            connection = self._new_connection(origin)
        except InvalidConfigError:
            return

        def connect() -> Any:
            scratch = self._new_connection(origin)
            backend = SocketBackend(self._monotonic)
            _run(scratch, scratch.connect(self.timeouts), backend, self._monotonic)
            return scratch.stream

        connection.preconnection = Preconnection(connect)
        self._preconnected = connection

    def _pool_state(self) -> PoolState[H11Connection]:
        return PoolState(
            self._take_connection, self._max_connections, self._keepalive_expiry, self._monotonic
        )

    def _take_connection(self, origin: Origin) -> H11Connection:
        """Return the connection that is being made to the origin already, or one to be made."""
        connection = self._preconnected
        if connection is not None and connection.origin == origin:
            self._preconnected = None
            return connection
        return self._new_connection(origin)

    def _new_connection(self, origin: Origin) -> H11Connection:
        settings = resolve_proxy(str(origin)) if self._trust_env else None
        if settings is None:
            return H11Connection(origin, None, self._ssl_context)
        if settings.is_socks:
            given = f"a SOCKS proxy, which {type(self).__name__} cannot use"
            allowed = "http and https, or http_client=httpx.Client(...) with socksio installed"
            raise InvalidConfigError(Problem(settings.source, given, allowed))
        return H11Connection(origin, Proxy.from_settings(settings), self._ssl_context)

    def _close_preconnected(self) -> None:
        if self._preconnected is not None:
            self._preconnected.close()
            self._preconnected = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_connections={self._max_connections})"


class H11Client(BaseH11Client[NetworkBackend]):
    """A lean way to send requests, for ``ImageBuilder(http_client=...)``.

    It imports neither httpx nor botocore, and signs by :mod:`imagebuilder_pager._aws.auth.sigv4`.
    One may serve many clients and threads. Use it as a context manager, or call :meth:`close`: a
    client that it is given to does not close it.

    - ``verify``: True for certifi's certificates, or those of ``AWS_CA_BUNDLE``,
      ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``; a path to certificates; an
      ``ssl.SSLContext``; False for no verification. Default: True.
    - ``timeout``: seconds for connecting and for each wait on the connection, None for no limit,
      or :class:`Timeouts`. Default: 60.
    - ``max_connections``: maximum open connections; further requests wait. Default: 10.
    - ``keepalive_expiry``: seconds after which an idle connection is closed, None for never.
      Default: 5.
    - ``trust_env``: whether proxies and certificates are read from the environment. Default: True.
    - ``preconnect``: whether a client connects in a thread as soon as it knows its endpoint, while
      it is being made. Default: False.
    - ``network_backend``: what connects, in httpcore's sense, for tests. Default: None, sockets.
    - ``monotonic``: a function that returns seconds, for tests. Default: ``time.monotonic``.

    Raises :class:`ParamValidationError` for arguments that cannot be used.
    """

    def _open(self, network_backend: NetworkBackend | None) -> None:
        self._backend = network_backend or SocketBackend(self._monotonic)
        self._pool = ConnectionPool(self._pool_state())

    def send(self, request: HTTPRequest, handler: ResponseHandler) -> None:
        """Send a request; see :meth:`.types.Transport.send`."""
        lease: Lease[H11Connection] = Lease()
        try:
            timeout = request.deadline.cap(request.timeouts.pool)
            connection = self._pool.acquire(lease, request.origin, timeout)
            _join_preconnection(connection, request)
            operations = connection.handle_request(request, handler)
            _run(connection, operations, self._backend, self._monotonic)
        except BaseException as error:
            self._pool.discard(lease)
            if isinstance(error, TimeoutError):
                raise map_transport_error(error, request.origin) from error
            raise
        self._pool.release(lease)

    def close(self) -> None:
        """Close the connections, for good; those in use are closed after their requests."""
        self._close_preconnected()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _run(
    connection: H11Connection,
    operations: NetworkOperations,
    backend: NetworkBackend,
    monotonic: Callable[[], float],
) -> None:
    """Carry out the operations of an exchange."""
    resume: Callable[[Any], Any] = operations.send
    value: Any = None
    try:
        while True:
            operation: NetworkOperation = resume(value)
            resume, value = operations.send, None
            try:
                if isinstance(operation, Read):
                    value = connection.stream.read(READ_NUM_BYTES, operation.timeout)
                elif isinstance(operation, Write):
                    connection.stream.write(operation.data, operation.timeout)
                elif isinstance(operation, Connect):
                    connection.stream = backend.connect_tcp(
                        operation.host, operation.port, operation.timeout
                    )
                else:
                    from .tls_stream import TLSStream  # with ssl, which takes its time

                    connection.stream = TLSStream.start(connection.stream, *operation, monotonic)
            except OSError as error:
                resume, value = operations.throw, error
    except StopIteration:
        return
    finally:
        value = None  # an error, which would hold this frame, and this frame it


def _join_preconnection(connection: H11Connection, request: HTTPRequest) -> None:
    """Wait for the thread that connects, and take its stream; without one, connect anew."""
    preconnection = connection.preconnection
    if preconnection is None:
        return
    if not preconnection.finished.wait(request.deadline.cap(request.timeouts.connect)):
        raise not_connected_in_time(request)
    connection.preconnection = None
    connection.attach_stream(preconnection.stream)


def not_connected_in_time(request: HTTPRequest) -> HTTPClientError:
    """Return the error for a thread that has not connected in time."""
    error = TimeoutError("the connection was not made in time")
    return map_transport_error(error, request.origin, kind="ConnectTimeout")
