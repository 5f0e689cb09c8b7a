"""The walk from policies to resources: its records, its arguments and its tokens."""

import json
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, assert_type

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import ParamValidationError, ParentGoneError, StartingTokenError
from imagebuilder_pager.lifecycle_walk import LifecycleRecord
from imagebuilder_pager.models.exceptions import InvalidPaginationTokenException
from imagebuilder_pager.models.lifecycle import (
    LifecycleExecutionResource,
    LifecycleExecutionStatus,
)
from imagebuilder_pager.pagination import decode_token, encode_token
from imagebuilder_pager.pagination.async_paginator import AsyncResultIterator
from tests.fakes.image_builder import async_client_of, client_of
from tests.fakes.lifecycle_account import (
    ACCOUNT,
    DAY,
    REGION,
    START,
    execution_id,
    make_account,
    make_execution,
    policy_arn,
)
from tests.fakes.paginated_service import WAYS
from tests.fakes.tokens import packed
from tests.fakes.walks import keys_of, records_by


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("children", [True, False])
def test_every_record_once_in_order(way: str, prefetch: int, *, children: bool) -> None:
    account = make_account(policies=3, executions=4, images=3, amis=2, most=2)
    records, token = records_by(way, account, children=children, Prefetch=prefetch)
    assert keys_of(records) == account.keys(children=children)
    assert len(set(keys_of(records))) == len(records) == 3 * 4 * (1 + 3 * (3 if children else 1))
    assert token is None


def test_the_members_of_a_record() -> None:
    account = make_account(policies=1, executions=1, images=1, amis=2)
    execution, image, ami, other = client_of(account).walk_lifecycle()
    assert (execution.parent, execution.resource) == (None, None)
    assert execution.policy.name == "policy-0"
    assert execution.execution.state is not None
    assert execution.execution.state.status is LifecycleExecutionStatus.SUCCESS
    assert execution.execution_has_ended
    assert execution.key == (ACCOUNT, REGION, execution_id(0, 0), None, None)
    assert image.parent is None
    assert image.resource is not None
    assert ami.parent == image.resource
    assert ami.resource is not None
    assert ami.resource.snapshots[0].snapshot_id == "snap-0"
    assert ami.key.parent == image.resource.resource_id
    # The same id in another region is another resource.
    assert other.key.resource == ami.key.resource
    assert (ami.key.region, other.key.region) == (REGION, "eu-west-1")
    assert ami.to_dict() == {
        "policy": ami.policy.to_dict(),
        "execution": ami.execution.to_dict(),
        "parent": image.resource.to_dict(),
        "resource": ami.resource.to_dict(),
    }
    assert execution.to_dict()["resource"] is None
    assert execution.to_dict()["execution"]["startTime"] == datetime.fromtimestamp(START, UTC)
    assert pickle.loads(pickle.dumps(ami)) == ami


def test_given_policies_are_not_listed() -> None:
    account = make_account(policies=3, executions=1, images=1)
    arns = [policy_arn(2), policy_arn(0), policy_arn(2)]
    records = list(client_of(account).walk_lifecycle(policies=iter(arns)))
    assert [record.policy.arn for record in records if record.resource is None] == arns[:2]
    assert {operation for operation, _ in account.requests} == {
        "ListLifecycleExecutions",
        "ListLifecycleExecutionResources",
    }
    assert records[0].to_dict()["policy"] == {"arn": policy_arn(2)}
    assert records[0].key == (ACCOUNT, REGION, execution_id(2, 0), None, None)


