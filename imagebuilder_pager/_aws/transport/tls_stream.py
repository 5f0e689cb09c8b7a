"""TLS over another stream, without I/O: it yields the operations on the stream below.

The rule: ``ssl`` reads and writes two buffers in memory. So one implementation serves sync and
async streams, TLS within TLS, and a simulated network.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from .operations import NetworkOperations, PlainStream
from .types import READ_NUM_BYTES, Deadline

ResultT = TypeVar("ResultT")


class TLSStream:
    """The client's side of a TLS connection, over another stream.

    Raises ``ssl.SSLError``, which is an ``OSError``, for errors of the peer, and
    ``ssl.SSLCertVerificationError`` for an untrusted certificate.
    """

    def __init__(
        self,
        below: PlainStream | TLSStream,
        context: ssl.SSLContext,
        server_hostname: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._below = below
        self._monotonic = monotonic
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )

    def handshake(self, timeout: float | None) -> NetworkOperations[None]:
        """Agree on keys and verify the certificate."""
        yield from self._run(self._tls.do_handshake, self._deadline(timeout))

    def read(self, max_bytes: int, timeout: float | None) -> NetworkOperations[bytes]:
        """Return decrypted bytes; b"" at the end."""
        try:
            return (
                yield from self._run(lambda: self._tls.read(max_bytes), self._deadline(timeout))
            )
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Many servers close without TLS's close_notify; HTTP shows whether a response is
            # complete.
            return b""

    def write(self, data: bytes, timeout: float | None) -> NetworkOperations[None]:
        """Encrypt the bytes and send them."""
        deadline = self._deadline(timeout)
        written = 0
        while written < len(data):
            rest = memoryview(data)[written:]
            written += yield from self._run(partial(self._tls.write, rest), deadline)

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return the bytes that have arrived, b"" for the end, None for nothing.

        TLS's own messages count as nothing. At most one read is processed, so that an endless
        series of them is harmless.
        """
        for _ in range(2):
            try:
                return self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                received = self._below.read_nowait(READ_NUM_BYTES)
                if received is None:
                    return None
                self._receive(received)
            except ssl.SSLError:
                return b""
        return b""

    def close(self) -> None:
        """Close the stream below without a close_notify, which could block."""
        self._below.close()

    def _deadline(self, timeout: float | None) -> Deadline:
        # One time limit for all pieces, so that a slow peer cannot prolong it.
        return Deadline(timeout, self._monotonic, "timeout")

    def _run(self, call: Callable[[], ResultT], deadline: Deadline) -> NetworkOperations[ResultT]:
        while True:
            wants_bytes = False
            error: ssl.SSLError | None = None
            # No operation in the except: its error would seem to come from TLS.
            try:
                result = call()
            except ssl.SSLWantReadError:
                wants_bytes = True
            except ssl.SSLError as raised:
                error = raised
            try:
                # Also after an error: the alert tells the peer the reason.
                if to_send := self._outgoing.read():
                    yield from self._below.write(to_send, deadline.cap(None))
                if error is not None:
                    raise error
            finally:
                error = None  # the error and this frame would refer to each other
            if not wants_bytes:
                return result
            self._receive((yield from self._below.read(READ_NUM_BYTES, deadline.cap(None))))

    def _receive(self, received: bytes) -> None:
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
