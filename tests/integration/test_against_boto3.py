"""This library and boto3 against the same server: equal pages, results, tokens and errors."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, load_account

ACCOUNT = load_account(Path(__file__).parents[2] / "fixtures" / "account.json")
EXECUTIONS = {
    execution.lifecycle_execution_id: len(execution.resources)
    for execution in ACCOUNT.executions[:7]  # those with the boundary cases of paging
}
EXAMPLE: dict[str, Any] = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
OPERATION: Any = "list_lifecycle_execution_resources"
PAGE_SIZES = [None, 1, 7, 24, 25]


def item_limits(page_size: int, total: int) -> list[int]:
    """Return limits in a page, on its ends and beside them, 0, all, and more than all."""
    limits = {0, 1, page_size - 1, page_size, page_size + 1, 2 * page_size, 3 * page_size - 2}
    limits |= {total - 1, total, total + 1, total + 1000}
    return sorted(limit for limit in limits if limit >= 0)


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
    ours, theirs = paginators(client, boto3_client)
    total = EXECUTIONS[execution_id]
    compared = 0
    for page_size in PAGE_SIZES:
        for limit in [None, *item_limits(page_size or 25, total)]:
            # Of single-item pages of long executions the first dozen are enough.
            if page_size == 1 and total > 25 and (limit is None or limit > 12):
                continue
            config = {"PageSize": page_size, "MaxItems": limit}
            config = {name: value for name, value in config.items() if value is not None}
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


def test_each_resumes_with_another_page_size(client: ImageBuilder, boto3_client: Any) -> None:
    """A token's offset counts in the page that it was taken in, whatever the size of the next."""
    pair = paginators(client, boto3_client)
    for first in pair:
        head = first.paginate(
            **EXAMPLE, PaginationConfig={"PageSize": 10, "MaxItems": 27}
        ).build_full_result()
        config = {"StartingToken": head["NextToken"], "PageSize": 25}
        ours, theirs = (
            paginator.paginate(**EXAMPLE, PaginationConfig=config).build_full_result()
            for paginator in pair
        )
        assert ours == theirs
        assert 27 + len(ours["resources"]) == EXECUTIONS[EXAMPLE_EXECUTION_ID]


def test_listings_of_parents_are_equal(client: ImageBuilder, boto3_client: Any) -> None:
    ours, theirs = paginators(client, boto3_client)
    execution = ACCOUNT.executions[1]  # has 50 images, some with more than a page of children
    parents = {name: len(children) for name, children in execution.children_by_parent.items()}
    for parent, total in {**parents, "Straße/日本": 0}.items():
        params = {
            "lifecycleExecutionId": execution.lifecycle_execution_id,
            "parentResourceId": parent,
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
        ({"lifecycleExecutionId": EXAMPLE_EXECUTION_ID[:-1] + "f"}, "InvalidRequestException"),
        ({**EXAMPLE, "nextToken": "é\n\u2028"}, "InvalidPaginationTokenException"),
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


@pytest.mark.parametrize("token", ["made-up", "made-up___3"])
def test_errors_of_a_paginator_are_equal(
    client: ImageBuilder, boto3_client: Any, token: str
) -> None:
    params = {**EXAMPLE, "PaginationConfig": {"StartingToken": token}}
    ours, theirs = both_errors(
        lambda any_client: list(any_client.get_paginator(OPERATION).paginate(**params)),
        client,
        boto3_client,
    )
    assert type(ours).__name__ == type(theirs).__name__ == "InvalidPaginationTokenException"
    assert comparable(ours.response) == comparable(theirs.response)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "ParamValidationError"),
        ({**EXAMPLE, "PaginationConfig": {"StartingToken": "a___b___c"}}, "StartingTokenError"),
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
            lambda any_client: any_client.list_lifecycle_execution_resources(**EXAMPLE),
            bad_client,
            bad_boto3,
        )
    assert ours.response["Error"]["Code"] == code
    assert ours.response["Error"] == theirs.response["Error"]
    assert type(ours).__name__ == type(theirs).__name__ == "ClientError"
