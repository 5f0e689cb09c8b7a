"""The models, errors and operations are AWS's: compared with botocore's copy of the service model.

The comparison writes both sides down in the same plain form. When AWS's model has moved ahead, each
line of the difference says what has moved.
"""

import copy
import dataclasses
import enum
from collections.abc import Callable, Iterator
from typing import Any

import botocore
import botocore.loaders
import botocore.model
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions, models
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.models.request import Request, RequestStructure
from imagebuilder_pager.models.shapes import Response, Shape
from imagebuilder_pager.operations import OPERATIONS, Operation
from imagebuilder_pager.pagination import PaginationSpec
from tests.fakes.service_model import (
    Plain,
    aws_operation,
    differences,
    our_operation,
    our_shape,
)


@pytest.fixture(scope="module")
def description() -> Plain:
    loaded: Plain = botocore.loaders.Loader().load_service_model("imagebuilder", "service-2")
    return loaded


@pytest.fixture(scope="module")
def paginators() -> Plain:
    loader = botocore.loaders.Loader()
    loaded: Plain = loader.load_service_model("imagebuilder", "paginators-1")["pagination"]
    return loaded


by_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
PUBLIC: list[type] = [getattr(models, name) for name in models.__all__]
SHAPES = [item for item in PUBLIC if issubclass(item, Shape)]
ENUMS = [item for item in PUBLIC if issubclass(item, enum.Enum)]


@by_operation
def test_the_operation_is_awss(operation: Operation[Any], description: Plain) -> None:
    awss = aws_operation(description, operation.name)
    assert list(differences(our_operation(operation), awss)) == []


def test_enums_are_in_awss_order_and_named_by_their_values(description: Plain) -> None:
    for item in ENUMS:
        assert [value.value for value in item] == description["shapes"][item.__name__]["enum"]
        assert [value.name for value in item] == [value.value for value in item]


def our_entry(operation: Operation[Any]) -> Plain | None:
    """The paginator of an operation, as the paginators of the service model have it."""
    if operation.pagination is None:
        return None
    members = {field.name for field in dataclasses.fields(PaginationSpec) if field.init}
    ours = {name: getattr(operation.pagination, name) for name in members}
    assert ours.pop("limit_as_string") is False
    ours.pop("max_page_size")  # of the service model, not of the paginators
    ours["non_aggregate_keys"] = list(ours["non_aggregate_keys"]) or None
    return {name: value for name, value in ours.items() if value is not None}


@by_operation
def test_the_paginator_entry_is_awss(operation: Operation[Any], paginators: Plain) -> None:
    ours = {operation.name: our_entry(operation)}
    awss = {operation.name: paginators.get(operation.name)}
    assert list(differences(ours, awss)) == []


@by_operation
def test_the_largest_page_is_that_of_the_service_model(
    operation: Operation[Any], description: Plain
) -> None:
    if operation.pagination is None or operation.limit_key is None:
        return
    shapes = description["shapes"]
    request = shapes[description["operations"][operation.name]["input"]["shape"]]
    limit = request["members"][operation.limit_key]["shape"]
    assert operation.pagination.max_page_size == shapes[limit]["max"]


@by_operation
def test_the_methods_are_named_as_in_boto3(operation: Operation[Any]) -> None:
    assert operation.method_name == botocore.xform_name(operation.name)
    for client in (ImageBuilder, AsyncImageBuilder):
        assert callable(getattr(client, operation.method_name))
        assert operation.method_name in dir(client)


def test_every_model_of_an_operation_is_public() -> None:
    shapes: Plain = {}
    for operation in OPERATIONS.values():
        our_shape(operation.request, shapes)
        our_shape(operation.response, shapes)
    enums = {name for shape in shapes.values() for name in enum_names(shape)}
    assert set(models.__all__) == {*shapes, *enums, "ResponseMetadata", "Shape"}


def enum_names(plain: Plain) -> Iterator[str]:
    """Yield the names of the enums in a shape of the plain form."""
    if plain.get("type") == "enum":
        yield plain["name"]
    for value in plain.values():
        if isinstance(value, dict):
            yield from enum_names(value)


def test_every_model_says_in_a_sentence_what_it_is(description: Plain) -> None:
    for item in PUBLIC:
        text = item.__dict__["__doc__"].strip()
        assert text.partition("\n")[0].endswith(".")
        theirs = description["shapes"].get(item.__name__, {}).get("documentation", "")
        assert text.partition(".")[0] not in theirs, f"{item.__name__}: a sentence of AWS's"


def test_requests_and_responses_are_told_apart() -> None:
    for operation in OPERATIONS.values():
        assert issubclass(operation.request, Request)
        assert issubclass(operation.response, Response)
    for shape in SHAPES:
        strict = issubclass(shape, RequestStructure)
        assert shape.model_config["extra"] == ("forbid" if strict else "allow")


def test_no_member_of_a_response_is_required() -> None:
    for operation in OPERATIONS.values():
        operation.response.model_validate_json(b"{}")
    for shape in SHAPES:
        if not issubclass(shape, Request) and shape is not models.ResponseMetadata:
            assert not any(field.is_required() for field in shape.model_fields.values())


