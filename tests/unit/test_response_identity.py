"""A response is the one to the request: what repeats a member of it is held to that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID
from tests.fakes.clients import ClientWith, list_page

OTHER_EXECUTION_ID = "lce-87654321-1234-1234-1234-123456789012"


def respond_with(page: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, json=page, headers={"x-amzn-RequestId": "request-1"})


def test_a_page_of_another_execution_is_an_error(client_with: ClientWith) -> None:
    client = client_with(
        respond_with({"lifecycleExecutionId": OTHER_EXECUTION_ID, "resources": []})
    )
    with pytest.raises(exceptions.ResponseValidationError) as caught:
        list_page(client)
    assert caught.value.request_id == "request-1"
    assert caught.value.problems == (
        ("lifecycleExecutionId", "Response should be the one to this request"),
    )


def test_a_listing_that_gets_another_executions_page_can_be_resumed(
    client_with: ClientWith,
) -> None:
    pages = iter(
        [
            {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "resources": [{}], "nextToken": "next"},
            {"lifecycleExecutionId": OTHER_EXECUTION_ID, "resources": [{}]},
        ]
    )
    client: ImageBuilder = client_with(lambda _: httpx.Response(200, json=next(pages)))
    listing = client.get_paginator("list_lifecycle_execution_resources").paginate(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID
    )
    received = iter(listing)
    first = next(received)
    with pytest.raises(exceptions.ResponseValidationError) as caught:
        next(received)
    assert caught.value.resume_token == first.resume_token is not None


@pytest.mark.parametrize(
    "page",
    [
        {"resources": []},
        {"lifecycleExecutionId": None, "resources": []},
        {
            "lifecycleExecutionId": EXAMPLE_EXECUTION_ID.upper().replace("LCE", "lce"),
            "resources": [],
        },
    ],
    ids=["absent", "null", "other case"],
)
def test_a_page_without_the_id_or_with_it_in_another_case_is_a_page(
    client_with: ClientWith, page: dict[str, Any]
) -> None:
    list_page(client_with(respond_with(page)))
