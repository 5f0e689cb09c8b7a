"""The walk stopped and resumed, in an account that stays as it is."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager import Checkpoint
from imagebuilder_pager.models.exceptions import ForbiddenException
from tests.fakes.image_builder import async_client_of
from tests.fakes.lifecycle_account import (
    LifecycleAccount,
    execution_id,
    make_account,
    make_execution,
    policy_arn,
)
from tests.fakes.paginated_service import WAYS, Each, run
from tests.fakes.prefetching import collect, join_prefetch_threads
from tests.fakes.walks import keys_of, records_by, walk_by


@pytest.mark.parametrize("way", [*WAYS, "in turns"])
def test_stopped_after_every_record_and_resumed_with_another_page_size(way: str) -> None:
    """Also by the sync and the async client in turns."""
    account = make_account(policies=2, executions=3, images=3, amis=1)
    expected = account.keys()
    found: list[tuple[Any, ...]] = []
    token: str | None = None
    for number in range(len(expected)):
        options = {"PageSize": number % 3 + 1, "Prefetch": number % 2 * 4}
        used = WAYS[number % 2] if way == "in turns" else way
        records, token = records_by(used, account, 1, StartingToken=token, **options)
        found += keys_of(records)
    assert found == expected
    assert records_by(WAYS[0], account, StartingToken=token) == ([], None)


@pytest.mark.parametrize("stop_after", range(1, 17))
@pytest.mark.parametrize("way", WAYS)
def test_tokens_that_have_expired_between_two_runs(way: str, stop_after: int) -> None:
    account = make_account(policies=3, executions=3, images=3, amis=0, most=2)
    first, token = records_by(way, account, stop_after=stop_after)
    account.expired += 1
    rest, _ = records_by(way, account, StartingToken=token)
    assert keys_of([*first, *rest]) == account.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_tokens_that_expire_during_a_walk(way: str, prefetch: int) -> None:
    account = make_account(policies=3, executions=5, images=5, amis=2, most=2)
    requests = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        account.expired += requests % 11 == 0
        return account(request)

    records, _ = records_by(way, handle, Prefetch=prefetch)
    assert keys_of(records) == account.keys()
    assert account.expired > 5


def test_an_execution_with_new_resources_after_the_last_one() -> None:
    account = make_account(policies=1, executions=2, images=2, amis=0)
    account.executions[policy_arn(0)][0] = make_execution(0, 0, "IN_PROGRESS")
    first, token = records_by("sync", account, stop_after=3)
    resources = account.resources[execution_id(0, 0), None]
    resources.append({**resources[0], "resourceId": "ami-00000000000000001"})
    rest, _ = records_by("sync", account, StartingToken=token)
    assert keys_of([*first, *rest]) == account.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_has_the_token_that_resumes(way: str, prefetch: int) -> None:
    account = make_account(policies=2, executions=2, images=2, amis=1)
    found: list[Any] = []
    token: str | None = None
    for _ in range(40):
        failing = FailingAccount(account, good=5)
        walk = walk_by(way, failing, StartingToken=token, Prefetch=prefetch)
        try:
            run(way, partial(collect, walk, found))
        except ForbiddenException as error:
            token = error.resume_token
            assert keys_of(found) == account.keys()[: len(found)]
        else:
            break
    assert keys_of(found) == account.keys()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_cancelled_at_any_request_the_token_resumes(prefetch: int) -> None:
    account = make_account(policies=2, executions=2, images=3, amis=2, most=2)
    found: list[tuple[Any, ...]] = []
    tokens: list[str | None] = [None]

    async def main() -> None:
        task = asyncio.current_task()
        requests = 0

        def handle(request: httpx.Request) -> httpx.Response:
            nonlocal requests
            requests += 1
            if requests == 7 and task is not None:
                task.cancel()
            return account(request)

        client = async_client_of(handle)
        walk = client.walk_lifecycle(StartingToken=tokens[-1], Prefetch=prefetch)
        try:
            async for record in walk:
                found.append(tuple(record.key))
                await asyncio.sleep(0)
        finally:
            tokens.append(walk.resume_token)

    cancelled = 0
    for _ in range(40):
        try:
            asyncio.run(main())
        except asyncio.CancelledError:
            cancelled += 1
        else:
            break
    assert cancelled > 4
    assert found == account.keys()


@pytest.mark.parametrize("way", WAYS)
def test_leaving_a_walk_early_ends_the_fetching_ahead(way: str) -> None:
    account = make_account(policies=1, executions=30, images=30, amis=0, most=2)
    _, token = records_by(way, account, stop_after=3, Prefetch=3)
    assert token is not None
    join_prefetch_threads()
    # Each of the three listings is at most three pages ahead.
    assert len(account.requests) <= 3 * (1 + 3)


class FailingAccount:
    """The account, which forbids all after some good requests."""

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

    async def main(checkpoint: Checkpoint) -> None:
        walk = walk_by(way, account, StartingToken=checkpoint.token)
        number = 0
        async for record in Each(checkpoint.items(walk.pages)):
            number += 1
            if number == 4:
                break
            found.append(tuple(record.key))

    for _ in range(10):
        with Checkpoint(tmp_path / "walk.checkpoint") as checkpoint:
            run(way, partial(main, checkpoint))
            if checkpoint.finished:
                break
    assert found == expected
