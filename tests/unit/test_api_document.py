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


class Entry(NamedTuple):
    """An item of the document, with the items below it."""

    text: str

    @property
    def depth(self) -> int:
        """The number of spaces before the item."""
        return len(self.text) - len(self.text.lstrip())

    @property
    def head(self) -> Entry:
        """The item without the items below it."""
        return Entry(self.text.partition("\n")[0])

    @property
    def arguments(self) -> dict[str, str]:
        """The items below it that describe a name without parentheses, by name."""
        lines = self.text.splitlines()[1:]
        return {found[1]: found[2] for line in lines if (found := ARGUMENT.match(line))}

    @property
    def words(self) -> set[str]:
        """The names in the item's code."""
        return {word for code in re.findall(r"`([^`]+)`", self.text) for word in names_in(code)}

    def signature(self, name: str) -> dict[str, str | None]:
        """Return the arguments of the form ``name(first, second=1)``, with their defaults."""
        found = re.search(rf"`{name}(\([^`]*\))`", self.text)
        if found is None:
            return {}
        (function,) = ast.parse(f"def f{found[1]}: ...").body
        assert isinstance(function, ast.FunctionDef)
        arguments = function.args
        given = [ast.unparse(default) for default in arguments.defaults]
        defaults = [None] * (len(arguments.args) - len(given)) + given
        known = dict(zip((argument.arg for argument in arguments.args), defaults, strict=True))
        return known | ({arguments.kwarg.arg: None} if arguments.kwarg else {})


def names_in(code: str) -> list[str]:
    return re.findall(r"\w+", code)


def parse_entries(section: str) -> dict[str, Entry]:
    """Return the entries by name; if two have the same name, the outer one."""
    lines = section.splitlines()
    found: dict[str, tuple[int, Entry]] = {}
    for start, line in enumerate(lines):
        if (head := HEAD.match(line)) is None:
            continue
        depth = len(head[1])
        end = start + 1
        while end < len(lines) and lines[end].startswith(" " * (depth + 1)):
            end += 1
        entry = Entry("\n".join(lines[start:end]))
        for name in re.findall(r"`(\w+)[^`]*`", head[2]):
            if name not in found or depth < found[name][0]:
                found[name] = depth, entry
    return {name: entry for name, (_, entry) in found.items()}


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
    def entry(self) -> Entry:
        return ENTRIES[self.section][self.name]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.value).parameters)


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


def is_made_by_programs(public: Public) -> bool:
    value = public.value
    if inspect.isfunction(value):
        return True
    return not (
        issubclass(value, (BaseException, BaseModel, enum.Enum))
        or typing.is_typeddict(value)
        or getattr(value, "_is_protocol", False)
        or public.name in ITERATORS | RESULTS
    )


def ids(public: Public) -> str:
    return f"{public.section}.{public.name}"


MADE = [public for public in OBJECTS if is_made_by_programs(public)]


def simple_default(parameter: inspect.Parameter) -> str | None:
    """Return the text of a default that the document has to name, None for others."""
    default = parameter.default
    if isinstance(default, bool):
        return str(default)
    if isinstance(default, (int, float)):
        return f"{default:g}" if isinstance(default, float) else str(default)
    return default if isinstance(default, str) else None


def assert_default(text: str, parameter: inspect.Parameter) -> None:
    """Check the default in a line of the document, or of a docstring."""
    _, label, default = text.rpartition("Default: ")
    optional = parameter.default is not parameter.empty
    assert bool(label) == optional, text
    if (simple := simple_default(parameter)) is not None:
        assert re.search(rf"(?<![\w.]){re.escape(simple)}(?!\w|\.\d)", default), text


def listed_in(docstring: str | None) -> dict[str, str]:
    """Return the items of the form "- ``name``: text" of a docstring."""
    items: dict[str, str] = {}
    current: str | None = None
    for line in inspect.cleandoc(docstring or "").splitlines():
        if found := re.match(r"- ``(\w+)``: (.*)", line):
            current = found[1]
            items[current] = found[2]
        elif current is not None and line.startswith("  "):
            items[current] += f" {line.strip()}"
        else:
            current = None
    return items


def test_the_document_and_the_code_are_found() -> None:
    assert {"imagebuilder_pager", "imagebuilder_pager.fleet"} <= set(MODULES)
    assert "imagebuilder_pager.models.images" not in MODULES
    assert len(OBJECTS) >= 80
    assert len(MADE) >= 25


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_its_section(module: str) -> None:
    code = re.findall(r"`([^`]+)`", SECTIONS[SECTION_OF.get(module, module)])
    words = {word for text in code for word in names_in(text)}
    assert not set(importlib.import_module(module).__all__) - words