def test_the_clients_exceptions_are_the_services(description: Plain) -> None:
    modelled = {name for name, shape in description["shapes"].items() if shape.get("exception")}
    assert modelled == {error.__name__ for error in MODELLED_ERRORS}
    for error in MODELLED_ERRORS:
        assert getattr(modelled_exceptions, error.__name__) is error
        assert getattr(ImageBuilder.exceptions, error.__name__) is error
        assert issubclass(error, exceptions.ClientError)
    for operation in OPERATIONS.values():
        assert set(operation.errors) <= set(MODELLED_ERRORS)


# What AWS could do to its model, and what the comparison has to say of it.

LIST = "ListLifecycleExecutionResources"
Change = Callable[[Plain, Plain], object]


def set_trait(shape: str, trait: str, value: object) -> Change:
    return lambda shapes, _: shapes[shape].__setitem__(trait, value)


def set_member(structure: str, member: str, **reference: object) -> Change:
    return lambda shapes, _: shapes[structure]["members"].__setitem__(member, reference)


def replace_shape(shape: str, member: str) -> Change:
    """Give the member a shape that is the same but for its name."""

    def change(shapes: Plain, _: Plain) -> None:
        reference = shapes[shape]["members"][member]
        shapes["New"] = shapes[reference["shape"]]
        reference["shape"] = "New"

    return change


def remove_member(shapes: Plain, _: Plain) -> None:
    del shapes["LifecycleExecutionSnapshotResource"]["members"]["state"]


def change_values_of_map(shapes: Plain, _: Plain) -> None:
    shapes["TagMap"]["value"]["shape"] = "RestrictedInteger"


def set_http(name: str, value: str) -> Change:
    return lambda _, operations: operations[LIST]["http"].__setitem__(name, value)


def add_error(_: Plain, operations: Plain) -> None:
    operations[LIST]["errors"].append({"shape": "ResourceNotFoundException"})


def remove_error(_: Plain, operations: Plain) -> None:
    operations[LIST]["errors"] = [
        error for error in operations[LIST]["errors"] if error["shape"] != "ForbiddenException"
    ]


RESOURCE = "LifecycleExecutionResource"
CHANGES: list[tuple[str, str, Change]] = [
    (
        LIST,
        f"shapes.{RESOURCE}.tags: we do not have it",
        set_member(RESOURCE, "tags", shape="NonEmptyString"),
    ),
    (
        LIST,
        f"shapes.{LIST}Request.order: we do not have it",
        set_member(f"{LIST}Request", "order", shape="NonEmptyString"),
    ),
    (
        LIST,
        "shapes.LifecycleExecutionSnapshotResource.state: AWS does not have it",
        remove_member,
    ),
    (
        LIST,
        f"shapes.{RESOURCE}.imageUris.member.type: ours 'string', AWS's 'integer'",
        set_trait("StringList", "member", {"shape": "SeverityCountNumber"}),
    ),
    (
        LIST,
        f"shapes.{RESOURCE}.startTime.type: ours 'timestamp', AWS's 'string'",
        set_trait("DateTimeTimestamp", "type", "string"),
    ),
    (
        LIST,
        f"shapes.{LIST}Request.maxResults.required: ours False, AWS's True",
        set_trait(f"{LIST}Request", "required", ["lifecycleExecutionId", "maxResults"]),
    ),
    (
        LIST,
        "shapes.LifecycleExecutionResourceAction.name.values: ours ['AVAILABLE', 'DELETE', "
        "'DEPRECATE', 'DISABLE'], AWS's ['ARCHIVE']",
        set_trait("LifecycleExecutionResourceActionName", "enum", ["ARCHIVE"]),
    ),
    (
        LIST,
        f"shapes.{LIST}Request.maxResults.max: ours 25, AWS's 100",
        set_trait("RestrictedInteger", "max", 100),
    ),
    (
        LIST,
        f"shapes.{LIST}Request.parentResourceId.min: ours 1, AWS's 0",
        set_trait("NonEmptyString", "min", 0),
    ),
    (
        LIST,
        f"shapes.{LIST}Request.nextToken.pattern: we do not have it",
        set_trait("PaginationToken", "pattern", "^[a-z]*$"),
    ),
    (
        LIST,
        f"shapes.{LIST}Response.lifecycleExecutionState.type: ours 'LifecycleExecutionState', "
        "AWS's 'New'",
        replace_shape(f"{LIST}Response", "lifecycleExecutionState"),
    ),
    (LIST, "errors.ResourceNotFoundException: we do not have it", add_error),
    (LIST, "errors.ForbiddenException: AWS does not have it", remove_error),
    (
        LIST,
        "errors.ForbiddenException.status: ours 403, AWS's 401",
        set_trait("ForbiddenException", "error", {"httpStatusCode": 401}),
    ),
    (
        LIST,
        "errors.InvalidRequestException.members: ours ['message'], AWS's ['field', 'message']",
        set_member("InvalidRequestException", "field", shape="NonEmptyString"),
    ),
    (
        LIST,
        f"http.requestUri: ours '/{LIST}', AWS's '/v2/{LIST}'",
        set_http("requestUri", f"/v2/{LIST}"),
    ),
    (LIST, "http.method: ours 'POST', AWS's 'GET'", set_http("method", "GET")),
    (
        LIST,
        "other: ours [], AWS's ['idempotent']",
        lambda _, operations: operations[LIST].__setitem__("idempotent", True),
    ),
    (
        "ListLifecyclePolicies",
        "shapes.ListLifecyclePoliciesRequest.filters.max: ours 10, AWS's 20",
        set_trait("FilterList", "max", 20),
    ),
    (
        "ListLifecyclePolicies",
        "shapes.Filter.values.member.pattern: ours '^[0-9a-zA-Z./_ :,{}\"-]{1,1024}$', "
        "AWS's '^[a-z]+$'",
        set_trait("FilterValue", "pattern", "^[a-z]+$"),
    ),
    (
        "ListLifecyclePolicies",
        "shapes.LifecyclePolicySummary.tags.value.type: ours 'string', AWS's 'integer'",
        change_values_of_map,
    ),
    (
        "ListLifecyclePolicies",
        "shapes.LifecyclePolicySummary.tags.key.max: ours 128, AWS's 256",
        set_trait("TagKey", "max", 256),
    ),
    (
        "GetLifecyclePolicy",
        "shapes.LifecyclePolicyDetailExclusionRulesAmis.isPublic.type: ours 'boolean', "
        "AWS's 'string'",
        set_trait("Boolean", "type", "string"),
    ),
    (
        "GetLifecyclePolicy",
        "shapes.LifecyclePolicyDetailFilter.value.max: ours 1000, AWS's 2000",
        set_trait("LifecyclePolicyDetailFilterValue", "max", 2000),
    ),
    (
        "GetLifecyclePolicy",
        "query.lifecyclePolicyArn: ours 'lifecyclePolicyArn', AWS's 'arn'",
        set_member(
            "GetLifecyclePolicyRequest",
            "lifecyclePolicyArn",
            shape="LifecyclePolicyArn",
            location="querystring",
            locationName="arn",
        ),
    ),
    (
        "GetLifecyclePolicy",
        "query.lifecyclePolicyArn: AWS does not have it",
        set_member("GetLifecyclePolicyRequest", "lifecyclePolicyArn", shape="LifecyclePolicyArn"),
    ),
]


