"""docs/api.md has every public name outside the operations, with its arguments and defaults.

The code is the reference for the document and the docstrings.
"""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import re
import typing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

import imagebuilder_pager
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.client import ImageBuilder
from imagebuilder_pager.exceptions import PagerError
from imagebuilder_pager.lifecycle_walk import WalkOptions
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS

PACKAGE = Path(imagebuilder_pager.__file__).parent
DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")

#: The section with the names of a module without its own section.
SECTION_OF = {
    "imagebuilder_pager.client": "imagebuilder_pager",
    "imagebuilder_pager.local.faults": "imagebuilder_pager.local",
    "imagebuilder_pager.models.shapes": "imagebuilder_pager.models",
}
#: The twins share an entry and their arguments; the first one's docstring lists them.
TWINS = {
    "AsyncH11Client": "H11Client",
    "AsyncImageBuilder": "ImageBuilder",
    "AsyncPaginator": "Paginator",
}
#: Programs receive these and do not create them.
ITERATORS = {"AsyncLifecycleWalk", "AsyncPageIterator", "LifecycleWalk", "PageIterator"}
RESULTS = {
    *("Attempt", "Call", "FleetProgress", "FleetResult", "LifecycleRecord", "LifecycleRecordKey"),
    *("PagePosition", "Problem", "RequestInfo", "TargetResult"),
}

HEAD = re.compile(r"( *)- ((?:(?:, )?`[^`]+`(?: \([^)]*\))?)+)")
ARGUMENT = re.compile(r" *- `(\w+)`: (.*)")


def names_in(text: str) -> set[str]:
    """Return the names in the code of a text."""
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def parse_entries(section: str) -> dict[str, str]:
    """Return the entries by name, each with the items below it; of two, the outer one."""
    lines = section.splitlines()
    found: dict[str, str] = {}
    for start, line in enumerate(lines):
        if (head := HEAD.match(line)) is None:
            continue
        end = start + 1
        while end < len(lines) and lines[end].startswith(f"{head[1]} "):
            end += 1
        for name in re.findall(r"`(\w+)[^`]*`", head[2]):
            if name not in found or depth_of(line) < depth_of(found[name]):
                found[name] = "\n".join(lines[start:end])
    return found


def depth_of(entry: str) -> int:
    """Return the number of spaces before an entry."""
    return len(entry) - len(entry.lstrip())


def arguments_of(entry: str) -> dict[str, str]:
    """Return the items below an entry that describe a name without parentheses, by name."""
    lines = entry.splitlines()[1:]
    return {found[1]: found[2] for line in lines if (found := ARGUMENT.match(line))}


def signature_in(entry: str, name: str) -> dict[str, str | None]:
    """Return the arguments of the form ``name(first, second=1)``, with their defaults."""
    found = re.search(rf"`{name}(\([^`]*\))`", entry)
    (function,) = ast.parse(f"def f{found[1] if found else '()'}: ...").body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    given = [ast.unparse(default) for default in arguments.defaults]
    defaults = [None] * (len(arguments.args) - len(given)) + given
    known = dict(zip((argument.arg for argument in arguments.args), defaults, strict=True))
    return known | ({arguments.kwarg.arg: None} if arguments.kwarg else {})


_parts = re.split(r"^## `([\w.]+)`$", DOCUMENT, flags=re.MULTILINE)
SECTIONS = dict(zip(_parts[1::2], _parts[2::2], strict=True))
ENTRIES = {module: parse_entries(text) for module, text in SECTIONS.items()}


def public_modules() -> list[str]:
    """Return the modules with an ``__all__``, except the models of the operations."""
    modules = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] == "models" and relative.name != "shapes.py":
            continue
        if re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = [part for part in relative.with_suffix("").parts if part != "__init__"]
            modules.append(".".join([PACKAGE.name, *parts]))
    return modules


MODULES = public_modules()


