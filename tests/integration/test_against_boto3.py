"""This library and boto3 against the same server: equal pages, results, tokens and errors."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account, load_account

ACCOUNT = load_account(Path(__file__).parents[2] / "fixtures" / "account.json")
EXECUTIONS = {
    execution.lifecycle_execution_id: len(execution.resources)
    for execution in ACCOUNT.executions[:7]  # those with the boundary cases of paging
}
OPERATION: Any = "list_lifecycle_execution_resources"
PAGE_SIZES = [None, 1, 7, 24, 25]

Config = dict[str, Any]


def item_limits(page_size: int, total: int) -> list[int]:
    """Return limits in a page, on its ends and beside them, 0, all, and more than all."""
    limits = {0, 1, page_size - 1, page_size, page_size + 1, 2 * page_size, 3 * page_size - 2}
    limits |= {total - 1, total, total + 1, total + 1000}
    return sorted(limit for limit in limits if limit >= 0)


def compact(config: Config) -> Config:
    return {key: value for key, value in config.items() if value is not None}


def paginators(client: ImageBuilder, boto3_client: Any) -> tuple[Any, Any]:
    return client.get_paginator(OPERATION), boto3_client.get_paginator(OPERATION)


def comparable(page: Any) -> dict[str, Any]:
    """Return a page as a dictionary, without the members that differ between responses."""
    result: dict[str, Any] = copy.deepcopy(page if isinstance(page, dict) else page.to_dict())
    metadata = result["ResponseMetadata"]
    assert metadata.pop("RequestId")
    assert metadata["HTTPHeaders"].pop("x-amzn-requestid")
    assert metadata["HTTPHeaders"].pop("date")
    return result


@pytest.mark.parametrize("execution_id", EXECUTIONS)
def test_every_execution_and_page_size_and_limit(
    client: ImageBuilder, boto3_client: Any, execution_id: str
) -> None:
    """Pages, full results and tokens are equal, wherever ``MaxItems`` cuts."""
    ours, theirs = paginators(client, boto3_client)
    total = EXECUTIONS[execution_id]
    compared = 0
    for page_size in PAGE_SIZES:
        for limit in [None, *item_limits(page_size or 25, total)]:
            # Of single-item pages of long executions the first dozen are enough.
            if page_size == 1 and total > 25 and (limit is None or limit > 12):
                continue
            config = compact({"PageSize": page_size, "MaxItems": limit})
            params = {"lifecycleExecutionId": execution_id, "PaginationConfig": config}
            our_pages, their_pages = ours.paginate(**params), theirs.paginate(**params)
            assert [*map(comparable, our_pages)] == [*map(comparable, their_pages)], config
            assert our_pages.resume_token == their_pages.resume_token, config
            assert our_pages.non_aggregate_part["lifecycleExecutionId"] == execution_id
            compared += 1
            result = ours.paginate(**params).build_full_result()
            assert result == theirs.paginate(**params).build_full_result(), config
            assert type(result) is dict
            assert len(result["resources"]) == (total if limit is None else min(limit, total))
            assert ("NextToken" in result) == (limit is not None and limit < total)
    assert compared >= 20


def resources_of(pages: Any) -> list[Any]:
    return [
        resource
        for page in pages
        for resource in (page if isinstance(page, dict) else page.to_dict())["resources"]
    ]


@pytest.mark.parametrize("execution_id", [name for name, total in EXECUTIONS.items() if total > 1])
@pytest.mark.parametrize("turns", ["ours first", "theirs first"])
def test_each_resumes_from_the_others_token(
    client: ImageBuilder, boto3_client: Any, execution_id: str, turns: str
) -> None:
    """Turn and turn about, through the whole execution, until both say that it has ended."""
    pair = paginators(client, boto3_client)
    if turns == "theirs first":
        pair = pair[::-1]
    (full,) = [e.resources for e in ACCOUNT.executions if e.lifecycle_execution_id == execution_id]
    for page_size, limit in [(None, 33), (10, 10), (7, 17), (25, 26), (5, 1)]:
        if limit == 1 and len(full) > 30:
            continue
        config = compact({"PageSize": page_size, "MaxItems": limit})
        found: list[Any] = []
        turn = 0
        while True:
            params = {"lifecycleExecutionId": execution_id, "PaginationConfig": dict(config)}
            mover, checker = pair[turn % 2], pair[(turn + 1) % 2]
            pages = mover.paginate(**params)
            found += resources_of(pages)
            other = checker.paginate(**params)
            resources_of(other)
            assert pages.resume_token == other.resume_token
            if pages.resume_token is None:
                break
            config["StartingToken"] = pages.resume_token
            turn += 1
        assert [resource["resourceId"] for resource in found] == [
            resource["resourceId"] for resource in full
        ]
        assert turn + 1 == -(-len(full) // limit)


def test_each_resumes_with_another_page_size(client: ImageBuilder, boto3_client: Any) -> None:
    """A token's offset counts in the page that it was taken in, whatever the size of the next."""
    ours, theirs = paginators(client, boto3_client)
    name: dict[str, Any] = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
    for first in (ours, theirs):
        pages = first.paginate(**name, PaginationConfig={"PageSize": 10, "MaxItems": 27})
        head = resources_of(pages)
        config = {"StartingToken": pages.resume_token, "PageSize": 25}
        tails = [
            paginator.paginate(**name, PaginationConfig=config).build_full_result()
            for paginator in (ours, theirs)
        ]
        assert tails[0] == tails[1]
        assert len(head) + len(tails[0]["resources"]) == EXECUTIONS[EXAMPLE_EXECUTION_ID]


