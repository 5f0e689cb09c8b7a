"""Requests beside botocore's serializer: the same method, target and body, whatever the values."""

from typing import Any

import botocore.awsrequest
import botocore.model
import botocore.serialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager._aws.protocol.requests import SerializedRequest, serialize_request
from imagebuilder_pager._operations import OPERATIONS

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
