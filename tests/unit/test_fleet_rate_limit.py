"""The adaptive rate of an account in a region, by an injected clock."""

import anyio
import pytest

from imagebuilder_pager._aws.transport.types import (
    DEFAULT_TIMEOUTS,
    Deadline,
    HTTPRequest,
    Origin,
    ResponseHandler,
)
from imagebuilder_pager.exceptions import ReadTimeoutError
from imagebuilder_pager.fleet.rate_limit import (
    FORGET_AFTER,
    MIN_RATE,
    AdaptiveRate,
    AdaptiveTransport,
    RateSnapshot,
)
from tests.fakes.clocks import FakeClock


def use(rate: AdaptiveRate, start: float, seconds: float, per_second: float) -> float:
    """Send so many requests a second, all with success; return the time afterwards."""
    for number in range(1, int(seconds * per_second) + 1):
        rate.record_response(start + number / per_second, throttled=False)
    return start + seconds


def wait_all(rate: AdaptiveRate, now: float, requests: int) -> float:
    return max(rate.delay(now) for _ in range(requests))


def test_nothing_is_limited_before_the_service_throttles() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 5, 100)
    assert wait_all(rate, now, 1000) == 0
    assert rate.snapshot(now) is None


def test_throttling_lowers_the_rate_to_seven_tenths_of_what_was_used() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rate.record_response(now, throttled=True)
    snapshot = rate.snapshot(now)
    assert snapshot is not None
    assert snapshot.throttled_rate == pytest.approx(20, rel=0.1)
    assert snapshot.rate == pytest.approx(14, rel=0.1)
    assert wait_all(rate, now, 14) == pytest.approx(1.0, rel=0.1)


