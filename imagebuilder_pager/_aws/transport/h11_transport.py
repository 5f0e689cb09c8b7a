"""H11Client: requests over sockets with h11, signed by our own SigV4.

The rule: neither httpx nor botocore is imported: importing them takes longer than a listing.
:mod:`.h11_connection` sends and reads; :mod:`.pool` keeps connections.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from ..._validation import validate_positive, validate_whole_number, validating
from ...exceptions import InvalidConfigError, Problem
from ..auth.sigv4 import sigv4_header
from ..config.proxies import resolve_proxy
from ..config.tls import (
    LazySSLContext,
    ca_bundle_from_environment,
    resolve_verify,
    warn_unverified,
)
from .h11_connection import H11Connection
from .network import NetworkBackend, SocketBackend, run
from .pool import KEEPALIVE_EXPIRY, MAX_CONNECTIONS, ConnectionPool, Place, PooledTransport
from .sync_pool import SyncPooledTransport
from .types import DEFAULT_TIMEOUTS, Deadline, HTTPRequest, Origin, ReceivedResponse, Timeouts

if TYPE_CHECKING:
    import ssl

    from ..auth.signer import SigningAlgorithm


BackendT = TypeVar("BackendT")


class BaseH11Client(PooledTransport[H11Connection], Generic[BackendT]):
    """The common part of both clients: their arguments and their connections."""

    _backend_class: ClassVar[type[Any]]

    @property
    def signing_algorithm(self) -> SigningAlgorithm:
        """The function that signs its requests."""
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
                self.timeouts = Timeouts(seconds, seconds, seconds, None)
            expiry = validate_positive("keepalive_expiry", keepalive_expiry)
        ca_bundle = ca_bundle_from_environment() if trust_env else None
        #: The certificates to verify against: of its connections, and those for credentials.
        self.certificates: LazySSLContext = resolve_verify(
            owner, None if verify is True else verify, ca_bundle
        )
        if verify is False:
            warn_unverified("verify=False")
        self._trust_env = trust_env
        self._max_connections = max_connections
        self._monotonic = monotonic
        self._wants_preconnect = preconnect
        self._backend = network_backend or self._backend_class(monotonic)
        expiry = float("inf") if expiry is None else expiry
        self._open(partial(ConnectionPool, max_connections, expiry, monotonic))

    def _new_connection(self, origin: Origin) -> H11Connection:
        proxy = resolve_proxy(str(origin)) if self._trust_env else None
        if proxy is not None and proxy.is_socks:
            given = f"a SOCKS proxy, which {type(self).__name__} cannot use"
            allowed = "http and https, or http_client=httpx.Client(...) with socksio installed"
            raise InvalidConfigError(Problem(proxy.source, given, allowed))
        return H11Connection(origin, proxy, self.certificates, self._monotonic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_connections={self._max_connections})"


class H11Client(BaseH11Client[NetworkBackend], SyncPooledTransport[H11Connection]):
    """A lean HTTP client, for ``ImageBuilder(http_client=...)``.

    It imports neither httpx nor botocore, and signs by :mod:`imagebuilder_pager._aws.auth.sigv4`.
    It may serve many clients and threads. Use it as a context manager, or call :meth:`close`: an
    ``ImageBuilder`` does not close it.

    - ``verify``: True for certifi's certificates, or those of ``AWS_CA_BUNDLE``,
      ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``; a path to certificates; an
      ``ssl.SSLContext``; False for no verification. It holds for all connections of a client that
      it is given to, also those for credentials. Default: True.
    - ``timeout``: seconds for connecting and for each wait on the connection, None for no limit,
      or :class:`Timeouts`. Default: 60.
    - ``max_connections``: maximum open connections; further requests wait. Default: 10.
    - ``keepalive_expiry``: seconds after which an idle connection is closed, None for never.
      Default: 5.
    - ``trust_env``: whether proxies and certificates are read from the environment. Default: True.
    - ``preconnect``: whether to open the first connection in a thread, during construction of the
      ``ImageBuilder``. Default: False.
    - ``network_backend``: a backend that connects, in httpcore's sense, for tests. Default:
      None, sockets.
    - ``monotonic``: a function that returns seconds, for tests. Default: ``time.monotonic``.

    Raises :class:`ParamValidationError` for arguments that cannot be used.
    """

    _backend_class = SocketBackend

    def preconnect(self, origin: Origin, timeout: float | None) -> None:
        """Begin to connect to an origin in a thread, if ``preconnect`` is set.

        The first request waits for the connection. If it fails, the request connects itself.
        """
        if not self._wants_preconnect:
            return
        pool = self._pool
        place: Place[H11Connection] = Place(origin, bool)
        if not pool.acquire_ahead(place):
            return
        connect = partial(self._connect_ahead, pool, place, timeout)
        try:
            threading.Thread(target=connect, name="preconnect", daemon=True).start()
        except RuntimeError:  # no more threads
            pool.release(place, is_clean=False)

    def _connect_ahead(
        self,
        pool: ConnectionPool[H11Connection],
        place: Place[H11Connection],
        timeout: float | None,
    ) -> None:
        try:
            with contextlib.suppress(Exception):  # the first request raises it
                connection = self._new_connection(place.origin)
                place.connection = connection
                deadline = Deadline(None, self._monotonic)
                run(connection.connect(timeout, deadline), self._backend)
        finally:
            made = place.connection
            pool.release(place, is_clean=made is not None and made.is_reusable())

    def _exchange(self, connection: H11Connection, request: HTTPRequest) -> ReceivedResponse:
        return run(connection.handle_request(request), self._backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