@pytest.mark.parametrize(("name", "line", "change"), CHANGES, ids=[line for _, line, _ in CHANGES])
def test_the_comparison_says_in_a_line_what_has_moved(
    name: str, line: str, change: Change, description: Plain
) -> None:
    moved = copy.deepcopy(description)
    change(moved["shapes"], moved["operations"])
    ours = our_operation(OPERATIONS[botocore.xform_name(name)])
    lines = list(differences(ours, aws_operation(moved, name)))
    assert line in lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("limit_key", "limit", "limit_key: ours 'maxResults', AWS's 'limit'"),
        ("more_results", "more", "more_results: we do not have it"),
        ("result_key", "runs", "result_key: ours 'lifecycleExecutions', AWS's 'runs'"),
    ],
)
def test_the_comparison_says_what_has_moved_in_a_paginator(
    name: str, value: str, line: str, paginators: Plain
) -> None:
    moved = copy.deepcopy(paginators)
    moved["ListLifecycleExecutions"][name] = value
    ours = our_entry(OPERATIONS["list_lifecycle_executions"])
    assert list(differences(ours, moved["ListLifecycleExecutions"])) == [line]


def test_every_paginator_of_aws_is_an_operation_of_ours(paginators: Plain) -> None:
    ours = {operation.name for operation in OPERATIONS.values() if operation.pagination}
    assert ours == set(paginators)
    others = {operation.name for operation in OPERATIONS.values()} - ours
    assert others == {"GetLifecycleExecution", "GetLifecyclePolicy"}


@pytest.mark.parametrize("trait", [{"locationName": "account"}, {"location": "header"}, {"x": 1}])
def test_the_comparison_refuses_traits_that_it_does_not_know(
    trait: Plain, description: Plain
) -> None:
    moved = copy.deepcopy(description)
    shape = moved["shapes"]["LifecycleExecutionResource"]
    shape["members"]["accountId"].update(trait)
    with pytest.raises(AssertionError, match=r"LifecycleExecutionResource\.accountId"):
        aws_operation(moved, "ListLifecycleExecutionResources")


def test_protocol_and_signing_name_are_awss(description: Plain) -> None:
    metadata = description["metadata"]
    assert metadata["protocol"] == "rest-json"
    assert metadata["signatureVersion"] == "v4"
    assert metadata["signingName"] == metadata["endpointPrefix"] == "imagebuilder"
    assert metadata["apiVersion"] == "2019-12-02"
