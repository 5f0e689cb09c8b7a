"""The models, errors and operations are AWS's: compared with botocore's copy of the service model.

The comparison writes both sides down in the same plain form. When AWS's model has moved ahead, the
difference is the list of what to add.
"""

import copy
import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from datetime import datetime
from typing import Any

import botocore.loaders
import botocore.model
import pydantic
import pytest

from imagebuilder_pager import ImageBuilder, exceptions, models
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.models.fields import Constraints
from imagebuilder_pager.models.request import Request
from imagebuilder_pager.models.shapes import Response, Shape, Structure
from imagebuilder_pager.operations import OPERATIONS, Operation
from imagebuilder_pager.pagination import PaginationSpec

Plain = dict[str, Any]
SCALARS = {str: "string", int: "integer", datetime: "timestamp"}


# AWS's side


def aws_operation(description: Plain, name: str) -> Plain:
    """The operation and every shape that it uses, by their names."""
    operation = description["operations"][name]
    shapes: Plain = {}
    for end in ("input", "output"):
        aws_shape(description, operation[end]["shape"], shapes)
    return {
        "http": {**operation["http"], "responseCode": operation["http"].get("responseCode", 200)},
        "input": operation["input"]["shape"],
        "output": operation["output"]["shape"],
        "errors": {
            error["shape"]: aws_error(description["shapes"][error["shape"]])
            for error in operation["errors"]
        },
        "shapes": shapes,
        "other": sorted(operation.keys() - OPERATION_KEYS),
    }


OPERATION_KEYS = {"name", "http", "input", "output", "errors", "documentation", "readonly"}
SHAPE_KEYS = {"type", "members", "required", "documentation"}


def aws_error(shape: Plain) -> Plain:
    return {
        "status": shape["error"]["httpStatusCode"],
        "members": sorted(shape["members"]),
    }


def aws_shape(description: Plain, name: str, shapes: Plain) -> None:
    shape = description["shapes"][name]
    assert shape["type"] == "structure"
    assert shape.keys() <= SHAPE_KEYS, f"{name} has traits that the models do not know"
    if name in shapes:
        return
    shapes[name] = {}
    for member, reference in shape["members"].items():
        assert reference.keys() <= {"shape", "documentation", "box"}, f"{name}.{member}"
        shapes[name][member] = {
            "required": member in shape.get("required", ()),
            **aws_type(description, reference["shape"], shapes),
        }


def aws_type(description: Plain, name: str, shapes: Plain) -> Plain:
    shape = description["shapes"][name]
    if shape["type"] == "structure":
        aws_shape(description, name, shapes)
        return {"type": name}
    if shape["type"] == "list":
        return {"type": "list", "of": aws_type(description, shape["member"]["shape"], shapes)}
    if "enum" in shape:
        return {"type": "enum", "name": name, "values": shape["enum"]}
    return {key: value for key, value in shape.items() if key != "documentation"}


# Ours


def our_operation(operation: Operation[Any]) -> Plain:
    shapes: Plain = {}
    for shape in (operation.request, operation.response):
        our_shape(shape, shapes)
    return {
        "http": {"method": "POST", "requestUri": operation.rest_json.path, "responseCode": 200},
        "input": operation.request.__name__,
        "output": operation.response.__name__,
        "errors": {
            error.__name__: {"status": documented_status(error), "members": ["message"]}
            for error in operation.errors
        },
        "shapes": shapes,
        "other": [],
    }


def documented_status(error: type[exceptions.ClientError]) -> int:
    """The HTTP status that the error's docstring states."""
    text = (error.__doc__ or "").replace("HTTP status ", "")
    return int(text[text.rindex("(") + 1 : text.rindex(")")])


def our_shape(shape: type[Structure], shapes: Plain) -> None:
    if shape.__name__ in shapes:
        return
    shapes[shape.__name__] = members = {}
    hints = typing.get_type_hints(shape, include_extras=True)
    for attribute, field in shape.model_fields.items():
        assert field.alias is not None
        members[field.alias] = {
            "required": field.is_required(),
            **our_type(hints[attribute], shapes),
        }


