"""TLS without I/O: it makes the bytes to send, and reads the received ones.

The standard library's ``ssl`` does it over two buffers in memory. So one implementation serves sync
and async streams, TLS inside of TLS, and a simulated network.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from .types import READ_NUM_BYTES

ResultT = TypeVar("ResultT")

#: The steps of an operation: bytes are to be sent, None asks for received bytes.
TLSOperation = Generator[bytes | None, bytes, ResultT]


class TLSConnection:
    """The client's side of a TLS connection.

    Raises ``ssl.SSLError`` for errors of the other side, ``ssl.SSLCertVerificationError`` for
    a certificate that is not trusted.
    """

    def __init__(self, context: ssl.SSLContext, server_hostname: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )

    def handshake(self) -> TLSOperation[None]:
        """Agree on keys and verify the certificate."""
        yield from self._run(self._tls.do_handshake)

    def read(self, max_bytes: int) -> TLSOperation[bytes]:
        """Return decrypted bytes; b"" at the end."""
        try:
            return (yield from self._run(lambda: self._tls.read(max_bytes)))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Many a server ends without TLS's farewell; whether a response is whole, HTTP knows.
            return b""

    def write(self, data: bytes) -> TLSOperation[None]:
        """Encrypt the bytes and send them."""
        written = 0
        while written < len(data):
            rest = memoryview(data)[written:]
            written += yield from self._run(partial(self._tls.write, rest))

    def read_nowait(
        self, read_stream: Callable[[int], bytes | None], max_bytes: int
    ) -> bytes | None:
        """Return what has arrived, b"" for the end, None for nothing but TLS's own messages.

        At most one read is processed, so that a peer that sends these without end is harmless.
        """
        for _ in range(2):
            try:
                return self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                received = read_stream(READ_NUM_BYTES)
                if received is None:
                    return None
                self._receive(received)
            except ssl.SSLError:
                return b""
        return b""

    def _run(self, call: Callable[[], ResultT]) -> TLSOperation[ResultT]:
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                if to_send := self._outgoing.read():
                    yield to_send
                self._receive((yield None))
            except ssl.SSLError:
                # The alert tells the other side the reason.
                if to_send := self._outgoing.read():
                    yield to_send
                raise
            else:
                if to_send := self._outgoing.read():
                    yield to_send
                return result

    def _receive(self, received: bytes) -> None:
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
