"""Generate ``imagebuilder_pager/type_defs/`` from the service model: what type checkers know.

    python -m tools.generate_types

Of each operation, there are the types of its parameters in both spellings, and of its paginators;
``methods.pyi`` and ``async_methods.pyi`` have the clients' methods. A required parameter takes two
types and two overloads, one for each spelling. Running it changes nothing, as a test shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imagebuilder_pager.operations import OPERATIONS, Operation

from .generate_models import NOTE as MODELS_NOTE
from .generate_models import wrap_words
from .service_model import PACKAGE, Catalogue, attribute_name, docstring, format_source, is_request

__all__ = ["generate"]

FOLDER = PACKAGE / "type_defs"
NOTE = MODELS_NOTE.replace("generate_models", "generate_types")
_SCALARS = {"string": "str", "integer": "int", "long": "int", "boolean": "bool"}
_IMPORTS = {
    "collections.abc": ("Mapping", "Sequence"),
    "typing": ("Any", "Literal", "TypedDict", "Unpack", "overload"),
    "..pagination.async_paginator": ("AsyncPageIterator", "AsyncPaginator"),
    "..pagination.paginator": ("PageIterator", "Paginator"),
    ".base": ("PageParamsTypeDef", "PaginateParamsTypeDef"),
}
NARROWER = "# type: ignore[override]  # this operation's parameters alone"
_DOCSTRING = re.compile('"""[^"]*"""')
_DEFINED = re.compile(r"^(?:class )?([A-Z]\w+)(?:\(| = )", re.MULTILINE)
_PAGE_PARAMS = {"maxResults", "nextToken"}


class _Types:
    """The types of all operations, as source."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        #: The module of each type, by its name.
        self.module_by_type: dict[str, str] = {}

    def sources(self) -> dict[Path, str]:
        """Return the sources of all modules."""
        bodies: dict[str, list[str]] = {}
        for name in self._request_types():
            bodies.setdefault(self.catalogue.module_by_shape[name], []).append(self._type(name))
        for operation in OPERATIONS.values():
            bodies.setdefault(operation.family, []).append(self._operation(operation))
        for module, definitions in bodies.items():
            for definition in definitions:
                self.module_by_type |= dict.fromkeys(_DEFINED.findall(definition), module)
        sources = {
            FOLDER / f"{module}.py": self._module(module, "\n\n".join(definitions))
            for module, definitions in bodies.items()
        }
        sources[FOLDER / "methods.pyi"] = self._methods("")
        sources[FOLDER / "async_methods.pyi"] = self._methods("Async")
        sources[FOLDER / "__init__.py"] = self._package()
        return sources

    def _module(self, module: str, body: str) -> str:
        public = sorted(name for name, where in self.module_by_type.items() if where == module)
        source = (
            docstring(f"The types of the parameters and paginators in ``{module}``.\n\n{NOTE}")
            + "\n\nfrom __future__ import annotations\n"
            + self._imports(body, module)
            + f"\n\n__all__ = {public!r}\n\n{body}\n"
        )
        return format_source(source, f"imagebuilder_pager/type_defs/{module}.py")

    def _imports(self, body: str, own: str) -> str:
        words = set(re.findall(r"\w+", _DOCSTRING.sub("", body)))
        imports: dict[str, tuple[str, ...]] = dict(_IMPORTS)
        for name, module in self.catalogue.module_by_shape.items():
            imports[f"..models.{module}"] = (*imports.get(f"..models.{module}", ()), name)
        for name, module in self.module_by_type.items():
            if module != own:
                imports[f".{module}"] = (*imports.get(f".{module}", ()), name)
        return "\n".join(
            f"from {module} import {', '.join(used)}"
            for module, names in imports.items()
            if (used := [name for name in names if name in words])
        )

    def _request_types(self) -> list[str]:
        """Return the names of the structures and enums inside of requests."""
        requests = map(self._request, OPERATIONS.values())
        names = {name: None for request in requests for name in self.catalogue.closure(request)}
        return [
            name
            for name in names
            if "enum" in self._shape(name)
            or (self._shape(name)["type"] == "structure" and not is_request(name))
        ]

    def _request(self, operation: Operation[Any]) -> str:
        return self.catalogue.input_and_output(operation)[0]

    def _shape(self, name: str) -> dict[str, Any]:
        return self.catalogue.shapes[name]

    def _type(self, name: str) -> str:
        """Return the type of a structure or enum that a caller may spell out."""
        shape = self._shape(name)
        if "enum" in shape:
            values = ", ".join(map(repr, shape["enum"]))
            return f"{name}Type = Literal[{values}]"
        members = self._members(shape["members"], both=True)
        return (
            f"class {name}TypeDef(TypedDict, total=False):\n"
            f'    """A :class:`~.models.{name}` as a dictionary."""\n\n' + "\n".join(members)
        )

    def _members(
        self, members: dict[str, Any], *, both: bool, snake_case: bool = False
    ) -> list[str]:
        """Return the members of a TypedDict, in one spelling or in both."""
        lines = []
        for wire_name, member in members.items():
            attribute = attribute_name(wire_name).removesuffix("_")
            spellings = [attribute] if snake_case else [wire_name]
            if both:
                spellings = list(dict.fromkeys([wire_name, attribute]))
            lines += [f"    {name}: {self._annotation(member['shape'])}" for name in spellings]
        return lines

    def _annotation(self, name: str) -> str:
        shape = self._shape(name)
        if "enum" in shape:
            return f"{name} | {name}Type"
        if shape["type"] == "structure":
            return f"{name} | {name}TypeDef"
        if shape["type"] == "list":
            return f"Sequence[{self._annotation(shape['member']['shape'])}]"
        if shape["type"] == "map":
            return f"Mapping[str, {self._annotation(shape['value']['shape'])}]"
        return _SCALARS[shape["type"]]

    def _operation(self, operation: Operation[Any]) -> str:
        """Return the types of an operation: its parameters and its paginators."""
        shape = self._shape(self._request(operation))
        members, required = dict(shape["members"]), shape.get("required", [])
        optional = {name: value for name, value in members.items() if name not in required}
        bases = []
        if optional.keys() >= _PAGE_PARAMS:
            bases.append("PageParamsTypeDef")
            optional = {name: value for name, value in optional.items() if name not in _PAGE_PARAMS}
        name, method = operation.name, operation.method_name
        classes: list[str] = []
        if optional and required:
            optional_name = f"_{name}Optional"
            lines = self._members(optional, both=True)
            classes.append(_typed_dict(optional_name, bases, "", lines, total=False))
            bases, optional = [optional_name], {}
        spellings = [False, True] if required else [False]
        for snake_case in spellings:
            lines = (
                self._members(
                    {wire_name: members[wire_name] for wire_name in required},
                    both=False,
                    snake_case=snake_case,
                )
                if required
                else self._members(optional, both=True)
            )
            spelling = "" if not required else " in snake_case" if snake_case else " as in boto3"
            text = f"The parameters of ``{method}``{spelling}."
            type_name = _params_type(operation, snake_case=snake_case)
            classes.append(_typed_dict(type_name, bases, text, lines, total=bool(required)))
        if operation.pagination is None:
            return "\n\n".join(classes)
        for snake_case in spellings:
            base = _params_type(operation, snake_case=snake_case)
            text = f"The parameters of ``paginate`` for ``{method}``."
            type_name = _params_type(operation, snake_case=snake_case, paginate=True)
            bases = [base, "PaginateParamsTypeDef"]
            classes.append(_typed_dict(type_name, bases, text, [], total=True))
        item = self.catalogue.item_type(operation)
        for prefix in ("", "Async"):
            page_and_item = f"[{name}Response, {item}]"
            classes.append(
                f"class {prefix}{name}Paginator({prefix}Paginator{page_and_item}):\n"
                f'    """The :class:`~.pagination.{prefix}Paginator` of ``{method}``."""\n\n'
                + _paginate(
                    self._param_types(operation, paginate=True),
                    f"{prefix}PageIterator{page_and_item}",
                )
            )
        return "\n\n".join(classes)

    def _param_types(self, operation: Operation[Any], *, paginate: bool) -> list[str]:
        """Return the types of the parameters, one, or one for each spelling."""
        required = self._shape(self._request(operation)).get("required")
        return [
            _params_type(operation, snake_case=snake_case, paginate=paginate)
            for snake_case in ([False, True] if required else [False])
        ]

    def _methods(self, prefix: str) -> str:
        """Return the stub with the methods of a client; ``prefix`` is that of its class."""
        client = "async" if prefix else "sync"
        paginated = [operation for operation in OPERATIONS.values() if operation.pagination]
        lines = [
            f"class {prefix}OperationMethods:",
            f'    """The methods of the {client} client."""',
        ]
        for operation in OPERATIONS.values():
            kind = "Return" if operation.pagination is None else "Return a page of"
            lines.append(
                _overloads(
                    operation.method_name,
                    self._param_types(operation, paginate=False),
                    f"{operation.name}Response",
                    keyword="async def" if prefix else "def",
                    text=f"{kind} {operation.returns}.",
                )
            )
        lines += [
            "    @overload\n    def get_paginator(self, operation_name: "
            f'Literal["{operation.method_name}"]) -> {prefix}{operation.name}Paginator: ...'
            for operation in paginated
        ]
        lines.append(
            # A name that is not spelt out; so that a variable has a paginator, too.
            "    @overload\n    def get_paginator(self, operation_name: str) -> "
            f"{prefix}Paginator[Any, Any]:\n"
            '        """Return a paginator for an operation, by the name of its method."""\n'
            "    def can_paginate(self, operation_name: str) -> bool:\n"
            '        """Return whether ``get_paginator`` takes the name of an operation."""'
        )
        body = "\n".join(lines)
        source = (
            docstring(f"The methods of the {client} client, for type checkers.\n\n{NOTE}")
            + "\n\n"
            + self._imports(body, "methods")
            + f"\n\n{body}\n"
        )
        return format_source(source, "imagebuilder_pager/type_defs/methods.pyi")

    def _package(self) -> str:
        """Return the source of ``__init__.py``, which loads the modules when they are used."""
        by_module: dict[str, list[str]] = {
            "base": ["Exceptions", "PageParamsTypeDef", "PaginateParamsTypeDef"]
        }
        for name, module in sorted(self.module_by_type.items()):
            by_module.setdefault(module, []).append(name)
        by_module = dict(sorted(by_module.items()))
        imports = "\n    ".join(f"from .{module} import *" for module in by_module)
        table = "\n".join(
            f"        {module!r}: ("
            + "\n".join(f"{line!r}" for line in wrap_words(names, 78))
            + "),"
            for module, names in by_module.items()
        )
        public = sorted(
            ["PaginatorName", *(name for names in by_module.values() for name in names)]
        )
        paginators = [name for name, operation in OPERATIONS.items() if operation.pagination]
        text = (
            "The types of each operation, for type checkers and editors: parameters and paginators."
            "\n\nThe names are mypy-boto3's, where it has one. Parameters are in boto3's spelling, "
            f"or in snake_case.\n\n{NOTE}"
        )
        source = (
            docstring(text)
            + f"""
from typing import TYPE_CHECKING, Literal

from .._lazy import lazy_attributes

if TYPE_CHECKING:
    {imports}

__all__ = {public!r}

#: The names that ``get_paginator`` takes. It takes any string, which a type checker cannot check:
#: of this type, a misspelt name is an error.
PaginatorName = Literal{paginators!r}

_MODULE_BY_NAME = {{
    name: module
    for module, names in {{
{table}
    }}.items()
    for name in names.split()
}}

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(__name__, _MODULE_BY_NAME, ())
"""
        )
        return format_source(source, "imagebuilder_pager/type_defs/__init__.py")


def _params_type(
    operation: Operation[Any], *, snake_case: bool = False, paginate: bool = False
) -> str:
    """Return the name of the type of an operation's parameters."""
    spelling = "SnakeCase" if snake_case else ""
    return f"{operation.name}Request{spelling}{'Paginate' if paginate else ''}TypeDef"


def _typed_dict(
    name: str, bases: Iterable[str], text: str, members: list[str], *, total: bool
) -> str:
    parents = ", ".join([*bases] or ["TypedDict"]) + ("" if total else ", total=False")
    body = "\n".join(members)
    if text:
        body = f'    """{text}"""\n\n{body}'
    return f"class {name}({parents}):\n{body}\n"


def _overloads(
    method: str, param_types: list[str], returns: str, *, keyword: str = "def", text: str = ""
) -> str:
    """Return the method's signatures, one for each type of its parameters."""
    body = f'\n        """{text}"""' if text else " ..."
    return "\n".join(
        ("    @overload\n" if len(param_types) > 1 else "")
        + f"    {keyword} {method}(self, **params: Unpack[{params}]) -> {returns}:{body}"
        for params in param_types
    )


def _paginate(param_types: list[str], returns: str) -> str:
    """Return the method ``paginate``, with a signature for each type of its parameters."""
    call = "        return super().paginate(**params)"
    if len(param_types) == 1:
        return (
            f"    def paginate(  {NARROWER}\n        self, **params: Unpack[{param_types[0]}]\n"
            f"    ) -> {returns}:\n{call}"
        )
    overloads = _overloads("paginate", param_types, returns)
    first = f"    @overload  {NARROWER}"
    return (
        f"{overloads.replace('    @overload', first, 1)}\n"
        f"    def paginate(self, **params: Any) -> {returns}:\n{call}"
    )


def generate() -> dict[Path, str]:
    """Return the source of every generated file, by its path."""
    return _Types().sources()


if __name__ == "__main__":
    for path, text in generate().items():
        path.write_text(text, encoding="utf-8")
