"""Every operation beside boto3, over random responses of the service model's shapes."""

import asyncio
import contextlib
import itertools
import json
from datetime import UTC
from typing import Any

import botocore.awsrequest
import botocore.model
import botocore.serialize
import httpx
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.protocol.requests import SerializedRequest, serialize_request
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from tests.fakes.clients import ClientWith
from tests.fakes.operation_services import Boto3, OperationService, required_params
from tests.fakes.shapes import values_of

PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=12,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
PAGINATED = [name for name, operation in OPERATIONS.items() if operation.pagination]


@pytest.fixture(scope="module")
def boto3() -> Boto3:
    return Boto3()


def without_metadata(page: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in page.items() if name != "ResponseMetadata"}


def as_json(response: dict[str, Any]) -> str:
    """Return a response as text, its timestamps in one time zone."""
    return json.dumps(
        without_metadata(response), default=lambda moment: moment.astimezone(UTC).isoformat()
    )


def draw_service(
    data: st.DataObject, operation: Operation, model: botocore.model.ServiceModel
) -> OperationService:
    """Draw a listing of up to 7 items, in pages of the service's own size."""
    shape: Any = model.operation_model(operation.name).output_shape
    template = data.draw(values_of(shape))
    items: list[Any] = []
    if operation.result_key is not None:
        item = values_of(shape.members[operation.result_key].member)
        items = data.draw(st.lists(item, max_size=7))
    return OperationService(operation, template, items, data.draw(st.integers(1, 4)))


def draw_config(data: st.DataObject, operation: Operation) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if data.draw(st.booleans()):
        config["MaxItems"] = data.draw(st.integers(0, 8))
    if operation.limit_key and data.draw(st.booleans()):
        config["PageSize"] = data.draw(st.integers(1, 5))
    return config


def seen(pages: Any, service: OperationService, build: Any) -> tuple[Any, ...]:
    """Return the pages, the full result, and the requests for both."""
    service.requests.clear()
    handed_out = [
        without_metadata(page if isinstance(page, dict) else page.to_dict()) for page in pages
    ]
    return handed_out, pages.resume_token, without_metadata(build()), service.requests[:]


@pytest.mark.parametrize("name", PAGINATED)
def test_pages_full_results_requests_and_tokens_are_boto3s(
    name: Any, boto3: Boto3, service_model: botocore.model.ServiceModel
) -> None:
    operation = OPERATIONS[name]
    params = required_params(operation)

    @PROFILE
    @given(st.data())
    def check(data: st.DataObject) -> None:
        service = draw_service(data, operation, service_model)
        config = draw_config(data, operation)
        theirs = boto3.using(service).get_paginator(name)
        client = service.client()
        ours = client.get_paginator(name)

        def both(config: dict[str, Any]) -> dict[str, Any]:
            pages = theirs.paginate(**params, PaginationConfig=dict(config))
            again = theirs.paginate(**params, PaginationConfig=dict(config))
            expected = seen(pages, service, again.build_full_result)
            mine: Any = ours.paginate(**params, PaginationConfig=config)
            assert seen(mine, service, mine.build_full_result) == expected
            full: dict[str, Any] = expected[2]
            return full

        full = both(config)
        assert full == without_metadata(asyncio.run(full_result_async(service, config)))
        # The tokens are the same text, so that either side resumes from the other's.
        if token := full.get("NextToken"):
            both({**config, "StartingToken": token})
        pages: Any = ours.paginate(**params)
        for page in pages:
            if page.resume_token is not None:
                resumed = {"StartingToken": page.resume_token}
                rest: Any = ours.paginate(**params, PaginationConfig=resumed)
                expected = theirs.paginate(**params, PaginationConfig=resumed)
                assert rest.build_full_result() == expected.build_full_result()

    async def full_result_async(
        service: OperationService, config: dict[str, Any]
    ) -> dict[str, Any]:
        async with service.async_client() as client:
            paginator: Any = client.get_paginator(name)
            pages = paginator.paginate(**params, PaginationConfig=config)
            result: dict[str, Any] = await pages.build_full_result()
            return result

    check()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_response_is_boto3s(
    name: Any, boto3: Boto3, service_model: botocore.model.ServiceModel
) -> None:
    operation = OPERATIONS[name]
    shape = service_model.operation_model(operation.name).output_shape
    assert shape is not None

    @PROFILE
    @given(values_of(shape))
    def check(body: dict[str, Any]) -> None:
        service = OperationService(operation, body, [], 1)
        params = required_params(operation)
        expected = getattr(boto3.using(service), name)(**params)
        metadata: Any = {"HTTPStatusCode": 200, "HTTPHeaders": {}}
        response = operation.response.from_json(service.respond(params), metadata)
        ours = response.to_dict()
        assert without_metadata(ours) == without_metadata(expected)
        assert as_json(ours) == as_json(expected)  # 7 is not 7.0
        # A surrogate, which only Python's parser reads: it is read value by value, and is the same.
        mismatches: list[Any] = []
        members = json.dumps({**json.loads(service.respond(params)), "new": "\ud800"})
        again = operation.response.from_json(
            members.encode(), metadata, on_mismatch=lambda *mismatch: mismatches.append(mismatch)
        )
        assert not mismatches
        assert again.pop("new") == "\ud800"
        assert again == response
        assert repr(again) == repr(response)
        assert again.model_dump(exclude_unset=True) == response.model_dump(exclude_unset=True)

    check()