@pytest.mark.parametrize("public", OBJECTS, ids=ids)
def test_every_class_and_function_has_an_entry(public: Public) -> None:
    if typing.is_typeddict(public.value):
        section = {name for entry in ENTRIES[public.section].values() for name in entry.arguments}
        assert set(public.value.__annotations__) <= section
    else:
        assert public.name in ENTRIES[public.section]


@pytest.mark.parametrize("public", MADE, ids=ids)
def test_every_argument_has_a_line_with_its_default(public: Public) -> None:
    lines, signature = public.entry.arguments, public.entry.signature(public.name)
    for name, parameter in public.parameters.items():
        if name in lines:
            assert_default(lines[name], parameter)
        else:
            assert name in signature, f"{public.name}: no line for {name}"
            optional = parameter.default is not parameter.empty
            assert (signature[name] is not None) == optional, name
            if (simple := simple_default(parameter)) is not None:
                assert signature[name] == simple, name


@pytest.mark.parametrize(
    "public", [public for public in OBJECTS if public.name in RESULTS], ids=ids
)
def test_every_attribute_of_a_result_is_named(public: Public) -> None:
    assert set(public.parameters) <= public.entry.words
    assert public.value.__doc__ is not None
    assert set(public.parameters) <= set(re.findall(r"``(\w+)``", public.value.__doc__))


@pytest.mark.parametrize(
    "public",
    [public for public in MADE if inspect.isclass(public.value) or public.entry.arguments],
    ids=ids,
)
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
    entry = ENTRIES["imagebuilder_pager.lifecycle_walk"]["walk_lifecycle"]
    options = typing.get_type_hints(
        importlib.import_module("imagebuilder_pager.lifecycle_walk").WalkOptions
    )
    listed = listed_in(ImageBuilder.walk_lifecycle.__doc__)
    parameters = dict(inspect.signature(ImageBuilder.walk_lifecycle).parameters)
    del parameters["self"], parameters["options"]
    assert set(entry.arguments) == set(listed) == {*parameters, *options}
    for name, parameter in parameters.items():
        assert_default(entry.arguments[name], parameter)
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


@pytest.mark.parametrize(
    "public", [public for public in OBJECTS if inspect.isclass(public.value)], ids=ids
)
def test_every_method_and_property_is_named(public: Public) -> None:
    entries = [public.entry] if public.name in ENTRIES[public.section] else []
    if issubclass(public.value, BaseModel):  # a Response is a Shape
        entries += ENTRIES[public.section].values()
    if issubclass(public.value, PagerError):
        entries.append(ENTRIES["imagebuilder_pager.exceptions"]["PagerError"].head)
    words = {word for entry in entries for word in entry.words}
    assert not public_members(public.value) - words


@pytest.mark.parametrize(
    "error",
    [
        one.value
        for one in OBJECTS
        if inspect.isclass(one.value) and issubclass(one.value, Warning | Exception)
    ],
    ids=lambda error: error.__name__,
)
def test_every_error_is_below_its_base_with_its_attributes(error: type[Exception]) -> None:
    errors = ENTRIES["imagebuilder_pager.exceptions"]
    head = errors[error.__name__].head
    for base in error.__bases__:
        if base.__module__ == "imagebuilder_pager.exceptions":
            below = errors[base.__name__].depth + 2
            lines = errors[base.__name__].text.splitlines()
            assert any(line.startswith(f"{' ' * below}- `{error.__name__}`") for line in lines)
        elif base is not Exception:
            assert f"- `{error.__name__}` (`{base.__name__}`)" in head.text
    attributes = set(vars(error).get("__annotations__", {}))
    if "__init__" in vars(error):
        attributes |= set(re.findall(r"self\.(\w+)(?:: [^=]+)? = ", inspect.getsource(error)))
    assert attributes <= head.words
    assert attributes <= set(re.findall(r"``(\w+)``", error.__doc__ or ""))


def test_every_modelled_error_is_named() -> None:
    words = re.findall(r"`(\w+)`", SECTIONS["imagebuilder_pager.models"])
    assert {error.__name__ for error in MODELLED_ERRORS} <= set(words)


def test_the_check_of_an_entry_can_fail() -> None:
    """The helpers of the tests above find the mistakes of an entry."""
    entry = parse_entries(
        "- `Thing`: a thing.\n  - `size`: its size. Default: 10.\n- `Other(a)`: it."
    )

    def make(size: int = 1, depth: int = 0) -> None: ...

    parameters = inspect.signature(make).parameters
    assert entry["Thing"].arguments.keys() == {"size"}
    assert entry["Other"].signature("Other") == {"a": None}
    for text in ("its size. Default: 10.", "its size.", "Default: 1.5."):
        with pytest.raises(AssertionError):
            assert_default(text, parameters["size"])
    assert_default("its size. Default: 1.", parameters["size"])
