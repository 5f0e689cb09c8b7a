"""The walk stopped and resumed: in an account that changes or not, and with refused tokens."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imagebuilder_pager import Checkpoint
from imagebuilder_pager.exceptions import ParentGoneError
from imagebuilder_pager.lifecycle_walk import LifecycleRecord
from imagebuilder_pager.models.exceptions import ForbiddenException, InvalidPaginationTokenException
from tests.fakes.image_builder import async_client_of, client_of
from tests.fakes.lifecycle_account import (
    ACCOUNT,
    REGION,
    LifecycleAccount,
    execution_id,
    make_account,
    make_ami,
    make_execution,
    make_image,
    policy_arn,
)
from tests.fakes.paginated_service import WAYS, Each, run
from tests.fakes.prefetching import collect, join_prefetch_threads
from tests.fakes.walks import keys_of, records_by, walk_by

RUN = execution_id(0, 0)
Key = tuple[Any, ...]


@pytest.mark.parametrize("way", [*WAYS, "in turns"])
def test_stopped_after_every_record_and_resumed_with_another_page_size(way: str) -> None:
    """Also by the sync and the async client in turns."""
    account = make_account(policies=2, executions=3, images=3, amis=1)
    expected = account.keys()
    found: list[Key] = []
    token: str | None = None
    for number in range(len(expected)):
        options = {"PageSize": number % 3 + 1, "Prefetch": number % 2 * 4}
        used = WAYS[number % 2] if way == "in turns" else way
        records, token = records_by(used, account, 1, StartingToken=token, **options)
        found += keys_of(records)
    assert found == expected
    assert records_by(WAYS[0], account, StartingToken=token) == ([], None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_tokens_that_expire_during_a_walk(way: str, prefetch: int) -> None:
    account = make_account(policies=3, executions=5, images=5, amis=2, most=2)
    requests = itertools.count(1)

    def handle(request: httpx.Request) -> httpx.Response:
        account.expired += next(requests) % 11 == 0
        return account(request)

    records, _ = records_by(way, handle, Prefetch=prefetch)
    assert keys_of(records) == account.keys()
    assert account.expired > 5


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_has_the_token_that_resumes(way: str, prefetch: int) -> None:
    account = make_account(policies=2, executions=2, images=2, amis=1)
    found: list[Any] = []
    token: str | None = None
    for _ in range(40):
        good = iter(range(5))

        def forbid_later(request: httpx.Request, good: Iterator[int] = good) -> httpx.Response:
            if next(good, None) is not None:
                return account(request)
            headers = {"x-amzn-ErrorType": "ForbiddenException"}
            return httpx.Response(403, headers=headers, json={"message": "no"})

        walk = walk_by(way, forbid_later, StartingToken=token, Prefetch=prefetch)
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
    found: list[Key] = []
    tokens: list[str | None] = []

    async def main() -> None:
        task = asyncio.current_task()
        requests = itertools.count(1)

        def handle(request: httpx.Request) -> httpx.Response:
            if next(requests) == 7 and task is not None:
                task.cancel()
            return account(request)

        token = tokens[-1] if tokens else None
        walk = async_client_of(handle).walk_lifecycle(StartingToken=token, Prefetch=prefetch)
        try:
            async for record in walk:
                found.append(record.key)
                await asyncio.sleep(0)
        finally:
            tokens.append(walk.resume_token)

    while len(tokens) < 40 and (not tokens or tokens[-1]):
        with suppress(asyncio.CancelledError):
            asyncio.run(main())
    assert len(tokens) > 5
    assert found == account.keys()


@pytest.mark.parametrize("way", WAYS)
def test_leaving_a_walk_early_ends_the_fetching_ahead(way: str) -> None:
    account = make_account(policies=1, executions=30, images=30, amis=0, most=2)
    _, token = records_by(way, account, stop_after=3, Prefetch=3)
    assert token is not None
    join_prefetch_threads()
    # Each of the three listings is at most three pages ahead.
    assert len(account.requests) <= 3 * (1 + 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_checkpoint_keeps_the_token_of_a_walk(way: str, tmp_path: Path) -> None:
    """A record at which the program stops comes again, and no other."""
    account = make_account(policies=2, executions=2, images=1, amis=1)
    expected = account.keys()
    found: list[Key] = []

    async def main(checkpoint: Checkpoint) -> None:
        walk = walk_by(way, account, StartingToken=checkpoint.token)
        left = iter(range(3))
        async for record in Each(checkpoint.items(walk.pages)):
            if next(left, None) is None:
                break
            found.append(record.key)

    is_finished = False
    while not is_finished:
        with Checkpoint(tmp_path / "walk.checkpoint") as checkpoint:
            run(way, partial(main, checkpoint))
            is_finished = checkpoint.finished
        assert found == expected[: len(found)]
    assert found == expected


# A changed account.


def change(data: st.DataObject, items: list[Any], new: Callable[[int], Any]) -> None:
    """Remove some items, move one and add others, anywhere."""

    def index(count: int) -> int:
        return data.draw(st.integers(0, count))

    for _ in range(index(2)):
        if items:
            del items[index(len(items) - 1)]
    if data.draw(st.booleans()) and items:
        moved = items.pop(index(len(items) - 1))
        items.insert(index(len(items)), moved)
    for number in range(index(2)):
        items.insert(index(len(items)), new(90 + number))


def drawn_account(data: st.DataObject) -> LifecycleAccount:
    account = make_account(policies=2, executions=3, images=4, amis=2)
    for listing in (*account.executions.values(), *account.resources.values()):
        del listing[data.draw(st.integers(0, len(listing))) :]
    return account


def keys_behind(account: LifecycleAccount, last: LifecycleRecord, *, children: bool) -> list[Key]:
    """Return the keys behind the record, or behind the nearest one above it that is still there."""
    keys = account.keys(children=children)
    place = (ACCOUNT, REGION, last.key.execution, None)
    for key in (last.key, (*place, last.key.parent), (*place, None)):
        if key in keys:
            return keys[keys.index(key) + 1 :]
    arns = [policy["arn"] for policy in account.policies]
    first = arns.index(last.policy.arn) if last.policy.arn in arns else 0
    return replace(account, policies=account.policies[first:]).keys(children=children)


@given(way=st.sampled_from(WAYS), data=st.data())
@settings(deadline=None, derandomize=True, max_examples=250)
def test_a_walk_resumes_behind_the_nearest_item_that_is_still_there(
    way: str, data: st.DataObject
) -> None:
    account = drawn_account(data)
    account.most = data.draw(st.integers(1, 5))
    arguments = {"children": data.draw(st.booleans())}
    order = account.keys(**arguments)
    assume(order)
    stop_after = data.draw(st.integers(1, len(order)))
    first, token = records_by("sync", account, stop_after, **arguments)
    assert keys_of(first) == order[:stop_after]
    if data.draw(st.booleans()):
        change(data, account.policies, lambda n: {"arn": policy_arn(n), "name": "new"})
        for policy, executions in enumerate(account.executions.values()):
            change(data, executions, partial(make_execution, 90 + policy))
        for (of_run, parent), resources in account.resources.items():
            make = make_ami if parent else make_image
            change(data, resources, partial(make, of_run))
    account.expired += data.draw(st.integers(0, 1))
    account.most = data.draw(st.integers(1, 5))
    try:
        rest, _ = records_by(way, account, StartingToken=token, **arguments)
    except ParentGoneError as error:
        rest, _ = records_by(way, account, StartingToken=error.resume_token, **arguments)
    assert keys_of(rest) == keys_behind(account, first[-1], **arguments)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [2, 25])
@pytest.mark.parametrize("level", ["policies", "executions", "execution_resources"])
def test_an_outer_item_that_is_gone_is_named(way: str, most: int, level: str) -> None:
    account = make_account(policies=2, executions=3, images=3, amis=2, most=most)
    arn, execution = policy_arn(1), execution_id(1, 2)
    images = account.resources[execution, None]
    _, token = records_by("sync", account, stop_after=len(account.keys()) - 1)
    listings: dict[str, tuple[list[Any], str]] = {
        "policies": (account.policies, arn),
        "executions": (account.executions[arn], execution),
        "execution_resources": (images, f"{ACCOUNT}/{REGION}/{images[-1]['resourceId']}"),
    }
    items, gone = listings[level]
    items.pop()
    with pytest.raises(ParentGoneError, match=f"{gone} that .* no longer in .*{level};") as caught:
        records_by(way, account, StartingToken=token)
    assert (caught.value.level, caught.value.item_id) == (f"list_lifecycle_{level}", gone)


# Items that are hard to tell apart.


@pytest.mark.parametrize("most", [2, 3, 25])
def test_the_same_item_twice_and_items_without_an_id(most: int) -> None:
    account = make_account(policies=1, executions=2, images=3, amis=2, most=most)
    images = account.resources[RUN, None]
    unknown = {"accountId": "1", "region": "r", "state": {"status": "FAILED"}}
    images[1:1] = [images[0], unknown, unknown, images[0], unknown]
    expected = keys_of(records_by("sync", account, children=False)[0])
    assert len(expected) > len(set(expected))
    found: list[Key] = []
    token = None
    while len(found) < len(expected):
        records, token = records_by("sync", account, 1, StartingToken=token, children=False)
        found += keys_of(records)
    assert found == expected
    assert records_by("sync", account, StartingToken=token, children=False) == ([], None)


# Tokens that are refused.


def test_a_token_is_refused_during_a_walk_and_the_last_item_of_its_listing_is_gone() -> None:
    """The listing begins anew, and nothing of it is left out."""
    account = make_account(policies=1, executions=2, images=6, amis=0, most=2)
    expected = account.keys()
    gone = expected[2]
    found: list[Key] = []
    for record in client_of(account).walk_lifecycle(children=False):
        found.append(tuple(record.key))
        if len(found) == 3:
            account.expired += 1
            del account.resources[RUN, None][1]
    assert found == [*expected[:3], *(key for key in expected[1:] if key != gone)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("has_ids", [True, False])
@pytest.mark.parametrize(
    "operation",
    ["ListLifecyclePolicies", "ListLifecycleExecutions", "ListLifecycleExecutionResources"],
)
def test_a_listing_with_tokens_that_are_always_refused(
    way: str, operation: str, *, has_ids: bool
) -> None:
    account = make_account(policies=4, executions=4, images=4, amis=0, most=2)
    if not has_ids:
        for image in account.resources[RUN, None]:
            del image["resourceId"]

    def refuse(request: httpx.Request) -> httpx.Response:
        """Refuse every token of the operation."""
        has_token = "nextToken" in json.loads(request.content)
        account.expired += has_token and request.url.path == f"/{operation}"
        return account(request)

    with pytest.raises(InvalidPaginationTokenException) as caught:
        records_by(way, refuse, children=False)
    assert len(account.requests) <= 40
    token = caught.value.resume_token
    assert token is not None
    if has_ids:
        rest, _ = records_by(way, account, StartingToken=token, children=False)
        passed = {"ListLifecyclePolicies": 40, "ListLifecycleExecutions": 10}.get(operation, 3)
        assert keys_of(rest) == account.keys()[passed:]


# The calls for resuming.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("expired", [False, True])
def test_resuming_takes_a_few_calls(way: str, *, expired: bool) -> None:
    """On the 95th page of an execution, the pages before it are not read again."""
    account = make_account(policies=1, executions=1, images=191, amis=0, most=2)
    first, token = records_by("sync", account, stop_after=1 + 188, children=False)
    account.expired += expired
    account.requests.clear()
    rest, _ = records_by(way, account, 1, StartingToken=token, children=False)
    assert keys_of([*first, *rest]) == account.keys()[: 2 + 188]
    # With an expired token, its 94 pages are read once more.
    assert len(account.requests) == (98 if expired else 4)