@pytest.mark.parametrize("name", PAGINATED)
def test_a_listing_does_not_end_without_items_and_token(name: Any, client_with: ClientWith) -> None:
    operation = OPERATIONS[name]
    others = set(operation.response.wire_names()) - {operation.result_key, "nextToken"}
    params = required_params(operation)
    bodies: list[dict[str, Any]] = [{}, {"message": "down"}, {"error": "unauthorized"}]
    bodies += [{"requestId": "r", "code": "ThrottlingException", "message": "Rate exceeded"}]
    for member, kind in itertools.product(sorted(others), (str, bool, dict, list)):
        with contextlib.suppress(pydantic.ValidationError):
            # One that repeats an id repeats that of the request.
            value = params.get(member, "text") if kind is str else kind()
            operation.response.model_validate({member: value})
            bodies.append({member: value})
    assert {member for body in bodies for member in body} >= others
    for body in bodies:
        responses = [{operation.result_key: [], "nextToken": "t"}, body]
        client = client_with(lambda _, left=responses: httpx.Response(200, json=left.pop(0)))
        pages = iter(client.get_paginator(name).paginate(**params))
        token = next(pages).resume_token
        with pytest.raises(exceptions.PagerError) as caught:
            next(pages)
        assert caught.value.resume_token == token is not None
        if "code" in body:
            assert isinstance(caught.value, exceptions.ClientError)
            assert caught.value.response["Error"]["Code"] == "ThrottlingException"
        else:
            assert type(caught.value) is exceptions.ResponseParserError
            assert 'on_invalid_response="warn"' in str(caught.value)


# Requests: the same method, target and body as botocore's serializer makes, whatever the values.

ENDPOINT = "https://imagebuilder.us-west-2.amazonaws.com"


def by_botocore(operation: botocore.model.OperationModel, params: dict[str, Any]) -> Any:
    """The request that botocore would sign and send."""
    serializer = botocore.serialize.create_serializer("rest-json", include_validation=False)
    serialized: Any = serializer.serialize_to_request(params, operation)
    botocore.awsrequest.prepare_request_dict(serialized, ENDPOINT)
    request = botocore.awsrequest.create_request_object(serialized).prepare()
    return SerializedRequest(
        request.method,
        request.url.removeprefix(ENDPOINT),
        request.body or b"",
        request.headers.get("Content-Type"),
    )


FILTER = st.fixed_dictionaries(
    {}, optional={"name": st.text(max_size=5), "values": st.lists(st.text(max_size=5), max_size=3)}
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=30),
    "integer": st.integers(),
    "boolean": st.booleans(),
    "list": st.lists(FILTER, max_size=3),
    "structure": FILTER,
}


def params_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of an operation's parameters, with any values of their types."""
    values = {wire: VALUES[param.type] for wire, param in OPERATIONS[name].params.items()}
    return st.fixed_dictionaries({}, optional=values)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operations_request_is_as_of_botocore(
    name: str, service_model: botocore.model.ServiceModel
) -> None:
    operation = OPERATIONS[name]
    theirs = service_model.operation_model(operation.name)

    @given(params_of(name))
    def check(params: dict[str, Any]) -> None:
        assert serialize_request(operation.rest_json, params) == by_botocore(theirs, params)

    check()


def test_the_path_of_the_endpoint_comes_before_that_of_the_operation() -> None:
    operation = OPERATIONS["get_lifecycle_policy"].rest_json
    request = serialize_request(operation, {"lifecyclePolicyArn": "arn:aws:a/b c"}, "/proxy")
    assert request.target == ("/proxy/GetLifecyclePolicy?lifecyclePolicyArn=arn%3Aaws%3Aa%2Fb%20c")
