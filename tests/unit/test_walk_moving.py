"""The walk resumed in an account that has changed, and with tokens that the service refuses."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import ParentGoneError
from imagebuilder_pager.models.exceptions import InvalidPaginationTokenException
from tests.fakes.image_builder import client_of
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
from tests.fakes.paginated_service import WAYS
from tests.fakes.walks import keys_of, records_by

PROFILE = settings(deadline=None, derandomize=True, max_examples=150)
RUN = execution_id(0, 0)
Key = tuple[Any, ...]


def stopped_at(account: LifecycleAccount, stop: Callable[[Key], bool]) -> tuple[list[Key], str]:
    """The keys up to the record at which a walk is stopped, and the token behind it."""
    walk = client_of(account).walk_lifecycle()
    found: list[Key] = []
    for record in walk:
        found.append(tuple(record.key))
        if stop(found[-1]):
            break
    assert walk.resume_token is not None
    return found, walk.resume_token


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("removed", "last"), [(1, 20), (3, 21), (10, 24)])
def test_executions_on_earlier_pages_are_removed(way: str, removed: int, last: int) -> None:
    account = make_account(policies=1, executions=35, images=3, amis=0, most=10)
    expected = account.keys()
    found, token = stopped_at(account, lambda key: key[2] == execution_id(0, last))
    del account.executions[policy_arn(0)][:removed]
    rest, _ = records_by(way, account, StartingToken=token)
    assert [*found, *keys_of(rest)] == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("index", [0, 9, 10, 21])
@pytest.mark.parametrize("children", [True, False])
def test_resources_before_the_last_one_are_removed(way: str, index: int, *, children: bool) -> None:
    """Of its page or of those before; the service's tokens say how many items come before."""
    account = make_account(policies=1, executions=1, images=30, amis=1, most=10)
    arguments = {"children": children}
    records, token = records_by("sync", account, 24 if not children else 47, **arguments)
    del account.resources[RUN, None][index]
    rest, _ = records_by(way, account, StartingToken=token, **arguments)
    expected = account.keys(children=children)
    assert keys_of(rest) == expected[expected.index(tuple(records[-1].key)) + 1 :]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop_after", [5, 16])
