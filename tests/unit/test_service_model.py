"""The models, errors and operations are AWS's: held against botocore's copy of the service model.

When AWS's model has moved ahead, each line of the difference says in words what has moved.
"""

import copy
import enum
import inspect
import re
from collections.abc import Callable
from typing import Any

import botocore
import botocore.loaders
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions, models
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.models.shapes import Response, Shape
from tools.moved import describe_moves
from tools.service_model import ServiceModel, attribute_name, needs_alias

Plain = dict[str, Any]
by_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
PUBLIC: list[type] = [
    getattr(models, name) for name in models.__getattr__("__all__") if name != "json_default"
]
SHAPES = [item for item in PUBLIC if issubclass(item, Shape)]
ENUMS = [item for item in PUBLIC if issubclass(item, enum.Enum)]
OWN = {"Response", "ResponseMetadata", "Shape"}


@pytest.fixture(scope="module")
def description() -> Plain:
    loaded: Plain = botocore.loaders.Loader().load_service_model("imagebuilder", "service-2")
    return loaded


def test_nothing_has_moved_in_awss_model() -> None:
    """Else: ``make update-model``."""
    assert describe_moves(ServiceModel()) == []


def test_enums_are_in_awss_order_and_named_by_their_values(description: Plain) -> None:
    for item in ENUMS:
        assert [value.value for value in item] == description["shapes"][item.__name__]["enum"]
        assert [value.name for value in item] == [value.value for value in item]


@by_operation
def test_the_methods_are_named_as_in_boto3(operation: Operation) -> None:
    assert operation.method_name == botocore.xform_name(operation.name)
    for client in (ImageBuilder, AsyncImageBuilder):
        assert callable(getattr(client, operation.method_name))
        assert operation.method_name in dir(client)


def test_every_model_of_an_operation_is_public() -> None:
    assert {item.__name__ for item in PUBLIC} == {*ServiceModel().module_by_shape, *OWN}


def test_every_model_says_in_a_sentence_what_it_is(description: Plain) -> None:
    for item in PUBLIC:
        text = item.__dict__["__doc__"].strip()
        assert text.partition("\n")[0].endswith(".")
        theirs = description["shapes"].get(item.__name__, {}).get("documentation", "")
        assert text.partition(".")[0] not in theirs, f"{item.__name__}: a sentence of AWS's"


def test_no_member_of_a_response_is_required() -> None:
    for operation in OPERATIONS.values():
        assert issubclass(operation.response, Response)
        operation.response.model_validate_json(b"{}")
    for shape in SHAPES:
        assert shape.model_config["extra"] == "allow"
        if shape is not models.ResponseMetadata:
            assert not any(field.is_required() for field in shape.model_fields.values())


def test_the_clients_exceptions_are_the_services(description: Plain) -> None:
    shapes = description["shapes"]
    modelled = {name for name, shape in shapes.items() if shape.get("exception")}
    assert modelled == {error.__name__ for error in MODELLED_ERRORS}
    for error in MODELLED_ERRORS:
        assert getattr(modelled_exceptions, error.__name__) is error
        assert getattr(ImageBuilder.exceptions, error.__name__) is error
        assert issubclass(error, exceptions.ClientError)
        status = shapes[error.__name__]["error"]["httpStatusCode"]
        assert f"{status})" in (inspect.getdoc(error) or "")
        assert shapes[error.__name__]["members"].keys() == {"message"}
    for operation in OPERATIONS.values():
        assert set(operation.errors) <= modelled


# What AWS could do to its model, and what the comparison says of it.

LIST = "ListLifecycleExecutionResources"
RESOURCE = "LifecycleExecutionResource"
LARGEST = OPERATIONS["list_images"].params["maxResults"].maximum
Change = Callable[[Plain, Plain], object]


def set_trait(shape: str, trait: str, value: object) -> Change:
    return lambda shapes, _: shapes[shape].__setitem__(trait, value)


