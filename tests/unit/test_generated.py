"""The generated modules and pages are what their generators make of the service model."""

import re
from collections.abc import Callable
from pathlib import Path

import botocore.loaders
import pytest

from imagebuilder_pager.local.sources import SOURCES
from imagebuilder_pager.operations import OPERATIONS
from tools import generate_commands, generate_models, generate_reference, generate_types
from tools.member_docs import FILTERS, MEMBERS, describe_member
from tools.model_docs import MODULES, SHAPES
from tools.service_model import PACKAGE, Catalogue

Generate = Callable[[], dict[Path, str]]
WRITTEN_BY_HAND = {
    "models": {"exceptions.py", "fields.py", "params.py", "request.py", "shapes.py"},
    "type_defs": {"base.py"},
}


@pytest.mark.parametrize(
    ("folder", "generate"),
    [("models", generate_models.generate), ("type_defs", generate_types.generate)],
)
def test_running_the_generator_changes_nothing(folder: str, generate: Generate) -> None:
    generated = generate()
    for path, source in generated.items():
        assert path.read_text(encoding="utf-8") == source, f"{path.name} is not up to date"
    there = {path.name for path in (PACKAGE / folder).iterdir() if path.is_file()}
    assert there == {path.name for path in generated} | WRITTEN_BY_HAND[folder]


def test_running_the_generator_of_the_commands_changes_nothing() -> None:
    for path, source in generate_commands.generate().items():
        assert path.read_text(encoding="utf-8") == source, f"{path.name} is not up to date"


def test_generating_the_reference_changes_nothing() -> None:
    generated = generate_reference.generate()
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is not up to date: python -m tools.generate_reference"
        )
    assert set(generate_reference.FOLDER.iterdir()) == generated.keys()


def structures() -> dict[str, list[str]]:
    """The names of the members of every structure."""
    catalogue = Catalogue()
    return {
        name: list(catalogue.shapes[name]["members"])
        for operation in OPERATIONS.values()
        for name in catalogue.used_by(operation)
        if catalogue.shapes[name]["type"] == "structure"
    }


def test_every_line_about_a_member_is_of_one_that_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = [(name, member) for name, members in structures().items() for member in members]
    for line in list(MEMBERS):
        before = [describe_member(*names) for names in named]
        with monkeypatch.context() as patch:
            patch.setitem(MEMBERS, line, "Another line.")
            assert before != [describe_member(*names) for names in named], line


def test_no_line_is_a_sentence_of_awss_documentation() -> None:
    model = botocore.loaders.Loader().load_service_model("imagebuilder", "service-2")
    documentation = [
        part.get("documentation", "")
        for shape in model["shapes"].values()
        for part in (shape, *shape.get("members", {}).values())
    ] + [operation["documentation"] for operation in model["operations"].values()]
    sentences = {
        " ".join(sentence.split()).lower().rstrip(".")
        for text in documentation
        for sentence in re.split(r"(?<=[.:])\s", re.sub("<[^>]+>", " ", text))
    }
    assert "the name of the filter" in sentences
    for line in [*MEMBERS.values(), *SHAPES.values()]:
        for sentence in re.split(r"(?<=[.:])\s", line):
            plain = sentence.lower().rstrip(".")
            # There are not two ways to say "The severity of the finding".
            assert len(plain.split()) < 8 or plain not in sentences, line


def test_the_filters_are_those_that_the_service_model_names() -> None:
    shapes = Catalogue().shapes
    for operation in OPERATIONS.values():
        members = shapes[f"{operation.name}Request"]["members"]
        text = (members.get("filters") or members.get("filter") or {}).get("documentation", "")
        assert re.findall(r"<code>(\w+)</code>", text) == list(FILTERS.get(operation.name, ()))
        if operation.name in SOURCES:
            assert SOURCES[operation.name].filters == FILTERS.get(operation.name, ())


def test_every_docstring_is_of_a_shape_that_there_is() -> None:
    catalogue = Catalogue()
    named = {
        name
        for name in generate_models.public_names(catalogue)
        if not name.endswith(("Request", "Response"))
    }
    assert named == SHAPES.keys()
    assert set(catalogue.modules()) == MODULES.keys()


def test_the_families_import_each_other_in_no_circle() -> None:
    """The first page of an execution's resources loads one family and no shared structure."""
    source = (PACKAGE / "models" / "lifecycle.py").read_text(encoding="utf-8")
    imported = {line.split()[1] for line in source.splitlines() if line.startswith("from .")}
    assert imported == {".fields", ".request", ".scalars", ".shapes"}
