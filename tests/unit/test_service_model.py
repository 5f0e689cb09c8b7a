"""Models, errors and operations are AWS's, by botocore's copy of the service model."""

import copy
import enum
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from imagebuilder_pager import ImageBuilder, exceptions, models
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.models.shapes import Response, Shape
from tools import generate
from tools.service_model import ServiceModel, attribute_name, needs_alias

Plain = dict[str, Any]
by_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
PUBLIC: list[type] = [
    getattr(models, name) for name in models.__getattr__("__all__") if name != "json_default"
]
SHAPES = [item for item in PUBLIC if issubclass(item, Shape)]
ENUMS = [item for item in PUBLIC if issubclass(item, enum.Enum)]
MODEL = ServiceModel()
OWN = {"Response", "ResponseMetadata", "Shape"}


def test_enums_are_in_awss_order_and_named_by_their_values() -> None:
    for item in ENUMS:
        assert [value.value for value in item] == MODEL.shapes[item.__name__]["enum"]
        assert [value.name for value in item] == [value.value for value in item]


def test_every_model_of_an_operation_is_public() -> None:
    assert {item.__name__ for item in PUBLIC} == {*MODEL.module_by_shape, *OWN}


def test_every_model_has_a_sentence() -> None:
    for item in PUBLIC:
        text = item.__dict__["__doc__"].strip()
        assert text.partition("\n")[0].endswith(".")
        theirs = MODEL.shapes.get(item.__name__, {}).get("documentation", "")
        assert text.partition(".")[0] not in theirs, f"{item.__name__}: a sentence of AWS's"


def test_no_member_of_a_response_is_required() -> None:
    for operation in OPERATIONS.values():
        assert issubclass(operation.response, Response)
        operation.response.model_validate_json(b"{}")
    for shape in SHAPES:
        assert shape.model_config["extra"] == "allow"
        if shape is not models.ResponseMetadata:
            assert not any(field.is_required() for field in shape.model_fields.values())


def test_the_clients_exceptions_are_the_services() -> None:
    modelled = {name for name, shape in MODEL.shapes.items() if shape.get("exception")}
    assert modelled == {error.__name__ for error in MODELLED_ERRORS}
    for error in MODELLED_ERRORS:
        assert getattr(modelled_exceptions, error.__name__) is error
        assert getattr(ImageBuilder.exceptions, error.__name__) is error
        assert issubclass(error, exceptions.ClientError)
        shape = MODEL.shapes[error.__name__]
        status = shape["error"]["httpStatusCode"]
        assert f"{status})" in (inspect.getdoc(error) or "")
        assert shape["members"].keys() == {"message"}
    for operation in OPERATIONS.values():
        assert set(operation.errors) <= modelled


# Possible changes of AWS's model that the generator does not support.

LIST = "ListLifecycleExecutionResources"
RESOURCE = "LifecycleExecutionResource"
Change = Callable[[Plain, Plain], object]


def changed(change: Change) -> ServiceModel:
    model = ServiceModel()
    model.description = copy.deepcopy(model.description)
    model.shapes = model.description["shapes"]
    change(model.shapes, model.description["operations"])
    return model


def member(structure: str, name: str, **changes: Any) -> Change:
    return lambda shapes, _: shapes[structure]["members"].setdefault(name, {}).update(changes)


UNKNOWN: list[tuple[str, Change]] = [
    ("another name in the message", member(RESOURCE, "region", locationName="r")),
    ("its place in the message", member(f"{LIST}Request", "nextToken", location="header")),
    ("an idempotency token", member(f"{LIST}Request", "nextToken", idempotencyToken=True)),
    ("its name", member(RESOURCE, "x-y", shape="NonEmptyString")),
    ("the value 1x of", lambda s, _: s["LifecycleExecutionStatus"].update(enum=["1x"])),
    ("the value None of", lambda s, _: s["LifecycleExecutionStatus"].update(enum=["None"])),
    ("its path /{arn}", lambda _, o: o[LIST]["http"].update(requestUri="/{arn}")),
]


@pytest.mark.parametrize(("text", "change"), UNKNOWN, ids=[text for text, _ in UNKNOWN])
def test_an_operation_that_the_generator_cannot_write_is_an_error(
    text: str, change: Change
) -> None:
    with pytest.raises(ValueError, match=f"the generator does not know .*{re.escape(text)}"):
        generate.generate(changed(change))


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


def test_an_operation_that_aws_removes_is_not_generated() -> None:
    model = changed(lambda _, operations: operations.pop("ListWorkflows"))
    assert "ListWorkflows" not in {operation.name for operation in model.operations}
    assert "WorkflowVersion" not in model.module_by_shape


def test_every_paginator_of_aws_is_an_operation_of_ours() -> None:
    ours = {operation.name for operation in OPERATIONS.values() if operation.is_paginated}
    assert ours == set(MODEL.paginators)
    others = {operation.name for operation in OPERATIONS.values()} - ours
    assert others == {"GetLifecycleExecution", "GetLifecyclePolicy"}


@by_operation
def test_the_parameters_of_a_get_request_are_in_its_query(operation: Operation) -> None:
    request = MODEL.shapes[f"{operation.name}Request"]
    for name, member in request["members"].items():
        in_query = member.get("location") == "querystring"
        assert in_query == (operation.http_method == "GET")
        assert member.get("locationName", name) == name


def test_protocol_and_signing_name_are_awss() -> None:
    metadata = MODEL.description["metadata"]
    assert metadata["protocol"] == "rest-json"
    assert metadata["signatureVersion"] == "v4"
    assert metadata["signingName"] == metadata["endpointPrefix"] == "imagebuilder"
    assert metadata["apiVersion"] == "2019-12-02"
