"""The generated files are up to date, and AWS's by botocore's copy of the service model."""

import copy
import enum
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import ImageBuilder, exceptions, models
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.local.sources import SOURCES
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.models.shapes import Response, Shape
from tools import generate, reference, service_model
from tools.service_model import (
    MEMBERS,
    PACKAGE,
    SHAPES,
    WORDS,
    ServiceModel,
    attribute_name,
    needs_alias,
)

MODEL = ServiceModel()
GENERATED = generate.generate(MODEL)
PACKAGE_FILES = set(PACKAGE.rglob("*.py"))
by_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
WRITTEN_BY_HAND = {"exceptions.py", "fields.py", "shapes.py"}


def test_running_the_generator_changes_nothing() -> None:
    for path, text in GENERATED.items():
        there = path.read_text(encoding="utf-8")
        assert there == text, f"{path.name} is not up to date: python -m tools.generate"
    folders: dict[Path, set[str]] = {PACKAGE / "models": WRITTEN_BY_HAND, reference.FOLDER: set()}
    for folder, others in folders.items():
        names = {path.name for path in folder.iterdir() if path.is_file()}
        assert names == {path.name for path in GENERATED if path.parent == folder} | others


def test_an_operation_is_one_line_of_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without other words, every generated file has it, and its family if that is new."""
    lines = {"GetWorkflow": ("workflows", "one"), "GetComponentPolicy": ("component_policies", "a")}
    for name, line in lines.items():
        monkeypatch.setitem(service_model.OPERATIONS, name, line)
    after = generate.generate(ServiceModel())
    changed = {path for path, text in after.items() if GENERATED.get(path) != text}
    names = {path.relative_to(PACKAGE.parent).as_posix() for path in changed}
    of_both = {
        "imagebuilder_pager/_operations.py",
        "imagebuilder_pager/_methods.py",
        "imagebuilder_pager/type_defs.py",
        "docs/reference/README.md",
    }
    assert names == of_both | {
        "imagebuilder_pager/models/__init__.py",
        "imagebuilder_pager/models/workflows.py",
        "imagebuilder_pager/models/component_policies.py",
        "docs/reference/GetWorkflow.md",
        "docs/reference/GetComponentPolicy.md",
    }
    for name in of_both:
        for text in (r"\bGetWorkflow|get_workflow\b", "GetComponentPolicy|get_component_policy"):
            assert re.search(text, after[PACKAGE.parent / name])
    for path in changed:
        if path.suffix == ".py":
            compile(after[path], path.name, "exec")
    family = after[PACKAGE / "models" / "component_policies.py"]
    assert family.startswith('"""The family of component policies.\n')
    assert "class GetComponentPolicyResponse(Response):" in family
    assert "class GetWorkflowResponse(Response):" in after[PACKAGE / "models" / "workflows.py"]
    assert "from .component_policies import *" in after[PACKAGE / "models" / "__init__.py"]


def test_every_line_is_about_an_existing_member_or_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = {operation.request for operation in MODEL.operations}
    responses = {operation.response for operation in MODEL.operations}
    used = {
        name: MODEL.shapes[name].get("members", ())
        for shape in requests | responses
        for name in MODEL.closure(shape)
        if MODEL.is_model(name)
    }
    named = [(name, member) for name, members in used.items() for member in members]
    before = [MODEL.describe_member(*names) for names in named]
    for line in list(MEMBERS):
        with monkeypatch.context() as patch:
            patch.setitem(MEMBERS, line, "Another line.")
            assert before != [MODEL.describe_member(*names) for names in named], line
    assert SHAPES.keys() <= used.keys() - requests - responses
    assert set(MODEL.modules()) == WORDS["modules"].keys()


def test_a_name_without_words_is_described_by_itself() -> None:
    assert MODEL.describe_member("Thing", "imageBuildCount") == "The image build count."
    assert MODEL.describe_shape("ThingToCome") == "AWS's thing to come."


def test_no_line_is_a_sentence_of_awss_documentation() -> None:
    shapes = [
        part
        for shape in MODEL.shapes.values()
        for part in (shape, *shape.get("members", {}).values())
    ]
    operations = MODEL.description["operations"].values()
    documentation = [part.get("documentation", "") for part in (*shapes, *operations)]
    sentences = {
        " ".join(sentence.split()).lower().rstrip(".")
        for text in documentation
        for sentence in re.split(r"(?<=[.:])\s", re.sub("<[^>]+>", " ", text))
    }
    assert "the name of the filter" in sentences
    for line in [*MEMBERS.values(), *SHAPES.values()]:
        for sentence in re.split(r"(?<=[.:])\s", line):
            plain = sentence.lower().rstrip(".")
            # "The severity of the finding" cannot be worded otherwise.
            assert len(plain.split()) < 8 or plain not in sentences, line


def test_the_filters_of_the_local_service_are_those_of_the_reference() -> None:
    for operation in MODEL.operations:
        filters = MODEL.filters(operation)
        members = MODEL.shapes[operation.request]["members"]
        assert bool(filters) == bool({"filters", "filter"} & members.keys())
        if operation.name in SOURCES:
            assert SOURCES[operation.name].filters == tuple(filters)


@by_operation
def test_an_operation_is_defined_once(operation: Operation) -> None:
    """Besides the generated files, only files with further rules for it name it."""
    pattern = re.compile(rf"\b(?:Async)?{operation.name}(?=\b|Re|Pa)|\b{operation.method_name}\b")
    places = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    generated = {
        path.relative_to(PACKAGE).as_posix() for path in GENERATED if path in PACKAGE_FILES
    }
    assert len(places & generated) == 4
    others = {place.split("/")[0] for place in places - generated}
    if (
        operation.method_name != "list_lifecycle_execution_resources"
    ):  # the example in all documents
        assert others <= {"fleet", "local", "lifecycle_walk"}


# The models, the errors and the operations are AWS's.

Plain = dict[str, Any]
PUBLIC: list[type] = [
    getattr(models, name) for name in models.__getattr__("__all__") if name != "json_default"
]
MODELS = [item for item in PUBLIC if issubclass(item, Shape)]
ENUMS = [item for item in PUBLIC if issubclass(item, enum.Enum)]
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
    for shape in MODELS:
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


def test_protocol_and_signing_name_are_awss() -> None:
    metadata = MODEL.description["metadata"]
    assert metadata["protocol"] == "rest-json"
    assert metadata["signatureVersion"] == "v4"
    assert metadata["signingName"] == metadata["endpointPrefix"] == "imagebuilder"
    assert metadata["apiVersion"] == "2019-12-02"