def test_only_images_have_a_listing_below_them() -> None:
    account = make_account(policies=1, executions=1, images=1, amis=2)
    account.resources[execution_id(0, 0), None] += [
        {"resourceId": "ami-0123456789abcdef0", "accountId": ACCOUNT, "region": REGION},
        {"resourceId": f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/a:image/b"},
        {"resourceId": f"arn:aws:ecr:{REGION}:{ACCOUNT}:image/a"},
        {"state": {"status": "FAILED"}},
        None,  # type: ignore[list-item]  # lists of the service may have one
    ]
    records = list(client_of(account).walk_lifecycle())
    assert len(records) == 1 + 1 + 2 + 4
    parents = [p["parentResourceId"] for _, p in account.requests if "parentResourceId" in p]
    assert parents == [records[1].key.resource]


def test_the_types_of_a_walk() -> None:
    """For mypy, which reads this file, too."""
    walk = client_of(make_account()).walk_lifecycle(since=None, Prefetch=1)
    for record in walk:
        assert_type(record, LifecycleRecord)
        assert_type(record.policy.arn, str | None)
        assert_type(record.resource, LifecycleExecutionResource | None)
    later = async_client_of(make_account()).walk_lifecycle([policy_arn(0)], PageSize=5)
    assert_type(aiter(later), AsyncResultIterator[LifecycleRecord])
    assert_type(later.resume_token, str | None)


def test_nothing_is_sent_before_the_first_record() -> None:
    account = make_account()
    client_of(account).walk_lifecycle(Prefetch=5)
    assert account.requests == []


def test_a_page_size_is_that_of_every_listing() -> None:
    account = make_account(policies=2, executions=2, images=2)
    list(client_of(account).walk_lifecycle(PageSize=1))
    assert {params["maxResults"] for _, params in account.requests} == {1}


# The time.


def day(number: float) -> datetime:
    return datetime.fromtimestamp(START + number * DAY, UTC)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (None, None, [0, 1, 2, 3]),
        (day(1), None, [1, 2, 3]),
        (None, day(1), [0]),
        (day(1), day(3), [1, 2]),
        (day(1).replace(tzinfo=None), day(3).astimezone(timezone(timedelta(hours=5))), [1, 2]),
        (day(1) + timedelta(seconds=600), None, [1, 2, 3]),
        (day(1) + timedelta(seconds=601), None, [2, 3]),
        (None, day(1) + timedelta(seconds=600), [0]),
        (day(30), None, []),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_executions_are_left_out_by_the_time_of_their_end_in_any_order(
    since: datetime | None, until: datetime | None, days: list[int], order: int
) -> None:
    account = make_account(policies=1, executions=4, images=1, amis=0, most=2)
    account.executions[policy_arn(0)] = account.executions[policy_arn(0)][::order]
    records = client_of(account).walk_lifecycle(since=since, until=until)
    found = [record.key.execution for record in records if record.resource is None]
    assert found == [execution_id(0, number) for number in days][::order]
    asked = [p["lifecycleExecutionId"] for o, p in account.requests if o.endswith("Resources")]
    assert set(asked) == set(found)


class EndOfSummerTime(tzinfo):
    """A zone in the hour that comes twice."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        return timedelta(hours=-5 if at is not None and at.fold else -4)

    def dst(self, at: datetime | None) -> timedelta:
        return timedelta(hours=0 if at is not None and at.fold else 1)

    def tzname(self, at: datetime | None) -> str:
        return "EST" if at is not None and at.fold else "EDT"


def test_hours_at_the_end_of_summer_time() -> None:
    """Two times of one zone are compared by Python without their offsets."""
    zone = EndOfSummerTime()
    summer, winter = (datetime(2023, 11, 5, 1, 30, tzinfo=zone, fold=fold) for fold in (0, 1))
    client = client_of(make_account())
    assert not list(client.walk_lifecycle(since=summer, until=winter))
    with pytest.raises(ParamValidationError, match="until: not after since"):
        client.walk_lifecycle(since=winter.replace(minute=15), until=summer.replace(minute=45))
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(ParamValidationError, match=r"since: .* the years 1 to 9999"):
        client.walk_lifecycle(since=early)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "PENDING", "CANCELLING", "NEW_STATUS"])
def test_an_execution_that_has_not_ended_is_not_left_out_by_since(status: str) -> None:
    account = make_account(policies=1, executions=1, images=1, amis=0)
    account.executions[policy_arn(0)] = [make_execution(0, 0, status)]
    records = list(client_of(account).walk_lifecycle(since=day(20)))
    assert [record.execution_has_ended for record in records] == [False, False]
    assert list(client_of(account).walk_lifecycle(until=day(0))) == []


def test_an_execution_of_unknown_times_is_not_left_out() -> None:
    account = make_account(policies=1, executions=1, images=0)
    account.executions[policy_arn(0)] = [{"lifecycleExecutionId": execution_id(0, 0)}]
    assert len(list(client_of(account).walk_lifecycle(since=day(1), until=day(2)))) == 1


# Invalid arguments.


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"policies": policy_arn(0)}, "policies: 'arn:"),
        ({"policies": {policy_arn(0)}}, "policies: a set given; allowed: a list of policy ARNs"),
        ({"policies": 3}, "policies: 3 (int) given; allowed: a list of policy ARNs"),
        ({"policies": [policy_arn(0), 5]}, "policies[1]: 5 (int) given"),
        ({"policies": [["x"]]}, "policies[0]: "),
        ({"since": "2026-10-01"}, "since: '2026-10-01' given; allowed: a datetime"),
        ({"until": date(2026, 10, 1)}, "until: a date given; allowed: a datetime"),
        ({"since": day(2), "until": day(2)}, "until: not after since"),
        ({"children": "no"}, "children: 'no' given; allowed: True or False"),
        ({"PageSize": 0}, "PageSize: 0 (int) given; allowed: a whole number, 1 or more"),
        ({"Prefetch": -1}, "Prefetch: -1 (int) given; allowed: a whole number from 0 to 100"),
        ({"MaxItems": 5}, "MaxItems: unknown parameter; allowed: policies, since, until, children"),
        ({"page_size": 5}, "page_size: unknown parameter; allowed: policies, since, until"),
    ],
    ids=str,
)
def test_invalid_arguments(arguments: dict[str, Any], problem: str) -> None:
    account = make_account()
    for client in (client_of(account), async_client_of(account)):
        with pytest.raises(ParamValidationError) as caught:
            client.walk_lifecycle(**arguments)
        (only,) = caught.value.problems
        assert str(only).startswith(problem)
    assert account.requests == []


CODE = """
import sys
from imagebuilder_pager import ImageBuilder, AsyncImageBuilder
arguments = dict(aws_access_key_id="a", aws_secret_access_key="b")
client = ImageBuilder("us-west-2", **arguments)
client.get_paginator("list_lifecycle_execution_resources")
AsyncImageBuilder("us-west-2", **arguments)
part = "imagebuilder_pager.lifecycle_walk"
assert not [name for name in sys.modules if name.startswith(part)]
client.walk_lifecycle()
assert part + ".walk" in sys.modules
assert not [name for name in sys.modules if name.startswith(part) and ".async_" in name]
"""


def test_the_client_loads_nothing_of_the_walk_before_it_is_called() -> None:
    subprocess.run([sys.executable, "-I", "-c", CODE], check=True, timeout=60)


# Tokens, which are untrusted: others lead to listed items.


@pytest.mark.parametrize(
    ("arguments", "region"),
    [
        ({"children": False}, REGION),
        ({"since": day(0)}, REGION),
        ({"until": day(9)}, REGION),
        ({"policies": [policy_arn(0), policy_arn(1)]}, REGION),
        ({}, "eu-west-1"),
    ],
    ids=str,
)
def test_a_token_is_refused_by_a_walk_with_other_arguments(
    arguments: dict[str, Any], region: str
) -> None:
    account = make_account()
    _, token = records_by("sync", account, stop_after=3)
    with pytest.raises(StartingTokenError, match="belongs to another walk"):
        client_of(account, region_name=region).walk_lifecycle(StartingToken=token, **arguments)


def test_a_token_is_small_and_has_the_keys_of_the_record() -> None:
    account = make_account(policies=3, executions=30, images=2, most=25)
    records, token = records_by("sync", account, stop_after=500)
    assert token is not None
    assert len(token) < 2000
    assert decode_token(token)["keys"][:2] == [
        records[-1].policy.arn,
        records[-1].execution.lifecycle_execution_id,
    ]


SERVED = make_account(policies=2, executions=3, images=4, amis=3, most=2)
CLIENT = client_of(SERVED)
ORDER = SERVED.keys()
WALK = CLIENT.walk_lifecycle()
TOKENS = [WALK.resume_token for _ in WALK if WALK.resume_token]
HONEST = decode_token(TOKENS[-3])


@pytest.mark.parametrize(
    "token",
    [
        *("", "abc", 5, b"abc", ["a"], "eyJuZXh0VG9rZW4iOiAiYSJ9", "x" * 1_000_001),
        packed("[" * 100_000),
        packed("5" * 10_000),
        packed([]),
        packed({}),
        packed({**HONEST, "more": 1}),
        packed({name: HONEST[name] for name in ("walk", "keys")}),
        packed({**HONEST, "walk": None}),
        packed({**HONEST, "keys": []}),
        packed({**HONEST, "keys": [*HONEST["keys"], "a"]}),
        packed({**HONEST, "keys": {"a": 1}}),
        packed({**HONEST, "keys": [*HONEST["keys"][:-1], 5]}),
        packed({**HONEST, "keys": [None, *HONEST["keys"][1:]]}),
        packed({**HONEST, "keys": ["", *HONEST["keys"][1:]]}),
        packed({**HONEST, "keys": ["YQ==", "a"], "boto_encoded_keys": [["keys", 0]]}),
        packed({**HONEST, "boto_encoded_keys": 5}),
        packed({**HONEST, "token": ""}),
        packed({**HONEST, "token": 5}),
        packed({**HONEST, "token": packed({"maxResults": 1, "nextToken": "a"})}),
        packed({**HONEST, "token": packed({"nextToken": 5})}),
        packed({**HONEST, "token": packed({"nextToken": ""})}),
        packed({**HONEST, "token": packed({"boto_truncate_amount": -1})}),
        packed({**HONEST, "token": packed({"boto_truncate_amount": 10**9})}),
    ],
    ids=lambda token: repr(token)[:40],
)
def test_any_other_token_is_refused(token: Any) -> None:
    SERVED.requests.clear()
    for client in (CLIENT, async_client_of(SERVED)):
        with pytest.raises(StartingTokenError, match=r"^StartingToken: "):
            client.walk_lifecycle(StartingToken=token)
    assert SERVED.requests == []


KEYS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(
        sorted({key for token in TOKENS for key in decode_token(token)["keys"] if key})
    ),
)
PAGE_TOKENS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from([decode_token(token)["token"] for token in TOKENS]),
    st.builds(
        lambda token, offset: packed({"nextToken": token, "boto_truncate_amount": offset}),
        st.one_of(st.none(), st.text(max_size=3)),
        st.integers(0, 1000),
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "walk": st.just(HONEST["walk"]),
        "keys": st.lists(KEYS, max_size=5),
        "token": PAGE_TOKENS,
    }
)


@given(document=DOCUMENTS)
@settings(deadline=None, derandomize=True, max_examples=400)
def test_any_token_is_refused_or_leads_to_listed_items(document: dict[str, Any]) -> None:
    SERVED.requests.clear()
    try:
        walk = CLIENT.walk_lifecycle(StartingToken=encode_token(document))
    except StartingTokenError:
        assert SERVED.requests == []
        return
    found: list[tuple[Any, ...]] = []
    try:
        found.extend(tuple(record.key) for record in walk)
    except (ParentGoneError, InvalidPaginationTokenException) as error:
        assert error.resume_token  # noqa: PT017  # it may end well, too
    assert set(found) <= set(ORDER)
    assert len(SERVED.requests) < 1500
    ids = {json.dumps(key) for record in ORDER for key in record}
    sent = [params.get("parentResourceId") for _, params in SERVED.requests]
    assert {json.dumps(value) for value in sent} <= ids


@pytest.mark.parametrize("way", WAYS)
def test_a_made_up_key_in_place_of_a_given_policy(way: str) -> None:
    arguments: dict[str, Any] = {"policies": [policy_arn(1)]}
    _, token = records_by(way, SERVED, 1, **arguments)
    document = decode_token(token or "")
    document["keys"][0] = policy_arn(0)
    SERVED.requests.clear()
    with pytest.raises(ParentGoneError):
        records_by(way, SERVED, StartingToken=encode_token(document), **arguments)
    assert SERVED.requests == []
