"""When credentials are fetched and refreshed, by how many threads, and the effect of a failure."""

import itertools
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.clock import ServiceClock
from imagebuilder_pager._aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager._aws.identity import Credentials
from tests.fakes.clocks import FakeClock
from tests.fakes.credentials import SECRET_KEY, FakeFetcher, access_key_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def fetcher(clock: FakeClock) -> FakeFetcher:
    return FakeFetcher(clock)


@pytest.fixture
def credentials(fetcher: FakeFetcher, clock: FakeClock) -> RefreshableCredentials:
    return RefreshableCredentials(fetcher, clock)


@pytest.mark.parametrize(
    ("minutes", "elapsed", "count"),
    [
        (60, 45, 1),
        (60, 45.1, 2),
        (60, 60, 2),
        (60, 120, 2),
        (None, 60 * 24 * 365, 1),
    ],
)
def test_credentials_are_cached_and_refreshed_before_they_expire(
    clock: FakeClock, minutes: float | None, elapsed: float, count: int
) -> None:
    fetcher = FakeFetcher(clock, minutes)
    credentials = RefreshableCredentials(fetcher, clock)
    assert credentials.cached() is None
    assert fetcher.call_count == 0
    assert [access_key_of(credentials) for _ in range(3)] == ["AKID1"] * 3
    clock.advance(minutes=elapsed)
    assert (credentials.cached() is None) == (count == 2)
    assert [access_key_of(credentials) for _ in range(3)] == [f"AKID{count}"] * 3
    assert credentials.cached() is credentials.get_frozen_credentials()
    assert fetcher.call_count == count


@pytest.mark.parametrize("left", [14, 9, 1])
def test_a_refresh_that_fails_before_the_expiration_is_logged(
    credentials: RefreshableCredentials,
    fetcher: FakeFetcher,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    left: float,
) -> None:
    access_key_of(credentials)
    clock.advance(minutes=60 - left)
    fetcher.broken = True
    with caplog.at_level(logging.DEBUG):
        assert [access_key_of(credentials) for _ in range(3)] == ["AKID1"] * 3
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name.startswith("imagebuilder_pager.")
    assert "the fetcher is broken" in record.getMessage()
    assert fetcher.call_count == 2  # not at every call: a minute is between two attempts
    assert credentials.cached() is not None
    fetcher.broken = False
    if left > 1:
        clock.advance(minutes=1)
    assert access_key_of(credentials) == ("AKID3" if left > 1 else "AKID1")


@pytest.mark.parametrize("secret_key", ["line\nbreak", "\u00e9", 5])
def test_credentials_of_no_use_do_not_replace_those_that_are_valid(
    clock: FakeClock, secret_key: Any
) -> None:
    expiration = clock.now() + timedelta(hours=1)
    fetched = [
        Credentials("AKID1", secret_key, "token", expiration),
        Credentials("AKID2", "secret", "token", expiration),
        Credentials("AKID3", secret_key, "token", expiration + timedelta(hours=6)),
        Credentials("AKID4", "secret", "token", expiration + timedelta(hours=6)),
    ]
    credentials = RefreshableCredentials(lambda: fetched.pop(0), clock)
    with pytest.raises(exceptions.CredentialRetrievalError, match="aws_secret_access_key") as error:
        access_key_of(credentials)
    assert str(secret_key) not in str(error.value)
    assert access_key_of(credentials) == "AKID2"
    clock.advance(minutes=51)
    assert access_key_of(credentials) == "AKID2"
    clock.advance(minutes=2)
    assert access_key_of(credentials) == "AKID4"


def test_a_refresh_that_fails_after_the_expiration_is_raised(
    credentials: RefreshableCredentials, fetcher: FakeFetcher, clock: FakeClock
) -> None:
    access_key_of(credentials)
    fetcher.broken = True
    clock.advance(minutes=55)
    assert access_key_of(credentials) == "AKID1"
    clock.advance(minutes=5)
    for _ in range(2):
        with pytest.raises(exceptions.CredentialRetrievalError, match="the fetcher is broken"):
            access_key_of(credentials)
    assert fetcher.call_count == 4
    fetcher.broken = False
    assert access_key_of(credentials) == "AKID5"


def test_short_lived_credentials_are_not_fetched_at_every_call(
    credentials: RefreshableCredentials, fetcher: FakeFetcher, clock: FakeClock
) -> None:
    """A role of 15 minutes is within the window from the start."""
    fetcher.minutes = 12
    assert [access_key_of(credentials) for _ in range(9)] == ["AKID1", *["AKID2"] * 8]
    clock.advance(minutes=1)
    access_key_of(credentials)
    assert fetcher.call_count == 3


