"""A fleet's credentials: each role is assumed once for all regions, and again before the end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from imagebuilder_pager.exceptions import CredentialRetrievalError, ProfileNotFound
from imagebuilder_pager.fleet import Account, Target
from imagebuilder_pager.fleet.credentials import FleetCredentials
from tests.fakes.clocks import NoSleepClock
from tests.fakes.credentials import access_key_of
from tests.fakes.fleets import make_fleet, role_arn, serve_fleet, targets_of


def test_threads_that_begin_together_assume_a_role_once() -> None:
    fleet = make_fleet(accounts=1)
    (target,) = targets_of(fleet)
    credentials = FleetCredentials()
    with serve_fleet(fleet, latency=0.02), ThreadPoolExecutor(8) as pool:
        fetches = [
            pool.submit(lambda: access_key_of(credentials.access_to(target).provider))
            for _ in range(8)
        ]
    assert fleet.sts.assume_role_count == len({fetch.result() for fetch in fetches}) == 1


def test_a_role_is_assumed_again_before_its_credentials_expire() -> None:
    clock = NoSleepClock()
    fleet = make_fleet(accounts=1, clock=clock.now)
    (target,) = targets_of(fleet)
    with serve_fleet(fleet):
        provider = FleetCredentials(clock).access_to(target).provider
        first = provider.get_frozen_credentials()
        clock.ahead = timedelta(minutes=44)
        assert provider.get_frozen_credentials() == first
        clock.ahead = timedelta(minutes=51)
        assert provider.get_frozen_credentials().access_key != first.access_key
    assert fleet.sts.assume_role_count == 2


@pytest.mark.parametrize("ahead", [20, -20])
def test_a_wrong_clock_is_corrected_once_for_all_accounts_and_clients(ahead: int) -> None:
    clock = NoSleepClock()
    clock.ahead = timedelta(minutes=ahead)
    fleet = make_fleet(accounts=2)
    credentials = FleetCredentials(clock)
    with serve_fleet(fleet):
        for target in targets_of(fleet):
            credentials.access_to(target).provider.get_frozen_credentials()
    assert fleet.sts.assume_role_count == 2
    assert abs(credentials.clock.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_an_account_without_a_role_has_the_usual_credentials() -> None:
    fleet = make_fleet()
    with serve_fleet(fleet):
        target = Target(Account(), "us-west-2")
        frozen = FleetCredentials().access_to(target).provider.get_frozen_credentials()
    assert (frozen.access_key, fleet.sts.assume_role_count) == ("local", 0)


def test_a_role_that_may_not_be_assumed_is_an_error_with_its_name() -> None:
    role = role_arn("999999999999")
    target = Target(Account(role_arn=role), "us-west-2")
    with (
        serve_fleet(make_fleet()),
        pytest.raises(CredentialRetrievalError, match=f"{role}.*AccessDenied"),
    ):
        access_key_of(FleetCredentials().access_to(target).provider)


def test_a_profile_that_does_not_exist_is_an_error_with_its_name() -> None:
    target = Target(Account(profile="nobody"), "us-west-2")
    with pytest.raises(ProfileNotFound, match="nobody"):
        FleetCredentials().access_to(target).provider.get_frozen_credentials()
