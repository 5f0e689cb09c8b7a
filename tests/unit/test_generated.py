"""The generated modules are what their generators make of the service model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import generate_commands, generate_models, generate_types
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