def test_each_further_throttling_lowers_it_down_to_one_request_in_two_seconds() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rates = []
    for _ in range(20):
        rate.record_response(now, throttled=True)
        snapshot = rate.snapshot(now)
        assert snapshot is not None
        rates.append(snapshot.rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[1] == pytest.approx(rates[0] * 0.7)
    assert rates[-1] == MIN_RATE == 0.5
    assert rate.delay(now) == pytest.approx(2.0)


def test_success_brings_the_rate_back_slowly_near_the_rate_that_throttled_and_then_beyond() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rate.record_response(now, throttled=True)
    after = []
    for _ in range(10):
        now = use(rate, now, 1, 40)
        snapshot = rate.snapshot(now)
        assert snapshot is not None
        after.append(snapshot.rate)
    assert after == sorted(after)
    plateau = (20 * 0.3 / 0.4) ** (1 / 3)  # CUBIC's K, about 2.5 s
    assert after[round(plateau) - 1] == pytest.approx(20, rel=0.05)
    assert after[-1] > 40


def test_the_rate_is_at_most_twice_what_is_used() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rate.record_response(now, throttled=True)
    now = use(rate, now, 60, 4)
    snapshot = rate.snapshot(now)
    assert snapshot is not None
    assert snapshot.rate == pytest.approx(8, rel=0.15)


def test_a_burst_that_is_throttled_at_once_has_a_rate_all_the_same() -> None:
    rate = AdaptiveRate(0.0)
    for _ in range(10):
        rate.record_response(0.1, throttled=False)
    rate.record_response(0.1, throttled=True)
    snapshot = rate.snapshot(0.1)
    assert snapshot is not None
    assert snapshot.rate == pytest.approx(0.7 * 22)


def test_another_worker_goes_on_at_the_same_rate() -> None:
    rate = AdaptiveRate(0.0)
    now = use(rate, 0.0, 10, 20)
    rate.record_response(now, throttled=True)
    before = rate.snapshot(now + 1)
    assert before is not None
    other = AdaptiveRate(5000.0, before)
    after = other.snapshot(5000.0)
    assert after is not None
    assert tuple(after) == pytest.approx(tuple(before))
    assert wait_all(other, 5000.0, 14) == pytest.approx(1.0, rel=0.1)


def test_a_rate_of_long_ago_is_forgotten() -> None:
    rate = AdaptiveRate(0.0, RateSnapshot(1.0, 2.0, FORGET_AFTER))
    assert wait_all(rate, 0.0, 100) == 0


class Service:
    """A transport that responds with the next of the scripted heads."""

    timeouts = DEFAULT_TIMEOUTS

    def __init__(self, *heads: tuple[int, dict[str, str]]) -> None:
        self.heads = list(heads)
        self.closed = False

    @staticmethod
    def signing_algorithm(request: object) -> str:
        raise NotImplementedError

    def preconnect(self, origin: Origin) -> None:
        raise NotImplementedError

    async def send(self, request: HTTPRequest, handler: ResponseHandler) -> None:
        status, headers = self.heads.pop(0) if self.heads else (200, {})
        handler.on_proxy({"a password"})
        handler.on_sent()
        handler.on_headers(status, headers, "")
        handler.on_data(b"{}")

    async def aclose(self) -> None:
        self.closed = True


class Receiver:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.received: list[object] = []

    def on_proxy(self, secrets: object) -> None:
        self.received.append(secrets)

    def on_sent(self) -> None:
        self.received.append("sent")

    def on_headers(self, status: int, headers: object, encoding: str) -> None:
        self.received.append(status)

    def on_data(self, chunk: bytes) -> None:
        self.received.append(chunk)


def request(clock: FakeClock, total_timeout: float | None = None) -> HTTPRequest:
    deadline = Deadline(total_timeout, clock.monotonic)
    origin = Origin(False, "localhost", 80)
    return HTTPRequest("POST", origin, "/", {}, b"", DEFAULT_TIMEOUTS, deadline)


def send_all(transport: AdaptiveTransport, clock: FakeClock, count: int) -> list[object]:
    receiver = Receiver()

    async def send() -> None:
        for _ in range(count):
            await transport.send(request(clock), receiver)

    anyio.run(send)
    return receiver.received


THROTTLING = [
    (429, {}),
    (429, {"x-amzn-errortype": "CallRateLimitExceededException:http://x/"}),
    (400, {"x-amzn-errortype": "ThrottlingException"}),
    (503, {"x-amzn-errortype": "com.amazon#RequestLimitExceeded"}),
]


@pytest.mark.parametrize("head", THROTTLING)
def test_a_response_that_throttles_has_the_next_request_wait(
    head: tuple[int, dict[str, str]],
) -> None:
    clock = FakeClock()
    rate = AdaptiveRate(clock.monotonic())
    transport = AdaptiveTransport(Service(head), rate, clock, anyio.Semaphore(1))
    assert send_all(transport, clock, 1) == [{"a password"}, "sent", head[0], b"{}"]
    assert clock.slept == []
    send_all(transport, clock, 1)
    assert clock.slept == [pytest.approx(1 / 1.4)]  # of 1 request in the first half second


@pytest.mark.parametrize("head", [(200, {}), (500, {}), (403, {"x-amzn-errortype": "Forbidden"})])
def test_no_other_response_limits_the_rate(head: tuple[int, dict[str, str]]) -> None:
    clock = FakeClock()
    transport = AdaptiveTransport(
        Service(*[head] * 20), AdaptiveRate(clock.monotonic()), clock, anyio.Semaphore(1)
    )
    send_all(transport, clock, 20)
    assert clock.slept == []


def test_a_wait_that_passes_the_deadline_is_an_error_at_once() -> None:
    clock = FakeClock()
    rate = AdaptiveRate(clock.monotonic(), RateSnapshot(0.5, 0.5, 0.0))
    transport = AdaptiveTransport(Service(), rate, clock, anyio.Semaphore(1))
    with pytest.raises(ReadTimeoutError, match=r"would wait 2\.0 s, and its total_timeout is over"):
        anyio.run(transport.send, request(clock, 1.0), Receiver())
    assert clock.slept == []


def test_closing_closes_what_sends() -> None:
    clock = FakeClock()
    service = Service()
    anyio.run(AdaptiveTransport(service, AdaptiveRate(0.0), clock, anyio.Semaphore(1)).aclose)
    assert service.closed
