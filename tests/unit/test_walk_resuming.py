"""The walk stopped and gone on, in an account that stays and in one that changes."""

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager import Checkpoint
from imagebuilder_pager.exceptions import (
    ParentGoneError,
)
from imagebuilder_pager.models.exceptions import ForbiddenException
from tests.fakes.image_builder import async_client_of, client_of
from tests.fakes.lifecycle_account import (
    LifecycleAccount,
    execution_id,
    make_account,
    make_execution,
    policy_arn,
)
from tests.fakes.paginated_service import WAYS, run
from tests.fakes.walks import keys_of, records_by


@pytest.mark.parametrize("way", WAYS)
def test_stopped_after_every_record_and_gone_on_with_another_page_size(way: str) -> None:
    account = make_account(policies=2, executions=3, images=3, amis=1)
    expected = account.keys()
    found: list[tuple[Any, ...]] = []
    token: str | None = None
    while len(found) < len(expected):
        options = {"PageSize": len(found) % 3 + 1, "Prefetch": len(found) % 2 * 4}
        records, token = records_by(way, account, stop_after=1, StartingToken=token, **options)
        found += keys_of(records)
    assert found == expected
    assert token is None


def test_the_same_walk_by_the_sync_and_the_async_client() -> None:
    account = make_account()
    first, token = records_by("sync", account, stop_after=7)
    rest, _ = records_by("asyncio", account, StartingToken=token)
    assert keys_of([*first, *rest]) == account.keys()


@pytest.mark.parametrize("stop_after", range(1, 17))
@pytest.mark.parametrize("way", WAYS)
def test_tokens_that_have_expired_between_two_runs(way: str, stop_after: int) -> None:
    account = make_account(policies=3, executions=3, images=3, amis=0, most=2)
    first, token = records_by(way, account, stop_after=stop_after)
    account.expired += 1
    rest, _ = records_by(way, account, StartingToken=token)
    assert keys_of([*first, *rest]) == account.keys()


@pytest.mark.parametrize("prefetch", [0, 3])
def test_tokens_that_expire_during_a_walk(prefetch: int) -> None:
    account = make_account(policies=3, executions=5, images=5, amis=2, most=2)
    records = []
    for record in client_of(account).walk_lifecycle(Prefetch=prefetch):
        records.append(record)
        if len(records) % 11 == 0:
            account.expired += 1
    assert keys_of(records) == account.keys()


def test_a_new_execution_in_front_does_not_disturb_a_walk_that_goes_on() -> None:
    account = make_account(policies=1, executions=3, images=2, amis=0)
    expected = account.keys()
    first, token = records_by("sync", account, stop_after=5)
    account.executions[policy_arn(0)].insert(0, make_execution(0, 99))
    rest, _ = records_by("sync", account, StartingToken=token)
    assert keys_of([*first, *rest]) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_that_is_gone(way: str) -> None:
    account = make_account(policies=3, executions=1, images=2, amis=0)
    first, token = records_by(way, account, stop_after=5)
    assert first[-1].policy.name == "policy-1"
    del account.policies[1]
    with pytest.raises(ParentGoneError, match=r"policy-1 that .* no longer in .*policies;") as e:
        records_by(way, account, StartingToken=token)
    assert (e.value.level, e.value.item_id) == ("list_lifecycle_policies", policy_arn(1))
    rest, _ = records_by(way, account, StartingToken=e.value.resume_token)
    assert [record.policy.name for record in rest] == ["policy-2"] * 3


def test_a_token_expires_during_a_walk_and_the_last_item_of_its_listing_is_gone() -> None:
    """It cannot be known what was yielded: an error, and not a record twice or left out."""
    account = make_account(policies=1, executions=1, images=6, amis=0, most=2)
    found: list[tuple[Any, ...]] = []

    def go() -> None:
        for record in client_of(account).walk_lifecycle(children=False):
            found.append(tuple(record.key))
            if len(found) == 3:
                account.expired += 1
                del account.resources[execution_id(0, 0), None][1]

    with pytest.raises(ParentGoneError) as caught:
        go()
    assert caught.value.level == "list_lifecycle_execution_resources"
    token = caught.value.resume_token
    rest = client_of(account).walk_lifecycle(children=False, StartingToken=token)
    found += [tuple(record.key) for record in rest]
    assert len(set(found)) == len(found) == 7
    assert set(account.keys()) <= set(found)


def test_an_execution_that_goes_on_after_its_last_resource_so_far() -> None:
    account = make_account(policies=1, executions=2, images=2, amis=0)
    account.executions[policy_arn(0)][0] = make_execution(0, 0, "IN_PROGRESS")
    first, token = records_by("sync", account, stop_after=3)
    resources = account.resources[execution_id(0, 0), None]
    resources.append({**resources[0], "resourceId": "ami-00000000000000001"})
    rest, _ = records_by("sync", account, StartingToken=token)
    assert keys_of([*first, *rest]) == account.keys()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_has_the_token_that_goes_on(prefetch: int) -> None:
    account = make_account(policies=2, executions=2, images=2, amis=1)
    expected = account.keys()
    found: list[tuple[Any, ...]] = []
    token: str | None = None
    for _ in range(40):
        failing = FailingAccount(account, good=5)
        walk = client_of(failing).walk_lifecycle(StartingToken=token, Prefetch=prefetch)
        try:
            for record in walk:
                found.append(tuple(record.key))  # noqa: PERF401  # what there is before an error
        except ForbiddenException as error:
            token = error.resume_token
            assert found == expected[: len(found)]
        else:
            break
    assert found == expected


class FailingAccount:
    """The account, which forbids what comes behind so many good requests."""

    def __init__(self, account: LifecycleAccount, good: int) -> None:
        self.account = account
        self.good = good

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.good == 0:
            headers = {"x-amzn-ErrorType": "ForbiddenException"}
            return httpx.Response(403, headers=headers, json={"message": "no"})
        self.good -= 1
        return self.account(request)


@pytest.mark.parametrize("way", WAYS)
def test_a_checkpoint_keeps_the_token_of_a_walk(way: str, tmp_path: Path) -> None:
    """A record at which the program stops comes again, and no other."""
    account = make_account(policies=2, executions=2, images=1, amis=1)
    expected = account.keys()
    found: list[tuple[Any, ...]] = []

    def stop() -> bool:
        return len(found) % 4 == 3

    async def main(checkpoint: Checkpoint) -> None:
        walk = async_client_of(account).walk_lifecycle(StartingToken=checkpoint.token)
        async for record in checkpoint.items(walk):
            if stop():
                found.append(())
                break
            found.append(tuple(record.key))

    for _ in range(10):
        with Checkpoint(tmp_path / "walk.checkpoint") as checkpoint:
            if way != "sync":
                run(way, partial(main, checkpoint))
            else:
                walk = client_of(account).walk_lifecycle(StartingToken=checkpoint.token)
                for record in checkpoint.items(walk):
                    if stop():
                        found.append(())
                        break
                    found.append(tuple(record.key))
            if checkpoint.finished:
                break
    assert [key for key in found if key] == expected
