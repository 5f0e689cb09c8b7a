"""The paginator over boto3 clients, at moto's services: chains of resumption, each item once."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from imagebuilder_pager.pagination import Paginator, paginator_from_client
from tests.fakes.moto_services import CASES, SETTINGS, Case, check_resuming, fill
from tests.fakes.paginated_service import run


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """A client of each service that a case needs."""
    with mock_aws():
        session = boto3.session.Session(**SETTINGS)
        made = {name: session.client(name) for name in {case.service for case in CASES}}
        fill(made.__getitem__)
        yield made
        for client in made.values():
            client.close()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(
    ("by", "prefetch", "seed"), [("items", 0, 0), ("items", 2, 1), ("pages", 0, 2)]
)
def test_a_stopped_listing_resumes_at_another_page_size(
    clients: dict[str, Any], case: Case, by: str, prefetch: int, seed: int
) -> None:
    client = clients[case.service]
    assert isinstance(paginator_from_client(client, case.method_name), Paginator)
    run("sync", lambda: check_resuming(client, case, seed=seed, prefetch=prefetch, by=by))


def test_numbers_of_a_dynamodb_resource_do_not_fit_into_a_token(clients: dict[str, Any]) -> None:
    """Its client returns Decimal, which botocore's token format has no form for."""
    resource = boto3.session.Session(**SETTINGS).resource("dynamodb")
    paginator: Any = paginator_from_client(resource.meta.client, "scan")
    config = {"PageSize": 5}
    pages = paginator.paginate(TableName="numbers", PaginationConfig=config)
    assert len(list(pages.items())) == 24
    next(iter(pages))
    with pytest.raises(TypeError, match="Decimal"):
        _ = pages.resume_token
    reference = resource.meta.client.get_paginator("scan")
    with pytest.raises(TypeError, match="Decimal"):
        reference.paginate(
            TableName="numbers", PaginationConfig={**config, "MaxItems": 7}
        ).build_full_result()
    resource.meta.client.close()