class Public(NamedTuple):
    """A public class or function, with its name and the section of the document."""

    name: str
    value: Any
    section: str

    @property
    def entry(self) -> str:
        return ENTRIES[self.section][self.name]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.value).parameters)

    @property
    def is_made_by_programs(self) -> bool:
        if inspect.isfunction(self.value):
            return True
        return not (
            issubclass(self.value, (BaseException, BaseModel, enum.Enum))
            or typing.is_typeddict(self.value)
            or getattr(self.value, "_is_protocol", False)
            or self.name in ITERATORS | RESULTS
        )


def public_objects() -> list[Public]:
    """Return each public class and function once, with the section of its entry."""
    found: dict[int, Public] = {}
    for module in MODULES:
        section = SECTION_OF.get(module, module)
        for name in importlib.import_module(module).__all__:
            value = getattr(importlib.import_module(module), name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            if id(value) not in found or name in ENTRIES.get(section, {}):
                found[id(value)] = Public(name, value, section)
    return list(found.values())


OBJECTS = public_objects()
CLASSES = [public for public in OBJECTS if inspect.isclass(public.value)]
MADE = [public for public in OBJECTS if public.is_made_by_programs]


def each(objects: list[Public]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("public", objects, ids=lambda one: f"{one.section}.{one.name}")


def assert_default(text: str, parameter: inspect.Parameter) -> None:
    """Check the default in a line of the document, or of a docstring."""
    _, label, given = text.rpartition("Default: ")
    default = parameter.default
    assert bool(label) == (default is not parameter.empty), text
    if isinstance(default, (bool, int, float, str)):
        assert re.search(rf"(?<![\w.]){re.escape(text_of(default))}(?!\w|\.\d)", given), text


def text_of(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


def listed_in(docstring: str | None) -> dict[str, str]:
    """Return the items of the form "- ``name``: text" of a docstring."""
    text = re.sub(r"\n  +", " ", inspect.cleandoc(docstring or ""))
    return dict(re.findall(r"^- ``(\w+)``: (.*)$", text, re.MULTILINE))


def test_the_document_and_the_code_are_found() -> None:
    assert {"imagebuilder_pager", "imagebuilder_pager.fleet"} <= set(MODULES)
    assert "imagebuilder_pager.models.images" not in MODULES
    assert len(OBJECTS) >= 80
    assert len(MADE) >= 25


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_its_section(module: str) -> None:
    words = names_in(SECTIONS[SECTION_OF.get(module, module)])
    assert not set(importlib.import_module(module).__all__) - words


@each(OBJECTS)
def test_every_class_and_function_has_an_entry(public: Public) -> None:
    entries = ENTRIES[public.section]
    if typing.is_typeddict(public.value):
        described = {name for entry in entries.values() for name in arguments_of(entry)}
        assert set(public.value.__annotations__) <= described
    else:
        assert public.name in entries


@each(MADE)
def test_every_argument_has_a_line_with_its_default(public: Public) -> None:
    lines, signature = arguments_of(public.entry), signature_in(public.entry, public.name)
    for name, parameter in public.parameters.items():
        if name in lines:
            assert_default(lines[name], parameter)
        else:
            assert name in signature, f"{public.name}: no line for {name}"
            default = signature[name]
            assert_default("" if default is None else f"Default: {default}", parameter)


@each([public for public in OBJECTS if public.name in RESULTS])
def test_every_attribute_of_a_result_is_named(public: Public) -> None:
    assert set(public.parameters) <= names_in(public.entry)
    assert set(public.parameters) <= names_in(public.value.__doc__.replace("``", "`"))


@each([one for one in MADE if inspect.isclass(one.value) or arguments_of(one.entry)])
def test_every_argument_is_listed_in_the_docstring(public: Public) -> None:
    if public.name in TWINS:
        (twin,) = (other for other in MADE if other.name == TWINS[public.name])
        assert f":class:`{twin.name}`" in (public.value.__doc__ or "")
        defaults = {name: parameter.default for name, parameter in public.parameters.items()}
        assert defaults == {name: one.default for name, one in twin.parameters.items()}
        assert public.entry == twin.entry
        return
    listed = listed_in(public.value.__doc__)
    for name, parameter in public.parameters.items():
        assert name in listed, f"{public.name}: no line for {name}"
        if parameter.kind is not parameter.VAR_KEYWORD:
            assert_default(listed[name], parameter)


def test_the_arguments_of_the_walk_are_those_of_the_method() -> None:
    described = arguments_of(ENTRIES["imagebuilder_pager.lifecycle_walk"]["walk_lifecycle"])
    listed = listed_in(ImageBuilder.walk_lifecycle.__doc__)
    parameters = dict(inspect.signature(ImageBuilder.walk_lifecycle).parameters)
    del parameters["self"], parameters["options"]
    options = typing.get_type_hints(WalkOptions)
    assert set(described) == set(listed) == {*parameters, *options}
    for name, parameter in parameters.items():
        assert_default(described[name], parameter)
        assert_default(listed[name], parameter)


def public_members(owner: type) -> set[str]:
    """Return the methods and properties of a class, except operations and Pydantic's own."""
    names = {
        name
        for base in owner.__mro__
        if base.__module__.startswith(PACKAGE.name)
        for name, member in vars(base).items()
        if inspect.isroutine(member) or isinstance(member, property)
    }
    of_pydantic = set(dir(BaseModel)) - {"copy"} if issubclass(owner, BaseModel) else set()
    return {name for name in names if name[0] != "_"} - set(OPERATIONS) - of_pydantic


@each(CLASSES)
def test_every_method_and_property_is_named(public: Public) -> None:
    entries = ENTRIES[public.section]
    text = entries.get(public.name, "")
    if issubclass(public.value, BaseModel):  # a Response is a Shape
        text = SECTIONS[public.section]
    if issubclass(public.value, PagerError):
        text += ERRORS["PagerError"].partition("\n")[0]
    assert not public_members(public.value) - names_in(text)


ERRORS = ENTRIES["imagebuilder_pager.exceptions"]


@each([one for one in CLASSES if issubclass(one.value, Warning | Exception)])
def test_every_error_is_below_its_base_with_its_attributes(public: Public) -> None:
    error = public.value
    head = ERRORS[error.__name__].partition("\n")[0]
    for base in error.__bases__:
        if base.__module__ == "imagebuilder_pager.exceptions":
            base_entry = ERRORS[base.__name__]
            indent = " " * (depth_of(base_entry) + 2)
            assert f"\n{indent}- `{error.__name__}`" in base_entry
        elif base is not Exception:
            assert f"- `{error.__name__}` (`{base.__name__}`)" in head
    attributes = set(vars(error).get("__annotations__", {}))
    if "__init__" in vars(error):
        attributes |= set(re.findall(r"self\.(\w+)(?:: [^=]+)? = ", inspect.getsource(error)))
    assert attributes <= names_in(head)
    assert attributes <= names_in((error.__doc__ or "").replace("``", "`"))


def test_every_modelled_error_is_named() -> None:
    words = names_in(SECTIONS["imagebuilder_pager.models"])
    assert {error.__name__ for error in MODELLED_ERRORS} <= words


def test_the_check_of_an_entry_can_fail() -> None:
    """The helpers of the tests above find the mistakes of an entry."""
    entries = parse_entries("- `Thing`: it.\n  - `size`: its size. Default: 10.\n- `Other(a)`: it.")

    def make(size: int = 1) -> None: ...

    parameter = inspect.signature(make).parameters["size"]
    assert arguments_of(entries["Thing"]) == {"size": "its size. Default: 10."}
    assert signature_in(entries["Other"], "Other") == {"a": None}
    for text in ("its size. Default: 10.", "its size.", "Default: 1.5."):
        with pytest.raises(AssertionError):
            assert_default(text, parameter)
    assert_default("its size. Default: 1.", parameter)
