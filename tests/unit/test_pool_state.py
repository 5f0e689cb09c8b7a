"""Which connections a pool lends out, keeps and closes, by itself: no threads, no sockets."""

from __future__ import annotations

import gc

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.pool import Lease, PoolState
from imagebuilder_pager._aws.transport.types import Origin

HERE = Origin(False, "here.test", 80)
THERE = Origin(True, "there.test", 443)


class FakeConnection:
    """A connection that is clean as long as nobody says otherwise."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.is_clean = True
        self.is_closed = False

    def is_reusable(self) -> bool:
        return self.is_clean and not self.is_closed

    def close(self) -> None:
        self.is_closed = True


class Pool:
    """A pool of two connections, and the time by which it goes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.made: list[FakeConnection] = []
        self.state = PoolState(self._create, 2, 5.0, lambda: self.now)

    def _create(self, origin: Origin) -> FakeConnection:
        self.made.append(FakeConnection(origin))
        return self.made[-1]

    def acquire(self, origin: Origin = HERE) -> Lease[FakeConnection]:
        lease: Lease[FakeConnection] = Lease()
        assert self.state.try_acquire(lease, origin)
        return lease


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_clean_connection_is_kept_and_lent_again(pool: Pool) -> None:
    lease = pool.acquire()
    first = lease.connection
    assert pool.state.release(lease)
    assert lease.connection is None, "whoever has returned it does not have it any more"
    assert pool.acquire().connection is first
    assert len(pool.made) == 1


@pytest.mark.parametrize("when", ["returned", "idle"])
def test_a_connection_that_is_not_clean_is_closed(pool: Pool, when: str) -> None:
    lease = pool.acquire()
    pool.made[0].is_clean = when != "returned"
    pool.state.release(lease)
    pool.made[0].is_clean = False
    assert pool.acquire().connection is pool.made[1]
    assert pool.made[0].is_closed


def test_a_discarded_connection_is_closed(pool: Pool) -> None:
    assert pool.state.discard(pool.acquire())
    assert pool.made[0].is_closed
    assert len(pool.state) == 0


def test_a_connection_is_for_its_origin_alone(pool: Pool) -> None:
    pool.state.release(pool.acquire(HERE))
    lease = pool.acquire(THERE)
    assert lease.connection is pool.made[1]
    assert pool.made[1].origin == THERE
    assert not pool.made[0].is_closed


def test_no_more_connections_than_the_limit(pool: Pool) -> None:
    held = [pool.acquire(), pool.acquire()]
    late: Lease[FakeConnection] = Lease()
    assert pool.state.try_acquire(late, HERE) is None
    assert late.connection is None
    pool.state.release(held.pop())
    assert pool.state.try_acquire(late, HERE)
    assert len(pool.made) == 2


def test_an_idle_connection_makes_way_for_one_to_another_origin(pool: Pool) -> None:
    pool.state.release(pool.acquire(HERE))
    in_use = pool.acquire(THERE)
    another = pool.acquire(THERE)
    assert pool.made[0].is_closed
    assert len(pool.state) == 2
    assert in_use.connection is not another.connection


def test_the_connection_that_was_used_last_is_used_first(pool: Pool) -> None:
    first, second = pool.acquire(), pool.acquire()
    for pool.now, lease in ((1.0, second), (2.0, first)):
        pool.state.release(lease)
    assert pool.acquire().connection is pool.made[0]


@pytest.mark.parametrize(("idle", "kept"), [(5.0, True), (5.1, False)])
def test_an_idle_connection_is_closed_in_time(pool: Pool, idle: float, kept: bool) -> None:
    pool.state.release(pool.acquire())
    pool.now = idle
    pool.state.close_expired()
    assert pool.made[0].is_closed is not kept
    assert (len(pool.state) == 1) is kept


def test_a_connection_in_use_does_not_expire(pool: Pool) -> None:
    lease = pool.acquire()
    pool.now = 100
    pool.state.close_expired()
    assert not pool.made[0].is_closed
    pool.state.release(lease)
    assert pool.acquire().connection is pool.made[0]


def test_a_connection_with_a_lost_lease_is_closed_and_not_lent(pool: Pool) -> None:
    held = [pool.acquire(), pool.acquire()]
    del held[0]
    gc.collect()
    lease = pool.acquire()
    assert lease.connection is pool.made[2]
    assert pool.made[0].is_closed
    assert not pool.made[1].is_closed


def test_the_loss_of_a_lease_is_told() -> None:
    told = []
    lease: Lease[FakeConnection] = Lease()
    lease.on_loss = lambda: told.append("lost")
    del lease
    gc.collect()
    assert told == ["lost"]


def test_a_lease_of_another_pool_changes_nothing(pool: Pool) -> None:
    mine, other = pool.acquire(), Pool().acquire()
    assert not pool.state.release(other)
    assert not pool.state.discard(other)
    assert pool.state.release(mine)
    assert not pool.state.release(mine), "it has been returned already"
    assert len(pool.state) == 1


def test_closing_closes_what_is_idle_and_later_what_is_returned(pool: Pool) -> None:
    idle, used = pool.acquire(), pool.acquire()
    pool.state.release(idle)
    pool.state.close()
    assert [connection.is_closed for connection in pool.made] == [True, False]
    pool.state.release(used)
    assert pool.made[1].is_closed
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        pool.acquire()


def test_closing_all_closes_those_in_use_too(pool: Pool) -> None:
    lease = pool.acquire()
    pool.state.close_all()
    assert pool.made[0].is_closed
    assert not pool.state.release(lease)


def test_a_connection_that_cannot_be_made_takes_no_room() -> None:
    def fail(origin: Origin) -> FakeConnection:
        raise exceptions.InvalidConfigError("no such proxy")

    state = PoolState(fail, 1, 5.0, lambda: 0.0)
    for _ in range(2):
        with pytest.raises(exceptions.InvalidConfigError):
            state.try_acquire(Lease(), HERE)
    assert len(state) == 0
