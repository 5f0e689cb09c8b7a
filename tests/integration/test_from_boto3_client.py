"""The paginator over boto3 clients, at moto's services: chains of resumption, each item once."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from imagebuilder_pager.pagination import Paginator, decode_token, paginator_from_client
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
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("by", "prefetch"), [("items", 0), ("items", 2), ("pages", 0)])
def test_a_stopped_listing_resumes_at_another_page_size(
    clients: dict[str, Any], case: Case, seed: int, by: str, prefetch: int
) -> None:
    client = clients[case.service]
    assert isinstance(paginator_from_client(client, case.method_name), Paginator)
    run("sync", lambda: check_resuming(client, case, seed=seed, prefetch=prefetch, by=by))


def test_pages_of_folders_lose_none_where_the_listing_is_resumed(clients: dict[str, Any]) -> None:
    """S3 with a Delimiter: items that are not counted come once, too."""
    s3 = clients["s3"]
    for method_name in ("list_objects", "list_objects_v2"):
        paginator = paginator_from_client(s3, method_name)
        folders: list[str] = []
        token = None
        while True:
            config = {"PageSize": 2, "StartingToken": token}
            pages = paginator.paginate(Bucket="my-bucket", Delimiter="/", PaginationConfig=config)
            page = next(iter(pages))
            assert page.get("Contents", []) == []
            folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            token = pages.resume_token
            if token is None:
                break
        assert folders == ["a/", "b/", "c/"], method_name


def test_a_token_made_of_the_last_key_resumes_behind_it(clients: dict[str, Any]) -> None:
    """``NextMarker || Contents[-1].Key``, from a service that returns no ``NextMarker``."""

    def without_marker(**params: Any) -> dict[str, Any]:
        page: dict[str, Any] = clients["s3"].list_objects(**params)
        page.pop("NextMarker", None)
        return page

    patched = boto3.session.Session(**SETTINGS).client("s3")
    patched.list_objects = without_marker
    paginator = paginator_from_client(patched, "list_objects")
    pages = paginator.paginate(Bucket="my-bucket", PaginationConfig={"PageSize": 4})
    next(iter(pages))
    assert decode_token(pages.resume_token or "") == {"Marker": "a/3"}
    keys = [item["Key"] for item in pages.items()]
    assert keys == [f"{folder}/{number}" for folder in "abc" for number in range(9)]


def test_a_token_of_dynamodb_carries_bytes(clients: dict[str, Any]) -> None:
    paginator = paginator_from_client(clients["dynamodb"], "scan")
    pages = paginator.paginate(TableName="numbers", PaginationConfig={"PageSize": 5})
    page = next(iter(pages))
    assert decode_token(pages.resume_token or "") == {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert type(page["LastEvaluatedKey"]["Number"]["B"]) is bytes


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
