"""The service's side of the simulated network: its responses and their faults."""

from __future__ import annotations

import enum
import json
from collections import deque
from typing import NamedTuple

from .clock import SimulatedClock
from .responses import FRAMINGS, HINT, PAGES, SCENARIOS, SURPLUS, Response

#: Seconds from the end of a request to the first byte of its response.
LATENCY = 0.01
#: Two times that are closer than this are the same.
EPSILON = 1e-6


class FaultKind(enum.Enum):
    """The faults at a byte of a response, or at a record of TLS."""

    ENDS = "ends"
    RESET = "is reset"
    STALLS = "stalls for ever"
    DRIPS = "drips a byte a second"
    SURPLUS = "has another response in the same segment"
    LATE_SURPLUS = "has another response half a second later"
    CHANGED = "has another byte"
    HINTS = "is preceded by interim responses for ever"
    CUT = "ends within the record"
    ALERT = "is replaced by an alert"


class Fault(NamedTuple):
    """A fault at a byte of a response.

    ``step`` is the number of the response in the listing, from 0; ``value`` is the new byte, for
    ``CHANGED``. With ``always``, every sending of the response has the fault, else only the first.
    """

    kind: FaultKind
    step: int
    byte: int
    always: bool = False
    value: int = 0

    def __str__(self) -> str:
        value = f" {self.value}" if self.kind is FaultKind.CHANGED else ""
        often = "always" if self.always else "once"
        return f"response {self.step} {self.kind.value}{value} at byte {self.byte}, {often}"


class ConnectFault(enum.Enum):
    """The faults of the first connection, while connecting or at its first request."""

    REFUSED = "is refused"
    SILENT = "is never accepted"
    BROKEN_PIPE = "breaks off when the request is sent"
    BLOCKED = "never takes the request"


class Arrival(NamedTuple):
    """An arrival at the client at a time: bytes, b"" for the end, or an error."""

    at: float
    data: bytes | ConnectionResetError


class Server:
    """A service with a listing of two pages, on any number of connections.

    ``violations`` has the client's forbidden requests.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        framing: str = "chunked",
        scenario: str = "two pages",
        fault: Fault | ConnectFault | None = None,
    ) -> None:
        self.clock = clock
        self._planned_fault = self.fault = fault
        self.violations: list[str] = []
        self.peers: list[Peer] = []
        self.connection_count = 0
        self.max_open = 0
        pages = [json.dumps(page, separators=(",", ":")).encode() for page in PAGES]
        self._pages = [FRAMINGS[framing]("200 OK", {}, page) for page in pages]
        failures, self.fails_always = SCENARIOS[scenario]
        self._failures = [FRAMINGS[framing](*failure) for failure in failures]
        self._requests = [0, 0]
        #: The responses of a listing without a fault, in their order.
        self.steps = [self._pages[0], *self._failures]
        if not self.fails_always:
            self.steps.append(self._pages[1])

    def heal(self) -> None:
        self.fault = None
        self._failures, self.fails_always = [], False

    def changed_bodies(self, page: int) -> list[bytes]:
        """Return the bodies that the responses for a page may have after a changed byte."""
        fault = self._planned_fault
        if type(fault) is not Fault or fault.kind is not FaultKind.CHANGED:
            return []
        if min(fault.step, 1) != page:
            return []
        return [self.steps[fault.step].body_with(fault.byte, fault.value)]

    def connect(self) -> None:
        """Note an attempt to connect. Raises the network's errors."""
        self.connection_count += 1
        if self.fault is ConnectFault.REFUSED and self.connection_count == 1:
            raise ConnectionRefusedError("refused")

    @property
    def is_silent(self) -> bool:
        return self.fault is ConnectFault.SILENT and self.connection_count == 1

    def accept(self) -> Peer:
        peer = self._make_peer()
        self.peers.append(peer)
        self.max_open = max(self.max_open, len(self.open_peers()))
        return peer

    def _make_peer(self) -> Peer:
        return Peer(self)

    def open_peers(self) -> list[Peer]:
        return [peer for peer in self.peers if not peer.is_closed]

    def respond(self, body: bytes) -> tuple[Response, Fault | None]:
        """Return the response to a request, and its fault."""
        page = 1 if "nextToken" in json.loads(body) else 0
        attempt = self._requests[page]
        self._requests[page] += 1
        step = page
        response = self._pages[page]
        if page == 1 and self._failures:
            if attempt < len(self._failures) or self.fails_always:
                step += min(attempt, len(self._failures) - 1)
                response = self._failures[step - 1]
            else:
                step += len(self._failures)
        fault = self.fault
        if type(fault) is not Fault or fault.step != step:
            return response, None
        if not fault.always:
            self.fault = None
        return response, fault


