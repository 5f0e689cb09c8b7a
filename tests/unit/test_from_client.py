"""A paginator over a client of boto3 or aiobotocore, and its errors."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest

from imagebuilder_pager.exceptions import (
    OperationNotPageableError,
    PaginationError,
    ParamValidationError,
    UnknownOperationError,
)
from imagebuilder_pager.pagination import paginator_from_client

SETTINGS: dict[str, Any] = {
    "region_name": "us-east-1",
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    client = boto3.session.Session().client("s3", **SETTINGS)
    yield client
    client.close()


def new_client(service: str) -> Any:
    return boto3.session.Session().client(service, **SETTINGS)


# Errors.


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing_like_it", "no operation 'nothing_like_it' of s3"),
        ("list_object_v2", "no operation 'list_object_v2' of s3; did you mean list_objects_v2\\?"),
        ("ListObjectsV2", "no operation 'ListObjectsV2' of s3; did you mean list_objects_v2\\?"),
        ("get_paginator", "no operation 'get_paginator' of s3"),
        (None, "no operation None of s3"),
        ([], r"no operation \[\] of s3"),
    ],
    ids=repr,
)
def test_an_unknown_operation_is_an_error(s3: Any, name: Any, message: str) -> None:
    with pytest.raises(UnknownOperationError, match=f"^{message}") as caught:
        paginator_from_client(s3, name)
    assert isinstance(caught.value, KeyError)  # as botocore's


def test_an_operation_without_pages_is_an_error(s3: Any) -> None:
    with pytest.raises(OperationNotPageableError) as caught:
        paginator_from_client(s3, "get_object")
    assert str(caught.value) == "the operation 'get_object' of s3 cannot be paginated"


@pytest.mark.parametrize(
    "client", [None, "s3", {}, boto3, boto3.session.Session().resource("s3", **SETTINGS)], ids=type
)
def test_anything_but_a_client_is_an_error(client: Any) -> None:
    with pytest.raises(ParamValidationError, match="allowed: a client of boto3 or aiobotocore"):
        paginator_from_client(client, "list_objects_v2")


def test_an_entry_with_an_unknown_member_is_an_error() -> None:
    """As a service model of the caller's own may, or of a botocore to come."""
    client = new_client("s3")
    client.get_paginator("list_objects_v2")._pagination_cfg["direction"] = "both"
    with pytest.raises(PaginationError) as caught:
        paginator_from_client(client, "list_objects_v2")
    assert str(caught.value).startswith("ListObjectsV2: a paginator entry with direction; allowed")


def test_parameters_are_checked_with_the_operations_name(s3: Any) -> None:
    with pytest.raises(ParamValidationError, match=r"^ListObjectsV2: invalid parameters"):
        paginator_from_client(s3, "list_objects_v2").paginate(PaginationConfig={"MaxItems": -1})


@pytest.mark.parametrize("prefetch", [0, 3])
def test_the_clients_errors_come_unchanged_and_the_token_resumes_after_the_last_item(
    s3: Any, monkeypatch: pytest.MonkeyPatch, prefetch: int
) -> None:
    error = botocore.exceptions.ClientError({"Error": {"Code": "SlowDown"}}, "List")
    responses: list[Any] = [
        {"Contents": ["a", "b"], "IsTruncated": True, "NextContinuationToken": "t"},
        error,
        {"Contents": ["c"], "IsTruncated": False},
    ]
    tokens: list[Any] = []

    def list_objects_v2(**params: Any) -> Any:
        tokens.append(params.get("ContinuationToken"))
        response = responses.pop(0)
        if response is error:
            raise error
        return response

    monkeypatch.setattr(s3, "list_objects_v2", list_objects_v2)
    paginator = paginator_from_client(s3, "list_objects_v2")
    pages = paginator.paginate(Bucket="b", PaginationConfig={"Prefetch": prefetch})
    items = pages.items()
    assert [next(items), next(items)] == ["a", "b"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        next(items)
    assert caught.value is error
    rest = paginator.paginate(Bucket="b", PaginationConfig={"StartingToken": pages.resume_token})
    assert list(rest.items()) == ["c"]
    assert tokens == [None, "t", "t"]


# Nothing but jmespath is loaded for it, and that where an expression needs it.

LOADED = """
import sys
from imagebuilder_pager import pagination
assert "imagebuilder_pager.pagination.from_client" not in sys.modules
from imagebuilder_pager.pagination import paginator_from_client

def list_things(Token=None):
    return {"Things": [Token or "first"], "Next": None if Token else "t"}

async def list_later(**params):
    return list_things(**params)

spec = pagination.PaginationSpec(input_token="Token", output_token="Next", result_key="Things")
assert list(pagination.Paginator(list_things, spec).paginate().items()) == ["first", "t"]
full_result = pagination.AsyncPaginator(list_later, spec).paginate().build_full_result()
try:
    full_result.send(None)  # without any event loop
except StopIteration as stop:
    assert stop.value == {"Things": ["first", "t"]}
others = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(others - {"__main__"}))
pagination.PaginationSpec(input_token="a", output_token="b || c", result_key="d")
assert "jmespath" in sys.modules
"""


def test_it_is_loaded_when_it_is_used_and_loads_no_other_package() -> None:
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}{LOADED}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.stderr, ran.stdout.strip()) == ("", "['imagebuilder_pager']")
