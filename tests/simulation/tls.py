"""A simulated service over TLS, and the faults at its records."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .server import LATENCY, Fault, FaultKind, Peer, Server

#: A certificate for 127.0.0.1, with its key.
CERTIFICATE = Path(__file__).parent.parent / "unit" / "localhost.pem"
#: The alert of a server that refuses the handshake: ``handshake_failure``, fatal.
_ALERT = bytes.fromhex("15030300020228")
_HEADER_LENGTH = 5
#: The faults at a TLS record of the server's.
RECORD_FAULTS = [
    *(FaultKind.ENDS, FaultKind.RESET, FaultKind.STALLS, FaultKind.DRIPS, FaultKind.CHANGED),
    *(FaultKind.CUT, FaultKind.ALERT),
]


class RecordFault(Fault):
    """A fault at a record, on the first connection or on all; ``step`` is its number, from 0."""

    def __str__(self) -> str:
        often = "always" if self.always else "once"
        return f"the connection {self.kind.value} at record {self.step}, {often}"


class TLSServer(Server):
    """The service over TLS, also with a fault at a record."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATE)

    def record_count(self) -> int:
        peer = self.peers[0]
        assert isinstance(peer, _TLSPeer)
        return peer.record_count

    def _make_peer(self) -> Peer:
        return _TLSPeer(self, self.context)


class _TLSPeer(Peer):
    """One TLS connection: received bytes are decrypted, sent ones are encrypted."""

    server: TLSServer

    def __init__(self, server: TLSServer, context: ssl.SSLContext) -> None:
        super().__init__(server)
        self.record_count = 0
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_connected = False
        self._is_dead = False

    def write(self, data: bytes) -> None:
        if self.is_closed:
            raise OSError("a write on a connection that has been closed")
        self._incoming.write(data)
        try:
            if not self._is_connected:
                self._tls.do_handshake()
                self._is_connected = True
            while plaintext := self._tls.read(64 * 1024):
                super().write(plaintext)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._is_dead = True  # the client has sent its reason
        self._flush(self.server.clock.monotonic() + LATENCY)

    def why_unclean(self, *, now: bool = False) -> str | None:
        # A client that is about to write knows only the arrived bytes.
        return "it has ended" if self._is_dead and not now else super().why_unclean(now=now)

    def send(self, at: float, *parts: bytes) -> None:
        if self._is_dead:
            return
        for part in filter(None, parts):
            self._tls.write(part)
        self._flush(at)

    def end(self, at: float, data: bytes | ConnectionResetError) -> None:
        if not self._is_dead:
            super().end(at, data)

    def _flush(self, at: float) -> None:
        segment = b""
        for record in _split(self._outgoing.read()):
            if self._is_dead:
                return
            fault = self._fault_of(self.record_count)
            self.record_count += 1
            if fault is None:
                segment += record
            else:
                segment = self._send_faulty(fault.kind, record, segment, at)
        if segment:
            self.arrive(at, segment)

    def _fault_of(self, record: int) -> RecordFault | None:
        fault = self.server.fault
        if not isinstance(fault, RecordFault) or fault.step != record:
            return None
        return fault if fault.always or not self._number else None

    def _send_faulty(self, kind: FaultKind, record: bytes, segment: bytes, at: float) -> bytes:
        """Send the bytes before a record, and the record with its fault.

        Return the bytes to send with the next ones.
        """
        if kind is FaultKind.CHANGED:
            return segment + record[:-1] + bytes([record[-1] ^ 1])
        if kind is FaultKind.CUT:
            segment += record[: _HEADER_LENGTH + 1]
        elif kind is FaultKind.ALERT:
            segment += _ALERT
        if segment:
            self.arrive(at, segment)
        self._is_dead = True
        if kind is FaultKind.RESET:
            self.arrive(at, ConnectionResetError("reset"))
        elif kind is FaultKind.DRIPS:
            for seconds, byte in enumerate(record, start=1):
                self.arrive(at + seconds, bytes([byte]))
        elif kind is not FaultKind.STALLS:
            self.arrive(at, b"")
        return b""


def _split(data: bytes) -> Iterator[bytes]:
    """Yield the records in bytes that TLS has written."""
    while data:
        length = _HEADER_LENGTH + int.from_bytes(data[3:_HEADER_LENGTH], "big")
        yield data[:length]
        data = data[length:]