def our_type(hint: Any, shapes: Plain) -> Plain:
    """A type hint in the form of the service model."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = [item for item in hint.__metadata__ if isinstance(item, Constraints)]
        limit = {
            key: value
            for item in limits
            for key, value in (("min", item.min), ("max", item.max), ("pattern", item.pattern))
            if value is not None
        }
        return our_type(arguments[0], shapes) | limit
    if origin in {types.UnionType, typing.Union}:
        rest = [item for item in arguments if item not in {type(None), str}] or [str]
        assert len(rest) == 1
        return our_type(rest[0], shapes)
    if origin is list:
        return {"type": "list", "of": our_type(arguments[0], shapes)}
    assert isinstance(hint, type)
    if issubclass(hint, enum.Enum):
        return {"type": "enum", "name": hint.__name__, "values": [item.value for item in hint]}
    if issubclass(hint, Structure):
        our_shape(hint, shapes)
        return {"type": hint.__name__}
    return {"type": SCALARS[hint]}


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


@by_operation
def test_the_operation_is_awss(operation: Operation[Any], description: Plain) -> None:
    assert our_operation(operation) == aws_operation(description, operation.name)


@by_operation
def test_enums_are_in_awss_order_and_named_by_their_values(
    operation: Operation[Any], description: Plain
) -> None:
    for name in models.__all__:
        shape = getattr(models, name)
        if issubclass(shape, enum.Enum):
            assert [item.value for item in shape] == description["shapes"][name]["enum"]
            assert [item.name for item in shape] == [item.value for item in shape]


@by_operation
def test_the_paginator_entry_is_awss(operation: Operation[Any], paginators: Plain) -> None:
    entry = dict(paginators[operation.name])
    entry["non_aggregate_keys"] = tuple(entry.get("non_aggregate_keys", ()))
    members = {field.name for field in dataclasses.fields(PaginationSpec) if field.init}
    ours = {name: getattr(operation.pagination, name) for name in members}
    assert ours.pop("limit_as_string") is False
    del ours["max_page_size"]  # of the service model, not of the entry
    assert {name: value for name, value in ours.items() if value is not None} == entry


@by_operation
def test_the_method_is_named_as_in_boto3(operation: Operation[Any]) -> None:
    import botocore

    assert operation.method_name == botocore.xform_name(operation.name)
    assert callable(getattr(ImageBuilder, operation.method_name))


@by_operation
def test_the_largest_page_is_that_of_the_service_model(
    operation: Operation[Any], description: Plain
) -> None:
    shapes = description["shapes"]
    request = shapes[description["operations"][operation.name]["input"]["shape"]]
    limit = request["members"][operation.pagination.limit_key]["shape"]
    assert operation.pagination.max_page_size == shapes[limit]["max"]


@by_operation
def test_attributes_are_named_as_botocore_would(operation: Operation[Any]) -> None:
    import botocore

    def check(shape: type[Structure]) -> None:
        for attribute, field in shape.model_fields.items():
            assert attribute == botocore.xform_name(field.alias or "")

    for name in models.__all__:
        shape = getattr(models, name)
        if issubclass(shape, Structure) and shape not in {
            Structure,
            Shape,
            models.ResponseMetadata,
        }:
            check(shape)


def test_every_model_of_an_operation_is_public() -> None:
    shapes: Plain = {}
    for operation in OPERATIONS.values():
        our_shape(operation.request, shapes)
        our_shape(operation.response, shapes)
    enums = {
        member["name"]
        for shape in shapes.values()
        for member in shape.values()
        if member["type"] == "enum"
    }
    assert set(models.__all__) == {*shapes, *enums, "ResponseMetadata", "Shape"}


def test_requests_and_responses_are_told_apart() -> None:
    for operation in OPERATIONS.values():
        assert issubclass(operation.request, Request)
        assert issubclass(operation.response, Response)
        assert operation.request.model_config["extra"] == "forbid"
        assert operation.response.model_config["extra"] == "allow"


def test_no_member_of_a_response_is_required() -> None:
    for operation in OPERATIONS.values():
        operation.response.model_validate_json(b"{}")
    for name in models.__all__:
        shape = getattr(models, name)
        if issubclass(shape, pydantic.BaseModel) and not issubclass(shape, Request):
            required = [name for name, field in shape.model_fields.items() if field.is_required()]
            assert required == ([] if shape is not models.ResponseMetadata else required)


def test_the_clients_exceptions_are_the_services(description: Plain) -> None:
    modelled = {name for name, shape in description["shapes"].items() if shape.get("exception")}
    assert modelled == {error.__name__ for error in MODELLED_ERRORS}
    for error in MODELLED_ERRORS:
        assert getattr(modelled_exceptions, error.__name__) is error
        assert getattr(ImageBuilder.exceptions, error.__name__) is error
        assert issubclass(error, exceptions.ClientError)
    for operation in OPERATIONS.values():
        assert set(operation.errors) <= set(MODELLED_ERRORS)


# What AWS could do to its model, and what the comparison has to notice.


def add_member(description: Plain) -> None:
    shape = description["shapes"]["LifecycleExecutionResource"]
    shape["members"]["tags"] = {"shape": "NonEmptyString"}


def add_request_member(description: Plain) -> None:
    shape = description["shapes"]["ListLifecycleExecutionResourcesRequest"]
    shape["members"]["order"] = {"shape": "NonEmptyString"}


def remove_member(description: Plain) -> None:
    del description["shapes"]["LifecycleExecutionSnapshotResource"]["members"]["state"]


def rename_member(description: Plain) -> None:
    members = description["shapes"]["LifecycleExecutionResource"]["members"]
    members["imageURIs"] = members.pop("imageUris")


def change_type(description: Plain) -> None:
    description["shapes"]["DateTimeTimestamp"]["type"] = "string"


def change_list_member(description: Plain) -> None:
    description["shapes"]["StringList"]["member"]["shape"] = "RestrictedInteger"


def require_member(description: Plain) -> None:
    description["shapes"]["ListLifecycleExecutionResourcesRequest"]["required"].append("maxResults")


def add_enum_value(description: Plain) -> None:
    description["shapes"]["LifecycleExecutionResourceActionName"]["enum"].append("ARCHIVE")


def change_max(description: Plain) -> None:
    description["shapes"]["RestrictedInteger"]["max"] = 100


def change_min(description: Plain) -> None:
    description["shapes"]["NonEmptyString"]["min"] = 0


def change_pattern(description: Plain) -> None:
    description["shapes"]["LifecycleExecutionId"]["pattern"] = "^lce-.*$"


def add_pattern(description: Plain) -> None:
    description["shapes"]["PaginationToken"]["pattern"] = "^[a-z]*$"


def add_error(description: Plain) -> None:
    operation = description["operations"]["ListLifecycleExecutionResources"]
    operation["errors"].append({"shape": "ResourceNotFoundException"})


def change_error_status(description: Plain) -> None:
    description["shapes"]["ForbiddenException"]["error"]["httpStatusCode"] = 401


def add_error_member(description: Plain) -> None:
    shape = description["shapes"]["InvalidRequestException"]
    shape["members"]["field"] = {"shape": "NonEmptyString"}


def change_path(description: Plain) -> None:
    operation = description["operations"]["ListLifecycleExecutionResources"]
    operation["http"]["requestUri"] = "/v2/ListLifecycleExecutionResources"


def change_method(description: Plain) -> None:
    description["operations"]["ListLifecycleExecutionResources"]["http"]["method"] = "GET"


def change_answer_shape(description: Plain) -> None:
    shapes = description["shapes"]
    shapes["NewState"] = shapes["LifecycleExecutionState"]
    members = shapes["ListLifecycleExecutionResourcesResponse"]["members"]
    members["lifecycleExecutionState"]["shape"] = "NewState"


def add_operation_trait(description: Plain) -> None:
    operation = description["operations"]["ListLifecycleExecutionResources"]
    operation["idempotent"] = True


CHANGES = [
    add_member,
    add_request_member,
    remove_member,
    rename_member,
    change_type,
    change_list_member,
    require_member,
    add_enum_value,
    change_max,
    change_min,
    change_pattern,
    add_pattern,
    add_error,
    change_error_status,
    add_error_member,
    change_path,
    change_method,
    change_answer_shape,
    add_operation_trait,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_comparison_notices_a_change_of_the_model(
    change: Callable[[Plain], None], description: Plain
) -> None:
    moved = copy.deepcopy(description)
    change(moved)
    (operation,) = OPERATIONS.values()
    assert our_operation(operation) != aws_operation(moved, operation.name)


def test_the_comparison_refuses_traits_that_it_does_not_know(description: Plain) -> None:
    moved = copy.deepcopy(description)
    shape = moved["shapes"]["LifecycleExecutionResource"]
    shape["members"]["accountId"]["locationName"] = "account"
    with pytest.raises(AssertionError, match=r"LifecycleExecutionResource\.accountId"):
        aws_operation(moved, "ListLifecycleExecutionResources")


def test_protocol_and_signing_name_are_awss(description: Plain) -> None:
    metadata = description["metadata"]
    assert metadata["protocol"] == "rest-json"
    assert metadata["signatureVersion"] == "v4"
    assert metadata["signingName"] == metadata["endpointPrefix"] == "imagebuilder"
    assert metadata["apiVersion"] == "2019-12-02"