def set_member(structure: str, member: str, shape: str) -> Change:
    return lambda shapes, _: shapes[structure]["members"].__setitem__(member, {"shape": shape})


def remove_member(structure: str, member: str) -> Change:
    return lambda shapes, _: shapes[structure]["members"].pop(member)


def set_http(name: str, value: str) -> Change:
    return lambda _, operations: operations[LIST]["http"].__setitem__(name, value)


def set_errors(*names: str) -> Change:
    errors = [{"shape": name} for name in names]
    return lambda _, operations: operations[LIST].__setitem__("errors", errors)


CHANGES: list[tuple[str, Change]] = [
    (
        f"{RESOURCE}: a new member, labels (SparseList[str])",
        set_member(RESOURCE, "labels", "StringList"),
    ),
    (f"{RESOURCE}: the member region is gone", remove_member(RESOURCE, "region")),
    (
        f"{RESOURCE}: imageUris is SparseList[int], was SparseList[str]",
        set_trait("StringList", "member", {"shape": "SeverityCountNumber"}),
    ),
    (
        f"{RESOURCE}: startTime is str, was Timestamp",
        set_trait("DateTimeTimestamp", "type", "string"),
    ),
    (
        "LifecycleExecutionResourceActionName: a new value, ARCHIVE",
        set_trait("LifecycleExecutionResourceActionName", "enum", ["ARCHIVE"]),
    ),
    (
        "LifecycleExecutionResourceActionName: the value DELETE is gone",
        set_trait("LifecycleExecutionResourceActionName", "enum", ["ARCHIVE"]),
    ),
    (
        f"{LIST}: a new parameter, order (string)",
        set_member(f"{LIST}Request", "order", "NonEmptyString"),
    ),
    (
        f"{LIST}: the parameter parentResourceId is gone",
        remove_member(f"{LIST}Request", "parentResourceId"),
    ),
    (
        f"{LIST}: the required of maxResults is True, was False",
        set_trait(f"{LIST}Request", "required", ["lifecycleExecutionId", "maxResults"]),
    ),
    (
        f"{LIST} and 19 more: the maximum of maxResults is 1000, was {LARGEST}",
        set_trait("RestrictedInteger", "max", 1000),
    ),
    (
        f"{LIST}: the minimum of parentResourceId is 0, was 1",
        set_trait("NonEmptyString", "min", 0),
    ),
    (
        f"{LIST} and 20 more: the pattern of nextToken is '^[a-z]*$', was None",
        set_trait("PaginationToken", "pattern", "^[a-z]*$"),
    ),
    (
        "ListLifecyclePolicies and 10 more: the maximum of filters is 20, was 10",
        set_trait("FilterList", "max", 20),
    ),
    (
        "ListComponents and 4 more: owner: a new value, Friends",
        set_trait("Ownership", "enum", ["Self", "Shared", "Amazon", "ThirdParty", "Friends"]),
    ),
    (f"{LIST}: a new error, ResourceNotFoundException", set_errors("ResourceNotFoundException")),
    (f"{LIST}: the error ForbiddenException is gone", set_errors("ServiceException")),
    (f"{LIST}: path is '/v2', was '/{LIST}'", set_http("requestUri", "/v2")),
]


@pytest.mark.parametrize(("line", "change"), CHANGES, ids=[line for line, _ in CHANGES])
def test_the_comparison_says_in_a_line_what_has_moved(line: str, change: Change) -> None:
    model = ServiceModel()
    model.description = copy.deepcopy(model.description)
    model.shapes = model.description["shapes"]
    change(model.shapes, model.description["operations"])
    lines = describe_moves(model)
    assert line in lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("limit_key", "nextToken", "limit_key is 'nextToken', was 'maxResults'"),
        ("result_key", "nextToken", "result_key is 'nextToken', was 'lifecycleExecutions'"),
    ],
)
def test_the_comparison_says_what_has_moved_in_a_paginator(
    name: str, value: str, line: str
) -> None:
    model = ServiceModel()
    model.paginators = copy.deepcopy(model.paginators)
    model.paginators["ListLifecycleExecutions"][name] = value
    assert describe_moves(model) == [f"ListLifecycleExecutions: {line}"]