@pytest.mark.parametrize("skew", [20, -20, 0])
def test_new_credentials_are_refused_if_they_have_expired_by_both_clocks(
    clock: FakeClock, skew: float
) -> None:
    """A source may have either time, and one response may have set the corrected one."""
    service = ServiceClock(clock)
    service.correct(clock.now() + timedelta(minutes=skew), clock.now())
    by_one, by_both = 10, -30
    fetcher = FakeFetcher(clock, by_one)
    assert access_key_of(RefreshableCredentials(fetcher, service)) == "AKID1"
    refused = RefreshableCredentials(FakeFetcher(clock, by_both), service)
    expected = rf"the clock of this machine says {re.escape(str(clock.now()))}$"
    with pytest.raises(exceptions.CredentialRetrievalError, match=expected):
        refused.get_frozen_credentials()


def test_many_threads_fetch_once(
    credentials: RefreshableCredentials, fetcher: FakeFetcher, clock: FakeClock
) -> None:
    gate = threading.Barrier(20)

    def ask(_: int) -> str:
        gate.wait(10)
        return access_key_of(credentials)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"AKID1"}
        clock.advance(minutes=51)  # all have to wait
        assert set(pool.map(ask, range(20))) == {"AKID2"}
    assert fetcher.call_count == 2


class CountingClock(FakeClock):
    """A clock that sets an event when it has been read ``count`` times."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._readings = itertools.count(1 - count)

    def now(self) -> datetime:
        if next(self._readings) == 0:
            self.reached.set()
        return super().now()


def test_all_threads_that_waited_for_a_fetch_get_its_error() -> None:
    """Else they would wait for the endpoint's timeout one after the other."""
    call_count = 0
    clock = CountingClock(10)  # each thread reads the clock before it waits

    def fetch() -> Credentials:
        nonlocal call_count
        call_count += 1
        assert clock.reached.wait(10)
        raise exceptions.NoCredentialsError("nothing there")

    credentials = RefreshableCredentials(fetch, clock)
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(access_key_of, credentials) for _ in range(10)]
        errors = [call.exception(10) for call in calls]
    assert {(type(error), str(error)) for error in errors} == {
        (exceptions.NoCredentialsError, "nothing there")
    }
    assert len({id(error) for error in errors}) == 10  # each has its own traceback
    assert call_count == 1


@pytest.mark.parametrize(("left", "cached"), [(10, "AKID1"), (9.9, None)])
def test_only_in_the_advisory_window_the_other_threads_use_the_old_credentials(
    clock: FakeClock, left: float, cached: str | None
) -> None:
    fetching, done = threading.Event(), threading.Event()
    fetcher = FakeFetcher(clock)

    def fetch() -> Credentials:
        if fetcher.call_count == 1:
            fetching.set()
            assert done.wait(10)
        return fetcher()

    credentials = RefreshableCredentials(fetch, clock)
    access_key_of(credentials)
    clock.advance(minutes=60 - left)
    with ThreadPoolExecutor(1) as pool:
        refresher = pool.submit(access_key_of, credentials)
        assert fetching.wait(10)
        found = credentials.cached()
        assert (found and found.access_key) == cached
        if cached is not None:
            assert access_key_of(credentials) == cached
        done.set()
        assert refresher.result(10) == "AKID2"
    assert access_key_of(credentials) == "AKID2"


def test_after_an_interrupted_fetch_the_next_call_fetches(clock: FakeClock) -> None:
    calls = 0

    def fetch() -> Credentials:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return Credentials("AKID", SECRET_KEY)

    credentials = RefreshableCredentials(fetch, clock)
    with pytest.raises(KeyboardInterrupt):
        access_key_of(credentials)
    assert access_key_of(credentials) == "AKID"


def test_rejected_credentials_are_refreshed_once(
    credentials: RefreshableCredentials, fetcher: FakeFetcher
) -> None:
    rejected = access_key_of(credentials)
    assert credentials.invalidate(rejected)
    assert fetcher.call_count == 1  # it does not block: the next signing fetches
    assert credentials.cached() is None
    assert access_key_of(credentials) == "AKID2"
    # The response to another thread's request, signed with the old ones, comes late.
    assert credentials.invalidate(rejected)
    assert access_key_of(credentials) == "AKID2"
    assert fetcher.call_count == 2
    # Rejected ones are not used, also if the refresh fails.
    credentials.invalidate("AKID2")
    fetcher.broken = True
    with pytest.raises(exceptions.CredentialRetrievalError, match="broken"):
        access_key_of(credentials)