class Peer:
    """The service's side of one connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_closed = False
        self.request_count = 0
        self._number = len(server.peers)
        self._received = b""
        self._arrivals: deque[Arrival] = deque()
        self._is_unfinished = False
        self._expects_nothing = False
        self._surplus = False
        self._last_touch = 0.0

    # The client's stream calls these.

    def write(self, data: bytes) -> None:
        """Take bytes that the client sends. Raises the network's errors."""
        if self.is_closed:
            raise OSError("a write on a connection that has been closed")
        if not data:
            return
        if not self._received and (reason := self.why_unclean(now=True)):
            self.server.violations.append(f"a request on connection {self._number}: {reason}")
        fault = self.server.fault
        if fault is ConnectFault.BROKEN_PIPE and self._number == 0:
            self._is_unfinished = True
            raise BrokenPipeError("broken pipe")
        self._touch()
        self._is_unfinished = True
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                self._received = body[length:]
                self.request_count += 1
                self._send_response(*self.server.respond(body[:length]))

    @property
    def takes_no_writes(self) -> bool:
        return self.server.fault is ConnectFault.BLOCKED and self._number == 0

    def take(self, max_bytes: int) -> bytes | None:
        """Return the bytes that have arrived, None for nothing. Raises the network's errors."""
        if self.is_closed:
            raise OSError("a read on a connection that has been closed")
        self._touch()
        if not self._arrivals or self._arrivals[0].at > self.server.clock.monotonic() + EPSILON:
            return None
        at, data = self._arrivals[0]
        if isinstance(data, ConnectionResetError):
            raise data
        if not data:
            return b""  # the end remains the end
        self._arrivals.popleft()
        if len(data) > max_bytes:
            self._arrivals.appendleft(Arrival(at, data[max_bytes:]))
        return data[:max_bytes]

    def next_at(self) -> float | None:
        """Return the time of the next arrival, None for never."""
        return self._arrivals[0].at if self._arrivals else None

    def close(self) -> None:
        self.is_closed = True

    # The checks afterwards.

    def why_unclean(self, *, now: bool = False) -> str | None:
        """Return why no request may be sent on the connection, None if it is clean.

        Only bytes count that had arrived at the client's last check, or, with ``now``, by now.
        """
        looked = self.server.clock.monotonic() if now else self._last_touch
        if self._is_unfinished:
            return "an exchange on it has not ended"
        if self._surplus:
            return "a response without a request came on it"
        if self._arrivals and self._arrivals[0].at <= looked + EPSILON:
            return f"{self._arrivals[0].data!r} has not been read"
        if self._arrivals and self.request_count and not self._expects_nothing:
            return "its response has not arrived"
        return None

    # The service's actions.

    def _send_response(self, response: Response, fault: Fault | None) -> None:
        self._is_unfinished = False
        at = self.server.clock.monotonic() + LATENCY
        if fault is None:
            self.send(at, *response.parts)
        else:
            self._send_faulty_response(response.data, fault, at)
        if fault is not None and fault.kind is FaultKind.RESET:
            self.end(at, ConnectionResetError("reset"))
        elif fault is not None and fault.kind is FaultKind.ENDS:
            self.end(at, b"")
        elif response.closes and (fault is None or fault.kind is not FaultKind.STALLS):
            self.end(self._arrivals[-1].at if self._arrivals else at, b"")

    def _send_faulty_response(self, data: bytes, fault: Fault, at: float) -> None:
        if fault.kind is FaultKind.CHANGED:
            self.send(at, data[: fault.byte] + bytes([fault.value]) + data[fault.byte + 1 :])
        elif fault.kind is FaultKind.SURPLUS:
            self._surplus = True
            self.send(at, data[: fault.byte], SURPLUS, data[fault.byte :])
        elif fault.kind is FaultKind.LATE_SURPLUS:
            self._expects_nothing = True
            self.send(at, data)
            self.send(at + 0.5, SURPLUS)
        elif fault.kind is FaultKind.HINTS:
            self._is_unfinished = True
            for seconds in range(200):
                self.send(at + seconds, HINT)
        else:
            self.send(at, data[: fault.byte])
            rest = data[fault.byte :]
            if fault.kind is FaultKind.DRIPS:
                for seconds, byte in enumerate(rest, start=1):
                    self.send(at + seconds, bytes([byte]))
            else:
                self._is_unfinished = bool(rest)

    def send(self, at: float, *parts: bytes) -> None:
        if data := b"".join(parts):
            self.arrive(at, data)

    def end(self, at: float, data: bytes | ConnectionResetError) -> None:
        """End the connection, or reset it."""
        self.arrive(at, data)

    def arrive(self, at: float, data: bytes | ConnectionResetError) -> None:
        """Schedule an arrival, after all earlier ones."""
        later = []
        while self._arrivals and self._arrivals[-1].at > at:
            later.append(self._arrivals.pop())
        self._arrivals.append(Arrival(at, data))
        self._arrivals.extend(reversed(later))

    def _touch(self) -> None:
        self._last_touch = self.server.clock.monotonic()
