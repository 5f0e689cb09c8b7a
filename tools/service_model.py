"""The service model as the generators see it: which shapes the operations use, and where.

botocore's copy of the model is read, which comes with a development install.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.loaders
from pydantic import BaseModel

from imagebuilder_pager.operations import OPERATIONS, Operation

__all__ = ["PACKAGE", "Catalogue", "attribute_name", "docstring", "format_source", "is_request"]

PACKAGE = Path(__file__).parents[1] / "imagebuilder_pager"
Shape = dict[str, Any]

#: Shapes of several families that stay in one, so that its first page loads no other module.
KEPT = {
    "LifecycleExecutionState": "lifecycle",
    "LifecycleExecutionStatus": "lifecycle",
}


class Catalogue:
    """The shapes of all operations, each with the module that defines it.

    A shape of one family is defined in the family's module, a scalar of several in ``scalars``,
    any other shape of several in ``common``.
    """

    def __init__(self) -> None:
        loader = botocore.loaders.Loader()
        model = loader.load_service_model("imagebuilder", "service-2")
        self.shapes: dict[str, Shape] = model["shapes"]
        self._operations = model["operations"]

    @cached_property
    def module_by_shape(self) -> dict[str, str]:
        """The module of every shape that has a name in the models."""
        families: dict[str, list[str]] = {}
        for operation in OPERATIONS.values():
            for name in self.used_by(operation):
                users = families.setdefault(name, [])
                if operation.family not in users:
                    users.append(operation.family)
        return {
            name: KEPT.get(name) or self._module(name, users)
            for name, users in families.items()
            if self.is_named(name)
        }

    def _module(self, name: str, families: list[str]) -> str:
        if len(families) == 1:
            return families[0]
        return "scalars" if self.is_scalar(name) else "common"

    def is_named(self, name: str) -> bool:
        """Return whether the shape has a name of its own: an enum, a structure, constraints."""
        shape = self.shapes[name]
        return shape["type"] == "structure" or any(
            key in shape for key in ("enum", "min", "max", "pattern")
        )

    def is_scalar(self, name: str) -> bool:
        """Return whether the shape is a string or number with constraints."""
        shape = self.shapes[name]
        return shape["type"] not in {"structure", "list", "map"} and "enum" not in shape

    def modules(self) -> list[str]:
        """Return the modules in the order of their imports."""
        families = list(dict.fromkeys(operation.family for operation in OPERATIONS.values()))
        used = set(self.module_by_shape.values())
        shared = [module for module in ("scalars", "common") if module in used]
        return [*shared, *sorted(families)]

    def names_in(self, module: str) -> list[str]:
        """Return the names of a module: scalars, enums, then structures after what they use."""
        names = [name for name, where in self.module_by_shape.items() if where == module]
        scalars = sorted(name for name in names if self.is_scalar(name))
        enums = sorted(name for name in names if "enum" in self.shapes[name])
        rest: dict[str, None] = {}
        for name in sorted(names):
            for used in self.closure(name):
                if used in names and used not in scalars and used not in enums:
                    rest[used] = None
        return [*scalars, *enums, *rest]

    def input_and_output(self, operation: Operation[Any]) -> tuple[str, str]:
        """Return the names of the shapes of an operation's request and response."""
        entry = self._operations[operation.name]
        return entry["input"]["shape"], entry["output"]["shape"]

    def used_by(self, operation: Operation[Any]) -> dict[str, None]:
        """Return the names of all shapes that an operation uses."""
        request, response = self.input_and_output(operation)
        return {**self.closure(request), **self.closure(response)}

    def closure(self, name: str) -> dict[str, None]:
        """Return a shape and all that it uses, each after what it uses itself."""
        found: dict[str, None] = {}
        for used in self.references(name):
            found |= self.closure(used)
        found[name] = None
        return found

    def references(self, name: str) -> Iterator[str]:
        """Yield the names of the shapes that a shape refers to."""
        shape = self.shapes[name]
        for member in shape.get("members", {}).values():
            yield member["shape"]
        for part in ("key", "value", "member"):
            if part in shape:
                yield shape[part]["shape"]

    @cached_property
    def request_shapes(self) -> set[str]:
        """The names of all shapes that requests use."""
        return {
            name
            for operation in OPERATIONS.values()
            for name in self.closure(self.input_and_output(operation)[0])
        }

    def item_type(self, operation: Operation[Any]) -> str:
        """Return the name of the structure that a paginated operation lists."""
        assert operation.result_key is not None
        response = self.shapes[self.input_and_output(operation)[1]]
        items = self.shapes[response["members"][operation.result_key]["shape"]]
        name: str = items["member"]["shape"]
        assert self.shapes[name]["type"] == "structure"
        return name


def is_request(name: str) -> bool:
    """Return whether the shape is the whole of an operation's parameters."""
    return name.endswith("Request")


def attribute_name(wire_name: str) -> str:
    """Return the name of a member's attribute: botocore's snake_case.

    An underscore follows a name that would hide a method of a page.
    """
    name: str = botocore.xform_name(wire_name)
    return f"{name}_" if hasattr(dict, name) or hasattr(BaseModel, name) else name


def docstring(text: str, indent: str = "") -> str:
    """Return the text as a docstring, its paragraphs wrapped."""
    first, *others = text.split("\n\n")
    width = 100 - len(indent)
    if not others:
        return f'"""{first}"""'
    paragraphs = [
        "\n".join(textwrap.wrap(other, width, break_on_hyphens=False)) for other in others
    ]
    return textwrap.indent(f'"""{first}\n\n' + "\n\n".join(paragraphs) + '\n"""', indent).lstrip()


def format_source(source: str, name: str) -> str:
    """Return Python source in the project's format."""
    root = PACKAGE.parent
    for command in (["check", "--select", "I", "--fix-only", "--quiet"], ["format"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
        )
        source = ran.stdout
    return source