def test_a_new_paginator_is_said_to_have_no_line_of_input() -> None:
    model = ServiceModel()
    model.paginators = {**model.paginators, "ListThings": {}}
    assert describe_moves(model) == ["ListThings: AWS has a paginator, and words.py no line for it"]


UNKNOWN: list[tuple[str, Change]] = [
    (
        "another name in the message",
        lambda s, _: s[RESOURCE]["members"]["region"].update(locationName="r"),
    ),
    (
        "its place in the message",
        lambda s, _: s[f"{LIST}Request"]["members"]["nextToken"].update(location="header"),
    ),
    (
        "an idempotency token",
        lambda s, _: s[f"{LIST}Request"]["members"]["nextToken"].update(idempotencyToken=True),
    ),
    ("its name", set_member(RESOURCE, "x-y", "NonEmptyString")),
    ("the value 1x of", set_trait("LifecycleExecutionStatus", "enum", ["1x"])),
    ("the value None of", set_trait("LifecycleExecutionStatus", "enum", ["None"])),
    ("its path /{arn}", set_http("requestUri", "/{arn}")),
]


@pytest.mark.parametrize(("text", "change"), UNKNOWN, ids=[text for text, _ in UNKNOWN])
def test_what_the_generator_cannot_write_is_an_error_that_says_so(
    text: str, change: Change
) -> None:
    model = ServiceModel()
    model.description = copy.deepcopy(model.description)
    model.shapes = model.description["shapes"]
    change(model.shapes, model.description["operations"])
    with pytest.raises(ValueError, match=f"the generator does not know .*{re.escape(text)}"):
        describe_moves(model)


@pytest.mark.parametrize(
    ("wire_name", "attribute", "alias"),
    [
        ("ARN", "arn", True),
        ("imageURLs", "image_urls", True),
        ("class", "class_", True),
        ("items", "items_", True),
        ("imageUris", "image_uris", False),
        ("toDict", "to_dict_", True),
    ],
)
def test_a_member_keeps_its_wire_name(wire_name: str, attribute: str, *, alias: bool) -> None:
    assert attribute_name(wire_name) == attribute
    assert needs_alias(wire_name) is alias


def test_what_is_gone_is_said() -> None:
    model = ServiceModel()
    operations = {**model.description["operations"]}
    del operations["ListWorkflows"]
    model.description = {**model.description, "operations": operations}
    assert describe_moves(model) == [
        "ListWorkflows: the operation is gone",
        "ListWorkflowsResponse: it is gone",
        "WorkflowVersion: it is gone",
        "ListWorkflows: AWS has a paginator, and words.py no line for it",
    ]


def test_every_paginator_of_aws_is_an_operation_of_ours() -> None:
    ours = {operation.name for operation in OPERATIONS.values() if operation.is_paginated}
    assert ours == set(ServiceModel().paginators)
    others = {operation.name for operation in OPERATIONS.values()} - ours
    assert others == {"GetLifecycleExecution", "GetLifecyclePolicy"}


@by_operation
def test_the_parameters_of_a_get_request_are_in_its_query(
    operation: Operation, description: Plain
) -> None:
    request = description["shapes"][f"{operation.name}Request"]
    for name, member in request["members"].items():
        in_query = member.get("location") == "querystring"
        assert in_query == (operation.http_method == "GET")
        assert member.get("locationName", name) == name


def test_protocol_and_signing_name_are_awss(description: Plain) -> None:
    metadata = description["metadata"]
    assert metadata["protocol"] == "rest-json"
    assert metadata["signatureVersion"] == "v4"
    assert metadata["signingName"] == metadata["endpointPrefix"] == "imagebuilder"
    assert metadata["apiVersion"] == "2019-12-02"
