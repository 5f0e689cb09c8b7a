"""The seam between the protocol and the transports that carry its requests; no I/O.

The rule: a transport sends a signed request once, within the deadline, and returns the whole
response. The layer above decides on retries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..._validation import validate_positive

if TYPE_CHECKING:
    from ..auth.signer import SigningAlgorithm


class Timeouts(NamedTuple):
    """The seconds for each part of an attempt, under httpx's names; None for no limit.

    - ``connect``: for connecting, with proxy and TLS.
    - ``read``: for each wait for bytes.
    - ``write``: for each write.
    - ``pool``: for a free connection of the caller's own httpx client. In this library's pools, a
      request waits until its call's deadline.
    """

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None

    def with_overrides(self, connect_timeout: float | None, read_timeout: float | None) -> Timeouts:
        """Return a copy with the given timeouts; ``read_timeout`` is also the write timeout.

        Raises ``ValueError`` for a number that is not above 0.
        """
        connect = validate_positive("connect_timeout", connect_timeout)
        read = validate_positive("read_timeout", read_timeout)
        return Timeouts(
            connect=self.connect if connect is None else connect,
            read=self.read if read is None else read,
            write=self.write if read is None else read,
            pool=self.pool,
        )


#: Maximum bytes of one read from a socket.
READ_NUM_BYTES = 64 * 1024
#: boto3's.
DEFAULT_TIMEOUTS = Timeouts(connect=60.0, read=60.0, write=60.0, pool=None)


class Deadline:
    """The time by which a call has to end, on a monotonic clock.

    ``seconds`` is the time from now on; None for no limit.
    ``name`` is the name of the setting, for errors.
    """

    __slots__ = ("_end", "_monotonic", "name", "seconds")

    def __init__(
        self, seconds: float | None, monotonic: Callable[[], float], name: str = "total_timeout"
    ) -> None:
        self.seconds: float | None = seconds
        self.name: str = name
        self._monotonic = monotonic
        self._end = None if seconds is None else monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left, 0 after the deadline, None for no limit."""
        return None if self._end is None else max(0.0, self._end - self._monotonic())

    def within(self, seconds: float | None, name: str) -> Deadline:
        """Return the earlier of this deadline and the one ``seconds`` from now."""
        if seconds is None:
            return self
        remaining = self.remaining()
        if remaining is not None and remaining <= seconds:
            return self
        return Deadline(seconds, self._monotonic, name)

    def cap(self, timeout: float | None) -> float | None:
        """Return the smaller of the timeout and the time left.

        Raises ``TimeoutError`` if no time is left.
        """
        if self._end is None:
            return timeout
        remaining = self._end - self._monotonic()
        if remaining <= 0:
            raise TimeoutError(f"the call has taken {self.seconds} s, its {self.name}")
        return remaining if timeout is None else min(timeout, remaining)


class Origin(NamedTuple):
    """The scheme, host and port that a connection is made to; ``host`` is ASCII."""

    is_tls: bool
    host: str
    port: int

    @classmethod
    def from_url(cls, url: str) -> Origin:
        """Return the origin of an ``http`` or ``https`` URL that has been checked."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        is_tls = parts.scheme == "https"
        return cls(is_tls, host, parts.port or (443 if is_tls else 80))

    @property
    def host_header(self) -> str:
        """The value of the header ``Host``, without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The host and port, as a ``CONNECT`` request names them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.host_header}"


class HTTPRequest(NamedTuple):
    """One attempt at a call: a request with all its headers, signature included.

    - ``method``: the HTTP method.
    - ``origin``: the server.
    - ``target``: the path with its query.
    - ``headers``: names in lower case, with ``host`` and without ``content-length``.
    - ``content``: the bytes of the body.
    - ``timeouts``: seconds for each part of the attempt.
    - ``deadline``: the end of the call.
    - ``max_response_bytes``: maximum size of the response's body, before and after decompression.
    - ``secrets``: values that no error may show. A transport adds its proxy's.
    - ``on_sent``: a function for the time until the response arrives, called after sending by some
      transports. Default: None.

    Its repr shows no header.
    """

    method: str
    origin: Origin
    target: str
    headers: Mapping[str, str]
    content: bytes
    timeouts: Timeouts
    deadline: Deadline
    max_response_bytes: int
    secrets: set[str]
    on_sent: Callable[[], object] | None = None

    @property
    def url(self) -> str:
        """The whole URL."""
        scheme = "https" if self.origin.is_tls else "http"
        return f"{scheme}://{self.headers['host']}{self.target}"

    @property
    def has_body(self) -> bool:
        """Whether to send ``Content-Length``, as every POST does."""
        return bool(self.content) or self.method == "POST"

    def capped_timeouts(self) -> Timeouts:
        """Return the timeouts, none of them beyond the deadline.

        Raises ``TimeoutError`` when the deadline has passed.
        """
        if self.deadline.seconds is None:
            return self.timeouts
        return Timeouts(*map(self.deadline.cap, self.timeouts))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.method!r}, {self.url!r})"


class ReceivedResponse(NamedTuple):
    """A whole response: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """A way to send requests, for many threads at a time.

    ``timeouts`` are its defaults; ``signing_algorithm`` signs its requests.
    """

    @property
    def timeouts(self) -> Timeouts: ...
    @property
    def signing_algorithm(self) -> SigningAlgorithm: ...

    def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send the request once, and return the whole response.

        Raises a subclass of :class:`HTTPClientError` for an incomplete response, and
        :class:`ResponseParserError` for a body that is too large or cannot be decompressed.
        """

    def close(self) -> None:
        """Close the connections; those in use end with their requests."""


class AsyncTransport(Protocol):
    """The async twin of :class:`Transport`, for many tasks of an event loop, and many loops."""

    @property
    def timeouts(self) -> Timeouts: ...
    @property
    def signing_algorithm(self) -> SigningAlgorithm: ...

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send the request once; see :meth:`Transport.send`."""

    async def aclose(self) -> None:
        """Close the connections; those in use end with their requests."""


class HttpxClient(Protocol):
    """The methods used of an ``httpx.Client`` or ``httpx2.Client``; neither has to be imported."""

    @property
    def is_closed(self) -> bool: ...
    @property
    def timeout(self) -> Any: ...
    def send(self, request: Any, *, stream: bool = False) -> Any: ...
    def close(self) -> None: ...


class AsyncHttpxClient(Protocol):
    """The methods used of an ``httpx.AsyncClient`` or ``httpx2.AsyncClient``."""

    @property
    def is_closed(self) -> bool: ...
    @property
    def timeout(self) -> Any: ...
    async def send(self, request: Any, *, stream: bool = False) -> Any: ...
    async def aclose(self) -> None: ...
