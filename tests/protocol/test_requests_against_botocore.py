"""Requests beside botocore's serializer: the same method, target and body, whatever the values."""

from typing import Any

import botocore.awsrequest
import botocore.model
import botocore.serialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager._aws.protocol.requests import SerializedRequest, serialize_request
from imagebuilder_pager._aws.protocol.responses import RestJsonSpec
from imagebuilder_pager._operations import OPERATIONS

ENDPOINT = "https://imagebuilder.us-west-2.amazonaws.com"
JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


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


MEMBERS: dict[str, Any] = {
    "text": {"shape": "Text", "location": "querystring", "locationName": "q-text"},
    "flag": {"shape": "Flag", "location": "querystring", "locationName": "q-flag"},
    "number": {"shape": "Number", "location": "querystring", "locationName": "q-number"},
    "texts": {"shape": "Texts", "location": "querystring", "locationName": "q~texts&="},
}
SHAPES: dict[str, Any] = {
    "Text": {"type": "string"},
    "Flag": {"type": "boolean"},
    "Number": {"type": "integer"},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
}
QUERY_PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=20),
        "flag": st.booleans(),
        "number": st.integers(),
        "texts": st.lists(st.text(max_size=5), max_size=3),
    },
)


@given(QUERY_PARAMS, st.none() | st.text(max_size=5), st.sampled_from(["GET", "POST"]))
def test_any_query_is_as_of_botocore(params: dict[str, Any], body: str | None, method: str) -> None:
    members = dict(MEMBERS)
    if method == "POST":
        members["body"] = {"shape": "Text"}
        if body is not None:
            params = {**params, "body": body}
    model: Any = {
        "metadata": {"protocol": "rest-json", "endpointPrefix": "test", "serviceId": "test"},
        "operations": {
            "Ask": {
                "name": "Ask",
                "http": {"method": method, "requestUri": "/ask"},
                "input": {"shape": "Input"},
            }
        },
        "shapes": {**SHAPES, "Input": {"type": "structure", "members": members}},
    }
    theirs = botocore.model.ServiceModel(model).operation_model("Ask")
    ours = RestJsonSpec(
        name="Ask",
        path="/ask",
        members=(),
        errors={},
        method=method,
        query_members={name: member["locationName"] for name, member in MEMBERS.items()},
    )
    assert serialize_request(ours, params) == by_botocore(theirs, params)


@given(st.dictionaries(st.sampled_from(["filters", "owner"]), JSON))
def test_a_body_has_the_parameters_as_they_are(params: dict[str, Any]) -> None:
    import json

    request = serialize_request(OPERATIONS["list_lifecycle_policies"].rest_json, params)
    assert json.loads(request.content) == params


def test_the_path_of_the_endpoint_stands_before_that_of_the_operation() -> None:
    operation = OPERATIONS["get_lifecycle_policy"].rest_json
    request = serialize_request(operation, {"lifecyclePolicyArn": "arn:aws:a/b c"}, "/proxy")
    assert request.target == ("/proxy/GetLifecyclePolicy?lifecyclePolicyArn=arn%3Aaws%3Aa%2Fb%20c")
