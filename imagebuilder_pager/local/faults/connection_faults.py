"""The faults of the connection: how much of a response is sent, and how the connection ends.

The rule: a ``Delivery`` says both. The server carries it out. In process, ``simulate`` raises the
exception that httpx raises for such a connection.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx

from .response_faults import BodyStream, read_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fault import Fault


FAULT_EXTENSION = "imagebuilder_pager.local.fault"
"""The extension of requests by a sender that carries out faults, and of responses with a fault."""


class ConnectionOutcome(enum.Enum):
    """The state of a connection after a response."""

    KEEP = "it waits for the next request"
    CLOSE = "it is closed"
    RESET = "it is reset"
    RESET_NEXT = "it is reset when the next request has arrived"
    HOLD = "it stays open, and nothing is sent"


@dataclass(frozen=True, slots=True)
class _DeliverySpec:
    """A rule for deliveries.

    ``sent`` is the length to send, ``declared`` the ``Content-Length``, both as multiples of the
    body's length.
    """

    outcome: ConnectionOutcome = ConnectionOutcome.KEEP
    head: bool = True
    sent: float = 1.0
    declared: float = 1.0
    trailing: bytes = b""


_NO_FAULT = _DeliverySpec()
CONNECTION_FAULTS: dict[str, _DeliverySpec] = {
    "reset-before": _DeliverySpec(ConnectionOutcome.RESET, head=False, sent=0),
    "reset-within": _DeliverySpec(ConnectionOutcome.RESET, sent=0.5),
    "reset-after": _DeliverySpec(ConnectionOutcome.RESET_NEXT),
    "close-before": _DeliverySpec(ConnectionOutcome.CLOSE, head=False, sent=0),
    "half-body": _DeliverySpec(ConnectionOutcome.CLOSE, sent=0.5),
    "body-shorter": _DeliverySpec(ConnectionOutcome.CLOSE, declared=1.5),
    "body-longer": _DeliverySpec(declared=0.5),
    "body-trailing": _DeliverySpec(trailing=b'{"trailing":"These bytes belong to no response."}'),
    "slow": _NO_FAULT,
    "stall": _DeliverySpec(ConnectionOutcome.HOLD, head=False, sent=0),
    "stall-within": _DeliverySpec(ConnectionOutcome.HOLD, sent=0.5),
}
"""The rule of each fault of the connection."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The bytes of a response that are sent, and the outcome for its connection.

    ``head`` is empty if nothing is sent. ``declared_length`` is the value of ``Content-Length``.
    Head and body are sent in ``pieces`` parts, each after ``delay`` seconds.
    """

    head: bytes
    body: bytes
    declared_length: int
    outcome: ConnectionOutcome
    pieces: int
    delay: float

    def iter_pieces(self) -> Iterator[bytes]:
        """Yield the bytes to send in pieces of equal length; the last may be shorter."""
        data = self.head + self.body
        size = max(1, -(-len(data) // self.pieces))
        for start in range(0, len(data), size):
            yield data[start : start + size]


def plan_delivery(response: httpx.Response, *, with_body: bool = True) -> Delivery:
    """Return the delivery of a response, with the fault in its extensions, if any.

    ``with_body`` is false for the response to HEAD.
    """
    fault: Fault | None = response.extensions.get(FAULT_EXTENSION)
    spec = _NO_FAULT if fault is None else CONNECTION_FAULTS[fault.name]
    body = read_body(response)
    declared_length = int(len(body) * spec.declared)
    head = _head(response, declared_length) if spec.head else b""
    sent = body[: int(len(body) * spec.sent)] + spec.trailing if with_body else b""
    pieces, delay = 1, 0.0
    if fault is not None and fault.name == "slow":
        pieces, delay = cast("int", fault["pieces"]), cast("float", fault["delay"])
    return Delivery(head, sent, declared_length, spec.outcome, pieces, delay)


def _head(response: httpx.Response, length: int) -> bytes:
    lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}".encode()]
    lines += [
        name + b": " + value
        for name, value in response.headers.raw
        # The server sets the length itself, so that a response without a body has one too.
        if name.lower() not in (b"content-length", b"transfer-encoding")
    ]
    return b"\r\n".join([*lines, b"Content-Length: %d" % length, b"", b""])


def simulate(
    delivery: Delivery, request: httpx.Request, response: httpx.Response
) -> httpx.Response:
    """Return the response that a client would get over a connection.

    A fault raises httpx's exception, either here or when the body is read. No time passes: a delay
    above the request's read timeout raises ``ReadTimeout``, a shorter one is ignored.
    """
    timeout = request.extensions.get("timeout", {}).get("read")
    if timeout is not None and delivery.delay > timeout:
        raise httpx.ReadTimeout("timed out", request=request)
    error: httpx.TransportError | None = None
    if not delivery.head:
        raise _connection_error(delivery, request)
    if len(delivery.body) < delivery.declared_length:
        error = _connection_error(delivery, request)
    headers = dict(response.headers) | {"content-length": str(delivery.declared_length)}
    stream = BodyStream(delivery.body[: delivery.declared_length], error=error)
    return httpx.Response(response.status_code, headers=headers, stream=stream)


def _connection_error(delivery: Delivery, request: httpx.Request) -> httpx.TransportError:
    if delivery.outcome is ConnectionOutcome.RESET:
        return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if delivery.outcome is ConnectionOutcome.HOLD:
        return httpx.ReadTimeout("timed out", request=request)
    problem = "Server disconnected without sending a response."
    if delivery.head:
        problem = (
            "peer closed connection without sending complete message body "
            f"(received {len(delivery.body)} bytes, expected {delivery.declared_length})"
        )
    return httpx.RemoteProtocolError(problem, request=request)
