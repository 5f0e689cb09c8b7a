"""The generated files are up to date with the generator and the service model."""

import re
from pathlib import Path

import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.local.sources import SOURCES
from tools import generate, reference, service_model
from tools.service_model import MEMBERS, PACKAGE, SHAPES, WORDS, ServiceModel

MODEL = ServiceModel()
GENERATED = generate.generate(MODEL)
PACKAGE_FILES = set(PACKAGE.rglob("*.py"))
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


def test_the_imports_of_the_families_have_no_cycle() -> None:
    """The first page of an execution's resources loads one family and no shared structure."""
    source = (PACKAGE / "models" / "lifecycle.py").read_text(encoding="utf-8")
    imported = {line.split()[1] for line in source.splitlines() if line.startswith("from .")}
    assert imported == {".fields", ".shapes"}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
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
