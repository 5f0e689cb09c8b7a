"""One connection by h11: connect, perhaps through a proxy, and exchange request and response.

The rule: a connection is used again only after a response that ended cleanly, with nothing behind
it. Each exchange is a generator of operations, without I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h11

from ...exceptions import HTTPClientError, ProxyConnectionError
from ..auth.redaction import redact
from ..config.proxies import Proxy
from ..config.tls import LazySSLContext
from .body import ResponseReader
from .errors import map_transport_error
from .operations import Connect, NetworkOperations, PlainStream
from .types import READ_NUM_BYTES, Deadline, HTTPRequest, Origin, ReceivedResponse

#: The largest head; httpx's limit.
MAX_INCOMPLETE_EVENT_SIZE = 100 * 1024


class H11Connection:
    """A connection to one origin, for one request at a time."""

    def __init__(
        self,
        origin: Origin,
        proxy: Proxy | None,
        ssl_context: LazySSLContext,
        monotonic: Callable[[], float],
    ) -> None:
        self.origin = origin
        self._stream: Any = None
        self._monotonic = monotonic
        self._is_clean = False
        self._proxy = proxy
        self._proxy_origin: Origin | None = None
        self._proxy_headers: list[tuple[str, str]] = []
        if proxy is not None:
            is_tls = proxy.scheme == "https"
            self._proxy_origin = Origin(is_tls, proxy.host, proxy.port or (443 if is_tls else 80))
            if proxy.authorization is not None:
                self._proxy_headers = [("proxy-authorization", proxy.authorization)]
        self._ssl_context = ssl_context
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_INCOMPLETE_EVENT_SIZE)

    def is_reusable(self) -> bool:
        """Return whether the last response ended cleanly, and nothing has arrived since."""
        return self._is_clean and self._stream.read_nowait(1) is None

    def close(self) -> None:
        """Close the stream, if there is one."""
        self._is_clean = False
        if self._stream is not None:
            self._stream.close()

    def handle_request(self, request: HTTPRequest) -> NetworkOperations[ReceivedResponse]:
        """Send the request, and return the whole response.

        Raises a subclass of :class:`HTTPClientError`, and :class:`ResponseParserError` for a body
        that is too large or cannot be decompressed.
        """
        if self._proxy is not None:
            request.secrets.update(self._proxy.secrets)
        if self._stream is None:
            yield from self.connect(request.timeouts.connect, request.deadline)
        self._is_clean = False
        try:
            write_error = yield from self._write_request(request)
            if write_error is None and request.on_sent is not None:
                request.on_sent()
            try:
                response = yield from self._read_response(request)
            except (OSError, h11.RemoteProtocolError):
                if write_error is not None:
                    raise write_error from None
                raise
        except (OSError, h11.RemoteProtocolError) as error:
            raise map_transport_error(error, request.origin) from error
        except h11.LocalProtocolError as error:
            raise HTTPClientError(f"the request failed to {request.origin}: {error}") from error
        is_done = self._http.our_state is self._http.their_state is h11.DONE
        if is_done and write_error is None and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
            self._is_clean = True
        return response

    def connect(self, timeout: float | None, deadline: Deadline) -> NetworkOperations[None]:
        """Connect to the origin, or to the proxy and through it.

        ``timeout``: seconds for everything, including proxy and TLS.
        """
        proxy, proxy_origin = self._proxy, self._proxy_origin
        destination = f"the proxy {proxy_origin}" if proxy_origin else self.origin
        budget = deadline.within(timeout, "connect_timeout")
        try:
            first = proxy_origin or self.origin
            connected = yield Connect(first.host, first.port, budget.cap(None))
            self._stream = PlainStream(connected)
            if proxy_origin is not None and proxy_origin.is_tls:
                yield from self._start_tls(proxy_origin, budget)
            if proxy is not None and self.origin.is_tls:
                yield from self._open_tunnel(proxy, budget)
                destination = self.origin
            if self.origin.is_tls:
                yield from self._start_tls(self.origin, budget)
        except OSError as error:
            kind = "ConnectTimeout" if isinstance(error, TimeoutError) else "ConnectError"
            mapped = map_transport_error(error, destination, kind=kind)
            if destination is not self.origin and kind == "ConnectError":
                mapped = ProxyConnectionError(str(mapped))
            raise mapped from error
        self._is_clean = True

    def _start_tls(self, origin: Origin, budget: Deadline) -> NetworkOperations[None]:
        from .tls_stream import TLSStream  # imports ssl, which is slow

        context = self._ssl_context.context()
        context.set_alpn_protocols(["http/1.1"])
        timeout = budget.cap(None)
        self._stream = TLSStream(self._stream, context, origin.host, self._monotonic)
        yield from self._stream.handshake(timeout)

    def _open_tunnel(self, proxy: Proxy, budget: Deadline) -> NetworkOperations[None]:
        """Open a tunnel through the proxy. Raises :class:`ProxyConnectionError`."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_INCOMPLETE_EVENT_SIZE)
        authority = self.origin.authority
        headers = [("host", authority), ("accept", "*/*"), *self._proxy_headers]
        head = http.send(h11.Request(method="CONNECT", target=authority, headers=headers))
        data = (head or b"") + (http.send(h11.EndOfMessage()) or b"")
        yield from self._stream.write(data, budget.cap(None))
        try:
            while not isinstance(event := http.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    data = yield from self._stream.read(READ_NUM_BYTES, budget.cap(None))
                    if not data:
                        raise ProxyConnectionError(
                            f"the proxy {self._proxy_origin} closed the connection without an "
                            "answer"
                        )
                    http.receive_data(data)
                elif not isinstance(event, h11.InformationalResponse):
                    raise ProxyConnectionError(f"no response from the proxy {self._proxy_origin}")
        except h11.RemoteProtocolError as error:
            raise ProxyConnectionError(
                f"no HTTP response from the proxy {self._proxy_origin}: {error}"
            ) from error
        if 200 <= event.status_code < 300 and http.trailing_data[0]:
            raise ProxyConnectionError(
                f"the proxy {self._proxy_origin} sent other bytes after its response to CONNECT"
            )
        if not 200 <= event.status_code < 300:
            reason = redact(event.reason.decode("ascii", "replace"), proxy.secrets)[:80]
            raise ProxyConnectionError(
                f"the proxy {self._proxy_origin} did not connect to {self.origin}: HTTP status "
                f"{event.status_code} {reason}"
            )

    def _write_request(self, request: HTTPRequest) -> NetworkOperations[OSError | None]:
        """Send the request; return the error if a part of it could not be sent.

        The server may still have sent a response with the reason.
        """
        target = request.target
        headers = list(request.headers.items())
        if request.has_body:
            headers.append(("content-length", str(len(request.content))))
        if self._proxy is not None and not self.origin.is_tls:
            target = request.url
            headers += self._proxy_headers
        head = h11.Request(method=request.method, target=target, headers=headers)
        events = (head, h11.Data(data=request.content), h11.EndOfMessage())
        data = b"".join(self._http.send(event) or b"" for event in events)
        try:
            yield from self._stream.write(data, request.deadline.cap(request.timeouts.write))
        except TimeoutError:
            raise
        except OSError as error:
            return error
        return None

    def _read_response(self, request: HTTPRequest) -> NetworkOperations[ReceivedResponse]:
        reader: ResponseReader | None = None
        event: Any = h11.NEED_DATA  # a kept connection has no bytes left to read
        while True:
            if event is h11.NEED_DATA:
                timeout = request.deadline.cap(request.timeouts.read)
                received = yield from self._stream.read(READ_NUM_BYTES, timeout)
                if not received and reader is None:
                    raise h11.RemoteProtocolError("no response before the connection's end")
                self._http.receive_data(received)
            elif isinstance(event, h11.Response):
                headers = event.headers.raw_items()
                reader = ResponseReader(event.status_code, headers, request.max_response_bytes)
            elif not isinstance(event, h11.InformationalResponse):
                if reader is None:
                    raise h11.RemoteProtocolError("something else than a response")
                if not isinstance(event, h11.Data):
                    return reader.finish()
                reader.feed(event.data)
            event = self._http.next_event()