def test_the_services_own_token_resumes_in_both(client: ImageBuilder, boto3_client: Any) -> None:
    ours, theirs = paginators(client, boto3_client)
    name: dict[str, Any] = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
    page = client.list_lifecycle_execution_resources(**name, maxResults=10)
    response = boto3_client.list_lifecycle_execution_resources(**name, maxResults=10)
    assert comparable(page) == comparable(response)
    config = {"StartingToken": page.next_token, "PageSize": 10, "MaxItems": 25}
    params = {**name, "PaginationConfig": config}
    assert ours.paginate(**params).build_full_result() == (
        theirs.paginate(**params).build_full_result()
    )


def test_listings_of_parents_are_equal(client: ImageBuilder, boto3_client: Any) -> None:
    ours, theirs = paginators(client, boto3_client)
    parents = [
        (execution.lifecycle_execution_id, parent, len(children))
        for execution in ACCOUNT.executions
        for parent, children in execution.children_by_parent.items()
    ]
    assert len(parents) > 100
    large = max(parents, key=lambda item: item[2])
    for execution_id, parent, total in [
        large,
        (EXAMPLE_EXECUTION_ID, "Straße/日本", 0),
        *parents[::7],
    ]:
        params = {
            "lifecycleExecutionId": execution_id,
            "parentResourceId": parent,
            "PaginationConfig": {"PageSize": 25},
        }
        our_pages = list(ours.paginate(**params))
        assert [*map(comparable, our_pages)] == [*map(comparable, theirs.paginate(**params))]
        assert sum(len(page.resources) for page in our_pages) == total


def both_errors(
    call: Callable[[Any], object], client: ImageBuilder, boto3_client: Any
) -> tuple[exceptions.ClientError, Any]:
    with pytest.raises(exceptions.ClientError) as ours:
        call(client)
    with pytest.raises(botocore.exceptions.ClientError) as theirs:
        call(boto3_client)
    return ours.value, theirs.value


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (
            {"lifecycleExecutionId": "lce-ffffffff-ffff-ffff-ffff-ffffffffffff"},
            "InvalidRequestException",
        ),
        (
            {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "nextToken": "made-up"},
            "InvalidPaginationTokenException",
        ),
        (
            {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "nextToken": "é\n\u2028"},
            "InvalidPaginationTokenException",
        ),
    ],
)
def test_errors_of_a_call_are_equal(
    client: ImageBuilder, boto3_client: Any, params: dict[str, Any], code: str
) -> None:
    ours, theirs = both_errors(
        lambda any_client: any_client.list_lifecycle_execution_resources(**params),
        client,
        boto3_client,
    )
    assert ours.response["Error"]["Code"] == code
    assert type(ours).__name__ == type(theirs).__name__ == code
    assert type(ours) is getattr(client.exceptions, code)
    assert ours.operation_name == theirs.operation_name
    assert comparable(ours.response) == comparable(theirs.response)


def test_errors_of_a_paginator_are_equal(client: ImageBuilder, boto3_client: Any) -> None:
    other = next(
        name for name, total in EXECUTIONS.items() if total > 5 and name != EXAMPLE_EXECUTION_ID
    )
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=other, maxResults=5)
    for token in ("made-up", page.next_token, "made-up___3"):
        params = {
            "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
            "PaginationConfig": {"StartingToken": token},
        }

        def everything(any_client: Any, params: dict[str, Any] = params) -> list[Any]:
            return list(any_client.get_paginator(OPERATION).paginate(**params))

        ours, theirs = both_errors(everything, client, boto3_client)
        assert type(ours).__name__ == type(theirs).__name__ == "InvalidPaginationTokenException"
        assert ours.response["Error"] == theirs.response["Error"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "ParamValidationError"),
        ({"lifecycleExecutionId": 5}, "ParamValidationError"),
        (
            {
                "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
                "PaginationConfig": {"StartingToken": "a___b___c"},
            },
            "StartingTokenError",
        ),
    ],
)
def test_an_invalid_argument_is_an_error_of_paginate_and_in_boto3_of_the_first_page(
    client: ImageBuilder, boto3_client: Any, params: dict[str, Any], error: str
) -> None:
    ours, theirs = paginators(client, boto3_client)
    with pytest.raises(getattr(exceptions, error)):
        ours.paginate(**params)
    pages = iter(theirs.paginate(**params))
    with pytest.raises((botocore.exceptions.ParamValidationError, ValueError)):
        next(pages)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"aws_access_key_id": "AKIDEXAMPLE"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
    ],
)
def test_errors_of_credentials_are_equal(
    client: ImageBuilder, boto3_client: Any, arguments: dict[str, str], code: str
) -> None:
    keys: Any = {"aws_access_key_id": "local", "aws_secret_access_key": "local", **arguments}
    url = client.endpoint_url
    with ImageBuilder("us-west-2", endpoint_url=url, **keys) as bad_client:
        bad_boto3 = boto3.session.Session().client(
            "imagebuilder", region_name="us-west-2", endpoint_url=url, **keys
        )
        ours, theirs = both_errors(
            lambda any_client: any_client.list_lifecycle_execution_resources(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID
            ),
            bad_client,
            bad_boto3,
        )
    assert ours.response["Error"]["Code"] == code
    assert ours.response["Error"] == theirs.response["Error"]
    assert type(ours).__name__ == type(theirs).__name__ == "ClientError"


def test_the_fixture_account_is_served(account: Account) -> None:
    assert account == ACCOUNT
    assert EXECUTIONS[EXAMPLE_EXECUTION_ID] > 100
    assert min(EXECUTIONS.values()) == 0
