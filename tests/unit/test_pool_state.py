"""The places and connections that a pool gives, keeps and closes: no threads, no sockets."""

from __future__ import annotations

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.pool import ConnectionPool, Place
from imagebuilder_pager._aws.transport.types import Origin

HERE = Origin(False, "here.test", 80)
THERE = Origin(True, "there.test", 443)


class FakeConnection:
    """A connection that is clean until a test sets ``is_clean``."""

    def __init__(self) -> None:
        self.is_clean = True
        self.is_closed = False

    def is_reusable(self) -> bool:
        return self.is_clean and not self.is_closed

    def close(self) -> None:
        self.is_closed = True


class Pool(ConnectionPool[FakeConnection]):
    """A pool of two connections, its clock, and the woken places."""

    def __init__(self) -> None:
        super().__init__(2, 5.0, lambda: self.now)
        self.now = 0.0
        self.made: list[FakeConnection] = []
        self.woken: list[Place[FakeConnection]] = []

    def place(self, origin: Origin = HERE) -> Place[FakeConnection]:
        place: Place[FakeConnection] = Place(origin, lambda: self.woken.append(place))
        return place

    def take(self, origin: Origin = HERE) -> Place[FakeConnection]:
        """Return a place at once, with a connection."""
        place = self.place(origin)
        assert self.acquire(place)
        place.open_connection(self.connect)
        return place

    def connect(self, _: Origin) -> FakeConnection:
        self.made.append(FakeConnection())
        return self.made[-1]

    def queue(self) -> Place[FakeConnection]:
        """Return a place that has to wait."""
        place = self.place()
        assert not self.acquire(place)
        return place

    def give_back(self, place: Place[FakeConnection]) -> None:
        """Return a place with a clean connection."""
        self.release(place, is_clean=True)

    def are_closed(self) -> list[bool]:
        return [connection.is_closed for connection in self.made]


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_clean_connection_is_kept_and_given_again(pool: Pool) -> None:
    place = pool.take()
    first = place.connection
    pool.give_back(place)
    assert place.connection is None, "a returned connection is the pool's"
    assert pool.take().connection is first


@pytest.mark.parametrize("when", ["returned", "idle"])
def test_a_connection_that_is_not_clean_is_closed(pool: Pool, when: str) -> None:
    pool.release(pool.take(), is_clean=when != "returned")
    pool.made[0].is_clean = False
    assert pool.take().connection is pool.made[1]
    assert pool.made[0].is_closed


def test_an_idle_connection_is_for_its_origin_alone_and_makes_room_for_others(pool: Pool) -> None:
    pool.give_back(pool.take(HERE))
    pool.now = 1.0
    pool.give_back(pool.take(THERE))
    assert pool.are_closed() == [False, False]
    pool.take(Origin(False, "elsewhere.test", 80))
    assert pool.are_closed() == [True, False, False]


def test_the_connection_that_was_used_last_is_given_first(pool: Pool) -> None:
    first, second = pool.take(), pool.take()
    pool.give_back(second)
    pool.now = 1.0
    pool.give_back(first)
    assert pool.take().connection is pool.made[0]


def test_idle_connections_expire(pool: Pool) -> None:
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.now = 5.1
    pool.give_back(second)
    assert pool.are_closed() == [True, False]


def test_a_place_goes_to_the_request_that_waits_longest(pool: Pool) -> None:
    used = [pool.take(), pool.take()]
    first, second = pool.queue(), pool.queue()
    pool.give_back(used[0])
    assert pool.woken == [first], "one is woken, and not all"
    assert first.connection is pool.made[0]
    late = pool.queue()
    pool.give_back(used[1])
    pool.give_back(first)
    assert pool.woken == [first, second, late]


@pytest.mark.parametrize("is_woken", [False, True])
def test_a_request_that_gives_up_passes_its_place_on(pool: Pool, is_woken: bool) -> None:
    used = [pool.take(), pool.take()]
    first, second = pool.queue(), pool.queue()
    if is_woken:
        pool.give_back(used[0])
        pool.release(first, is_clean=False)
        assert pool.woken == [first, second]
        assert pool.made[0].is_closed
    else:
        pool.release(first, is_clean=False)
        pool.give_back(used[0])
        assert pool.woken == [second]


def test_a_place_that_is_returned_twice_counts_once(pool: Pool) -> None:
    used = [pool.take(), pool.take()]
    for _ in range(2):
        pool.give_back(used[0])
    pool.take()
    pool.queue()


def test_a_closed_pool_gives_nothing_and_wakes_all(pool: Pool) -> None:
    used = [pool.take(), pool.take()]
    waiting = [pool.queue(), pool.queue()]
    pool.close()
    assert pool.woken == waiting
    for place in waiting:
        with pytest.raises(exceptions.HTTPClientError, match="has been closed"):
            pool.check(place)
    with pytest.raises(exceptions.HTTPClientError, match="has been closed"):
        pool.acquire(pool.place())
    assert not any(pool.are_closed()), "they are in use"
    for place in (*used, *waiting):
        pool.give_back(place)
    assert all(pool.are_closed())


def test_an_idle_connection_is_closed_with_the_pool(pool: Pool) -> None:
    pool.give_back(pool.take())
    pool.close()
    assert pool.are_closed() == [True]


def test_an_abandoned_pool_closes_all(pool: Pool) -> None:
    used, idle = pool.take(), pool.take()
    pool.give_back(idle)
    pool.abandon()
    assert all(pool.are_closed())
    pool.give_back(used)


def test_the_first_request_waits_for_the_connection_that_is_made_ahead(pool: Pool) -> None:
    ahead = pool.place()
    assert pool.acquire_ahead(ahead)
    assert not pool.acquire_ahead(pool.place()), "one is enough"
    first = pool.queue()
    pool.take()  # the second request does not wait
    made = ahead.connection = FakeConnection()
    pool.give_back(ahead)
    assert pool.woken == [first]
    assert first.connection is made


def test_another_origin_does_not_wait_for_it(pool: Pool) -> None:
    assert pool.acquire_ahead(pool.place(THERE))
    pool.take(HERE)


def test_no_connection_is_opened_ahead_if_the_pool_has_any(pool: Pool) -> None:
    pool.give_back(pool.take())
    assert not pool.acquire_ahead(pool.place())
    pool.close()
    assert not pool.acquire_ahead(pool.place())
