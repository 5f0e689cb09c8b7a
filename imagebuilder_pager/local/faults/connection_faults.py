"""The faults of the connection: what is sent of an answer, and how the connection goes on.

A `Delivery` says both. The server carries it out; in process, where there is no connection, it
becomes the exception that httpx raises when a real connection does the same.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx

from .response_faults import BodyStream, body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fault import Fault


__all__ = [
    "CONNECTION_FAULTS",
    "EXTENSION",
    "ConnectionOutcome",
    "Delivery",
    "plan_delivery",
    "simulate",
]


EXTENSION = "imagebuilder_pager.local.fault"
"""On a request: who sends it can carry faults out. On a response: the fault to carry out."""


class ConnectionOutcome(enum.Enum):
    """What becomes of the connection when all is sent that will be."""

    KEEP = "it waits for the next request"
    CLOSE = "it is closed in good order"
    RESET = "it is reset"
    RESET_NEXT = "it is reset when it has brought the next request"
    HOLD = "it stays open, in silence"


@dataclass(frozen=True, slots=True)
class _DeliverySpec:
    """How an answer fares: how much of its body is sent, and what length is given, as shares."""

    ending: ConnectionOutcome = ConnectionOutcome.KEEP
    head: bool = True
    sent: float = 1.0
    said: float = 1.0
    trailing: bytes = b""


_SAFE = _DeliverySpec()
CONNECTION_FAULTS: dict[str, _DeliverySpec] = {
    "reset-before": _DeliverySpec(ConnectionOutcome.RESET, head=False, sent=0),
    "reset-within": _DeliverySpec(ConnectionOutcome.RESET, sent=0.5),
    "reset-after": _DeliverySpec(ConnectionOutcome.RESET_NEXT),
    "close-before": _DeliverySpec(ConnectionOutcome.CLOSE, head=False, sent=0),
    "half-body": _DeliverySpec(ConnectionOutcome.CLOSE, sent=0.5),
    "body-shorter": _DeliverySpec(ConnectionOutcome.CLOSE, said=1.5),
    "body-longer": _DeliverySpec(said=0.5),
    "body-trailing": _DeliverySpec(trailing=b'{"trailing":"These bytes belong to no answer."}'),
    "slow": _SAFE,
    "stall": _DeliverySpec(ConnectionOutcome.HOLD, head=False, sent=0),
    "stall-within": _DeliverySpec(ConnectionOutcome.HOLD, sent=0.5),
}
"""The faults of the connection."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent of an answer.

    `head` is empty when nothing is sent at all. `body` is what is sent as the body, `said` the
    length that Content-Length gives it. All of it goes out in so many `pieces`, with `delay`
    seconds before each.
    """

    head: bytes
    body: bytes
    said: int
    ending: ConnectionOutcome
    pieces: int = 1
    delay: float = 0.0

    def cut(self) -> Iterator[bytes]:
        """The bytes to send, in pieces as long as each other but for the last."""
        data = self.head + self.body
        size = max(1, -(-len(data) // self.pieces))
        for start in range(0, len(data), size):
            yield data[start : start + size]


def plan_delivery(response: httpx.Response, *, with_body: bool = True) -> Delivery:
    """How an answer is sent, with the fault that it carries, if any.

    `with_body` is false for the answer to HEAD.
    """
    fault: Fault | None = response.extensions.get(EXTENSION)
    way = _SAFE if fault is None else CONNECTION_FAULTS[fault.name]
    body = body_of(response)
    said = int(len(body) * way.said)
    head = _head(response, said) if way.head else b""
    sent = body[: int(len(body) * way.sent)] + way.trailing if with_body else b""
    if fault is not None and fault.name == "slow":
        pieces, delay = cast("int", fault["pieces"]), cast("float", fault["delay"])
        return Delivery(head, sent, said, way.ending, pieces, delay)
    return Delivery(head, sent, said, way.ending)


def _head(response: httpx.Response, length: int) -> bytes:
    lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}".encode()]
    lines += [
        name + b": " + value
        for name, value in response.headers.raw
        # The server frames the body itself, so that an answer without one has an end too.
        if name.lower() not in (b"content-length", b"transfer-encoding")
    ]
    return b"\r\n".join([*lines, b"Content-Length: %d" % length, b"", b""])


def simulate(
    delivery: Delivery, request: httpx.Request, response: httpx.Response
) -> httpx.Response:
    """The answer as a client gets it that would be sent so, without a connection.

    What is wrong with it raises the exception of httpx here, or when the body is read. No time
    passes: a delay longer than the request's read timeout is a `ReadTimeout`, any other is none.
    """
    limit = request.extensions.get("timeout", {}).get("read")
    if limit is not None and delivery.delay > limit:
        raise httpx.ReadTimeout("timed out", request=request)
    error: httpx.TransportError | None = None
    if not delivery.head or len(delivery.body) < delivery.said:
        error = _error(delivery, request)
    if error is not None and not delivery.head:
        raise error
    headers = dict(response.headers) | {"content-length": str(delivery.said)}
    stream = BodyStream(delivery.body[: delivery.said], error=error)
    return httpx.Response(response.status_code, headers=headers, stream=stream)


def _error(delivery: Delivery, request: httpx.Request) -> httpx.TransportError:
    if delivery.ending is ConnectionOutcome.RESET:
        return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if delivery.ending is ConnectionOutcome.HOLD:
        return httpx.ReadTimeout("timed out", request=request)
    if not delivery.head:
        return httpx.RemoteProtocolError(
            "Server disconnected without sending a response.", request=request
        )
    return httpx.RemoteProtocolError(
        "peer closed connection without sending complete message body "
        f"(received {len(delivery.body)} bytes, expected {delivery.said})",
        request=request,
    )
