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


class Pool:
    """A pool of two connections, its clock, and the woken places."""

    def __init__(self) -> None:
        self.now = 0.0
        self.made: list[FakeConnection] = []
        self.woken: list[Place[FakeConnection]] = []
        self.pool: ConnectionPool[FakeConnection] = ConnectionPool(2, 5.0, lambda: self.now)

    def place(self, origin: Origin = HERE) -> Place[FakeConnection]:
        place: Place[FakeConnection] = Place(origin, lambda: self.woken.append(place))
        return place

    def acquire(self, origin: Origin = HERE) -> Place[FakeConnection]:
        """Return a place at once, with a connection."""
        place = self.place(origin)
        assert self.pool.acquire(place)
        place.open_connection(self.connect)
        return place

    def connect(self, _: Origin) -> FakeConnection:
        self.made.append(FakeConnection())
        return self.made[-1]

    def queue(self, origin: Origin = HERE) -> Place[FakeConnection]:
        """Return a place that has to wait."""
        place = self.place(origin)
        assert not self.pool.acquire(place)
        return place

    def release(self, place: Place[FakeConnection], *, is_clean: bool = True) -> None:
        self.pool.release(place, is_clean=is_clean)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_clean_connection_is_kept_and_given_again(pool: Pool) -> None:
    place = pool.acquire()
    first = place.connection
    pool.release(place)
    assert place.connection is None, "a returned connection is the pool's"
    assert pool.acquire().connection is first


@pytest.mark.parametrize("when", ["returned", "idle"])
def test_a_connection_that_is_not_clean_is_closed(pool: Pool, when: str) -> None:
    pool.release(pool.acquire(), is_clean=when != "returned")
    pool.made[0].is_clean = False
    assert pool.acquire().connection is pool.made[1]
    assert pool.made[0].is_closed


def test_a_connection_is_for_its_origin_alone(pool: Pool) -> None:
    pool.release(pool.acquire(HERE))
    pool.acquire(THERE)
    assert len(pool.made) == 2


def test_an_idle_connection_makes_room_for_another_origin(pool: Pool) -> None:
    pool.release(pool.acquire(HERE))
    pool.now = 1.0
    pool.release(pool.acquire(THERE))
    pool.acquire(Origin(False, "elsewhere.test", 80))
    assert [connection.is_closed for connection in pool.made] == [True, False, False]


def test_the_connection_that_was_used_last_is_given_first(pool: Pool) -> None:
    first, second = pool.acquire(), pool.acquire()
    pool.release(second)
    pool.now = 1.0
    pool.release(first)
    assert pool.acquire().connection is pool.made[0]


def test_idle_connections_expire(pool: Pool) -> None:
    first, second = pool.acquire(), pool.acquire()
    pool.release(first)
    pool.now = 5.1
    pool.release(second)
    assert [connection.is_closed for connection in pool.made] == [True, False]


def test_a_place_goes_to_the_request_that_waits_longest(pool: Pool) -> None:
    used = [pool.acquire(), pool.acquire()]
    first, second = pool.queue(), pool.queue()
    pool.release(used[0])
    assert pool.woken == [first], "one is woken, and not all"
    assert first.connection is pool.made[0]
    late = pool.queue()
    pool.release(used[1])
    pool.release(first)
    assert pool.woken == [first, second, late]


def test_a_request_that_gives_up_is_skipped(pool: Pool) -> None:
    used = [pool.acquire(), pool.acquire()]
    first, second = pool.queue(), pool.queue()
    pool.release(first)
    pool.release(used[0])
    assert pool.woken == [second]


def test_a_request_that_gives_up_after_it_was_woken_passes_its_place_on(pool: Pool) -> None:
    used = [pool.acquire(), pool.acquire()]
    first, second = pool.queue(), pool.queue()
    pool.release(used[0])
    pool.release(first, is_clean=False)
    assert pool.woken == [first, second]
    assert pool.made[0].is_closed


def test_a_place_that_is_returned_twice_counts_once(pool: Pool) -> None:
    used = [pool.acquire(), pool.acquire()]
    for _ in range(2):
        pool.release(used[0])
    pool.acquire()
    pool.queue()


def test_a_closed_pool_gives_nothing_and_wakes_all(pool: Pool) -> None:
    used = [pool.acquire(), pool.acquire()]
    waiting = [pool.queue(), pool.queue()]
    pool.pool.close()
    assert pool.woken == waiting
    for place in waiting:
        with pytest.raises(exceptions.HTTPClientError, match="has been closed"):
            pool.pool.check(place)
    with pytest.raises(exceptions.HTTPClientError, match="has been closed"):
        pool.pool.acquire(pool.place())
    assert not any(connection.is_closed for connection in pool.made), "they are in use"
    for place in (*used, *waiting):
        pool.release(place)
    assert all(connection.is_closed for connection in pool.made)


def test_an_idle_connection_is_closed_with_the_pool(pool: Pool) -> None:
    pool.release(pool.acquire())
    pool.pool.close()
    assert pool.made[0].is_closed


def test_an_abandoned_pool_closes_all(pool: Pool) -> None:
    used, idle = pool.acquire(), pool.acquire()
    pool.release(idle)
    pool.pool.abandon()
    assert all(connection.is_closed for connection in pool.made)
    pool.release(used)


def test_the_first_request_waits_for_the_connection_that_is_made_ahead(pool: Pool) -> None:
    ahead = pool.place()
    assert pool.pool.acquire_ahead(ahead)
    first = pool.queue()
    pool.acquire()  # the second request does not wait
    ahead.connection = FakeConnection()
    made = ahead.connection
    pool.release(ahead)
    assert pool.woken == [first]
    assert first.connection is made


def test_another_origin_does_not_wait_for_it(pool: Pool) -> None:
    assert pool.pool.acquire_ahead(pool.place(THERE))
    pool.acquire(HERE)


def test_no_connection_is_opened_ahead_if_the_pool_has_any(pool: Pool) -> None:
    pool.release(pool.acquire())
    assert not pool.pool.acquire_ahead(pool.place())
    pool.pool.close()
    assert not pool.pool.acquire_ahead(pool.place())