def test_items_added_in_front_are_not_yielded(way: str, stop_after: int) -> None:
    account = make_account(policies=1, executions=3, images=5, amis=0, most=2)
    expected = account.keys()
    first, token = records_by("sync", account, stop_after=stop_after)
    account.executions[policy_arn(0)].insert(0, make_execution(0, 99))
    for number in range(3):
        account.resources[execution_id(0, number), None].insert(0, make_image(RUN, 99))
    rest, _ = records_by(way, account, StartingToken=token)
    new = [key for key in keys_of(rest) if key not in expected]
    assert [*keys_of(first), *(key for key in keys_of(rest) if key in expected)] == expected
    assert {key[2] for key in new} == {execution_id(0, n) for n in range(-(-stop_after // 6), 3)}


def test_an_item_moved_behind_comes_again_and_one_moved_in_front_does_not() -> None:
    account = make_account(policies=1, executions=1, images=9, amis=0, most=4)
    images = account.resources[RUN, None]
    first, token = records_by("sync", account, stop_after=1 + 6)
    names = [image["resourceId"] for image in images]
    images.append(images.pop(1))
    images.insert(0, images.pop(6))
    assert [image["resourceId"] for image in images] == [
        names[index] for index in (7, 0, 2, 3, 4, 5, 6, 8, 1)
    ]
    rest, _ = records_by("sync", account, StartingToken=token)
    assert [record.key.resource for record in rest] == [names[6], names[8], names[1]]
    assert first[-1].key.resource == names[5]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_resource_is_gone(way: str) -> None:
    """Its listing begins anew: the items behind it cannot be known."""
    account = make_account(policies=1, executions=2, images=6, amis=0, most=2)
    _, token = records_by("sync", account, stop_after=1 + 3, children=False)
    del account.resources[RUN, None][2]
    rest, _ = records_by(way, account, StartingToken=token, children=False)
    assert keys_of(rest) == account.keys()[1:]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [2, 25])
@pytest.mark.parametrize("level", ["policies", "executions", "execution_resources"])
def test_an_outer_item_that_is_gone(way: str, most: int, level: str) -> None:
    """With the token of the error, the listing of the item begins anew."""
    account = make_account(policies=2, executions=4, images=3, amis=2, most=most)
    record = execution_id(1, 2)
    _, token = stopped_at(account, lambda key: key[2] == record and bool(key[3]))
    image = account.resources[record, None][0]["resourceId"]
    gone, again = {
        "policies": (policy_arn(1), execution_id(0, 0)),
        "executions": (record, execution_id(1, 0)),
        "execution_resources": (f"{ACCOUNT}/{REGION}/{image}", record),
    }[level]
    listings: dict[str, list[Any]] = {
        "policies": account.policies,
        "executions": account.executions[policy_arn(1)],
        "execution_resources": account.resources[record, None],
    }
    del listings[level][{"policies": 1, "executions": 2}.get(level, 0)]
    with pytest.raises(ParentGoneError, match=f"{gone} that .* no longer in .*{level};") as caught:
        records_by(way, account, StartingToken=token)
    assert (caught.value.level, caught.value.item_id) == (f"list_lifecycle_{level}", gone)
    rest, _ = records_by(way, account, StartingToken=caught.value.resume_token)
    # The execution itself has been yielded: only its listing of resources begins anew.
    begin = level == "execution_resources"
    assert keys_of(rest) == [key for key in account.keys() if key[2] >= again][begin:]


def change(data: st.DataObject, items: list[Any], new: Callable[[int], Any]) -> None:
    """Remove some items and add others, anywhere."""
    for _ in range(data.draw(st.integers(0, 2))):
        if items:
            del items[data.draw(st.integers(0, len(items) - 1))]
    for number in range(data.draw(st.integers(0, 2))):
        items.insert(data.draw(st.integers(0, len(items))), new(number))


def make_new(make: Callable[[str, int], Any], run: str, number: int) -> Any:
    return make(run, 90 + number)


def drawn_account(data: st.DataObject) -> LifecycleAccount:
    account = make_account(policies=2, executions=3, images=4, amis=2)
    for listing in (*account.executions.values(), *account.resources.values()):
        del listing[data.draw(st.integers(0, len(listing))) :]
    return account


@given(data=st.data())
@PROFILE
def test_nothing_behind_the_key_is_left_out_after_any_change(
    data: st.DataObject,
) -> None:
    account = drawn_account(data)
    account.most = data.draw(st.integers(1, 5))
    client = client_of(account)
    order = account.keys()
    assume(order)
    stop_after = data.draw(st.integers(1, len(order)))
    walk = client.walk_lifecycle()
    iterator = iter(walk)
    first = keys_of(next(iterator) for _ in range(stop_after))
    assert first == order[:stop_after]
    token = walk.resume_token
    assume(token)
    is_changed = data.draw(st.booleans())
    if is_changed:
        change(data, account.policies, lambda n: {"arn": policy_arn(90 + n), "name": "new"})
        for policy, executions in enumerate(account.executions.values()):
            change(data, executions, partial(make_execution, 90 + policy))
        for (run, parent), resources in account.resources.items():
            make = make_ami if parent else make_image
            change(data, resources, partial(make_new, make, run))
    account.expired += data.draw(st.integers(0, 1))
    account.most = data.draw(st.integers(1, 5))
    again = client.walk_lifecycle(StartingToken=token)
    try:
        rest = keys_of(again)
    except ParentGoneError as error:
        rest = keys_of(client.walk_lifecycle(StartingToken=error.resume_token))
    there = account.keys()
    assert [key for key in order[stop_after:] if key in there and key not in rest] == []
    assert set(rest) <= set(there)
    assert len(set(rest)) == len(rest)
    if not is_changed:
        assert rest == order[stop_after:]


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


class RefusingAccount:
    """The account, which refuses every token of one operation."""

    def __init__(self, account: LifecycleAccount, operation: str) -> None:
        self.account = account
        self.operation = operation
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if request.url.path == f"/{self.operation}" and "nextToken" in json.loads(request.content):
            self.account.expired += 1
        return self.account(request)


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
    service = RefusingAccount(account, operation)
    with pytest.raises(InvalidPaginationTokenException) as caught:
        records_by(way, service, children=False)
    assert service.requests <= 40
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
